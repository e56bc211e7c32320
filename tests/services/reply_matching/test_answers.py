"""Messages registered, mail judged and matched, answers announced: each once, and nothing of others' mail."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from replywire_contracts.event import derived_id
from replywire_contracts.v1.account import AccountDisconnected
from replywire_contracts.v1.inbox import InboxMatched
from replywire_contracts.v1.reply import AutoReplyDetected, BounceDetected, ReplyDetected
from replywire_contracts.v1.rpc import (
    AddedIdentities,
    AddIdentities,
    ConfirmHeld,
    Judge,
    JudgedHeaders,
    Register,
    TrackedMessage,
    Verdicts,
)
from replywire_contracts.v1.values import Identities

from services.reply_matching.adapters.own_addresses import MongoOwnAddresses
from tests.services.reply_matching.conftest import Service

TEAM, ACCOUNT, ADA, GRACE = "acme", "acc_ada", "ada@example.com", "grace@example.org"


def tracked(request_id: str = "r-1", message_id: str = "<one@example.com>") -> TrackedMessage:
    return TrackedMessage(
        team_id=TEAM,
        account_id=ACCOUNT,
        request_id=request_id,
        identities=Identities(message_ids=(message_id,), marker=f"mark-{request_id}"),
        own_address=ADA,
        recipients=(GRACE,),
        subject="Lunch on Friday?",
        sent_at=datetime.now(UTC),
        correlation_id="order-1",
        metadata={"step": 1, "nothing": None},
    )


def answer(to: str = "<one@example.com>", message_id: str = "<answer-1@example.org>", sender: str = GRACE) -> bytes:
    return (
        f"From: Grace Hopper <{sender}>\r\nTo: {ADA}\r\nSubject: Re: Lunch on Friday?\r\nMessage-ID: {message_id}\r\n"
        f"In-Reply-To: {to}\r\nReferences: {to}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        "Gladly, at noon.\r\n\r\nOn Fri, 6 Mar 2026 at 09:12, Ada <ada@example.com> wrote:\r\n> Would you join us?\r\n"
    ).encode()


def matched(raw: bytes, ref: str = "INBOX/1:7") -> InboxMatched:
    return InboxMatched(
        id=derived_id("inbox.matched", ACCOUNT, ref),
        occurred_at=datetime.now(UTC),
        team_id=TEAM,
        correlation_id="sync-1",
        account_id=ACCOUNT,
        ref=ref,
        received_at=datetime.now(UTC),
        raw=raw,
    )


async def judge(service: Service, *blocks: bytes, inside: bool = False, own_address: str = ADA) -> Verdicts:
    messages = tuple(
        JudgedHeaders(ref=str(n), block=block.decode("latin-1"), received_at=int(datetime.now(UTC).timestamp()))
        for n, block in enumerate(blocks)
    )
    verdicts = await service.rpc.call(
        Judge(team_id=TEAM, account_id=ACCOUNT, own_address=own_address, messages=messages, inside=inside)
    )
    assert isinstance(verdicts, Verdicts)
    return verdicts


async def test_a_registered_message_is_recognised_by_its_answer_and_others_are_not_named(service: Service) -> None:
    await service.rpc.call(Register(messages=(tracked(),)))
    unrelated = b"From: x@example.net\r\nMessage-ID: <else@example.net>\r\nIn-Reply-To: <foreign@example.net>\r\n\r\n"
    verdicts = await judge(service, unrelated, answer(), unrelated)
    assert [(v.ref, v.kind, v.request_id, v.matched_by) for v in verdicts.verdicts] == [
        ("1", "match", "r-1", "in_reply_to")
    ]


async def test_a_name_the_provider_gave_later_leads_home_too(service: Service) -> None:
    await service.rpc.call(Register(messages=(tracked(),)))
    names = Identities(message_ids=("<rewritten@email.amazonses.com>",))
    await service.rpc.call(AddIdentities(messages=(AddedIdentities(team_id=TEAM, request_id="r-1", identities=names),)))
    assert (await judge(service, answer(to="<rewritten@email.amazonses.com>"))).verdicts[0].request_id == "r-1"


async def test_another_teams_message_is_no_match(service: Service) -> None:
    foreign = tracked().model_copy(update={"team_id": "rival", "account_id": "acc_rival"})
    await service.rpc.call(Register(messages=(foreign,)))
    assert (await judge(service, answer())).verdicts == ()


async def test_an_answer_is_announced_once_however_often_it_is_found(service: Service) -> None:
    await service.rpc.call(Register(messages=(tracked(),)))
    first = matched(answer(), "INBOX/1:7")
    again = matched(answer(), "INBOX/2:1")  # after the folder was restored, with other UIDs and times
    again = again.model_copy(update={"received_at": again.received_at + timedelta(hours=1)})
    for event in (first, again, first):
        await service.product.publish(event)
    second = matched(answer(message_id="<answer-2@example.org>"), "INBOX/2:2")
    await service.product.publish(second)
    announced = [await service.next(), await service.next()]
    assert [type(event) for event in announced] == [ReplyDetected, ReplyDetected]
    replies = {event.message_id: event for event in announced if isinstance(event, ReplyDetected)}
    assert set(replies) == {"<answer-1@example.org>", "<answer-2@example.org>"}
    reply = replies["<answer-1@example.org>"]
    assert reply.new_text.text == "Gladly, at noon."
    assert (reply.request_id, reply.correlation_id, reply.metadata) == ("r-1", "order-1", {"step": 1, "nothing": None})
    assert reply.sender is not None
    assert (reply.sender.email, reply.sender.name, reply.sender_matches) == (GRACE, "Grace Hopper", True)
    assert sorted(event.reply_number for event in replies.values()) == [1, 2]


async def test_who_is_no_colleague_any_more_answers_like_anybody(service: Service) -> None:
    await service.rpc.call(Register(messages=(tracked(),)))
    assert (await judge(service, answer(), own_address=GRACE)).verdicts == ()
    disconnected = AccountDisconnected(
        id="disconnected-2",
        occurred_at=datetime.now(UTC),
        team_id=TEAM,
        correlation_id="acc_grace",
        account_id="acc_grace",
        client="smtp_imap",
        address=GRACE,
        revision=2,
    )
    await service.product.publish(disconnected)
    async with asyncio.timeout(20):
        while not (await judge(service, answer())).verdicts:
            pass  # the bus tells no asker when a handler is done; the question itself is the wait


async def test_what_is_told_late_makes_nobody_a_colleague_again(service: Service) -> None:
    own = MongoOwnAddresses(service.app.db)
    await own.disconnected(TEAM, GRACE, 2)
    await own.connected(TEAM, GRACE, 1)
    await MongoOwnAddresses(service.app.db).learn(TEAM, [GRACE])
    assert not await own.among(TEAM, [GRACE])
    await own.connected(TEAM, GRACE, 3)
    assert await own.among(TEAM, [GRACE]) == {GRACE}


async def test_a_place_is_confirmed_once_it_was_judged_whole(service: Service) -> None:
    await service.rpc.call(Register(messages=(tracked(),)))
    await service.product.publish(matched(answer(), "INBOX/1:7"))
    await service.next()
    own_copy = answer(message_id="<one@example.com>", sender=ADA)
    await service.product.publish(matched(own_copy, "Sent/1:1"))
    async with asyncio.timeout(20):
        while True:  # the bus tells no asker when a handler is done; the question itself is the wait
            asked = ConfirmHeld(account_id=ACCOUNT, refs=("INBOX/1:7", "Sent/1:1", "INBOX/1:8"))
            held = await service.rpc.call(asked)
            if len(held.refs) == 2:
                break
    assert set(held.refs) == {"INBOX/1:7", "Sent/1:1"}
    assert service.announced.empty()


async def test_a_bounce_is_matched_by_the_original_inside_and_names_the_recipient(service: Service) -> None:
    await service.rpc.call(Register(messages=(tracked(),)))
    bounce = _bounce("<one@example.com>")
    top = bounce.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    assert [v.kind for v in (await judge(service, top)).verdicts] == ["look_inside"]
    assert [v.kind for v in (await judge(service, bounce, inside=True)).verdicts] == ["match"]
    await service.product.publish(matched(bounce))
    event = await service.next()
    assert isinstance(event, BounceDetected)
    assert [(r.email, r.hardness, r.status) for r in event.recipients] == [(GRACE, "hard", "5.1.1")]


async def test_a_bounce_of_somebody_elses_mail_changes_nothing(service: Service) -> None:
    await service.rpc.call(Register(messages=(tracked(),)))
    foreign = _bounce("<not-ours@example.com>").replace(b"Lunch on Friday?", b"Something else")
    assert (await judge(service, foreign, inside=True)).verdicts == ()


async def test_an_out_of_office_answer_is_no_reply(service: Service) -> None:
    await service.rpc.call(Register(messages=(tracked(),)))
    away = answer().replace(b"Subject: Re:", b"Auto-Submitted: auto-replied\r\nSubject: Automatic reply:")
    await service.product.publish(matched(away))
    event = await service.next()
    assert isinstance(event, AutoReplyDetected)
    assert event.message_class in ("out_of_office", "auto_reply")


def _bounce(original: str) -> bytes:
    return (
        "From: Mail Delivery System <MAILER-DAEMON@example.com>\r\nTo: ada@example.com\r\n"
        "Message-ID: <b1@example.com>\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nNo such user.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n\r\n"
        f"Final-Recipient: rfc822; {GRACE}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 No such user\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {original}\r\nSubject: Lunch on Friday?\r\n"
        f"To: {GRACE}\r\n\r\n--b--\r\n"
    ).encode()


async def test_metadata_that_no_database_document_can_hold_is_kept_and_told_as_it_came(service: Service) -> None:
    """BSON knows no integer of more than eight octets and no NUL in a name; what a product writes there may."""
    metadata = {"number": 2**80, "a\x00b": 1, "$where": {"a.b": 2}, "deep": [[[[[[None]]]]]]}
    await service.rpc.call(Register(messages=(tracked().model_copy(update={"metadata": metadata}),)))
    await service.product.publish(matched(answer()))
    assert (await service.next()).metadata == metadata  # type: ignore[attr-defined]
