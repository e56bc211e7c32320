"""Seals what was found while it is kept: AES-256-GCM under an operator's key, bound to its account and find.

A ring: the first key seals, every key opens. Rotate by putting a new key first; drop the old one once the finds sealed
with it have expired.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_NAME = 4
_NONCE = 12


class CannotOpen(Exception):
    """Sealed with a key that is not in the ring, moved from another find, or damaged."""


def read_keys(keys: str) -> list[bytes]:
    """The operator's, the first one first. Raises `ValueError` without a usable one; the text never quotes it."""
    found = []
    for number, text in enumerate(filter(None, (part.strip() for part in keys.split(","))), start=1):
        try:
            key = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"key {number} for finds is not base64") from None
        if len(key) != 32:
            raise ValueError(f"key {number} for finds has {len(key)} octets; make one with `openssl rand -base64 32`")
        found.append(key)
    if not found:
        raise ValueError("no key for finds: set REPLYWIRE_FIND_KEYS, e.g. to `openssl rand -base64 32`")
    return found


class FindSeal:
    def __init__(self, keys: str) -> None:
        """`keys`: 32 octets each in base64, separated by commas. Raises `ValueError` without a usable key: then the
        service must not start."""
        ring = {hashlib.sha256(key).digest()[:_KEY_NAME]: AESGCM(key) for key in read_keys(keys)}
        self._ring = ring
        self._name, self._cipher = next(iter(ring.items()))

    def seal(self, plain: bytes, belongs_to: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return self._name + nonce + self._cipher.encrypt(nonce, plain, belongs_to.encode())

    def open(self, sealed: bytes, belongs_to: str) -> bytes:
        """Raises `CannotOpen`."""
        cipher = self._ring.get(sealed[:_KEY_NAME])
        if cipher is None:
            raise CannotOpen("sealed with a key that is not in REPLYWIRE_FIND_KEYS any more")
        try:
            return cipher.decrypt(
                sealed[_KEY_NAME : _KEY_NAME + _NONCE], sealed[_KEY_NAME + _NONCE :], belongs_to.encode()
            )
        except InvalidTag as error:
            raise CannotOpen("damaged, or moved from another find") from error
