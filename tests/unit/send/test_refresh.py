"""Credentials that the provider refuses: a token is refreshed once, and what stays refused is auth's to hear."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from services.providers.errors import ProviderError, ReauthRequired
from services.providers.protocols import ConnectPolicy
from services.providers.types import Credentials
from services.runtime.rpc import RpcRefused, RpcUnavailable
from services.send.domain.backoff import Backoff
from services.send.domain.outcome import Pause, verdict
from services.send.domain.state import State
from services.send.routes import Route, Routes
from services.send.senders import Senders
from services.send.settings import Settings
from tests.unit.send.messages import NOW, message

REFUSED = ReauthRequired("refused_token", code="535 5.7.8", words="invalid token", remedy="Reconnect it.")


@dataclass
class Auth:
    """auth as send asks it."""

    revision: int = 1
    away: bool = False
    refuses: str = ""
    refreshes: int = 0
    rejections: list[int] = field(default_factory=list)

    async def lease(self, account_id: str, *, refresh_rejected: int | None = None) -> tuple[Credentials, int]:
        if self.away:
            raise RpcUnavailable("nobody answers")
        if self.refuses:
            raise RpcRefused(self.refuses, "in auth's words")
        if refresh_rejected == self.revision:
            self.refreshes += 1
            self.revision += 1
        return Credentials(account_id, "acme", "memory", "ada@example.com", {}, {}), self.revision

    def forget(self, account_id: str) -> None:
        return

    async def rejected(self, account_id: str, revision: int, error: ProviderError) -> None:
        if self.away:
            raise RpcUnavailable("nobody answers")
        self.rejections.append(revision)


async def a_route(routes: Routes, *, oauth: bool = True) -> Route:
    route = await routes.of("acc-1")
    assert isinstance(route, Route)
    return replace(route, capabilities=replace(route.capabilities, oauth=oauth))


def routes_with(auth: Auth) -> Routes:
    return Routes(auth, Senders(ConnectPolicy()), Settings())


async def test_a_stale_token_is_refreshed_once_and_then_no_more() -> None:
    auth = Auth()
    routes = routes_with(auth)
    assert await routes.refreshed(await a_route(routes))
    assert not await routes.refreshed(await a_route(routes)), (
        "a provider that refuses every token is not asked for ever"
    )
    assert auth.refreshes == 1


async def test_many_messages_refused_at_once_cost_one_refresh() -> None:
    auth = Auth()
    routes = routes_with(auth)
    stale = await a_route(routes)
    assert await routes.refreshed(stale)
    assert await routes.refreshed(stale), "the fresh token is there for every message that met the stale one"
    assert auth.refreshes == 1


async def test_a_password_is_not_refreshed_but_reported() -> None:
    auth = Auth()
    routes = routes_with(auth)
    route = await a_route(routes, oauth=False)
    assert not await routes.refreshed(route)
    judged = verdict(REFUSED, message(state=State.SUBMITTING, attempts=1), NOW, Backoff(), NOW - NOW)
    pause = await routes.after(route, judged)
    assert pause is not None
    assert (pause.failure.reason, pause.failure.code) == ("needs_reauth", "535 5.7.8")
    assert auth.rejections == [1]


async def test_the_mailbox_rests_even_where_auth_cannot_hear_of_it() -> None:
    auth = Auth()
    routes = routes_with(auth)
    route = await a_route(routes, oauth=False)
    auth.away = True
    judged = verdict(REFUSED, message(state=State.SUBMITTING, attempts=1), NOW, Backoff(), NOW - NOW)
    assert await routes.after(route, judged) is not None


async def test_without_credentials_there_is_a_reason_to_wait() -> None:
    auth = Auth(away=True)
    waiting = await routes_with(auth).of("acc-1")
    assert isinstance(waiting, Pause)
    assert waiting.failure.reason == "waiting_for_auth"
    refused = await routes_with(Auth(refuses="needs_reauth")).of("acc-1")
    assert isinstance(refused, Pause)
    assert (refused.failure.reason, refused.failure.words) == ("needs_reauth", "in auth's words")
