"""Signing in with Microsoft through msal, whose token cache is one account's sealed box.

msal checks state, PKCE and (by its own hash) nonce, but says that id_tokens are the application's to validate: done
here. Microsoft has no way to revoke one app's delegated tokens: they end by their own age, or by the person's or an
administrator's hand.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msal

from services.auth.adapters.id_tokens import IdTokens
from services.auth.adapters.msal_http import BlockingHttp, MsalHttp, Work
from services.auth.adapters.provider_http import ProviderHttp
from services.auth.domain.oauth_app import MICROSOFT_AUTHORITY, MICROSOFT_GRAPH, OAuthApp, Provider
from services.auth.domain.oauth_errors import OAuthError, judge, unavailable
from services.auth.domain.oauth_scopes import ASKED, require_all
from services.auth.domain.tokens import Granted, Identity, Tokens, expiry
from services.auth.oauth_ports import Memo

ANY_ORGANISATION = "organizations"
# msal would rather have the answer posted. But a form that another site posts brings no SameSite cookie with it, so
# nobody would know whose answer it is.
warnings.filterwarnings("ignore", message="response_mode='form_post' is recommended", category=UserWarning)
_TENANT = "replywire_tenant"
"""In the memo, beside what is msal's: a code is redeemed where it was asked for."""
_CLAIMS = ("preferred_username", "email", "upn")
T = TypeVar("T")


