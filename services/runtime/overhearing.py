"""Events heard as they pass, by every replica and without a place in their stream: what is missed is missed.

For what only wakes somebody who looks for themselves; everything else takes a consumer. Who may hear what is in
`permissions.WATCHERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from nats.aio.client import Client as Connection
from nats.aio.msg import Msg
from replywire_contracts.event import Event

__all__ = ("Connection", "overhear")


async def overhear(connection: Connection, events: Iterable[type[Event]], heard: Callable[[bytes], None]) -> None:
    """From now on, over reconnections too, `heard` is given each event's octets, of all teams."""

    async def hear(message: Msg) -> None:
        heard(message.data)

    for event in events:
        await connection.subscribe(f"{event.kind()}.*", cb=hear)
