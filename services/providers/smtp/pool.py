"""Keeps each account's logged-in connections for its next message, within its number, and lets none grow old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from services.providers.endpoint import SMTP_PASSWORD, Endpoint, secret_of
from services.providers.smtp.connection import Connection
from services.providers.smtp.timeouts import Timeouts
from services.providers.types import Credentials

Dial = Callable[[Endpoint, str], Awaitable[Connection]]
EndpointOf = Callable[[Credentials], Endpoint]


@dataclass(slots=True)
class _Lane:
    """One account's connections."""

    turns: asyncio.Semaphore
    login: bytes = b""
    """What they were opened with; others are opened when it changes."""
    endpoint: Endpoint | None = None
    idle: list[Connection] = field(default_factory=list)
    users: int = 0
    sweep: asyncio.TimerHandle | None = None


class Pool:
    """`connections` is how many may be open for one account at once, `most_idle` how many are kept in all."""

    def __init__(
        self, dial: Dial, endpoint_of: EndpointOf, timeouts: Timeouts, connections: int, most_idle: int
    ) -> None:
        self._dial = dial
        self._endpoint_of = endpoint_of
        self._most_idle = most_idle
        self._idle: dict[Connection, _Lane] = {}
        """All lanes' unused connections, the longest unused first."""
        self._timeouts = timeouts
        self._connections = connections
        self._lanes: dict[str, _Lane] = {}

    @asynccontextmanager
    async def connection(self, credentials: Credentials, *, fresh: bool = False) -> AsyncIterator[Connection]:
        """One connection for one message, waiting for a turn. With `fresh`, a newly opened one. It is kept afterwards
        where it is at rest, whatever came of the message; else it is cut off."""
        account_id = credentials.account_id
        lane = self._lanes.get(account_id)
        if lane is None:
            lane = self._lanes[account_id] = _Lane(asyncio.Semaphore(self._connections))
        lane.users += 1
        try:
            async with lane.turns:
                login = _fingerprint(credentials)
                endpoint = self._endpoint(lane, credentials, login)
                connection = None if fresh else await self._kept(lane)
                if connection is None:
                    connection = await self._dial(endpoint, secret_of(endpoint, credentials.secret, SMTP_PASSWORD))
                try:
                    yield connection
                finally:
                    self._put_back(account_id, lane, connection, login)
        finally:
            lane.users -= 1
            self._drop_empty(account_id, lane)

    def forget(self, account_id: str) -> None:
        """Close what is unused; what is in use is closed after its message."""
        lane = self._lanes.pop(account_id, None)
        if lane is not None:
            self._end_all(lane)
            lane.login = b"forgotten"

    def close(self) -> None:
        for account_id in list(self._lanes):
            self.forget(account_id)

    def _endpoint(self, lane: _Lane, credentials: Credentials, login: bytes) -> Endpoint:
        if lane.endpoint is None or login != lane.login:
            self._end_all(lane)
            lane.endpoint, lane.login = self._endpoint_of(credentials), login
        return lane.endpoint

    async def _kept(self, lane: _Lane) -> Connection | None:
        now = asyncio.get_running_loop().time()
        while lane.idle:
            connection = lane.idle.pop()
            del self._idle[connection]
            try:
                alive = await connection.alive(now, self._timeouts)
            except BaseException:
                connection.abort()
                raise
            if alive:
                connection.reused = True
                return connection
            connection.end()
        return None

    def _put_back(self, account_id: str, lane: _Lane, connection: Connection, login: bytes) -> None:
        if not connection.at_rest:
            connection.abort()
        elif lane.login != login or self._lanes.get(account_id) is not lane:
            connection.end()
        else:
            loop = asyncio.get_running_loop()
            connection.idle_since = loop.time()
            lane.idle.append(connection)
            self._idle[connection] = lane
            if len(self._idle) > self._most_idle:
                self._end(next(iter(self._idle)))
            if lane.sweep is None:
                lane.sweep = loop.call_later(self._timeouts.keep_idle, self._sweep, account_id, lane)

    def _sweep(self, account_id: str, lane: _Lane) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for each in list(lane.idle):
            if not each.at_rest or now - each.idle_since >= self._timeouts.keep_idle:
                self._end(each)
        lane.sweep = None
        if lane.idle:
            oldest = min(each.idle_since for each in lane.idle)
            lane.sweep = loop.call_at(oldest + self._timeouts.keep_idle, self._sweep, account_id, lane)
        self._drop_empty(account_id, lane)

    def _drop_empty(self, account_id: str, lane: _Lane) -> None:
        if not lane.users and not lane.idle and self._lanes.get(account_id) is lane:
            del self._lanes[account_id]

    def _end_all(self, lane: _Lane) -> None:
        if lane.sweep is not None:
            lane.sweep.cancel()
            lane.sweep = None
        for connection in list(lane.idle):
            self._end(connection)

    def _end(self, connection: Connection) -> None:
        """One that nobody uses."""
        self._idle.pop(connection).idle.remove(connection)
        connection.end()


def _fingerprint(credentials: Credentials) -> bytes:
    """The secret itself is not kept while a connection is."""
    return sha256(repr((credentials.settings, credentials.secret)).encode("utf-8", "surrogatepass")).digest()
