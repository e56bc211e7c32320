"""Signed links to our pages: short-lived, for one purpose, one team, one person, one role, and good once. Pure.

    base64url(JSON claims) "." base64url(HMAC-SHA256 of that text, RFC 2104)

The signing key is derived (HKDF, RFC 5869) from a key of the ring, which the claims name: a link lives no longer than
that key stays in the ring. The link's own id is what the store notes when it is spent.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.auth.domain.refusals import Invalid
from services.runtime.key_ring import KeyRing, KeyUnknown

LONGEST_LIFE = timedelta(hours=1)
LONGEST_LINK = 4096
LONGEST_PERSON = 200
LONGEST_RETURN = 1000
_VERSION = 1


class Purpose(StrEnum):
    CONNECT = "connect"
    RECONNECT = "reconnect"
    """Of the one account that the link names."""
    SETTINGS = "settings"


class Role(StrEnum):
    MEMBER = "member"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Link:
    link_id: str
    purpose: Purpose
    team_id: str
    person: str
    """The product's own name for who may use it; opaque to us, and what the audit log shows."""
    role: Role
    return_to: str
    """Where the person goes afterwards."""
    account_id: str | None
    expires_at: datetime
    """To the second."""


class LinkRefusal(StrEnum):
    """Why a link is not followed; the values are the problem's codes."""

    ALTERED = "link_altered"
    EXPIRED = "link_expired"
    OTHER_PURPOSE = "link_for_other_purpose"
    SPENT = "link_spent"


SENTENCES: dict[LinkRefusal, str] = {
    LinkRefusal.ALTERED: "This link is not one of ours, or a part of it is missing.",
    LinkRefusal.EXPIRED: "This link has expired.",
    LinkRefusal.OTHER_PURPOSE: "This link leads to another page.",
    LinkRefusal.SPENT: "This link was used already, and each works once.",
}
REMEDY = "Go back to where you came from and ask for a new link."


class LinkRefused(Exception):
    def __init__(self, why: LinkRefusal) -> None:
        super().__init__(f"{SENTENCES[why]} {REMEDY}")
        self.why = why


def make_link(
    purpose: Purpose,
    team_id: str,
    person: str,
    role: Role,
    return_to: str,
    now: datetime,
    *,
    life: timedelta = timedelta(minutes=10),
    account_id: str | None = None,
) -> Link:
    """Raises `Invalid` naming the field."""
    if not person or len(person) > LONGEST_PERSON or not person.isprintable():
        raise Invalid("person", "The link is for nobody.", f"Give your own id of the person, {LONGEST_PERSON} at most.")
    if purpose is Purpose.SETTINGS and role is not Role.ADMIN:
        raise Invalid("role", "Only an admin may open the team's settings.", "Give `admin`, or another purpose.")
    if (purpose is Purpose.RECONNECT) != (account_id is not None):
        raise Invalid("account_id", "A link to reconnect names its account, and no other does.", "Give both or none.")
    if not timedelta(seconds=1) <= life <= LONGEST_LIFE:
        limit = int(LONGEST_LIFE.total_seconds())
        raise Invalid("life_seconds", "A link cannot live that long.", f"Give 1 to {limit} seconds.")
    expires_at = (now + life).replace(microsecond=0)
    _require_returnable(return_to)
    return Link(secrets.token_urlsafe(16), purpose, team_id, person, role, return_to, account_id, expires_at)


def sign(ring: KeyRing, link: Link) -> str:
    """The text that goes into the address of the page."""
    claims = {
        "v": _VERSION,
        "k": ring.current,
        "i": link.link_id,
        "p": link.purpose.value,
        "t": link.team_id,
        "w": link.person,
        "r": link.role.value,
        "b": link.return_to,
        "a": link.account_id,
        "e": int(link.expires_at.timestamp()),
    }
    body = _text(json.dumps(claims, ensure_ascii=False, separators=(",", ":")).encode())
    return f"{body}.{_text(_mac(ring, ring.current, body))}"


def read(ring: KeyRing, text: str, purpose: Purpose, now: datetime) -> Link:
    """The link, genuine, alive and for this purpose; whether it is spent only the store can tell.

    Raises `LinkRefused`."""
    body, _, signature = text.partition(".")
    if len(text) > LONGEST_LINK or not text.isascii():
        raise LinkRefused(LinkRefusal.ALTERED)
    try:
        # The key's name is read before the signature is checked, and nothing else is.
        claims = json.loads(_octets(body))
        genuine = hmac.compare_digest(_mac(ring, claims["k"], body), _octets(signature))
    except (binascii.Error, ValueError, KeyError, TypeError, KeyUnknown, RecursionError):
        raise LinkRefused(LinkRefusal.ALTERED) from None
    if not genuine or claims["v"] != _VERSION or _text(_octets(signature)) != signature:
        raise LinkRefused(LinkRefusal.ALTERED)
    link = Link(
        link_id=claims["i"],
        purpose=Purpose(claims["p"]),
        team_id=claims["t"],
        person=claims["w"],
        role=Role(claims["r"]),
        return_to=claims["b"],
        account_id=claims["a"],
        expires_at=datetime.fromtimestamp(claims["e"], UTC),
    )
    if now >= link.expires_at:
        raise LinkRefused(LinkRefusal.EXPIRED)
    if link.purpose is not purpose:
        raise LinkRefused(LinkRefusal.OTHER_PURPOSE)
    return link


def _require_returnable(address: str) -> None:
    """A page of the product's, by TLS; a developer's own machine may do without."""
    remedy = "Give an https address of your product, such as https://app.example.com/mailboxes."
    if len(address) > LONGEST_RETURN or not address.isascii() or not address.isprintable() or " " in address:
        raise Invalid("return_to", "The return address is no web address.", remedy)
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        raise Invalid("return_to", "The return address is no web address.", remedy) from None
    local = parts.scheme == "http" and host in ("localhost", "127.0.0.1", "::1")
    if not host or not (parts.scheme == "https" or local) or "@" in parts.netloc or "\\" in address:
        raise Invalid("return_to", "People cannot be sent back to this address.", remedy)


def _mac(ring: KeyRing, key_id: str, body: str) -> bytes:
    key = HKDF(SHA256(), length=32, salt=None, info=b"replywire signed link v1").derive(ring.key(key_id))
    return hmac.new(key, body.encode(), sha256).digest()


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _octets(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
