"""Is this a reply, and to what? One test for each way in which a message may, or may not, lead home."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.reply_matching.domain.judged import Confidence, MatchedBy, VerdictKind
from services.reply_matching.domain.keys import message_id_key
from tests.unit.judgement.posted import RECEIVED, SENT, THREAD_INDEX, block, known, remember, tracked, verdict_on


def test_an_answer_to_our_message_matches_by_in_reply_to() -> None:
    verdict = verdict_on(block(in_reply_to="<r1@example.com>"), known(tracked()))
    assert verdict.kind is VerdictKind.MATCH
    assert verdict.tracked is not None
    assert verdict.tracked.request_id == "r1"
    assert (verdict.matched_by, verdict.confidence) == (MatchedBy.IN_REPLY_TO, Confidence.CERTAIN)
    assert verdict.sender_matches
    assert not verdict.subject_changed
    assert not verdict.other_account


@pytest.mark.parametrize(
    "references",
    [
        "<x@example.net> <r1@example.com>",
        "<x@example.net>,\r\n <r1@example.com>",
        "<x@example.net>\r\n\t<r1@example.com>\r\n <y@example.net>",
        "r1@example.com",
        '"<r1@example.com>" <r1@example.com>',
        "&lt;r1@example.com&gt;",
        "<R1@EXAMPLE.COM>",
        "<r1\r\n @example.com>",
        " ".join(f"<{number}@example.net>" for number in range(199)) + " <r1@example.com>",
        "<r1@example.com> " + " ".join(f"<{number}@example.net>" for number in range(199)),
    ],
)
def test_references_are_read_however_they_are_written(references: str) -> None:
    verdict = verdict_on(block(references=references), known(tracked()))
    assert (verdict.kind, verdict.matched_by) == (VerdictKind.MATCH, MatchedBy.REFERENCES)


def test_of_two_tracked_messages_in_references_the_nearer_is_answered() -> None:
    found = known(tracked("r1"), tracked("r2"))
    verdict = verdict_on(block(references="<r1@example.com> <r2@example.com>"), found)
    assert verdict.tracked is not None
    assert verdict.tracked.request_id == "r2"
    assert [other.request_id for other in verdict.others] == ["r1"]


def test_an_answer_to_a_follow_up_belongs_to_the_follow_up_whatever_its_first_message_was() -> None:
    found = known(tracked("first"), tracked("followup"))
    answer = block(in_reply_to="<followup@example.com>", references="<first@example.com> <followup@example.com>")
    verdict = verdict_on(answer, found)
    assert verdict.tracked is not None
    assert verdict.tracked.request_id == "followup"


def test_in_reply_to_counts_before_references() -> None:
    found = known(tracked("r1"), tracked("r2"))
    verdict = verdict_on(block(in_reply_to="<r1@example.com>", references="<r1@example.com> <r2@example.com>"), found)
    assert verdict.tracked is not None
    assert verdict.tracked.request_id == "r1"


def test_a_chain_through_a_message_we_never_saw_leads_home() -> None:
    found = known(tracked())
    seen = verdict_on(
        block(in_reply_to="<from-outlook@example.com>", references="<r1@example.com> <from-outlook@example.com>"), found
    )
    # This client keeps only the message it answers: nothing of ours is left in its headers.
    later = block(message_id="<later@example.org>", in_reply_to="<from-outlook@example.com>", subject="Re: something")
    assert verdict_on(later, found).kind is VerdictKind.UNRELATED
    verdict = verdict_on(later, remember(found, seen))
    assert (verdict.kind, verdict.confidence) == (VerdictKind.MATCH, Confidence.CERTAIN)


def test_an_answer_to_an_answer_leads_home() -> None:
    found = known(tracked())
    first = verdict_on(block(in_reply_to="<r1@example.com>"), found)
    second = block(message_id="<second@example.net>", from_="cleo@example.net", in_reply_to="<answer@example.org>")
    verdict = verdict_on(second, remember(found, first))
    assert verdict.kind is VerdictKind.MATCH
    assert not verdict.sender_matches


def test_our_own_answer_in_the_thread_is_remembered_but_is_no_reply() -> None:
    found = known(tracked())
    ours = verdict_on(
        block(message_id="<ours@example.com>", from_="Alice <alice@example.com>", in_reply_to="<r1@example.com>"), found
    )
    assert (ours.kind, ours.own) == (VerdictKind.UNRELATED, True)
    theirs = verdict_on(block(message_id="<t@example.org>", in_reply_to="<ours@example.com>"), remember(found, ours))
    assert theirs.kind is VerdictKind.MATCH


def test_a_conversation_that_was_there_before_us_does_not_become_ours() -> None:
    # Our message joined their thread <old@…>; somebody answers <old@…> beside us.
    found = known(tracked())
    verdict = verdict_on(block(in_reply_to="<r1@example.com>", references="<old@example.net> <r1@example.com>"), found)
    assert message_id_key("t1", "<old@example.net>") not in verdict.members
    beside = block(message_id="<b@example.net>", from_="Dan <dan@example.net>", in_reply_to="<old@example.net>")
    assert verdict_on(beside, remember(found, verdict)).kind is VerdictKind.UNRELATED


def test_the_senders_own_copy_is_no_reply() -> None:
    copy = block(message_id="<r1@example.com>", from_="Alice <alice@example.com>", subject="Pilot in June?")
    assert verdict_on(copy, known(tracked())).kind is VerdictKind.UNRELATED


def test_a_copy_that_a_list_sent_back_is_no_reply() -> None:
    copy = block(message_id="<r1@example.com>", from_="Alice <list@example.org>", references="<r1@example.com>")
    verdict = verdict_on(copy, known(tracked()))
    assert (verdict.kind, verdict.own) == (VerdictKind.UNRELATED, True)


def test_a_teammates_answer_is_no_reply() -> None:
    answer = block(from_="Bob <bob@example.com>", in_reply_to="<r1@example.com>")
    verdict = verdict_on(answer, known(tracked()), own=("alice@example.com", "bob@example.com"))
    assert verdict.kind is VerdictKind.UNRELATED


def test_an_answer_copied_to_a_colleague_is_found_in_both_mailboxes_and_flagged_in_one() -> None:
    answer = block(in_reply_to="<r1@example.com>", cc="bob@example.com")
    found = known(tracked())
    assert not verdict_on(answer, found).other_account
    assert verdict_on(answer, found, account_id="a2").other_account


def test_another_teams_messages_are_never_matched() -> None:
    assert (
        verdict_on(block(in_reply_to="<r1@example.com>"), known(tracked()), team_id="t2").kind is VerdictKind.UNRELATED
    )


def test_sender_and_subject_that_differ_are_told() -> None:
    answer = block(from_="Assistant <desk@example.net>", subject="Re: Something else", in_reply_to="<r1@example.com>")
    verdict = verdict_on(answer, known(tracked()))
    assert (verdict.kind, verdict.sender_matches, verdict.subject_changed) == (VerdictKind.MATCH, False, True)


def test_either_name_of_a_rewritten_message_leads_home() -> None:
    twice_named = tracked(message_ids=("<r1@example.com>", "<0102018f@email.example.net>"))
    for name in twice_named.message_ids:
        assert verdict_on(block(in_reply_to=name), known(twice_named)).kind is VerdictKind.MATCH


def test_a_message_without_a_message_id_is_judged_too() -> None:
    verdict = verdict_on(block(message_id="", in_reply_to="<r1@example.com>"), known(tracked()))
    assert verdict.kind is VerdictKind.MATCH


def test_our_own_marker_leads_home() -> None:
    verdict = verdict_on(block(x_replywire_id="mark-1"), known(tracked(message_ids=()), marker="mark-1"))
    assert (verdict.kind, verdict.matched_by) == (VerdictKind.MATCH, MatchedBy.MARKER)


def test_the_providers_thread_leads_home_in_the_same_mailbox_only() -> None:
    found = known(tracked(subject_key="", message_ids=()), provider_thread_id="Th/1=")
    verdict = verdict_on(block(), found, provider_thread_id="Th/1=")
    assert (verdict.kind, verdict.matched_by) == (VerdictKind.MATCH, MatchedBy.PROVIDER_THREAD)
    assert verdict_on(block(), found, provider_thread_id="th/1=").kind is VerdictKind.UNRELATED
    assert verdict_on(block(), found, provider_thread_id="Th/1=", account_id="a2").kind is VerdictKind.UNRELATED


def test_our_own_copy_tells_the_conversation_that_its_provider_has_put_it_into() -> None:
    found = known(tracked(), marker="mark-1")
    copy = block(message_id="<r1@example.com>", from_="Alice <alice@example.com>", x_replywire_id="mark-1")
    seen = remember(found, verdict_on(copy, found, provider_thread_id="1800"))
    answer = block(in_reply_to="", subject="No names at all")
    verdict = verdict_on(answer, seen, provider_thread_id="1800")
    assert (verdict.kind, verdict.matched_by) == (VerdictKind.MATCH, MatchedBy.PROVIDER_THREAD)
    elsewhere = remember(found, verdict_on(copy, found, provider_thread_id="1800", account_id="a2"))
    assert verdict_on(answer, elsewhere, provider_thread_id="1800").kind is VerdictKind.UNRELATED


def test_what_the_person_answered_from_an_alias_is_no_reply_and_leads_on() -> None:
    found = known(tracked())
    alias = block(message_id="<alias@example.net>", from_="Al <al@example.net>", in_reply_to="<r1@example.com>")
    assert verdict_on(alias, found).kind is VerdictKind.MATCH, "by its address alone nobody could tell"
    ours = verdict_on(alias, found, by_owner=True)
    assert (ours.kind, ours.own) == (VerdictKind.UNRELATED, True)
    theirs = block(message_id="<t@example.org>", in_reply_to="<alias@example.net>")
    assert verdict_on(theirs, remember(found, ours)).kind is VerdictKind.MATCH


def test_what_came_into_the_thread_before_our_message_does_not_answer_it() -> None:
    found = known(tracked(subject_key="", message_ids=()), provider_thread_id="Th/1=")
    early = verdict_on(block(), found, provider_thread_id="Th/1=", received_at=SENT - timedelta(hours=1))
    assert early.kind is VerdictKind.UNRELATED


def test_a_thread_index_below_ours_leads_home_and_one_beside_it_does_not() -> None:
    ours = base64.b64decode(THREAD_INDEX)[:22]
    assert len(ours) == 22
    found = known(tracked(subject_key="", message_ids=()), thread_index=base64.b64encode(ours).decode())
    below = base64.b64encode(ours + b"12345" + b"67890").decode()
    beside = base64.b64encode(ours[:-1] + b"\xff" + b"12345").decode()
    verdict = verdict_on(block(thread_index=below), found)
    assert (verdict.kind, verdict.matched_by) == (VerdictKind.MATCH, MatchedBy.THREAD_INDEX)
    assert verdict_on(block(thread_index=beside), found).kind is VerdictKind.UNRELATED


def test_the_conversation_above_our_place_in_a_thread_index_is_not_ours() -> None:
    root = base64.b64decode(THREAD_INDEX)[:22]
    found = known(tracked(subject_key="", message_ids=()), thread_index=base64.b64encode(root + b"ours!").decode())
    other_branch = base64.b64encode(root + b"other").decode()
    assert verdict_on(block(thread_index=other_branch), found).kind is VerdictKind.UNRELATED


@pytest.mark.parametrize(
    "subject",
    ["Re: Pilot in June?", "AW: Pilot in June?", "RE: Re: pilot in  June?", "Automatic reply: Pilot in June?",
     "Re[2]: Pilot in June?", "[EXT] Re: Pilot in June?", "=?utf-8?q?R=C3=A9ponse_automatique_=3A_Pilot_in_June=3F?=",
     "答复: Pilot in June?", "SV: Pilot in June?"],
)  # fmt: skip
def test_subject_and_correspondent_are_probable_only(subject: str) -> None:
    verdict = verdict_on(block(subject=subject), known(tracked()))
    assert (verdict.kind, verdict.confidence) == (VerdictKind.MATCH, Confidence.PROBABLE)
    assert verdict.matched_by is MatchedBy.SUBJECT
    assert verdict.members == ()


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, {"from_": "other@example.net"}),
        ({}, {"subject": "Re: Pilot in July?"}),
        ({}, {"subject": "Pilot in June?"}),
        ({"received_at": RECEIVED + timedelta(days=60)}, {}),
        ({"received_at": SENT - timedelta(days=1)}, {}),
        ({"account_id": "a2"}, {}),
    ],
)
def test_subject_alone_is_not_enough(changes: dict[str, Any], fields: dict[str, str]) -> None:
    assert verdict_on(block(**fields), known(tracked()), **changes).kind is VerdictKind.UNRELATED


def test_of_two_messages_with_one_subject_the_later_sent_is_answered() -> None:
    found = known(tracked("r1"), tracked("r2", sent_at=SENT + timedelta(hours=3)))
    verdict = verdict_on(block(), found)
    assert verdict.tracked is not None
    assert verdict.tracked.request_id == "r2"
    assert [other.request_id for other in verdict.others] == ["r1"]


def test_a_truncated_id_is_not_ours() -> None:
    cut = block(in_reply_to="<r1@exampl", subject="Re: other", from_="x@example.net")
    assert verdict_on(cut, known(tracked())).kind is VerdictKind.UNRELATED


def test_an_unrelated_message_leaves_nothing_behind() -> None:
    verdict = verdict_on(block(subject="Secret plans", in_reply_to="<foreign@example.net>"), known(tracked()))
    assert verdict == replace(verdict, kind=VerdictKind.UNRELATED, evidence=(), sender="", tracked=None, members=())
