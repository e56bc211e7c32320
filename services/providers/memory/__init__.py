"""The in-memory client: mailboxes of one process that send, sync and misbehave on demand. For tests, never offered."""

from __future__ import annotations

from services.providers.capabilities import Capabilities
from services.providers.memory.connect import MemoryConnect
from services.providers.memory.send import MemorySend
from services.providers.memory.sync import MemorySync
from services.providers.memory.world import World
from services.providers.protocols import Client

CAPABILITIES = Capabilities(client="memory", title="Memory")


def client(world: World) -> Client:
    """A client whose mailboxes are those of `world`."""
    return Client(
        capabilities=CAPABILITIES,
        connect=lambda policy: MemoryConnect(world),
        send=lambda policy: MemorySend(world, CAPABILITIES.connections_per_account),
        sync=lambda policy: MemorySync(world),
    )


WORLD = World()
"""The one that the registry's client lives in."""
CLIENT = client(WORLD)
