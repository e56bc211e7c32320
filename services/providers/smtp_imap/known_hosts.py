"""Mail servers that a better client exists for: as data, with what a person should do instead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from services.providers import exchange_online
from services.providers.protocols import ConnectPolicy


@dataclass(frozen=True, slots=True)
class BetterClient:
    client: str
    title: str
    provider: str
    """Whose servers these are."""
    why: str
    hosts: re.Pattern[str]


BETTER_CLIENTS = (
    BetterClient(
        client="microsoft365",
        title="Microsoft 365",
        provider="Exchange Online or Outlook.com",
        why="it takes no passwords from mail programs any more",
        hosts=exchange_online.HOSTS,
    ),
    BetterClient(
        client="gmail",
        title="Gmail",
        provider="Google",
        why="it lets nobody store your password",
        hosts=re.compile(r"(?:.+\.)?(?:gmail|googlemail)\.com|(?:smtp|imap|smtp-relay|aspmx.*)\.(?:l\.)?google\.com"),
    ),
)


def better_client(host: str, policy: ConnectPolicy) -> BetterClient | None:
    """None also where the operator accepts the host: `policy.hosts["smtp_imap"]["accepted"]` lists names."""
    name = host.strip().rstrip(".").lower()
    own: Any = (policy.hosts or {}).get("smtp_imap") or {}
    if name in own.get("accepted", ()):
        return None
    return next((better for better in BETTER_CLIENTS if better.hosts.fullmatch(name)), None)
