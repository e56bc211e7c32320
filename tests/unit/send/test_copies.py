"""The sent copy's own clock: it tries again, it stops, and it says why."""

from __future__ import annotations

from datetime import timedelta

from services.providers.errors import Permanent, Transient, Unsupported
from services.providers.types import CopyVerdict, SentCopy
from services.send.domain.copy import CopyPlan, filed, waiting
from services.send.domain.failures import failure
from tests.unit.send.messages import NOW

PLAN = CopyPlan((timedelta(seconds=5), timedelta(minutes=1)), attempts=4)


def test_a_failure_is_tried_again_ever_later_and_then_stops() -> None:
    results = [PLAN.after(Transient("away", words="no answer"), attempts, NOW) for attempts in range(1, 5)]
    assert [result.get("due") for result in results] == [
        NOW + timedelta(seconds=5),
        NOW + timedelta(minutes=1),
        NOW + timedelta(minutes=1),
        None,
    ]
    assert (results[-1]["state"], results[-1]["words"]) == ("stopped", "no answer")


def test_what_cannot_work_stops_at_once() -> None:
    for error in (Permanent("no_sent_folder", remedy="Choose one."), Unsupported("sent_copy")):
        result = PLAN.after(error, 1, NOW)
        assert result["state"] == "stopped"
        assert "due" not in result


def test_a_time_the_server_names_is_kept() -> None:
    result = PLAN.after(Transient("limit", retry_after=timedelta(minutes=9)), 1, NOW)
    assert result["due"] == NOW + timedelta(minutes=9)


def test_while_there_is_no_way_to_the_mailbox_no_attempt_is_counted_and_a_week_is_waited() -> None:
    why, sent = failure("needs_reauth", "refused"), NOW
    soon = waiting(why, NOW + timedelta(minutes=2), sent, 4, NOW + timedelta(minutes=1))
    assert (soon["state"], soon["attempts"], soon["due"]) == ("pending", 3, NOW + timedelta(minutes=2))
    later = waiting(why, NOW, sent, 1, NOW + timedelta(hours=5))
    assert (later["attempts"], later["due"]) == (1, NOW + timedelta(hours=5, minutes=30))
    assert waiting(why, NOW, sent, 1, NOW + timedelta(days=6))["due"] == NOW + timedelta(days=6, hours=1)
    ended = waiting(why, NOW, sent, 1, NOW + timedelta(days=8))
    assert (ended["state"], ended["reason"], "due" in ended) == ("stopped", "needs_reauth", False)


def test_what_the_provider_files_is_called_skipped() -> None:
    assert filed(SentCopy(CopyVerdict.PROVIDER_FILES), 1)["state"] == "skipped"
    for verdict in (CopyVerdict.FILED, CopyVerdict.ALREADY_THERE):
        assert filed(SentCopy(verdict, "Sent", 7), 1)["state"] == "done"
