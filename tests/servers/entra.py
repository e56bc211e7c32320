"""Microsoft Entra and a corner of Graph for tests: a real HTTPS server with state, which msal accepts, ill on demand.

Departs from Microsoft where a test wants more: a refresh token that is used twice ends its whole grant.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import re
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx
import trustme
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from deploy.embedded.free_ports import free_port
from tests.servers.entra_directory import PERSONAL_TENANT, App, Directory, Grant, Person, Refused, Tenant

CLIENT_ID = "8a6f0c52-0000-4000-8000-000000000001"
CLIENT_SECRET = "entra-double-secret"
_SESSION = "entra_session"


@dataclass
class Knobs:
    token_delay: float = 0
    token_status: int = 0
    token_body: str = "<html>gateway</html>"
    silent_after: bool = False
    """Do all of it, rotation included, then say nothing until the asker gives up."""
    refuse_refresh: tuple[str, int, str] | None = None
    """`error`, AADSTS number, words."""
    rotate: bool = True
    detect_reuse: bool = True
    access_token_seconds: int = 3600
    drop_scope: str = ""
    """A scope that is asked for, and not granted."""
    graph_status: int = 0
    silent_error: str = ""
    """What `prompt=none` is answered with, whoever is signed in."""


@dataclass
class Counts:
    token_requests: int = 0
    refreshes: int = 0


@dataclass
class Entra:
    """`async with Entra() as entra`. `url` is auth's `microsoft_authority` and Graph's address; trust `ca_file`."""

    redirect_uris: tuple[str, ...] = (
        "http://127.0.0.1:8100/oauth/microsoft/callback",
        "http://127.0.0.1:8100/oauth/microsoft/admin-consent/callback",
    )
    directory: Directory = field(default_factory=Directory)
    knobs: Knobs = field(default_factory=Knobs)
    counts: Counts = field(default_factory=Counts)
    client_id: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET

    def __post_init__(self) -> None:
        self.port = free_port()
        self.url = f"https://localhost:{self.port}"
        self.directory.issuer = self.url
        self.directory.apps[self.client_id] = App(self.client_id, self.client_secret, list(self.redirect_uris))
        self._folder = tempfile.TemporaryDirectory(prefix="entra-")
        self.ca_file = str(Path(self._folder.name) / "ca.pem")
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Entra:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        certificate = Path(self._folder.name) / "server.pem"
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
        config = uvicorn.Config(
            self._app(), host="localhost", port=self.port, ssl_certfile=certificate, log_level="error",
            timeout_graceful_shutdown=1, lifespan="off",
        )  # fmt: skip
        server = _Server(config)
        running = asyncio.create_task(server.serve())
        async with asyncio.timeout(20):
            while not server.started:
                assert not running.done(), "Entra's double did not start"
                await asyncio.sleep(0.01)

        @self._stack.push_async_callback
        async def stop() -> None:
            server.should_exit = True
            await running
            self._folder.cleanup()

        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def heal(self) -> None:
        """As on the first day: healthy, empty, nobody known."""
        self.knobs, self.counts = Knobs(), Counts()
        self.directory.forget(but=self.client_id)
        self.directory.apps[self.client_id].tells_roles = False

    # -- a person at the pages -----------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def browser(self) -> AsyncIterator[httpx.AsyncClient]:
        """Keeps the person signed in."""
        async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=self.ca_file)) as browser:
            yield browser

    async def visit(
        self, address: str, upn: str, *, accept: bool = True, browser: httpx.AsyncClient | None = None
    ) -> dict[str, str]:
        """Walk from a sign-in or consent page back to the app; what comes back in the callback's query."""
        async with contextlib.AsyncExitStack() as stack:
            if browser is None:
                browser = await stack.enter_async_context(self.browser())
            answer = await browser.get(address)
            for _ in range(8):
                if answer.is_redirect:
                    target = urljoin(str(answer.url), answer.headers["location"])
                    if urlsplit(target).port != self.port:
                        return dict(parse_qsl(urlsplit(target).query))
                    answer = await browser.get(target)
                    continue
                found = re.search(r'<form method="post" action="([^"]+)"', answer.text)
                if found is None:
                    break
                form = {"upn": upn} if 'name="upn"' in answer.text else {"answer": "accept" if accept else "cancel"}
                answer = await browser.post(urljoin(str(answer.url), html.unescape(found[1])), data=form)
        raise AssertionError(f"Microsoft's pages led nowhere: {answer.status_code} {answer.text[:500]}")

    # -- the server ----------------------------------------------------------------------------------------------------

    def _app(self) -> Starlette:
        def guarded(handle: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
            async def answer(request: Request) -> Response:
                try:
                    return await handle(request)
                except Refused as refused:
                    return JSONResponse(refused.body, refused.status)

            return answer

        return Starlette(
            routes=[
                Route("/{tenant}/v2.0/.well-known/openid-configuration", guarded(self._configuration)),
                Route("/common/discovery/v2.0/keys", guarded(self._keys)),
                Route("/{tenant}/oauth2/v2.0/authorize", guarded(self._authorize), methods=["GET", "POST"]),
                Route("/{tenant}/v2.0/adminconsent", guarded(self._admin_consent), methods=["GET", "POST"]),
                Route("/{tenant}/oauth2/v2.0/token", guarded(self._token), methods=["POST"]),
                Route("/v1.0/me", guarded(self._me)),
                Route("/v1.0/me/mailFolders/inbox", guarded(self._inbox)),
            ]
        )

    async def _configuration(self, request: Request) -> Response:
        tenant = request.path_params["tenant"]
        named = "{tenantid}" if tenant in ("common", "organizations") else tenant
        return JSONResponse(
            {
                "issuer": f"{self.url}/{named}/v2.0",
                "authorization_endpoint": f"{self.url}/{tenant}/oauth2/v2.0/authorize",
                "token_endpoint": f"{self.url}/{tenant}/oauth2/v2.0/token",
                "jwks_uri": f"{self.url}/common/discovery/v2.0/keys",
            }
        )

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.directory.key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        app = self._known(asked)
        signed_in = request.cookies.get(_SESSION) if asked.get("prompt") != "select_account" else None
        form = dict(await request.form()) if request.method == "POST" else {}
        upn = str(form.get("upn", "")) or str(asked.get("as", "")) or signed_in or ""
        if asked.get("prompt") == "none" and (self.knobs.silent_error or not upn):
            error = self.knobs.silent_error or "login_required"
            return self._back(asked, error=error, error_description="AADSTS50058: A silent sign-in failed.")
        if not upn:
            return _page(
                "Sign in", str(request.url), f'<input name="upn" value="{html.escape(asked.get("login_hint", ""))}">'
            )
        tenant, person = self.directory.find(upn)
        if request.path_params["tenant"] == "organizations" and tenant.tenant_id == PERSONAL_TENANT:
            raise Refused("invalid_request", 500200, f"User account '{upn}' is a personal Microsoft account.")
        scopes = asked.get("scope", "").split()
        if not self.directory.consented(app.client_id, tenant, person, scopes):
            if asked.get("prompt") == "none":
                words = "AADSTS65001: The user or administrator has not consented to use the application."
                return self._back(asked, error="consent_required", error_description=words)
            if not tenant.people_may_consent and not person.admin:
                words = "AADSTS90094: Admin consent is required for the permissions requested by this application."
                return self._back(asked, error="access_denied", error_description=words)
            if not form.get("answer"):
                action = f"{request.url.path}?{urlencode({**asked, 'as': upn})}"
                return _page(f"{upn}: permissions requested", action, "", buttons=("accept", "cancel"))
            if form["answer"] != "accept":
                words = "AADSTS65004: User declined to consent to access the app."
                return self._back(asked, error="access_denied", error_description=words)
            person.consented.setdefault(app.client_id, set()).update(scopes)
        granted = [scope for scope in scopes if not self.knobs.drop_scope or self.knobs.drop_scope not in scope]
        answer = self._back(asked, code=self.directory.code(Grant(app.client_id, tenant, person, granted), asked))
        answer.set_cookie(_SESSION, upn, secure=True)
        return answer

    async def _admin_consent(self, request: Request) -> Response:
        asked = dict(request.query_params)
        app = self._known(asked)
        form = dict(await request.form()) if request.method == "POST" else {}
        upn = str(form.get("upn", "")) or str(asked.get("as", ""))
        if request.path_params["tenant"] == "common":
            raise Refused("invalid_request", 900144, "The tenant 'common' is not for admin consent.")
        if not upn:
            return _page("Sign in as an administrator", str(request.url), '<input name="upn">')
        tenant, person = self.directory.find(upn)
        told = {"admin_consent": "True", "tenant": tenant.tenant_id}
        if not form.get("answer"):
            action = f"{request.url.path}?{urlencode({**asked, 'as': upn})}"
            return _page(f"{upn}: consent on behalf of your organisation", action, "", buttons=("accept", "cancel"))
        if not person.admin:
            return self._back(asked, error="access_denied", error_description="AADSTS90093: not an admin.", **told)
        if form["answer"] != "accept":
            words = "AADSTS65004: User declined to consent to access the app."
            return self._back(asked, error="access_denied", error_description=words, **told)
        tenant.consented.setdefault(app.client_id, set()).update(asked.get("scope", "").split())
        answer = self._back(asked, **told, scope=asked.get("scope", ""))
        answer.set_cookie(_SESSION, upn, secure=True)
        return answer

    async def _token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        self.counts.token_requests += 1
        self.counts.refreshes += form.get("grant_type") == "refresh_token"
        knobs = self.knobs
        await asyncio.sleep(knobs.token_delay)
        if knobs.token_status:
            return HTMLResponse(knobs.token_body, knobs.token_status)
        app = self.directory.app_of(form.get("client_id", ""), form.get("client_secret", ""))
        match form.get("grant_type"):
            case "authorization_code":
                grant, asked = self.directory.redeem(app, form)
                said = self.directory.tokens(grant, asked.get("nonce"), knobs.access_token_seconds)
            case "refresh_token":
                if knobs.refuse_refresh is not None:
                    raise Refused(*knobs.refuse_refresh)
                grant = self.directory.use(
                    app, form["refresh_token"], rotate=knobs.rotate, detect_reuse=knobs.detect_reuse
                )
                said = self.directory.tokens(grant, None, knobs.access_token_seconds)
            case "client_credentials":
                # As Microsoft does: for any tenant in which somebody has used the app, whoever asks.
                said = {"token_type": "Bearer", "expires_in": 3600, "access_token": "app-only"}
            case _:
                raise Refused("unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        if knobs.silent_after:
            return _Silence()
        return JSONResponse(said, headers={"Cache-Control": "no-store"})

    async def _me(self, request: Request) -> Response:
        person = self._bearer(request)
        return JSONResponse(
            {
                "id": person.object_id,
                "mail": person.mail,
                "userPrincipalName": person.upn,
                "proxyAddresses": [f"SMTP:{person.mail}", *(f"smtp:{alias}" for alias in person.aliases)],
            }
        )

    async def _inbox(self, request: Request) -> Response:
        person = self._bearer(request)
        if not person.has_mailbox:
            words = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
            return JSONResponse({"error": {"code": "MailboxNotEnabledForRESTAPI", "message": words}}, 404)
        return JSONResponse({"id": f"inbox-{person.object_id}"})

    def _bearer(self, request: Request) -> Person:
        grant = self.directory.bearer(request.headers.get("authorization", ""))
        if self.knobs.graph_status:
            raise _GraphIll(self.knobs.graph_status)
        if grant is None:
            raise _GraphIll(401)
        return grant.person

    def _known(self, asked: Mapping[str, str]) -> App:
        app = self.directory.app_of(asked.get("client_id", ""))
        if asked.get("redirect_uri") not in app.redirect_uris:
            raise Refused("invalid_request", 50011, "The redirect URI does not match those configured.")
        return app

    def _back(self, asked: Mapping[str, str], **said: str) -> Response:
        state = {"state": asked["state"]} if "state" in asked else {}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({**said, **state})}", 302)


class _GraphIll(Refused):
    def __init__(self, status: int) -> None:
        super().__init__("graph", 0, "", status)
        self.body = {"error": {"code": "InvalidAuthenticationToken", "message": "Graph says no."}}  # type: ignore[dict-item]


class _Silence(Response):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            continue


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The signals are pytest's."""
        yield


def _page(title: str, action: str, fields: str, buttons: tuple[str, ...] = ("next",)) -> Response:
    pressed = "".join(f'<button name="answer" value="{one}">{one.title()}</button>' for one in buttons)
    if buttons == ("next",):
        pressed = "<button>Next</button>"
    return HTMLResponse(
        f'<!doctype html><html lang="en"><title>{html.escape(title)}</title><h1>{html.escape(title)}</h1>'
        f'<form method="post" action="{html.escape(action)}">{fields}{pressed}</form></html>'
    )


__all__ = ("CLIENT_ID", "CLIENT_SECRET", "Counts", "Entra", "Knobs", "Person", "Tenant")
