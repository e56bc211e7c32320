"""The embedded servers: really durable, really private, gone with their parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import nats
import nats.errors
import psutil
import pytest
from nats.js.api import StreamConfig
from pymongo import AsyncMongoClient

from deploy.embedded.errors import DidNotStart, PortTaken
from deploy.embedded.free_ports import free_port
from deploy.embedded.mongod import Mongod
from deploy.embedded.nats_server import NatsServer
from deploy.embedded.processes import Process
from services.runtime.bus import settled
from tests.servers.choice import RunningServer


async def test_a_killed_nats_server_keeps_what_it_acknowledged_and_its_address(own_nats: RunningServer) -> None:
    url = own_nats.url
    connection = await nats.connect(url)
    await connection.jetstream().add_stream(StreamConfig(name="KEPT", subjects=["kept.>"]))
    await connection.jetstream().publish("kept.one", b"first")
    own_nats.kill()
    await own_nats.start()
    assert own_nats.url == url
    again = await nats.connect(url)
    message = await again.jetstream().get_msg("KEPT", 1)
    assert message.data == b"first"
    await again.close()
    await connection.close()


async def test_a_killed_mongod_keeps_what_it_acknowledged_and_commits_transactions(own_mongod: RunningServer) -> None:
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(own_mongod.url)
    async with client.start_session() as session, await session.start_transaction():
        await client.mail.drafts.insert_one({"_id": 1}, session=session)
    own_mongod.kill()
    await own_mongod.start()
    assert await client.mail.drafts.find_one() == {"_id": 1}
    await client.close()


async def test_a_mongod_folder_can_move_to_another_port(tmp_path: Path) -> None:
    first = Mongod(tmp_path)
    await first.start()
    async with AsyncMongoClient[dict[str, object]](first.url) as client:
        await client.mail.drafts.insert_one({"_id": 1})
    await first.stop()
    second = Mongod(tmp_path, port=free_port())
    await second.start()
    async with AsyncMongoClient[dict[str, object]](second.url) as client:
        assert await client.mail.drafts.find_one() == {"_id": 1}
    await second.stop()


async def test_mongod_refuses_zlib(mongodb_url: str) -> None:
    async with AsyncMongoClient[dict[str, object]](mongodb_url) as client:
        options = await client.admin.command("getCmdLineOpts")
    assert "zlib" not in str(options["parsed"]["net"]["compression"])


async def test_a_user_of_the_bus_may_do_what_is_listed_and_no_more(tmp_path: Path) -> None:
    authorization = """authorization { users = [
      { user: "writer", password: "pw", permissions: { publish: { allow: ["mail.>"] } } }
      { user: "reader", password: "p-w",
        permissions: { publish: { allow: ["nothing"] }, subscribe: { allow: ["mail.>"] } } }
    ] }"""
    server = NatsServer(tmp_path, authorization=authorization, passwords={"writer": "pw", "reader": "p-w"})
    await server.start()
    refused: list[str] = []
    said = asyncio.Event()

    async def note(error: Exception) -> None:
        refused.append(str(error).lower())
        said.set()

    reader = await nats.connect(server.url_for("reader"), error_cb=note)
    writer = await nats.connect(server.url_for("writer"))
    subscription = await reader.subscribe("mail.x")
    await settled(reader)
    await writer.publish("mail.x", b"hello")
    assert (await subscription.next_msg(timeout=30)).data == b"hello"
    await reader.publish("other.x", b"forged")
    async with asyncio.timeout(30):
        await said.wait()
    assert "permissions violation" in refused[0]
    with pytest.raises(nats.errors.Error):
        await nats.connect(server.url, allow_reconnect=False, connect_timeout=2)
    assert (tmp_path / "nats.conf").stat().st_mode & 0o077 == 0
    await writer.close()
    await reader.close()
    await server.stop()


def test_a_password_that_a_nats_url_cannot_carry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'writer'"):
        NatsServer(tmp_path, passwords={"writer": "p@w"})


async def test_a_taken_port_is_named(tmp_path: Path, own_nats: RunningServer) -> None:
    port = int(own_nats.url.rsplit(":", 1)[1])
    with pytest.raises(PortTaken, match=str(port)):
        await NatsServer(tmp_path, port=port).start()


async def test_a_process_that_ends_instead_of_answering_says_its_last_words(tmp_path: Path) -> None:
    process = Process("broken", [sys.executable, "-c", "print('out of cheese'); raise SystemExit(3)"], tmp_path / "log")
    process.launch()

    async def never() -> bool:
        return False

    with pytest.raises(DidNotStart, match=r"(?s)status 3.*out of cheese"):
        await process.until(never, timeout=30)


async def test_a_process_deaf_to_sigterm_is_killed(tmp_path: Path) -> None:
    code = "import signal as s; s.signal(s.SIGTERM, s.SIG_IGN); print('I hear nothing', flush=True); s.pause()"
    process = Process("deaf", [sys.executable, "-c", code], tmp_path / "log")
    process.launch()

    async def deaf() -> bool:
        return "I hear nothing" in process.last_words()

    await process.until(deaf, timeout=30)
    assert await process.stop(grace=0.2) == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a child's life to its parent's")
def test_no_server_outlives_a_killed_launcher(tmp_path: Path) -> None:
    code = (
        "import asyncio, signal, sys\nfrom pathlib import Path\nfrom deploy.embedded.nats_server import NatsServer\n"
        "server = NatsServer(Path(sys.argv[1]))\nasyncio.run(server.start())\n"
        "print(server.process.pid, flush=True)\nsignal.pause()\n"
    )
    launcher = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert launcher.stdout is not None
    server = psutil.Process(int(launcher.stdout.readline()))
    os.kill(launcher.pid, signal.SIGKILL)
    launcher.wait()
    launcher.stdout.close()
    _, alive = psutil.wait_procs([server], timeout=10)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
