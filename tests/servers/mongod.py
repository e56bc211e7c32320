"""mongod for tests: embedded or in a container, always a replica set of one member."""

from __future__ import annotations

from pathlib import Path

from pymongo import AsyncMongoClient, MongoClient
from pymongo.errors import PyMongoError

from deploy.embedded.mongod import Mongod
from deploy.embedded.processes import Process, listens
from tests.servers.choice import CONTAINERS, RunningServer, chosen

_IMAGE = "mongo:7.0"


def make(folder: Path, *, uncompressed: bool = False, fault_commands: bool = False) -> RunningServer:
    """One that is not started yet. `uncompressed`: documents stay readable in its files (embedded alone)."""
    if chosen() == CONTAINERS:
        return ContainerMongo(fault_commands=fault_commands)
    return Mongod(folder, uncompressed=uncompressed, fault_commands=fault_commands)


class ContainerMongo:
    def __init__(self, *, fault_commands: bool, port: int | None = None) -> None:
        from tests.servers.container import ContainerServer

        faults = " --setParameter enableTestCommands=1" if fault_commands else ""
        command = f"mongod --replSet rs0 --bind_ip_all --networkMessageCompressors snappy,zstd{faults}"
        self._server = ContainerServer(_IMAGE, command, 27017, port=port)

    @property
    def url(self) -> str:
        # Direct: the member's own name, localhost:27017, is only good inside the container.
        return f"mongodb://127.0.0.1:{self._server.port}/?directConnection=true"

    @property
    def process(self) -> Process:
        return self._server.process

    async def start(self) -> None:
        await self._server.begin(lambda: listens(self._server.port))
        await self._server.begin(self._is_primary)

    async def _is_primary(self) -> bool:
        client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(self.url, serverSelectionTimeoutMS=2000)
        try:
            hello = await client.admin.command("hello")
            if "setName" not in hello:
                await client.admin.command(
                    "replSetInitiate", {"_id": "rs0", "members": [{"_id": 0, "host": "localhost:27017"}]}
                )
            return bool(hello["isWritablePrimary"])
        except PyMongoError:
            return False
        finally:
            await client.close()

    async def stop(self) -> None:
        await self._server.stop()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def kill(self) -> None:
        self._server.kill()

    def freeze(self) -> None:
        self._server.freeze()

    def thaw(self) -> None:
        self._server.thaw()

    def remove(self) -> None:
        self._server.remove()


def drop(url: str, *databases: str) -> None:
    client: MongoClient[dict[str, object]] = MongoClient(url)
    try:
        for name in databases:
            client.drop_database(name)
    finally:
        client.close()
