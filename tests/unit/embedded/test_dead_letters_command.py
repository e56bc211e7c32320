"""`replywire dead-letters` on a real nats-server with everybody's rights, as an operator without a stack has it."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from replywire_contracts.streams import ACCOUNTS, DEAD_LETTERS, SEND_REQUESTS
from typer.testing import CliRunner

from deploy.embedded.nats_server import NatsServer
from services.cli.__main__ import app
from services.cli.errors import AWAY, UNUSABLE
from services.runtime.dead_letters import DeadLetters
from services.runtime.permissions import PRODUCT, PROVISION, SERVICES, render_users
from services.runtime.provision import provision_bus
from services.runtime.publisher import Publisher

REQUESTED = "mail.v1.send.requested.acme"
SECRET = "the words of a letter"
Put = Callable[..., Awaitable[None]]


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("REPLYWIRE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("REPLYWIRE_FOLDER", str(tmp_path / "none"))


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NatsServer]:
    """Named by the environment, as for provisioning."""
    passwords = {name: f"secret-of-{name}" for name in (*SERVICES, PRODUCT, PROVISION)}
    made = NatsServer(tmp_path, authorization=render_users(passwords), passwords=passwords)
    await made.start()
    connection = await connect(made, PROVISION)
    await provision_bus(connection, stream_max_bytes=64 * 2**20)
    await connection.close()
    monkeypatch.setenv("REPLYWIRE_NATS_URL", made.url)
    as_user(monkeypatch, PROVISION)
    yield made
    await made.stop()


@pytest.fixture
async def put(server: NatsServer) -> Put:
    """A service writes a dead letter, under its own rights."""
    written = 0

    async def write(payload: bytes, service: str = "send", subject: str = REQUESTED, reason: str = "malformed") -> None:
        nonlocal written
        written += 1
        connection = await connect(server, service)
        await DeadLetters(Publisher(connection.jetstream()), service).put(
            subject,
            payload,
            headers={"ce-id": f"event-{written}"},
            reason=reason,
            error=ValueError("no such field"),
            deliveries=3,
            stream="SEND_REQUESTS",
            seq=written,
        )
        await connection.close()

    return write


async def connect(server: NatsServer, name: str) -> Client:
    return await nats.connect(server.url_for(name), inbox_prefix=f"_INBOX_{name}")


def as_user(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("REPLYWIRE_NATS_USER", name)
    monkeypatch.setenv("REPLYWIRE_NATS_PASSWORD", f"secret-of-{name}")


async def told(*arguments: str, status: int = 0) -> Any:
    """What a script reads."""
    done = await asyncio.to_thread(CliRunner().invoke, app, ["dead-letters", *arguments, "--json"])
    assert done.exit_code == status, (done.output, done.exception)
    return json.loads(done.stdout.splitlines()[-1])


async def shown(*arguments: str) -> str:
    """What a person reads."""
    done = await asyncio.to_thread(CliRunner().invoke, app, ["dead-letters", *arguments], env={"COLUMNS": "160"})
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


async def test_they_are_listed_by_service_and_page_without_what_is_in_them(put: Put) -> None:
    assert await told("list") == []
    for number in range(3):
        await put(f"{SECRET} {number}".encode())
    await put(b"{}", "inbox_sync", "mail.v1.account.connected.acme", "error, 10 deliveries")
    found = await told("list")
    assert [letter["number"] for letter in found] == [1, 2, 3, 4]
    assert [letter["number"] for letter in await told("list", "--service", "send", "--after", "1")] == [2, 3]
    assert [letter["number"] for letter in await told("list", "--limit", "2")] == [1, 2]
    last = found[-1]
    assert (last["service"], last["subject"]) == ("inbox_sync", "mail.v1.account.connected.acme")
    assert (last["reason"], last["deliveries"], last["size"]) == ("error, 10 deliveries", 3, 2)
    assert last["at"].endswith("Z")
    people = await shown("list", "--limit", "2")
    assert REQUESTED in people
    assert "--after 2" in people
    assert SECRET not in people + json.dumps(found)


async def test_one_is_shown_with_its_payload_and_controls_no_terminal(put: Put, tmp_path: Path) -> None:
    payload = json.dumps({"text": f"{SECRET} \x1b[2J [red]", "long": "x" * 900_000}).encode()
    await put(payload)
    assert json.loads((await told("show", "1"))["payload"])["text"] == f"{SECRET} \x1b[2J [red]"
    people = await shown("show", "1")
    assert f"{SECRET} \\u001b[2J [red]" in people
    assert "ValueError: no such field" in people
    assert len(people) < 20_000, "a terminal was given all of it"
    file = tmp_path / "letter"
    assert (await told("show", "1", "--to", str(file)))["file"] == str(file)
    assert file.read_bytes() == payload
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    refused = await told("show", "1", "--to", str(file), status=UNUSABLE)
    assert "File exists" in refused["error"]


async def test_octets_that_are_no_text_come_as_they_were(put: Put, tmp_path: Path) -> None:
    await put(b"\x00\xff\x1b[2J")
    assert (await told("show", "1"))["payload_base64"] == "AP8bWzJK"
    people = await shown("show", "1")
    assert "\x1b" not in people
    assert "--to" in people


async def test_one_that_goes_again_is_on_its_stream_as_it_was_and_off_the_list(server: NatsServer, put: Put) -> None:
    for number in range(3):
        await put(b'{"n": %d}' % number)
    done = await told("again", "1", "3", "1")
    assert [letter["number"] for letter in done["again"]] == [1, 3]
    assert done["after"] == 3
    assert [letter["number"] for letter in await told("list")] == [2]
    connection = await connect(server, PROVISION)
    js = connection.jetstream()
    back = [await js.get_msg(SEND_REQUESTS.name, number) for number in (1, 2)]
    await connection.close()
    assert [(message.subject, message.data) for message in back] == [(REQUESTED, b'{"n": 0}'), (REQUESTED, b'{"n": 2}')]
    assert [(message.headers or {})["ce-id"] for message in back] == ["event-1", "event-3"]
    assert "unless send has changed since" in await shown("again", "2")


async def test_a_wrong_number_is_named_before_anything_is_done(put: Put) -> None:
    await put(b"{}")
    for command in ("again", "forget"):
        refused = await told(command, "1", "7", status=1)
        assert (refused["error"], refused["code"]) == ("There is no dead letter 7.", "not_found")
        assert "list" in refused["remedy"]
    assert (await told("show", "7", status=1))["code"] == "not_found"
    assert len(await told("list")) == 1


async def test_what_no_service_consumes_is_not_published(put: Put) -> None:
    await put(b"{}", subject="unknown")
    await put(b"{}", "inbox_sync")  # a send request is not for it
    for number in ("1", "2"):
        assert "consumes" in (await told("again", number, status=1))["error"]
    assert len(await told("list")) == 2


async def test_a_forgotten_one_is_gone(put: Put) -> None:
    await put(b"{}")
    await told("forget", "1")
    assert await told("list") == []


async def test_who_may_not_is_told_which_user_may(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    as_user(monkeypatch, PRODUCT)
    refused = await told("list", status=1)
    assert refused["code"] == "forbidden"
    assert PROVISION in refused["remedy"]


async def test_every_event_that_services_consume_can_go_again(put: Put, server: NatsServer) -> None:
    """With the rights of the operator's user, and no others."""
    await put(b"{}", "reply_matching", "mail.v1.inbox.matched.acme")
    await put(b"{}", "inbox_sync", "mail.v1.account.disconnected.acme")
    await put(b"{}", "send", "mail.v1.send.cancel_requested.acme")
    await told("again", "1", "2", "3")
    connection = await connect(server, PROVISION)
    assert (await connection.jetstream().stream_info(ACCOUNTS.name)).state.messages == 1
    await connection.close()


async def test_a_bus_that_is_away_or_bare_is_told_with_what_to_do(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "inbox_sync" in (await told("list", "--service", "sends", status=UNUSABLE))["remedy"]
    connection = await connect(server, PROVISION)
    await connection.jetstream().delete_stream(DEAD_LETTERS.name)
    await connection.close()
    for command in (("list",), ("show", "1")):
        assert "provision" in (await told(*command, status=1))["remedy"]
    await server.stop()
    assert "REPLYWIRE_NATS_URL" in (await told("list", status=AWAY))["remedy"]
    monkeypatch.delenv("REPLYWIRE_NATS_URL")
    assert "replywire up" in (await told("list", status=UNUSABLE))["remedy"]
