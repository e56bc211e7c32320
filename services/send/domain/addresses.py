"""Mailbox addresses as people write them, checked and brought into the one form that travels (RFC 5321, 5322, 6531)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import idna

from services.send.domain.headers import one_line
from services.send.domain.invalid import InvalidField

_REMEDY = "Give one address such as ada@example.org."
_LOCAL = re.compile(r'[^\x00-\x20"(),:;<>@\[\\\].\x7f-\x9f]+(?:\.[^\x00-\x20"(),:;<>@\[\\\].\x7f-\x9f]+)*\Z')
_QUOTED_LOCAL = re.compile(r'"(?:[\x20\x21\x23-\x3b\x3d\x3f-\x5b\x5d-\x7e]|\\[\x20-\x3b\x3d\x3f-\x7e])*"\Z')
_DOMAIN = re.compile(r"(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)*(?!-)[a-z0-9-]{1,63}(?<!-)\Z")
_NAMED = re.compile(r"\s*(?P<name>.*?)\s*<\s*(?P<email>[^<>]*)\s*>\s*\Z", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)")

NAME_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address fit to travel, made by `mailbox` or `parse`: `email` has its domain in A-labels."""

    email: str
    name: str = ""

    @property
    def domain(self) -> str:
        return self.email.rpartition("@")[2]

    @property
    def international(self) -> bool:
        """True where the local part needs SMTPUTF8; an international domain alone does not."""
        return not self.email.isascii()


def mailbox(email: str, name: str | None = None, *, field: str, name_field: str = "") -> Mailbox:
    """A bare address and a display name, each given apart. Raises `InvalidField`."""
    name_field = name_field or f"{field}.name"
    email = email.strip()
    local, at, domain = email.rpartition("@")
    if not at or not local:
        raise InvalidField(field, "is not an e-mail address", _REMEDY)
    if not (_LOCAL.match(local) and local.isprintable()) and not _QUOTED_LOCAL.match(local):
        raise InvalidField(field, "has a part before the @ that no mail server accepts", _REMEDY)
    if len(local.encode()) > 64:
        raise InvalidField(field, "has more than 64 octets before the @", _REMEDY)
    host = _domain(domain)
    if host is None:
        raise InvalidField(field, "has a part after the @ that is not a domain name", _REMEDY)
    shown = one_line(name_field, name) if name else ""
    if len(shown) > NAME_CHARACTERS:
        raise InvalidField(name_field, f"is longer than {NAME_CHARACTERS} characters", "Shorten the name.")
    return Mailbox(f"{local}@{host}", shown)


def parse(text: str, *, field: str) -> Mailbox:
    """`Name <a@b>`, `"Last, First" <a@b>` or `a@b`. Raises `InvalidField`."""
    named = _NAMED.match(text) if text.rstrip().endswith(">") else None
    if named is None:
        return mailbox(text, field=field)
    name = named["name"]
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = _ESCAPED.sub(r"\1", name[1:-1])
    return mailbox(named["email"], name, field=field)


@lru_cache(maxsize=4096)
def _domain(domain: str) -> str | None:
    """In lower-case A-labels, or None where it is no domain name."""
    domain = domain.lower()
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except idna.IDNAError:
            return None
    return domain if len(domain) <= 253 and _DOMAIN.match(domain) else None
