"""The running stack's bus holds each user to its own subjects: tried with the very passwords that the services use."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

import nats
import nats.errors
import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg
from replywire_contracts.catalogue import EVENTS
from replywire_contracts.v1.reply import ReplyDetected
from replywire_contracts.v1.rpc import Judge, LeaseCredentials, Register, VerifyKey
from replywire_contracts.v1.send import SendSent

from services.runtime.bus import settled
from services.runtime.permissions import PRODUCT, SERVICES
from tests.flows.world import World, a_world
from tests.servers.stack import TEAM

pytestmark = [pytest.mark.xdist_group("rights"), pytest.mark.asyncio(loop_scope="module")]

USERS = (*SERVICES, PRODUCT)
_KEPT_BY_NO_STREAM = {"Nats-Expected-Stream": "nobody's"}
"""Rights are asked before the stream is: what may be published is refused there, and reaches no reader."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with a_world(tmp_path_factory.mktemp("rights")) as made:
        yield made


class Stranger:
    """Somebody who has stolen a user's password, and hears what the server refuses."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.client = Client()

    async def hear(self, error: Exception) -> None:
        self.refused.append(str(error).lower())

    async def may_publish(self, subjects: Iterable[str]) -> set[str]:
        return await self._tried("publish", subjects)

    async def may_read(self, subjects: Iterable[str]) -> set[str]:
        return await self._tried("subscription", subjects)

    async def _tried(self, verb: str, subjects: Iterable[str]) -> set[str]:
        """The server answers in order: what is not refused before the last is allowed."""
        tried, last = list(subjects), f"nobody.may.{len(self.refused)}"
        for subject in (*tried, last):
            if verb == "publish":
                await self.client.publish(subject, b"{}", headers=_KEPT_BY_NO_STREAM)
            else:
                await self.client.subscribe(subject)
        async with asyncio.timeout(20):
            while not any(f'to "{last}"' in words for words in self.refused):
                await asyncio.sleep(0.01)
        return {subject for subject in tried if not any(f'{verb} to "{subject.lower()}"' in w for w in self.refused)}


@contextlib.asynccontextmanager
async def stranger(world: World, user: str) -> AsyncIterator[Stranger]:
    made = Stranger()
    made.client = await nats.connect(
        world.running.stack.nats_url_for(user), inbox_prefix=f"_INBOX_{user}".encode(), error_cb=made.hear
    )
    try:
        yield made
    finally:
        await made.client.close()


@pytest.mark.parametrize("user", USERS)
async def test_a_user_publishes_its_own_events_and_nobody_elses(world: World, user: str) -> None:
    subjects = {f"{event.kind()}.{TEAM}": event.OWNER for event in EVENTS}
    async with stranger(world, user) as one:
        assert await one.may_publish(subjects) == {subject for subject, owner in subjects.items() if owner == user}


@pytest.mark.parametrize("user", USERS)
async def test_a_user_reads_no_events_no_questions_and_no_inbox_of_others(world: World, user: str) -> None:
    inboxes = [f"_INBOX_{other}.>" for other in USERS if other != user]
    async with stranger(world, user) as one:
        assert await one.may_read([">", "mail.>", "dead.>", "$JS.>", "$SYS.>", "$O.>", "rpc.>", *inboxes]) == set()
        assert await one.may_read([f"_INBOX_{user}.mine"]) == {f"_INBOX_{user}.mine"}


async def test_a_lease_of_credentials_is_asked_by_two_services_and_heard_by_none_but_the_asker(world: World) -> None:
    account = await world.connect()
    async with stranger(world, "reply_matching") as one, stranger(world, PRODUCT) as two:
        for curious in (one, two):
            assert await curious.may_publish([LeaseCredentials.SUBJECT]) == set()
            assert await curious.may_read([LeaseCredentials.SUBJECT, "_INBOX_send.>", "_INBOX_inbox_sync.>"]) == set()
    overheard: list[Msg] = []
    async with stranger(world, "inbox_sync") as eavesdropper:

        async def hear(message: Msg) -> None:
            overheard.append(message)

        await eavesdropper.client.subscribe("_INBOX_send.>", cb=hear)
        await settled(eavesdropper.client)
        await world.send(account, "leased")  # for which `send` leases this mailbox's password
        await world.heard.wait(SendSent, request_id="leased")
        await settled(eavesdropper.client)
    assert overheard == []


async def test_a_product_asks_no_service_and_reads_only_what_it_is_told(world: World) -> None:
    async with stranger(world, PRODUCT) as one:
        asked = [kind.SUBJECT for kind in (LeaseCredentials, Register, Judge, VerifyKey)]
        assert await one.may_publish(asked) == set()
        js = one.client.jetstream(timeout=2)
        for stream in ("INBOX", "SEND_REQUESTS", "DEAD_LETTERS", "ACCOUNTS"):
            touched = [f"$JS.API.STREAM.{verb}.{stream}" for verb in ("DELETE", "PURGE", "UPDATE", "MSG.GET")]
            assert await one.may_publish(touched) == set()
        with pytest.raises((nats.errors.Error, TimeoutError)):
            await js.pull_subscribe("mail.v1.inbox.matched.*", durable="thief", stream="INBOX")
        await js.pull_subscribe(f"{ReplyDetected.kind()}.{TEAM}", durable="crm", stream="REPLIES")


async def test_nobody_comes_in_without_a_password_or_with_another_users(world: World) -> None:
    passwords = world.running.stack.secrets.nats
    for user, password in ((None, None), ("send", passwords["auth"]), ("admin", "admin"), (PRODUCT, "")):
        with pytest.raises(nats.errors.Error):
            await nats.connect(
                world.running.stack.nats_url,
                user=user,
                password=password,
                allow_reconnect=False,
                max_reconnect_attempts=0,
            )


async def test_the_services_themselves_were_refused_nothing(world: World) -> None:
    """Least privilege that is too little shows in their logs, not in their answers."""
    account = await world.connect()
    await world.send(account, "whole-path")
    [sent] = await world.heard.wait(SendSent, request_id="whole-path")
    world.answer(sent)
    await world.heard.wait(ReplyDetected, request_id="whole-path")
    for name in world.running.stack.services:
        assert "permissions violation" not in world.running.log(name).lower(), name
