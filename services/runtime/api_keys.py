"""Who asks: an API key in `Authorization: Bearer rw_...`, whose team and scopes auth tells. Known for 30 seconds, and
forgotten at once where auth hints that the key has changed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import Request, Security
from fastapi.security import HTTPBearer
from replywire_contracts.v1.rpc import KeyHolder, VerifyKey

from services.runtime.problems import HttpProblem
from services.runtime.rpc import RpcRefused
from services.runtime.signals import Signals

if TYPE_CHECKING:
    from nats.aio.client import Client as NatsClient
    from starlette.types import Scope

    from services.runtime.app import App

SCHEME = "apiKey"
HINTS = ("auth", "key")
"""Where auth's replicas tell all services that a key has changed: `permissions.KEY_HINTS`."""
_KEY_SECONDS = 30.0
_MOST_KEYS = 10_000
_DESCRIPTION = (
    "An API key of the team: `Authorization: Bearer rw_<key id>_<secret>`. It says which team asks and what it may do; "
    "the scopes an operation needs stand beside it. Where a key is not known or was revoked the answer is 401; where "
    "it lacks the scope, 403. A change of a key is heeded everywhere at once, and within 30 seconds at the latest."
)
_bearer = HTTPBearer(
    scheme_name=SCHEME, bearerFormat="rw_<key id>_<secret>", description=_DESCRIPTION, auto_error=False
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as their API key says. `team_id` belongs in every query."""

    team_id: str
    scopes: frozenset[str]
    key_id: str


def api_key(scope: str | None = None) -> Callable[..., Awaitable[Caller]]:
    """A dependency: `caller: Annotated[Caller, Depends(api_key("send"))]`. 401 without a known key, 403 without the
    scope. It also puts key and scope into the OpenAPI document, which is what `gate` reads them from."""

    async def check(
        request: Request,
        _shown: Any = Security(_bearer, scopes=[] if scope is None else [scope]),  # noqa: B008 - FastAPI's way
    ) -> Caller:
        found: Caller | None = request.scope.get("replywire_caller")
        caller = found or await Keys.of(request.app.state).caller(request.scope)
        require(caller, [scope] if scope else [])
        return caller

    return check


def require(caller: Caller, scopes: list[str]) -> None:
    for scope in scopes:
        if scope not in caller.scopes:
            raise HttpProblem(403, "forbidden", f"This key has not the scope {scope!r}.")


def bearer_of(scope: Scope) -> str:
    """The key as it was sent. Raises `HttpProblem` 401 where there is none."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    kind, _, key = given[0].decode("latin-1").partition(" ") if len(given) == 1 else ("", "", "")
    if kind.lower() != "bearer" or not key.startswith("rw_"):
        raise _unauthorized("Send an API key of your team as `Authorization: Bearer rw_...`.")
    return key


class Keys:
    def __init__(self, app: App) -> None:
        self._app = app
        self._known: dict[str, tuple[float, Caller]] = {}
        self._changes = 0
        self._signals: Signals | None = None

    @staticmethod
    def of(state: Any) -> Keys:
        """The one of the application whose `state` this is."""
        if not hasattr(state, "replywire_keys"):
            state.replywire_keys = Keys(state.replywire)
        keys: Keys = state.replywire_keys
        return keys

    async def hear(self, nc: NatsClient) -> None:
        """From now on a key that auth hints at is asked about anew."""
        self._signals = Signals(nc, *HINTS)
        await self._signals.hear(self._forget)

    def changed(self, key_id: str) -> None:
        """Tells every service, this one included. Returns at once."""
        if self._signals is not None:
            self._signals.give(key_id)

    def _forget(self, key_id: str) -> None:
        self._changes += 1
        for key_hash in [key_hash for key_hash, (_, caller) in self._known.items() if caller.key_id == key_id]:
            del self._known[key_hash]

    async def caller(self, scope: Scope) -> Caller:
        """Raises `HttpProblem` 401, or `RpcUnavailable`."""
        key_hash = hashlib.sha256(bearer_of(scope).encode("latin-1")).hexdigest()
        until, caller = self._known.get(key_hash, (0.0, None))
        if caller is not None and until > time.monotonic():
            return caller
        if not hasattr(self._app, "rpc"):
            raise HttpProblem(503, "unavailable", "This service is starting.", headers={"Retry-After": "2"})
        changes = self._changes
        try:
            holder: KeyHolder = await self._app.rpc.call(VerifyKey(key_hash=key_hash))
        except RpcRefused as refused:
            self._known.pop(key_hash, None)
            raise _unauthorized("This API key is not known, or was revoked.") from refused
        if len(self._known) >= _MOST_KEYS:
            self._known.clear()
        caller = Caller(holder.team_id, frozenset(holder.scopes), holder.key_id)
        if changes == self._changes:  # else this answer may be older than the hint
            self._known[key_hash] = (time.monotonic() + _KEY_SECONDS, caller)
        return caller


def _unauthorized(detail: str) -> HttpProblem:
    return HttpProblem(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})
