"""The sealed box: one account's secret under a key of its own, and that key wrapped by a key of the ring.

Envelope encryption with AES-256-GCM (NIST SP 800-38D), random 96-bit nonces, a fresh account key for every box. Both
layers are bound to whom the box belongs to, so that a box copied to another account opens nowhere.

    wrapped_key  version(1) id length(1) key id  nonce(12) AES-GCM(ring key, account key)
    sealed       version(1)                      nonce(12) AES-GCM(account key, secret)
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.runtime.key_ring import KEY_OCTETS, KeyRing

_VERSION = 1
_NONCE_OCTETS = 12


class BoxUnopenable(Exception):
    """The box was altered, belongs to somebody else, or is of a version this code does not know."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose box it is; part of what the seal vouches for."""

    team_id: str
    account_id: str


@dataclass(frozen=True, slots=True)
class SealedBox:
    key_id: str
    """The ring's key that wraps this box, stated beside it so that rotation can find what is left to do."""
    wrapped_key: bytes = field(repr=False)
    sealed: bytes = field(repr=False)


def seal(ring: KeyRing, owner: Owner, secret: bytes) -> SealedBox:
    account_key = os.urandom(KEY_OCTETS)
    header = bytes([_VERSION])
    sealed = header + _encrypt(account_key, secret, _associated(b"box", owner, header))
    return SealedBox(ring.current, _wrap(ring, owner, account_key), sealed)


def open_box(ring: KeyRing, owner: Owner, box: SealedBox) -> bytes:
    """The secret. Raises `KeyUnknown` or `BoxUnopenable`."""
    account_key = _unwrap(ring, owner, box.wrapped_key)
    header, body = box.sealed[:1], box.sealed[1:]
    _require_version(header)
    return _decrypt(account_key, body, _associated(b"box", owner, header))


def rewrap(ring: KeyRing, owner: Owner, box: SealedBox) -> SealedBox:
    """The same sealed secret with its account key under the ring's current key. Raises as `open_box`."""
    account_key = _unwrap(ring, owner, box.wrapped_key)
    return SealedBox(ring.current, _wrap(ring, owner, account_key), box.sealed)


def _wrap(ring: KeyRing, owner: Owner, account_key: bytes) -> bytes:
    key_id = ring.current.encode()
    header = bytes([_VERSION, len(key_id)]) + key_id
    return header + _encrypt(ring.key(ring.current), account_key, _associated(b"key", owner, header))


def _unwrap(ring: KeyRing, owner: Owner, wrapped: bytes) -> bytes:
    _require_version(wrapped[:1])
    end = 2 + (wrapped[1] if len(wrapped) > 1 else 0)
    header, body = wrapped[:end], wrapped[end:]
    try:
        key_id = header[2:].decode("ascii")
    except UnicodeDecodeError:
        raise BoxUnopenable("the wrapped key names no key that could exist") from None
    return _decrypt(ring.key(key_id), body, _associated(b"key", owner, header))


def _require_version(header: bytes) -> None:
    if header != bytes([_VERSION]):
        raise BoxUnopenable("the box is of a version that this release does not know")


def _associated(layer: bytes, owner: Owner, header: bytes) -> bytes:
    # Every part carries its length, so that no two owners can spell the same octets.
    parts = (b"replywire", layer, owner.team_id.encode(), owner.account_id.encode(), header)
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _encrypt(key: bytes, plain: bytes, associated: bytes) -> bytes:
    nonce = os.urandom(_NONCE_OCTETS)
    return nonce + AESGCM(key).encrypt(nonce, plain, associated)


def _decrypt(key: bytes, body: bytes, associated: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(body[:_NONCE_OCTETS], body[_NONCE_OCTETS:], associated)
    except (InvalidTag, ValueError):
        raise BoxUnopenable("the box does not open for this account: it was altered or moved") from None
