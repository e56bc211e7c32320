"""Mailbox addresses as people type them: what is refused, and when two spellings are the same mailbox."""

from __future__ import annotations

import re
import unicodedata

from services.auth.domain.refusals import Invalid

# RFC 5322's dot-atom with RFC 6531's international characters; quoted local parts are nobody's mailbox.
_LOCAL = re.compile(r"[^\s\x00-\x20\x7f()<>@,;:\\\"\[\].]+(\.[^\s\x00-\x20\x7f()<>@,;:\\\"\[\].]+)*\Z")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")


def read_address(text: str, field: str = "address") -> str:
    """The address without surrounding blanks. Raises `Invalid` naming `field`."""
    address = unicodedata.normalize("NFC", text.strip())
    local, at, domain = address.rpartition("@")
    if not at or not _LOCAL.match(local) or len(local.encode()) > 64 or len(address.encode()) > 254:
        raise Invalid(field, "This is not an e-mail address.", "Give the mailbox's address, such as ada@example.com.")
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in address):
        raise Invalid(field, "The address holds invisible characters.", "Type the address anew.")
    if not _ascii_domain(domain):
        raise Invalid(field, "The part after @ is not a domain.", "Give a domain, such as example.com, after the @.")
    return address


def same_mailbox_key(address: str) -> str:
    """One key for every spelling of a mailbox: letters' case and the domain's two alphabets make no difference.

    RFC 5321 lets a local part be case-sensitive; no provider we can connect to makes two mailboxes of it."""
    local, _, domain = unicodedata.normalize("NFC", address.strip()).rpartition("@")
    return f"{local.casefold()}@{_ascii_domain(domain) or domain.casefold()}"


def _ascii_domain(domain: str) -> str:
    try:
        encoded = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""
    labels = encoded.split(".")
    return encoded if len(encoded) <= 253 and all(_LABEL.match(label) for label in labels) else ""
