"""Under which name a find is kept, so that the same message met again (moved, re-scanned) is the same find.

Message-ID together with Date: both are the sender's and survive moves and copies, and a careless sender who repeats one
Message-ID for ever still changes the Date. A message without Message-ID (RFC 5322 section 3.6.4 says only SHOULD) is
named by its octets.
"""

from __future__ import annotations

import hashlib

_WANTED = (b"message-id", b"date")


def find_id(account_id: str, block: bytes, raw: bytes | None) -> str:
    """32 hex digits. `raw` is the message as fetched, None where it is gone."""
    digest = hashlib.blake2b(digest_size=16)
    fields = _fields(block)
    message_id = fields.get(b"message-id")
    named = (b"id", message_id, fields.get(b"date", b"")) if message_id else (b"octets", raw or block)
    for part in (account_id.encode(), *named):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _fields(block: bytes) -> dict[bytes, bytes]:
    """The first of each wanted field, unfolded, without surrounding blanks."""
    found: dict[bytes, bytes] = {}
    name = b""
    for line in block.splitlines():
        if line[:1] in (b" ", b"\t"):
            if name:
                found[name] += b" " + line.strip()
            continue
        before, colon, after = line.partition(b":")
        name = before.strip().lower() if colon else b""
        if name not in _WANTED or name in found:
            name = b""
            continue
        found[name] = after.strip()
    return {key: value.strip() for key, value in found.items()}
