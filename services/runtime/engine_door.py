"""Credentials on their way from auth to the sync engine: sealed to a key that the engine's replicas share.

The pair is made of the engine's ring, so that any replica opens what another one's key was asked for. A box opens for
one account, one address and one server alone: whoever moves it to settings of their own gets nothing sent there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from replywire_contracts.v1.engine import EngineOpenAccount, EnginePublicKey

from services.runtime.key_ring import KeyRing
from services.runtime.sealing import CannotOpen, ReplyKey, seal_to

_PURPOSE = b"replywire engine door v1"


def public_key(ring: KeyRing) -> EnginePublicKey:
    """Of the ring's current key."""
    return EnginePublicKey(key_id=ring.current, public=_pair(ring, ring.current).public)


def sealed_opening(
    key: EnginePublicKey,
    *,
    team_id: str,
    account_id: str,
    client: str,
    address: str,
    settings: Mapping[str, Any],
    secret: Mapping[str, str],
) -> EngineOpenAccount:
    """auth's side: the request to open an account, its credentials readable by the engine alone."""
    bare = EngineOpenAccount(
        account_id=account_id,
        team_id=team_id,
        client=client,
        address=address,
        settings=dict(settings),
        sealed_credentials=b"",
        key_id=key.key_id,
    )
    sealed = seal_to(key.public, json.dumps(dict(secret)).encode(), _about(bare))
    return bare.model_copy(update={"sealed_credentials": sealed})


def opened_secret(ring: KeyRing, request: EngineOpenAccount) -> dict[str, str]:
    """The engine's side. Raises `KeyUnknown`, `CannotOpen`."""
    plain = _pair(ring, request.key_id).open(request.sealed_credentials, _about(request))
    secret = json.loads(plain)
    if not isinstance(secret, dict) or not all(isinstance(value, str) for value in secret.values()):
        raise CannotOpen("The box holds no credentials")
    return secret


def _pair(ring: KeyRing, key_id: str) -> ReplyKey:
    seed = HKDF(SHA256(), length=32, salt=None, info=_PURPOSE).derive(ring.key(key_id))
    return ReplyKey(seed)


def _about(request: EngineOpenAccount) -> bytes:
    facts = [request.team_id, request.account_id, request.client, request.address, request.settings]
    return _PURPOSE + json.dumps(facts, sort_keys=True).encode()
