"""Where a mailbox's Exchange server probably is, and what a person types for it. Pure; nobody is contacted.

Outlook finds the server by the SRV record of MS-OXDISCO (`_autodiscover._tcp`). What is found is a suggestion: the
person sees the name, may change it, and no password leaves before they agree to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from services.auth.domain import discovery
from services.auth.domain.discovery import Srv
from services.auth.domain.refusals import Invalid
from services.providers.exchange_online import is_exchange_online

SRV_NAME = "_autodiscover._tcp"
PATH = "/EWS/Exchange.asmx"
_MICROSOFT = "microsoft365"


@dataclass(frozen=True, slots=True)
class ExchangeSuggestion:
    server: str = ""
    """A host's name."""
    better: str = ""
    """The e-mail client that this mailbox is better connected as."""
    guessed: bool = False
    """Nothing says that Exchange is there, but that mail goes there."""


def suggestion(domain: str, mx: Sequence[str], srv: Sequence[Srv]) -> ExchangeSuggestion | None:
    """None where nothing is known of the domain."""
    known = discovery.of_domain(domain) or discovery.of_mx(mx)
    targets = sorted((record for record in srv if record.target), key=lambda each: (each.priority, -each.weight))
    if (known is not None and known.better == _MICROSOFT) or any(is_exchange_online(each.target) for each in targets):
        return ExchangeSuggestion(better=_MICROSOFT)
    if targets and targets[0].port == 443:
        return ExchangeSuggestion(server=targets[0].target.lower())
    if known is not None:
        return ExchangeSuggestion(better=known.better or "smtp_imap")
    own = next((host.lower() for host in mx if host.lower().endswith(f".{domain}")), "")
    return ExchangeSuggestion(server=own, guessed=True) if own else None


def read_server(text: str) -> dict[str, Any]:
    """`settings.ews` of what a person typed: a host's name, with or without a port, or the address of the EWS service.
    Raises `Invalid`."""
    typed = text.strip()
    if not typed:
        raise Invalid("settings.ews.host", "The Exchange server is missing.", "Give its name: mail.example.com.")
    parts = urlsplit(typed if "://" in typed else f"https://{typed}")
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if parts.scheme != "https" or not host or parts.username is not None or parts.query or parts.fragment:
        raise Invalid(
            "settings.ews.host",
            "This is no address of an Exchange server.",
            "Give its name, or the address of its EWS service: https://mail.example.com/EWS/Exchange.asmx.",
        )
    # Outlook on the web is what people copy from their browser.
    path = parts.path if parts.path.lower().endswith(".asmx") else PATH
    return {"host": host, "port": port or 443, "path": path}


def shown_server(server: object) -> str:
    """As people type it: no more than what is not the usual."""
    if not isinstance(server, dict) or not server.get("host"):
        return ""
    host = str(server["host"])
    name = f"[{host}]" if ":" in host else host
    address = name if server.get("port", 443) == 443 else f"{name}:{server['port']}"
    return address if server.get("path", PATH) == PATH else f"https://{address}{server['path']}"
