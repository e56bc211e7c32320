"""Microsoft's admin consent as one team stands with it: none, pending, granted, declined. Pure.

The redirect that ends Microsoft's consent page proves nothing: anybody can type its address, `tenant` included. It
makes the consent *pending*; *granted* takes a real token of the tenant (`tid`) that carries the scopes asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ConsentStatus(StrEnum):
    NONE = "none"
    PENDING = "pending"
    """Microsoft's page was left with a yes that no token has proved yet."""
    GRANTED = "granted"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class ConsentState:
    team_id: str
    status: ConsentStatus = ConsentStatus.NONE
    tenant_id: str | None = None
    """The tenant that a token proved; None until one did."""
    by: str = ""
    """The person who last changed it, by the product's own name."""
    at: datetime | None = None
    detail: str = ""
    """What stands in the way, as a sentence; empty where nothing does."""
    remedy: str = ""
    next: str | None = None
    """Where the browser must go now to prove it; only ever set on what `AdminConsents.finish` returns."""
