"""The key ring: the keys that wrap every account's own key, and which of them new boxes are wrapped by."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

KEY_OCTETS = 32
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_SHAPE = '{"current": "k1", "keys": {"k1": "<32 random octets in base64>"}}'


class KeyRingInvalid(ValueError):
    """The ring cannot be used; the text says what is wrong and what to do. It never quotes key material."""


class KeyUnknown(LookupError):
    """A box is wrapped by a key that this ring does not hold."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"the key ring holds no key {key_id!r}: put it back until `rotate-keys` has re-wrapped all")
        self.key_id = key_id


@dataclass(frozen=True, slots=True)
class KeyRing:
    current: str
    """The id of the key that new boxes are wrapped by."""
    keys: Mapping[str, bytes] = field(repr=False)
    """32 octets each, by id."""

    def key(self, key_id: str) -> bytes:
        """Raises `KeyUnknown`."""
        try:
            return self.keys[key_id]
        except KeyError:
            raise KeyUnknown(key_id) from None


def read_key_ring(text: str) -> KeyRing:
    """Read the ring's JSON. Raises `KeyRingInvalid`."""
    try:
        ring = json.loads(text)
    except ValueError:
        # The parser's own error would quote the text, and the text is keys.
        raise KeyRingInvalid(f"the key ring is not JSON; it must look like {_SHAPE}") from None
    if not isinstance(ring, dict) or not isinstance(ring.get("keys"), dict) or not isinstance(ring.get("current"), str):
        raise KeyRingInvalid(f"the key ring must look like {_SHAPE}")
    keys = {key_id: _read_key(key_id, value) for key_id, value in ring["keys"].items()}
    current: str = ring["current"]
    if current not in keys:
        raise KeyRingInvalid(f"the key ring's `current` names {current!r}, which is not among its `keys`")
    if len(set(keys.values())) < len(keys):
        raise KeyRingInvalid("two ids of the key ring hold the same key: give every id a key of its own")
    return KeyRing(current, keys)


def _read_key(key_id: str, value: object) -> bytes:
    if not _KEY_ID.match(key_id):
        raise KeyRingInvalid(f"the key id {key_id!r} may hold only letters, digits, `.`, `_`, `-`, at most 64 of them")
    try:
        key = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except binascii.Error:
        key = b""
    if len(key) != KEY_OCTETS:
        raise KeyRingInvalid(
            f"the key {key_id!r} of the key ring must be {KEY_OCTETS} random octets in base64; "
            "make one with `openssl rand -base64 32`"
        )
    return key
