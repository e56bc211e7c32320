"""A real mongod on this machine, a replica set of one member (transactions need one), its data kept in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.embedded import binaries
from deploy.embedded.errors import DidNotStart, EmbeddedError, NotOnThisPlatform, PortTaken
from deploy.embedded.free_ports import free_port
from deploy.embedded.processes import Process, listens

_START_LIMIT = 60.0
_TRIES = 5
_REPLICA_SET = "replywire"
_NOT_YET_INITIALISED = 94
_HOST_NOT_IN_CONFIG = 93


class Mongod:
    """Keeps its port over restarts. `uncompressed` leaves documents readable in its files, for tests that search
    them; `fault_commands` switches on `configureFailPoint`."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        uncompressed: bool = False,
        fault_commands: bool = False,
        cache_gb: float = 0.25,
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._uncompressed = uncompressed
        self._fault_commands = fault_commands
        self._cache_gb = cache_gb
        self._fixed_port = port is not None
        self.port = port or 0
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/?replicaSet={_REPLICA_SET}"

    @property
    def process(self) -> Process:
        if self._process is None:
            raise EmbeddedError("mongod was never started")
        return self._process

    async def start(self) -> None:
        """Start it (again) and return once it is primary. Raises `NotOnThisPlatform`, `PortTaken`, `DidNotStart`."""
        for attempt in range(1, _TRIES + 1):
            if not self.port:
                self.port = free_port()
            try:
                await self._start_once()
                return
            except PortTaken:
                if self._fixed_port or attempt == _TRIES:
                    raise
                self.port = 0
        raise AssertionError("unreachable")

    async def _start_once(self) -> None:
        if await listens(self.port):
            raise PortTaken(f"Port {self.port} is taken: choose another one for MongoDB.")
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._process = process = Process("mongod", self._command(), self.folder / "mongod.log")
        process.launch()
        try:
            await process.until(lambda: listens(self.port), _START_LIMIT)
            await self._become_primary(process)
        except DidNotStart as error:
            process.kill()
            text = str(error)
            if "Address already in use" in text:
                raise PortTaken(f"Port {self.port} is taken: choose another one for MongoDB. {error}") from error
            if "error while loading shared libraries" in text or "GLIBC" in text:
                remedy = binaries.remedy("MONGODB_URL", "mongo")
                raise NotOnThisPlatform(f"This mongod needs OpenSSL 3 and a recent libc. {remedy} {error}") from error
            raise
        self._fixed_port = True

    def _command(self) -> list[str]:
        command = [
            str(binaries.mongod()),
            *("--dbpath", str(self.data), "--bind_ip", "127.0.0.1", "--port", str(self.port)),
            *("--replSet", _REPLICA_SET, "--oplogSize", "128", "--nounixsocket"),
            *("--wiredTigerCacheSizeGB", str(self._cache_gb)),
            *("--networkMessageCompressors", "snappy,zstd"),  # zlib here is open to CVE-2025-14847
            *("--setParameter", "diagnosticDataCollectionEnabled=false", "--quiet"),
        ]
        if self._uncompressed:
            command += ["--wiredTigerCollectionBlockCompressor", "none", "--wiredTigerJournalCompressor", "none"]
            command += ["--wiredTigerIndexPrefixCompression", "false"]
        if self._fault_commands:
            command += ["--setParameter", "enableTestCommands=1"]
        return command

    async def _become_primary(self, process: Process) -> None:
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            f"mongodb://127.0.0.1:{self.port}/?directConnection=true", serverSelectionTimeoutMS=10_000
        )
        try:
            await self._configure(client)
            version: dict[str, Any] | None = None

            async def is_primary() -> bool:
                # With its topology version the server answers when something changes, not before.
                nonlocal version
                wait: dict[str, Any] = {"topologyVersion": version, "maxAwaitTimeMS": 1000} if version else {}
                hello = await client.admin.command("hello", **wait)
                version = hello.get("topologyVersion")
                return bool(hello["isWritablePrimary"])

            await process.until(is_primary, _START_LIMIT)
        except PyMongoError as error:
            raise DidNotStart(f"mongod does not become primary: {error}. {process.last_words()}") from error
        finally:
            await client.close()

    async def _configure(self, client: AsyncMongoClient[dict[str, Any]]) -> None:
        """Initiate the set in a new folder; in an old one, follow a changed port."""
        member = {"_id": 0, "host": f"127.0.0.1:{self.port}"}
        try:
            status = await client.admin.command("replSetGetStatus")
        except OperationFailure as error:
            if error.code == _NOT_YET_INITIALISED:
                await client.admin.command("replSetInitiate", {"_id": _REPLICA_SET, "members": [member]})
                return
            if error.code != _HOST_NOT_IN_CONFIG:
                raise
        else:
            if status["members"][0]["name"] == member["host"]:
                return
        config = (await client.admin.command("replSetGetConfig"))["config"]
        config["version"] += 1
        config["members"] = [member]
        await client.admin.command("replSetReconfig", config, force=True)

    async def stop(self) -> None:
        if self._process is not None and self._process.running:
            await self._process.stop(grace=30.0)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def kill(self) -> None:
        self.process.kill()

    def freeze(self) -> None:
        self.process.freeze()

    def thaw(self) -> None:
        self.process.thaw()
