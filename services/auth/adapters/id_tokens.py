"""OpenID Connect's id_token, checked as the core specification says in 3.1.3.7: signature, audience, times, nonce."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.auth.adapters.provider_http import ProviderHttp
from services.auth.domain.oauth_app import Provider
from services.auth.domain.oauth_errors import Unavailable, unavailable

_KEPT_FOR = 3600.0
_NOT_AGAIN_FOR = 60.0
_LEEWAY = 120


class IdTokens:
    """One provider's keys, kept for an hour; an unknown key asks for them anew, once a minute at most."""

    def __init__(self, provider: Provider, http: ProviderHttp) -> None:
        self._provider = provider
        self._http = http
        self._keys: dict[str, tuple[float, KeySet]] = {}

    async def claims(self, id_token: str, jwks_uri: str, client_id: str, nonce: str) -> Mapping[str, Any]:
        """What a token for this client and this sign-in says; its issuer is the caller's to check. Raises
        `Unavailable`: a token that does not hold is a fault of the provider's or of somebody between, never of the
        person."""
        try:
            token = await self._decoded(id_token, jwks_uri)
            registry = jwt.JWTClaimsRegistry(
                leeway=_LEEWAY,
                iss={"essential": True},
                sub={"essential": True},
                aud={"essential": True, "value": client_id},
                exp={"essential": True},
                nonce={"essential": True, "value": nonce},
            )
            registry.validate(token.claims)
        except (JoseError, ValueError) as wrong:
            raise self._refused(str(wrong)) from wrong
        return token.claims

    def require(self, holds: bool, what: str) -> None:
        if not holds:
            raise self._refused(what)

    async def _decoded(self, id_token: str, jwks_uri: str) -> jwt.Token:
        try:
            return jwt.decode(id_token, await self._key_set(jwks_uri, _KEPT_FOR), algorithms=["RS256"])
        except (JoseError, ValueError):
            # The provider may have begun to sign with a key that we have not seen.
            return jwt.decode(id_token, await self._key_set(jwks_uri, _NOT_AGAIN_FOR), algorithms=["RS256"])

    async def _key_set(self, uri: str, younger_than: float) -> KeySet:
        kept = self._keys.get(uri)
        if kept is not None and time.monotonic() - kept[0] < younger_than:
            return kept[1]
        keys = KeySet.import_key_set(await self._http.get_json(uri))  # type: ignore[arg-type]
        self._keys[uri] = (time.monotonic(), keys)
        return keys

    def _refused(self, what: str) -> Unavailable:
        return unavailable(self._provider, f"the id_token does not hold: {what}")
