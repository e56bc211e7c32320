"""Which hosts are Microsoft's own: Exchange Online and Outlook.com let nobody in with a password any more."""

from __future__ import annotations

import re

HOSTS = re.compile(
    r"(?:.+\.)?(?:office365\.(?:com|us)|outlook\.(?:com|cn)|outlook\.office\.com|hotmail\.com|live\.com)"
)
"""To be matched in full against a name in lower case, without its final dot."""


def is_exchange_online(host: str) -> bool:
    return HOSTS.fullmatch(host.strip().rstrip(".").lower()) is not None
