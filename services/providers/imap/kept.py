"""One IMAP connection per account, kept for a short while after its use, for one task at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from services.providers.endpoint import Endpoint
from services.providers.errors import Transient
from services.providers.imap import errors
from services.providers.imap.connection import ImapConnection, open_connection
from services.providers.imap.errors import Refused
from services.providers.imap.tokens import Unreadable
from services.providers.protocols import ConnectPolicy
from services.providers.types import Credentials


@dataclass(slots=True)
class _Place:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    connection: ImapConnection | None = None
    expiry: asyncio.TimerHandle | None = None
    waiting: int = 0


class KeptConnections:
    """Keeps each for `seconds` after its last use; an expired one is cut, for a goodbye would need someone to wait."""

    def __init__(self, policy: ConnectPolicy, endpoint_of: Callable[[Credentials], Endpoint], seconds: float) -> None:
        self._policy = policy
        self._endpoint_of = endpoint_of
        self._seconds = seconds
        self._places: dict[str, _Place] = {}

    @asynccontextmanager
    async def use(self, credentials: Credentials) -> AsyncIterator[ImapConnection]:
        """Raises `Transient` also for what the server refused and the user of the connection did not handle."""
        place = self._places.setdefault(credentials.account_id, _Place())
        place.waiting += 1
        try:
            async with place.lock:
                if place.expiry is not None:
                    place.expiry.cancel()
                connection = await self._alive(place, credentials)
                try:
                    yield connection
                except Refused as refusal:
                    raise errors.refused_command(refusal) from refusal
                except Unreadable as unreadable:
                    raise errors.misbehaved(str(unreadable)) from unreadable
        finally:
            place.waiting -= 1
            self._retire(credentials.account_id, place)

    async def forget(self, account_id: str) -> None:
        """Whoever uses it now loses it: its credentials hold no more."""
        place = self._places.pop(account_id, None)
        if place is not None:
            _cut(place)

    async def close(self) -> None:
        for account_id in tuple(self._places):
            await self.forget(account_id)

    async def _alive(self, place: _Place, credentials: Credentials) -> ImapConnection:
        if place.connection is not None and not place.connection.closed:
            try:
                # Shows what other programs did to the folder since, and that the server still listens.
                await place.connection.run("NOOP", seconds=5.0)
                return place.connection
            except (Transient, Refused):
                _cut(place)
        endpoint = self._endpoint_of(credentials)
        place.connection = await open_connection(endpoint, credentials.secret, self._policy)
        return place.connection

    def _retire(self, account_id: str, place: _Place) -> None:
        if place.waiting:
            return
        if self._places.get(account_id) is not place:  # forgotten meanwhile
            _cut(place)
        elif place.connection is None or place.connection.closed:
            del self._places[account_id]
        else:
            place.expiry = asyncio.get_running_loop().call_later(self._seconds, self._expire, account_id, place)

    def _expire(self, account_id: str, place: _Place) -> None:
        if not place.waiting and self._places.get(account_id) is place:
            del self._places[account_id]
            _cut(place)


def _cut(place: _Place) -> None:
    if place.expiry is not None:
        place.expiry.cancel()
    if place.connection is not None:
        place.connection.protocol.drop(errors.connection_lost())
        place.connection = None
