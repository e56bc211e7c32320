"""What must hold when something this service stands on is away, wrong, or comes back."""

from __future__ import annotations

import asyncio
import time

from replywire_contracts.v1.inbox import InboxMatched
from replywire_contracts.v1.mailbox import MailboxGapRepaired, MailboxStalled, MailboxSynced

from tests.servers.dovecot import PASSWORD, Dovecot, mail
from tests.services.inbox_sync.conftest import REPLY, a_user, mailbox, reading
from tests.services.inbox_sync.world import World


async def test_without_a_judge_the_cursor_stays_and_nothing_is_lost(world: World, dovecot: Dovecot) -> None:
    user = a_user()
    async with world.replica(**reading(dovecot)):
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
        before = await world.db["cursors"].find_one({"_id": f"{user}/INBOX"})
        await world.judge_down()
        dovecot.deliver(user, mail(1, lines=(REPLY,)), mail(2))
        await world.until(lambda: world.seen(MailboxStalled))
        assert await world.db["cursors"].find_one({"_id": f"{user}/INBOX"}) == before
        [stalled] = world.seen(MailboxStalled)
        assert stalled.failure.reason == "matching_unavailable"
        await world.judge_up()
        await world.until(world.matched)


async def test_an_outage_is_announced_once_and_so_is_its_end(world: World, own_dovecot: Dovecot) -> None:
    user = a_user()
    async with world.replica(**reading(own_dovecot)):
        await world.connect(user, *mailbox(own_dovecot, user))
        await world.until_watching(user)
        await own_dovecot.stop()
        own_dovecot.deliver(user, mail(1, lines=(REPLY,)))
        await world.until(lambda: world.seen(MailboxStalled))
        await own_dovecot.start()
        await world.until(lambda: len(world.seen(MailboxSynced)) == 2)
        await world.until(world.matched)
    [stalled] = world.seen(MailboxStalled)
    assert stalled.failure.reason == "host_unavailable"
    recovered = world.seen(MailboxSynced)[1]
    assert recovered.complete
    assert recovered.progress.since == stalled.since


async def test_renumbered_folders_are_read_again_and_repeat_no_reply(world: World, own_dovecot: Dovecot) -> None:
    user = a_user()
    async with world.replica(**reading(own_dovecot)):
        await world.connect(user, *mailbox(own_dovecot, user))
        await world.until_watching(user)
        own_dovecot.deliver(user, mail(1, lines=(REPLY,)))
        await world.until(world.matched)
    for index in own_dovecot.maildir(user).glob("dovecot*"):
        index.unlink()
    await own_dovecot.stop()
    own_dovecot.deliver(user, mail(2, lines=(REPLY,)))
    time.sleep(1.1)  # a UIDVALIDITY is the second it was made in
    await own_dovecot.start()
    async with world.replica(**reading(own_dovecot)):
        await world.until(lambda: world.seen(MailboxGapRepaired))
    [repaired] = world.seen(MailboxGapRepaired)
    assert repaired.folder == "INBOX"
    assert (repaired.rescanned, repaired.found) == (2, 1)
    assert len(world.matched()) == 2
    assert len(world.seen(InboxMatched)) == 2


async def test_a_find_is_published_until_it_is_confirmed_and_then_purged(world: World, dovecot: Dovecot) -> None:
    user = a_user()
    world.matching.holds_at_once = False
    async with world.replica(**reading(dovecot)):
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
        dovecot.deliver(user, mail(1, lines=(REPLY,)))
        await world.until(world.matched)
        row = await world.db["finds"].find_one({})
        assert row is not None
        assert b"1@example.org" not in bytes(row["sealed"])
        # The first asking again is due five seconds later; it is due now for this test.
        await world.db["finds"].update_one({}, {"$set": {"due": row["found_at"]}})
        await world.until(lambda: len(world.seen(InboxMatched)) == 2)
        first, again = world.seen(InboxMatched)
        assert first == again
        world.matching.held.add((user, first.ref))
        await world.db["finds"].update_one({}, {"$set": {"due": row["found_at"]}})
        async with asyncio.timeout(30):
            while (row := await world.db["finds"].find_one({})) and "sealed" in row:
                pass
    assert row is not None
    assert "due" not in row


async def test_refused_credentials_are_reported_once_and_tried_no_more(world: World, dovecot: Dovecot) -> None:
    user = a_user()
    settings, secret = mailbox(dovecot, user)
    async with world.replica(**reading(dovecot)) as replica:
        await world.connect(user, settings, {**secret, "imap_password": "wrong"})
        async with asyncio.timeout(20):
            while not world.auth.rejected or user in replica.holder.held:
                await asyncio.sleep(0.02)
        [report] = world.auth.rejected
        assert (report.account_id, report.revision) == (user, 1)
        leases = world.auth.leases[user]
        dovecot.deliver(user, mail(1, lines=(REPLY,)))
        await world.connect(user, settings, {**secret, "imap_password": PASSWORD}, revision=2)
        await world.until(world.matched)
        assert world.auth.leases[user] == leases + 1
    assert len(world.auth.rejected) == 1


async def test_a_message_that_brings_the_judge_down_is_set_aside_and_its_neighbours_are_found(
    world: World, dovecot: Dovecot
) -> None:
    user = a_user()
    world.matching.poison = "X-Failed-Recipients: poison"
    async with world.replica(**reading(dovecot), judge_seconds=1):
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
        poison = mail(2, lines=("X-Failed-Recipients: poison",))
        dovecot.deliver(user, mail(1, lines=(REPLY,)), poison, mail(3, lines=(REPLY,)))
        await world.until(lambda: len(world.matched()) == 2, seconds=60)
    aside = [row async for row in world.db["poison"].find({"set_aside": True})]
    assert [row["tries"] for row in aside] == [4]
    assert "example.org" not in str(aside)


async def test_a_report_is_judged_by_what_is_inside(world: World, dovecot: Dovecot) -> None:
    user = a_user()
    async with world.replica(**reading(dovecot)):
        await world.connect(user, *mailbox(dovecot, user))
        await world.until_watching(user)
        dovecot.deliver(user, report(1, "<someone-elses@example.org>"), report(2, "<tracked-1@example.com>"))
        await world.until(world.matched)
    [found] = world.matched()
    assert found.raw == report(2, "<tracked-1@example.com>")


def report(number: int, about: str) -> bytes:
    lines = (
        "MIME-Version: 1.0",
        f"Message-ID: <report-{number}@example.org>",
        "From: Mail Delivery <mailer-daemon@example.org>",
        "To: me@example.com",
        "Subject: Undelivered",
        "Date: Mon, 17 Nov 2025 10:00:00 +0000",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        "",
        "--b",
        "Content-Type: text/plain",
        "",
        "It did not arrive.",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.example.org",
        "",
        "Final-Recipient: rfc822; you@example.org",
        "Action: failed",
        "Status: 5.1.1",
        "",
        "--b",
        "Content-Type: text/rfc822-headers",
        "",
        f"Message-ID: {about}",
        "Subject: Hello",
        "",
        "--b--",
        "",
    )
    return "\r\n".join(lines).encode()
