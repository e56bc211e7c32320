"""Tells reply_matching which names are ours, many messages per request; without a timer, as fast as it answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from replywire_contracts.event import Request
from replywire_contracts.v1.rpc import AddedIdentities, AddIdentities, Register, TrackedMessage
from replywire_contracts.v1.values import Identities

from services.runtime.rpc import RpcBroken, RpcClient, RpcRefused
from services.send.domain.message import Message

_MOST_IN_ONE = 200
"""Metadata may be 16 KiB each and the bus carries 1 MiB: `_MOST_OCTETS` decides for such."""
_MOST_OCTETS = 700_000
_AT_ONCE = 2
_OVER_ONE = (RpcBroken, RpcRefused)
T = TypeVar("T", TrackedMessage, AddedIdentities)


@dataclass(slots=True, eq=False)
class _Item(Generic[T]):
    message: T
    octets: int
    done: asyncio.Future[None]


class _Batches(Generic[T]):
    """What gathers while a request is under way is the next request."""

    def __init__(self, rpc: RpcClient, request_of: Callable[[Sequence[T]], Request]) -> None:
        self._rpc = rpc
        self._request_of: Callable[[Sequence[T]], Request] = request_of
        self._pending: list[_Item[T]] = []
        self._senders: set[asyncio.Task[None]] = set()

    async def put(self, message: T, octets: int) -> None:
        """Returns once reply_matching holds it. Raises `RpcUnavailable`, and `RpcRefused` or `RpcBroken`
        over this message alone."""
        item = _Item(message, octets, asyncio.get_running_loop().create_future())
        self._pending.append(item)
        if len(self._senders) < _AT_ONCE:
            task = asyncio.create_task(self._send(), name="registrar")
            self._senders.add(task)
            task.add_done_callback(self._senders.discard)
        await item.done

    async def _send(self) -> None:
        await asyncio.sleep(0)  # whatever else becomes ready in this turn of the loop travels along
        while self._pending:
            batch = self._take()
            try:
                await self._tell(batch)
            except _OVER_ONE as error:
                if len(batch) == 1:
                    _end(batch, error)
                    continue
                # One of them it is: told apart, it alone is left behind.
                for item in batch:
                    try:
                        await self._tell([item])
                    except Exception as its_own:  # noqa: BLE001 - it waits for this answer
                        _end([item], its_own)
            except Exception as error:  # noqa: BLE001 - each of them waits for this answer
                _end(batch, error)

    async def _tell(self, batch: Sequence[_Item[T]]) -> None:
        await self._rpc.call(self._request_of([item.message for item in batch]))
        _end(batch, None)

    def _take(self) -> list[_Item[T]]:
        taken, octets = 0, 0
        for item in self._pending[:_MOST_IN_ONE]:
            octets += item.octets
            if taken and octets > _MOST_OCTETS:
                break
            taken += 1
        batch, self._pending = self._pending[:taken], self._pending[taken:]
        return batch


def _end(batch: Iterable[_Item[Any]], error: Exception | None) -> None:
    for item in batch:
        if item.done.done():
            continue
        if error is None:
            item.done.set_result(None)
        else:
            item.done.set_exception(error)


class Registrar:
    def __init__(self, rpc: RpcClient) -> None:
        self._new: _Batches[TrackedMessage] = _Batches(rpc, lambda found: Register(messages=tuple(found)))
        self._more: _Batches[AddedIdentities] = _Batches(rpc, lambda found: AddIdentities(messages=tuple(found)))

    async def register(self, message: Message) -> None:
        """Before hand-over: an answer that comes at once must find its message. Raises `RpcUnavailable`, `RpcRefused`,
        `RpcBroken`."""
        tracked = TrackedMessage(
            team_id=message.team,
            account_id=message.account,
            request_id=message.request_id,
            identities=Identities(message_ids=(message.message_id,), marker=message.marker),
            own_address=message.sender,
            recipients=message.recipients[:500],
            subject=message.subject,
            sent_at=datetime.now(UTC),
            correlation_id=message.correlation_id,
            metadata=json.loads(message.metadata),
        )
        octets = 1000 + len(message.metadata) + 64 * len(message.recipients) + 4 * len(message.subject)
        await self._new.put(tracked, octets)

    async def add(self, team: str, request_id: str, identities: dict[str, Any]) -> None:
        """After hand-over: the names the provider gave. Raises `RpcUnavailable`, `RpcRefused`, `RpcBroken`."""
        added = AddedIdentities(team_id=team, request_id=request_id, identities=Identities(**identities))
        await self._more.put(added, 4000)