class MicrosoftSignIn:
    """Conforms to `oauth_ports.SignIn`."""

    def __init__(
        self,
        http: ProviderHttp,
        now: Callable[[], datetime],
        authority: str = MICROSOFT_AUTHORITY,
        graph: str = MICROSOFT_GRAPH,
        tenant: str = "common",
    ) -> None:
        """`tenant`: `common`, `organizations`, or the one tenant that an app is registered for."""
        self._http = http
        self._msal = MsalHttp(http)
        self._now = now
        self._authority = authority.rstrip("/")
        self._tenant = tenant
        self._scopes = [f"{graph.rstrip('/')}/{scope}" for scope in ASKED[Provider.MICROSOFT]]
        self._id_tokens = IdTokens(Provider.MICROSOFT, http)

    def consent_page(self, app: OAuthApp, redirect_uri: str, state: str | None) -> str:
        """Where an administrator agrees for all: never `common`, which such a page does not know."""
        asked = {"client_id": app.client_id, "scope": " ".join(self._scopes), "redirect_uri": redirect_uri}
        if state is not None:
            asked["state"] = state
        return f"{self._authority}/{quote(self._organisation(app))}/v2.0/adminconsent?{urlencode(asked)}"

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
        tenant = self._organisation(app) if organisations_only else self._tenant_of(app)

        def begin(http: BlockingHttp) -> dict[str, Any]:
            flow: dict[str, Any] = self._client(app, http, None, tenant).initiate_auth_code_flow(
                self._scopes,
                redirect_uri=redirect_uri,
                state=state,
                prompt=prompt or "select_account",
                login_hint=login_hint,
                response_mode="query",
            )
            return flow

        flow = await self._run(begin)
        return flow["auth_uri"], flow | {_TENANT: tenant}

    async def exchange(self, app: OAuthApp, memo: Memo, query: Mapping[str, str]) -> Granted:
        cache = msal.SerializableTokenCache()
        now = self._now()

        def redeem(http: BlockingHttp) -> dict[str, Any]:
            client = self._client(app, http, cache, memo.get(_TENANT))
            answer: dict[str, Any] = client.acquire_token_by_auth_code_flow(dict(memo), dict(query))
            return answer

        answer = _granted(await self._run(redeem))
        claims = await self._id_tokens.claims(
            str(answer.get("id_token", "")),
            f"{self._authority}/common/discovery/v2.0/keys",
            app.client_id,
            hashlib.sha256(memo["nonce"].encode("ascii")).hexdigest(),
        )
        tenant_id, user_id = str(claims.get("tid", "")), str(claims.get("oid", ""))
        self._id_tokens.require(claims["iss"] == f"{self._authority}/{tenant_id}/v2.0", "it is another issuer's")
        self._id_tokens.require(bool(tenant_id and user_id), "it names no tenant or no person")
        scopes = tuple(str(answer.get("scope", "")).split())
        require_all(Provider.MICROSOFT, scopes)
        if not cache.search(msal.TokenCache.CredentialType.REFRESH_TOKEN):
            raise unavailable(Provider.MICROSOFT, "it gave no refresh token")
        tokens = self._tokens(app, answer, f"{tenant_id}.{user_id}", scopes, cache, now)
        addresses = tuple(dict.fromkeys(str(claims[name]) for name in _CLAIMS if "@" in str(claims.get(name, ""))))
        # "This claim is configured on a per-application basis": many tokens say nothing of roles.
        roles = tuple(str(role) for role in claims["wids"]) if isinstance(claims.get("wids"), list) else None
        return Granted(tokens, Identity(tokens.subject, addresses, tenant_id, all_told=False, roles=roles))

    async def refresh(self, app: OAuthApp, tokens: Tokens) -> Tokens:
        cache = msal.SerializableTokenCache()
        cache.deserialize(tokens.renewal)
        now = self._now()

        def renew(http: BlockingHttp) -> dict[str, Any] | None:
            client = self._client(app, http, cache)
            for account in client.get_accounts():
                answer: dict[str, Any] | None = client.acquire_token_silent_with_error(
                    self._scopes, account, force_refresh=True
                )
                return answer
            return None

        answer = await self._run(renew)
        if answer is None:
            raise judge(Provider.MICROSOFT, "invalid_grant", "nothing is left in the token cache")
        answer = _granted(answer)
        scopes = tuple(str(answer["scope"]).split()) if answer.get("scope") else tokens.scopes
        return self._tokens(app, answer, tokens.subject, scopes, cache, now)

    async def revoke(self, app: OAuthApp, tokens: Tokens) -> bool:
        return False

    async def close(self) -> None:
        await self._msal.close()

    def _tenant_of(self, app: OAuthApp) -> str:
        return app.tenant or self._tenant

    def _organisation(self, app: OAuthApp) -> str:
        """`common` lets personal accounts in as well."""
        tenant = self._tenant_of(app)
        return ANY_ORGANISATION if tenant == "common" else tenant

    def _client(
        self,
        app: OAuthApp,
        http: BlockingHttp,
        cache: msal.SerializableTokenCache | None,
        tenant: str | None = None,
    ) -> msal.ConfidentialClientApplication:
        return msal.ConfidentialClientApplication(
            app.client_id,
            client_credential=app.client_secret,
            authority=f"{self._authority}/{tenant or self._tenant_of(app)}",
            token_cache=cache,
            http_client=http,
            instance_discovery=False,  # the operator named the authority; nobody else can
        )

    async def _run(self, work: Work[T]) -> T:
        try:
            return await self._msal.run(work)
        except OAuthError:
            raise
        except msal.exceptions.MsalError as error:  # its name for an HTTP status that is no answer
            raise unavailable(Provider.MICROSOFT, type(error).__name__) from None
        except (ValueError, RuntimeError, KeyError, TypeError) as error:
            # msal's ways of saying that an answer makes no sense. Its words may quote the answer, so they stay here.
            raise unavailable(Provider.MICROSOFT, f"its answer made no sense ({type(error).__name__})") from None

    def _tokens(
        self,
        app: OAuthApp,
        answer: Mapping[str, Any],
        subject: str,
        scopes: tuple[str, ...],
        cache: msal.SerializableTokenCache,
        now: datetime,
    ) -> Tokens:
        return Tokens(
            provider=Provider.MICROSOFT,
            client_id=app.client_id,
            subject=subject,
            scopes=scopes,
            access_token=str(answer["access_token"]),
            made_at=now.replace(microsecond=0),
            expires_at=expiry(answer.get("expires_in"), now),
            renewal=_without_access_tokens(cache),
        )


def _granted(answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        raise judge(Provider.MICROSOFT, str(answer["error"]), str(answer.get("error_description", "")))
    if not answer.get("access_token"):
        raise unavailable(Provider.MICROSOFT, "its answer lacks an access token")
    return answer


def _without_access_tokens(cache: msal.SerializableTokenCache) -> str:
    """The access token is kept beside the cache; a second one in it would only be one more secret."""
    for token in list(cache.search(msal.TokenCache.CredentialType.ACCESS_TOKEN)):
        cache.remove_at(token)
    text: str = cache.serialize()
    return text
