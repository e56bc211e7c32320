"""When trouble reading a mailbox is told to the product: not every blip, and once per outage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from replywire_contracts.v1.values import Failure


@dataclass(frozen=True, slots=True)
class Trouble:
    """An outage under way."""

    since: datetime
    failure: Failure
    announced: bool = False


def worse(trouble: Trouble | None, failure: Failure, now: datetime) -> Trouble:
    """One more failure in a row: the outage keeps its beginning."""
    if trouble is None:
        return Trouble(since=now, failure=failure)
    return replace(trouble, failure=failure)


def due(trouble: Trouble, now: datetime, patience: timedelta) -> bool:
    """Must it be announced now?"""
    return not trouble.announced and now - trouble.since >= patience
