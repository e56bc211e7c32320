"""Boxes that only the asker can open: X25519 with an ephemeral key, HKDF-SHA256, AES-256-GCM.

A box is the sender's public key (32 octets), a nonce (12) and the ciphertext with its tag. `associated` is what the
secret belongs to: a box moved elsewhere does not open.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PURPOSE = b"replywire sealed reply v1"
_KEY = 32
_NONCE = 12


class CannotOpen(Exception):
    """Not sealed to this key, for something else, or damaged."""


def _cipher(shared: bytes, sender: bytes, receiver: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), length=32, salt=None, info=_PURPOSE + sender + receiver).derive(shared))


def seal_to(public: bytes, plain: bytes, associated: bytes) -> bytes:
    """A box for the holder of the private half of `public` (32 octets)."""
    ephemeral = X25519PrivateKey.generate()
    sender = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
    nonce = os.urandom(_NONCE)
    return sender + nonce + _cipher(shared, sender, public).encrypt(nonce, plain, associated)


class ReplyKey:
    """A key pair that lives in this process's memory and nowhere else; or, of a `seed` of 32 octets, the pair that
    every holder of the seed has."""

    def __init__(self, seed: bytes | None = None) -> None:
        self._private = X25519PrivateKey.generate() if seed is None else X25519PrivateKey.from_private_bytes(seed)
        self.public: bytes = self._private.public_key().public_bytes_raw()

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        """Raises `CannotOpen`."""
        sender, nonce, box = sealed[:_KEY], sealed[_KEY : _KEY + _NONCE], sealed[_KEY + _NONCE :]
        try:
            shared = self._private.exchange(X25519PublicKey.from_public_bytes(sender))
            return _cipher(shared, sender, self.public).decrypt(nonce, box, associated)
        except (InvalidTag, ValueError) as error:
            raise CannotOpen("The box was not sealed to this key and purpose, or is damaged") from error
