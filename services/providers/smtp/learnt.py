"""Names that a server gives a message in its final reply: those that rewrite the Message-ID tell the new one there."""

from __future__ import annotations

import re

from services.providers.smtp.replies import Reply
from services.providers.types import Identities, Outgoing

# `email-smtp.eu-west-1.amazonaws.com`: "250 Ok 0102018f…-000000"
_SES_HOST = re.compile(r"email-smtp(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\Z")
_SES_ID = re.compile(r"ok\s+([0-9a-z][0-9a-z-]{20,100})\Z", re.IGNORECASE)
# "2.0.0 OK <AM0PR0…@AM0PR0….eurprd0….prod.outlook.com> [Hostname=…]"
_OUTLOOK_ID = re.compile(r"OK\s+(<[^<>\s@]{1,200}@[^<>\s@]{1,200}\.outlook\.com>)", re.IGNORECASE)


def identities_after(outgoing: Outgoing, reply: Reply, host: str) -> Identities:
    """Our own names and those learnt."""
    learnt = _ses(reply, host) or _outlook(reply)
    ids = tuple(dict.fromkeys((outgoing.message_id, *([learnt] if learnt else []))))
    return Identities(message_ids=ids, marker=outgoing.marker)


def _ses(reply: Reply, host: str) -> str | None:
    region = _SES_HOST.match(host.lower())
    found = _SES_ID.search(reply.text.strip())
    if region is None or found is None:
        return None
    domain = "email.amazonses.com" if region[1] == "us-east-1" else f"{region[1]}.amazonses.com"
    return f"<{found[1]}@{domain}>"


def _outlook(reply: Reply) -> str | None:
    found = _OUTLOOK_ID.search(reply.text)
    return found[1] if found else None
