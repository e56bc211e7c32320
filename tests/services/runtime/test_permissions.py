"""Least privilege on a real nats-server: each user can use its own subjects, and is refused every other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import nats
import nats.errors
import pytest
from nats.aio.client import Client as NatsClient
from nats.aio.msg import Msg
from replywire_contracts.catalogue import EVENTS, REQUESTS
from replywire_contracts.nats import Replywire
from replywire_contracts.streams import CONSUMERS
from replywire_contracts.v1.rpc import Ack, KeyHolder, LeaseCredentials, ReportRejected, VerifyKey
from replywire_contracts.v1.send import SendAccepted, SendRequested
from replywire_contracts.v1.values import Attachment

from deploy.embedded.nats_server import NatsServer
from services.runtime import provision
from services.runtime.app import App
from services.runtime.bus import settled
from services.runtime.consume import consume
from services.runtime.permissions import ASKERS, PRODUCT, PROVISION, SERVICES, USERS, render_users
from services.runtime.rpc import serve
from services.runtime.settings import RuntimeSettings
from tests.services.runtime.conftest import STREAM_BYTES, running
from tests.services.runtime.events import send_accepted, send_requested

Settings = Callable[..., RuntimeSettings]
REQUESTED = next(consumer for consumer in CONSUMERS if consumer.durable == "send-requested")
ACME = "product_of_acme"


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[NatsServer]:
    passwords = {name: f"secret-of-{name}" for name in (*USERS, ACME)}
    server = NatsServer(tmp_path, authorization=render_users(passwords, {ACME: "acme"}), passwords=passwords)
    await server.start()
    await provision.provision_bus(connection := await connect(server, PROVISION), stream_max_bytes=STREAM_BYTES)
    await connection.close()
    yield server
    await server.stop()


async def connect(server: NatsServer, name: str, inbox: str | None = None) -> NatsClient:
    refused: list[str] = []

    async def remember(error: Exception) -> None:
        refused.append(str(error))

    connection = await nats.connect(
        server.url_for(name), inbox_prefix=inbox or f"_INBOX_{name}", error_cb=remember, max_reconnect_attempts=2
    )
    connection.refused = refused  # type: ignore[attr-defined]
    return connection


@contextlib.asynccontextmanager
async def user(server: NatsServer, name: str, inbox: str | None = None) -> AsyncIterator[NatsClient]:
    connection = await connect(server, name, inbox)
    try:
        yield connection
    finally:
        await connection.close()


async def refused(connection: NatsClient, verb: str, subjects: list[str]) -> set[str]:
    """Which of the subjects this user may not `publish` to or have a `subscription` to, as the server says."""
    said: list[str] = connection.refused  # type: ignore[attr-defined]
    last = f"nobody.may.{len(said)}"
    for subject in [*subjects, last]:
        await (connection.publish(subject, b"{}") if verb == "publish" else connection.subscribe(subject))
    async with asyncio.timeout(30):
        while not any(last in words for words in said):  # the server answers in order
            await asyncio.sleep(0.01)
    return {subject for subject in subjects if any(f'{verb} to "{subject.lower()}"' in words for words in said)}


def matches(subject: str, pattern: str) -> bool:
    """`*` stands for one token; no consumer of ours has `>`."""
    told, wanted = subject.split("."), pattern.split(".")
    return len(told) == len(wanted) and all(one in (other, "*") for other, one in zip(told, wanted, strict=True))


def account(server: NatsServer, name: str) -> dict[str, str]:
    return {"nats_url": server.url, "nats_user": name, "nats_password": f"secret-of-{name}"}


async def test_a_service_pulls_publishes_asks_and_answers_with_its_own_rights(
    guarded: NatsServer, settings: Settings
) -> None:
    send, auth = App(settings("send", **account(guarded, "send"))), App(settings("auth", **account(guarded, "auth")))
    handled = asyncio.Queue[str]()

    @consume(send, REQUESTED, SendRequested)
    async def on_send_requested(event: SendRequested) -> None:
        await send.rpc.call(ReportRejected(account_id="acc_1", revision=1, reason="refused_login"))
        ref = await send.bodies.put(b"x" * 300_000)
        assert len(await send.bodies.get(ref)) == 300_000
        await send.publisher.publish(send_accepted(event.request_id))
        handled.put_nowait(event.request_id)

    @serve(auth, ReportRejected)
    async def report(request: ReportRejected) -> Ack:
        return Ack()

    @serve(auth, VerifyKey)
    async def verify(request: VerifyKey) -> KeyHolder:
        return KeyHolder(key_id="k", team_id="acme", scopes=())

    async with running(send), running(auth), asyncio.timeout(30):
        async with user(guarded, "product", "_INBOX") as product:
            client = Replywire(product)
            async with client.subscribe(SendAccepted, team="acme", durable="crm", from_start=True) as accepted:
                event = send_requested(attachments=(Attachment(filename="a", content=b"x" * 700_000),))
                await client.publish(event)
                assert await handled.get() == event.request_id
                async for answer in accepted:
                    assert answer.request_id == event.request_id
                    break
        assert (await auth.rpc.call(VerifyKey(key_hash="0" * 64))).team_id == "acme"


@pytest.mark.parametrize("name", [*SERVICES, PRODUCT])
async def test_a_user_publishes_only_the_events_it_owns(guarded: NatsServer, name: str) -> None:
    subjects = {f"{event.kind()}.acme": event.OWNER for event in EVENTS}
    async with user(guarded, name) as connection:
        expected = {subject for subject, owner in subjects.items() if owner != name}
        assert await refused(connection, "publish", list(subjects)) == expected


async def test_the_operator_puts_back_what_services_consume_and_says_nothing_in_their_name(guarded: NatsServer) -> None:
    subjects = [f"{event.kind()}.acme" for event in EVENTS]
    consumed = {
        subject
        for subject in subjects
        if any(matches(subject, pattern) for consumer in CONSUMERS for pattern in consumer.subjects)
    }
    assert f"{SendRequested.kind()}.acme" in consumed
    others = [request.SUBJECT for request in REQUESTS] + [f"dead.v1.{service}.x" for service in SERVICES]
    async with user(guarded, PROVISION) as connection:
        assert await refused(connection, "publish", [*subjects, *others]) == {*subjects, *others} - consumed


@pytest.mark.parametrize("name", [*SERVICES, PRODUCT])
async def test_a_user_asks_and_answers_only_what_it_should(guarded: NatsServer, name: str) -> None:
    subjects = [request.SUBJECT for request in REQUESTS]
    asks = {request.SUBJECT for request in REQUESTS if name in ASKERS[request]}
    answers = {subject for subject in subjects if subject.split(".")[2] == name}
    async with user(guarded, name) as connection:
        assert await refused(connection, "publish", subjects) == set(subjects) - asks
        assert await refused(connection, "subscription", subjects) == set(subjects) - answers


@pytest.mark.parametrize("name", [*SERVICES, PRODUCT])
async def test_nobody_reads_the_bus_another_inbox_or_the_servers_own_subjects(guarded: NatsServer, name: str) -> None:
    others = [f"_INBOX_{other}.>" for other in USERS if other != name]
    forbidden = [">", "mail.>", "mail.v1.send.sent.acme", "rpc.>", "dead.>", "$JS.>", "$SYS.>", "$O.>", *others]
    async with user(guarded, name) as connection:
        assert await refused(connection, "subscription", forbidden) == set(forbidden)


async def test_an_answer_with_a_secret_cannot_be_overheard(guarded: NatsServer) -> None:
    async with user(guarded, "inbox_sync") as eavesdropper, user(guarded, "send") as asker:
        overheard = await eavesdropper.subscribe("_INBOX_send.>")
        await settled(eavesdropper)
        async with user(guarded, "auth") as auth:

            async def answer(message: Msg) -> None:
                await message.respond(b"sealed")

            await auth.subscribe(LeaseCredentials.SUBJECT, cb=answer)
            await settled(auth)
            assert (await asker.request(LeaseCredentials.SUBJECT, b"{}", timeout=10)).data == b"sealed"
        with pytest.raises(nats.errors.TimeoutError):
            await overheard.next_msg(timeout=0.3)


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_declares_nothing_and_touches_no_other_consumer(guarded: NatsServer, name: str) -> None:
    foreign = [c for c in CONSUMERS if c.service != name]
    subjects = [
        "$JS.API.STREAM.CREATE.MINE",
        "$JS.API.STREAM.DELETE.SENDS",
        "$JS.API.STREAM.PURGE.SENDS",
        *(f"$JS.API.CONSUMER.MSG.NEXT.{c.stream.name}.{c.durable}" for c in foreign),
        *(f"$JS.API.CONSUMER.CREATE.{c.stream.name}.mine" for c in CONSUMERS),
        *(f"$JS.API.CONSUMER.DELETE.{c.stream.name}.{c.durable}" for c in CONSUMERS),
        *(f"$JS.ACK.{c.stream.name}.{c.durable}.1.1.1.1.0" for c in foreign),
        f"dead.v1.{next(s for s in SERVICES if s != name)}.mail.v1.send.requested.acme",
    ]
    async with user(guarded, name) as connection:
        assert await refused(connection, "publish", subjects) == set(subjects)


async def test_a_product_of_one_team_neither_asks_for_nor_reads_another(guarded: NatsServer) -> None:
    async with user(guarded, ACME, "_INBOX_product") as connection:
        js = connection.jetstream(timeout=1)
        await js.publish("mail.v1.send.requested.acme", b"{}")
        for subject in ("mail.v1.send.requested.other", "mail.v1.send.cancel_requested.other"):
            with pytest.raises(nats.errors.TimeoutError):
                await connection.request(subject, b"{}", timeout=0.3)
        await js.pull_subscribe("mail.v1.send.sent.acme", durable="crm", stream="SENDS")
        for subject in ("mail.v1.send.sent.other", "mail.v1.send.sent.*", "mail.v1.send.>"):
            with pytest.raises((nats.errors.Error, TimeoutError)):
                await js.pull_subscribe(subject, durable=f"spy{len(subject)}", stream="SENDS")


def test_every_request_of_the_catalogue_has_its_askers() -> None:
    assert set(ASKERS) == set(REQUESTS)
    assert all(asker in SERVICES for askers in ASKERS.values() for asker in askers)


def test_every_event_has_an_owner_that_is_a_user() -> None:
    assert {event.OWNER for event in EVENTS} <= set(USERS)


async def test_with_a_wrong_password_a_service_waits_unready_and_says_why(
    guarded: NatsServer, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    app = App(settings("send", nats_url=guarded.url, nats_user="send", nats_password="wrong"))
    run = asyncio.create_task(app.run())
    async with asyncio.timeout(20):
        while "Authorization Violation" not in capsys.readouterr().err:
            await asyncio.sleep(0.05)
        assert await app.health.problems() == {"service": "starting"}
        app.stop()
        await run


async def test_a_service_refused_for_a_while_comes_back_when_its_user_does(
    guarded: NatsServer, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    def server_with(password: str) -> NatsServer:
        passwords = {**guarded.passwords, "send": password}
        block = render_users(passwords, {ACME: "acme"})
        return NatsServer(guarded.folder, port=guarded.port, authorization=block, passwords=passwords)

    app, handled = App(settings("send", **account(guarded, "send"))), asyncio.Event()

    @consume(app, REQUESTED, SendRequested)
    async def on_send_requested(event: SendRequested) -> None:
        handled.set()

    async with running(app), asyncio.timeout(60):
        await guarded.stop()
        refusing = server_with("another")
        await refusing.start()
        while "Authorization Violation" not in capsys.readouterr().err:
            await asyncio.sleep(0.05)
        assert await app.health.problems()
        await refusing.stop()
        await (again := server_with(guarded.passwords["send"])).start()
        while await app.health.problems():
            await asyncio.sleep(0.1)
        async with user(again, PRODUCT, "_INBOX") as product:
            await Replywire(product).publish(send_requested())
        await handled.wait()
    await again.stop()
