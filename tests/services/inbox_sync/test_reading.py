"""What arrives in a real mailbox: its matches are announced, and nothing else is kept or said."""

from __future__ import annotations

import time

from replywire_contracts.v1.mailbox import MailboxSynced

from tests.servers.dovecot import Dovecot, mail
from tests.services.inbox_sync.conftest import REPLY, a_user, mailbox, reading
from tests.services.inbox_sync.world import World


async def test_an_answer_is_announced_once_with_its_octets(world: World, dovecot: Dovecot) -> None:
    user = a_user()
    async with world.replica(**reading(dovecot)):
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
        answer = mail(1, lines=(REPLY,))
        dovecot.deliver(user, mail(2), answer, mail(3))
        await world.until(world.matched)
        dovecot.deliver(user, mail(4, lines=(REPLY,)))
        await world.until(lambda: len(world.matched()) == 2)
    first, second = world.matched()
    assert first.raw == answer
    assert first.account_id == user
    assert b"<4@example.org>" in (second.raw or b"")
    assert sum(world.matching.judged.values()) == 4


async def test_an_answer_in_junk_is_found_too(world: World, dovecot: Dovecot) -> None:
    user = a_user()
    dovecot.deliver(user, mail(1, lines=(REPLY,)), folder="Junk")
    async with world.replica(**reading(dovecot)):
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
    [found] = world.matched()
    assert found.ref.startswith("Junk/")


async def test_a_first_sync_looks_back_two_days_and_no_further(world: World, dovecot: Dovecot) -> None:
    user = a_user()
    dovecot.deliver(user, mail(1, lines=(REPLY,)), received=time.time() - 86400)
    dovecot.deliver(user, mail(2, lines=(REPLY,)), received=time.time() - 86400 * 5)
    async with world.replica(**reading(dovecot)):
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
    assert [b"<1@example.org>" in (found.raw or b"") for found in world.matched()] == [True]
    [synced] = world.seen(MailboxSynced)
    assert synced.progress.done >= 1
    assert synced.progress.remaining == 0
