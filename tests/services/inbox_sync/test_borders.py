"""Sizes, privacy, isolation, auth's word and the HTTP face."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx
import pytest
from bson import encode
from replywire_contracts.streams import STREAMS
from replywire_contracts.v1.mailbox import MailboxSynced

from services.runtime.bodies import Bodies
from tests.servers.dovecot import Dovecot, mail
from tests.services.inbox_sync.conftest import REPLY, a_user, mailbox, reading
from tests.services.inbox_sync.world import World


async def test_a_large_answer_travels_by_reference_and_a_huge_one_is_cut(world: World, dovecot: Dovecot) -> None:
    user = a_user()
    large = mail(1, lines=(REPLY,), body="x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * 6000)
    huge = mail(2, lines=(REPLY,), body=("z" * 70 + "\r\n") * 12000)
    async with world.replica(**reading(dovecot), fetch_limit=600_000):
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
        dovecot.deliver(user, large)
        await world.until(world.matched)
        dovecot.deliver(user, huge)
        await world.until(lambda: len(world.matched()) == 2)
    first, second = world.matched()
    bodies = Bodies(world.nc.jetstream())
    assert first.raw is None
    assert not first.truncated
    assert await bodies.get(first.object_ref or "") == large
    assert second.truncated
    assert await bodies.get(second.object_ref or "") == huge[:600_000]


async def test_unrelated_mail_leaves_no_trace(
    world: World, dovecot: Dovecot, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    user = a_user()
    planted = "PlantedWord"
    caplog.set_level(logging.DEBUG)
    unrelated = [
        mail(n, lines=(f"In-Reply-To: <{planted}@example.org>", f"X-Failed-Recipients: {planted}@example.org"))
        .replace(b"Subject: ", f"Subject: {planted} ".encode())
        .replace(b"Sender", planted.encode())
        for n in range(100)
    ]
    async with world.replica(**reading(dovecot), log_level="DEBUG"):
        dovecot.deliver(user, *unrelated)
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
        dovecot.deliver(user, *unrelated, mail(1000, lines=(REPLY,)))
        await world.until(world.matched)
    assert sum(world.matching.judged.values()) == 201
    for name in await world.db.list_collection_names():
        async for row in world.db[name].find({}):
            assert planted.encode() not in encode(row), name
    jetstream = world.nc.jetstream()
    for stream in STREAMS:
        for sequence in range(1, (await jetstream.stream_info(stream.name)).state.last_seq + 1):
            message = await jetstream.get_msg(stream.name, sequence)
            assert planted.encode() not in (message.data or b""), stream.name
    assert planted not in caplog.text
    printed = capfd.readouterr()
    assert planted not in printed.out + printed.err


async def test_a_host_that_never_answers_delays_no_other_mailbox(world: World, dovecot: Dovecot) -> None:
    silent = await asyncio.start_server(lambda _reader, _writer: asyncio.sleep(3600), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    given: dict[str, Any] = reading(dovecot)
    given["extra_ports"] = (*given["extra_ports"], port)
    stuck = [a_user() for _ in range(20)]
    user = a_user()
    async with world.replica(**given, connections_at_once=4):
        for one in stuck:
            settings, secret = mailbox(dovecot, one)
            endpoint = {"host": "127.0.0.1", "port": port, "username": one}
            await world.connect(one, {**settings, "imap": endpoint}, secret)
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
        dovecot.deliver(user, mail(1, lines=(REPLY,)))
        await world.until(world.matched)
    silent.close()


async def test_a_mailbox_that_only_auths_list_knows_is_read(world: World, dovecot: Dovecot) -> None:
    user = a_user()
    await world.connect(user, *mailbox(dovecot, user), announce=False)
    async with world.replica(**reading(dovecot)):
        await world.until_watching(user)


async def test_what_auth_says_is_followed(world: World, dovecot: Dovecot) -> None:
    user = a_user()
    async with world.replica(**reading(dovecot)) as replica:
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
        await world.needs_reauth(user, revision=2)
        await _until(lambda: user not in replica.holder.held)
        assert await world.db["cursors"].count_documents({"account_id": user}) == 2
        dovecot.deliver(user, mail(1, lines=(REPLY,)))
        await world.connect(user, *mailbox(dovecot, user), revision=3)
        await world.until(world.matched)
        await world.disconnect(user, revision=4)
        await _until(lambda: user not in replica.holder.held)
        assert await world.db["cursors"].count_documents({"account_id": user}) == 0
        # An event that was overtaken changes nothing.
        await world.needs_reauth(user, revision=3)
        row = await world.db["mailboxes"].find_one({"_id": user})
        assert row is not None
        assert (row["connection"], row["revision"]) == ("disconnected", 4)
        # Connected anew it is a new mailbox, with a first sync of its own.
        await world.connect(user, *mailbox(dovecot, user), revision=5)
        await world.until(lambda: len([e for e in world.seen(MailboxSynced) if e.complete]) == 2)


async def test_the_http_face_tells_how_the_reading_goes_and_reads_again_when_asked(
    world: World, dovecot: Dovecot
) -> None:
    user = a_user()
    async with world.replica(**reading(dovecot)) as replica:
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
        dovecot.deliver(user, mail(1, lines=(REPLY,)))
        await world.until(world.matched)
        base = f"http://127.0.0.1:{replica.app.server.port}"
        async with httpx.AsyncClient(base_url=base, headers={"Authorization": "Bearer rw_key"}) as api:
            listed = (await api.get("/v1/mailboxes")).json()
            one = (await api.get(f"/v1/mailboxes/{user}")).json()
            assert listed["items"] == [one]
            assert one["state"] == "watching"
            assert one["holder"] == replica.settings.instance_id
            assert one["trouble"] is None
            assert one["progress"]["complete"]
            assert (await api.get("/v1/mailboxes/another")).status_code == 404
            assert (await api.post("/v1/mailboxes/another/resync")).status_code == 404
            late = await api.post(f"/v1/mailboxes/{user}/resync", json={"since": "2001-01-01T00:00:00Z"})
            assert late.status_code == 422
            assert (await api.post(f"/v1/mailboxes/{user}/resync")).status_code == 202
            await world.until(lambda: len([e for e in world.seen(MailboxSynced) if e.complete]) == 2)
        async with httpx.AsyncClient(base_url=base) as stranger:
            assert (await stranger.get("/v1/mailboxes")).status_code == 401
    assert world.matching.judged["<1@example.org>"] == 2
    assert len(world.matched()) == 1


async def _until(true: Any) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.02)
