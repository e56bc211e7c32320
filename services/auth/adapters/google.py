"""Signing in with Google: authorization code with PKCE, by its discovery document; refresh tokens may rotate."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from services.auth.adapters.id_tokens import IdTokens
from services.auth.adapters.provider_http import Answer, ProviderHttp
from services.auth.domain.oauth_app import GOOGLE_ISSUER, OAuthApp, Provider
from services.auth.domain.oauth_errors import OAuthError, judge, unavailable
from services.auth.domain.oauth_flow import SignInRefused
from services.auth.domain.oauth_scopes import ASKED, require_all
from services.auth.domain.tokens import Granted, Identity, Tokens, expiry
from services.auth.oauth_ports import Memo

_DISCOVERED_FOR = 3600.0


class GoogleSignIn:
    """Conforms to `oauth_ports.SignIn`."""

    def __init__(self, http: ProviderHttp, now: Callable[[], datetime], issuer: str = GOOGLE_ISSUER) -> None:
        self._http = http
        self._now = now
        self._issuer = issuer.rstrip("/")
        self._id_tokens = IdTokens(Provider.GOOGLE, http)
        self._discovered: tuple[float, dict[str, Any]] | None = None

    async def authorize(
        self,
        app: OAuthApp,
        state: str,
        redirect_uri: str,
        *,
        login_hint: str | None = None,
        prompt: str | None = None,
        organisations_only: bool = False,
    ) -> tuple[str, Memo]:
        verifier, nonce = secrets.token_urlsafe(64), secrets.token_urlsafe(32)
        asked = {
            "client_id": app.client_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": " ".join(ASKED[Provider.GOOGLE]),
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
            # Both are needed for a refresh token each time, not only at the person's first consent.
            "access_type": "offline",
            "prompt": prompt or "consent",
            **({"login_hint": login_hint} if login_hint else {}),
        }
        endpoint = (await self._discovery())["authorization_endpoint"]
        return f"{endpoint}?{urlencode(asked)}", {"verifier": verifier, "nonce": nonce, "redirect_uri": redirect_uri}

    async def exchange(self, app: OAuthApp, memo: Memo, query: Mapping[str, str]) -> Granted:
        discovery = await self._discovery()
        # RFC 9207: where the answer names its issuer, it must be the one that was asked.
        self._id_tokens.require(query.get("iss", self._issuer).rstrip("/") == self._issuer, "another issuer answered")
        now = self._now()
        answer = await self._token_request(
            app,
            grant_type="authorization_code",
            code=query.get("code", ""),
            redirect_uri=memo["redirect_uri"],
            code_verifier=memo["verifier"],
        )
        claims = await self._id_tokens.claims(
            _text(answer, "id_token"), discovery["jwks_uri"], app.client_id, memo["nonce"]
        )
        # Google's own words: "Always https://accounts.google.com or accounts.google.com".
        issuers = (self._issuer, self._issuer.removeprefix("https://"))
        self._id_tokens.require(claims["iss"] in issuers, "it is another issuer's")
        scopes = _scopes(answer, ())
        require_all(Provider.GOOGLE, scopes)
        if claims.get("email_verified") not in (True, "true") or not claims.get("email"):
            raise SignInRefused(
                "address_unverified",
                "Google does not vouch for this account's e-mail address.",
                remedy="Verify the address in your Google account, or sign in with the mailbox's own account.",
            )
        if not answer.get("refresh_token"):
            raise unavailable(Provider.GOOGLE, "it gave no refresh token")
        tokens = self._tokens(app, answer, str(claims["sub"]), scopes, answer["refresh_token"], now)
        return Granted(tokens, Identity(tokens.subject, (claims["email"],)))

    async def refresh(self, app: OAuthApp, tokens: Tokens) -> Tokens:
        now = self._now()
        answer = await self._token_request(app, grant_type="refresh_token", refresh_token=tokens.renewal)
        renewal = answer.get("refresh_token") or tokens.renewal
        return self._tokens(app, answer, tokens.subject, _scopes(answer, tokens.scopes), renewal, now)

    async def revoke(self, app: OAuthApp, tokens: Tokens) -> bool:
        endpoint = (await self._discovery()).get("revocation_endpoint")
        if endpoint is None:
            return False
        answer = await self._http.post(endpoint, {"token": tokens.renewal})
        # 400 `invalid_token`: there is nothing left to revoke.
        if answer.status not in (200, 400):
            raise unavailable(Provider.GOOGLE, f"{answer.status} at its revocation endpoint")
        return True

    async def close(self) -> None:
        await self._http.close()

    async def _discovery(self) -> dict[str, Any]:
        if self._discovered is None or time.monotonic() - self._discovered[0] > _DISCOVERED_FOR:
            found = await self._http.get_json(f"{self._issuer}/.well-known/openid-configuration")
            if str(found.get("issuer", "")).rstrip("/") != self._issuer:
                raise unavailable(Provider.GOOGLE, "the discovery document is another issuer's")
            self._discovered = (time.monotonic(), found)
        return self._discovered[1]

    async def _token_request(self, app: OAuthApp, **form: str) -> dict[str, Any]:
        endpoint = (await self._discovery())["token_endpoint"]
        answer = await self._http.post(
            endpoint, {"client_id": app.client_id, "client_secret": app.client_secret, **form}
        )
        if answer.status == 200:
            return _readable(answer)
        raise _refusal(answer)

    def _tokens(
        self,
        app: OAuthApp,
        answer: Mapping[str, Any],
        subject: str,
        scopes: tuple[str, ...],
        renewal: str,
        now: datetime,
    ) -> Tokens:
        return Tokens(
            provider=Provider.GOOGLE,
            client_id=app.client_id,
            subject=subject,
            scopes=scopes,
            access_token=_text(answer, "access_token"),
            made_at=now.replace(microsecond=0),
            expires_at=expiry(answer.get("expires_in"), now),
            renewal=renewal,
        )


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _scopes(answer: Mapping[str, Any], before: tuple[str, ...]) -> tuple[str, ...]:
    """RFC 6749, 5.1: without `scope` it is what was granted before."""
    return tuple(str(answer["scope"]).split()) if answer.get("scope") else before


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise unavailable(Provider.GOOGLE, f"its answer lacks {name}")
    return value


def _readable(answer: Answer) -> dict[str, Any]:
    try:
        return answer.json()
    except ValueError:
        raise unavailable(Provider.GOOGLE, "its token endpoint answered in no JSON") from None


def _refusal(answer: Answer) -> OAuthError:
    """Only a 4xx in OAuth's own form is a refusal: a proxy's page in the way says nothing about the grant."""
    try:
        said = answer.json()
    except ValueError:
        said = {}
    if 400 <= answer.status < 500 and answer.status != 429 and isinstance(said.get("error"), str):
        return judge(Provider.GOOGLE, said["error"], str(said.get("error_description", "")))
    return unavailable(Provider.GOOGLE, f"{answer.status} from its token endpoint")
