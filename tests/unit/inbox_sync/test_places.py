"""How a folder's place changes: histories of pages in, places out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.inbox_sync.domain import places
from services.inbox_sync.domain.places import OVERLAP, Place, RunKind
from services.providers.types import Folder, FolderRole, HeaderSet, MessageRef, Page

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
INBOX = Folder("INBOX", "INBOX", FolderRole.INBOX)
TWO_DAYS = timedelta(days=2)
READ = Place("INBOX", "INBOX", cursor="1:10", seen_at=NOW - timedelta(hours=3))


def page(messages: int, cursor: str, *, more: bool) -> Page:
    header = HeaderSet(MessageRef("INBOX", cursor), b"", NOW)
    return Page((header,) * messages, cursor, more)


def test_a_new_folder_is_read_from_before_the_mailbox_was_connected() -> None:
    connected = NOW - timedelta(days=3)
    place = places.unread(INBOX, connected, NOW, TWO_DAYS)
    assert place.run is not None
    assert (place.cursor, place.run.kind, place.run.since) == (None, RunKind.FIRST, connected - TWO_DAYS)


def test_a_mailbox_connected_long_ago_is_not_read_whole() -> None:
    place = places.unread(INBOX, NOW - timedelta(days=900), NOW, TWO_DAYS)
    assert place.run is not None
    assert place.run.since == NOW - places.MOST_PAST


def test_pages_of_a_backlog_move_the_cursor_and_only_the_last_counts_as_seen() -> None:
    first = places.judged(READ, page(2, "1:12", more=True), 0, NOW)
    last = places.judged(first, page(1, "1:13", more=False), 0, NOW)
    assert (first.cursor, first.seen_at) == ("1:12", READ.seen_at)
    assert (last.cursor, last.seen_at, last.run) == ("1:13", NOW, None)


def test_a_void_cursor_goes_back_two_days_before_the_last_complete_look() -> None:
    void = places.voided(READ, "renumbered", NOW)
    assert void.run is not None
    assert (void.cursor, void.run.kind, void.run.reason) == (None, RunKind.GAP, "renumbered")
    assert READ.seen_at is not None
    assert void.run.since == READ.seen_at - OVERLAP
    after = places.judged(void, page(5, "2:5", more=True), 2, NOW)
    assert after.run is not None
    assert (after.run.judged, after.run.found) == (5, 2)


def test_a_repair_that_is_voided_itself_covers_the_same_time() -> None:
    void = places.voided(READ, "renumbered", NOW)
    under_way = places.judged(void, page(5, "2:5", more=True), 2, NOW)
    again = places.voided(under_way, "renumbered", NOW + timedelta(days=9))
    assert again.run is not None
    assert void.run is not None
    assert again.run.since == void.run.since
    assert again.cursor is None


def test_a_resync_never_begins_later_than_what_is_owed_already() -> None:
    asked = places.asked_again(READ, NOW, "key")
    assert asked.run is not None
    assert READ.seen_at is not None
    assert (asked.run.kind, asked.run.since) == (RunKind.RESYNC, READ.seen_at - OVERLAP)
    gap = places.asked_again(places.voided(READ, "renumbered", NOW), NOW, "key")
    assert gap.run is not None
    assert gap.run.kind is RunKind.GAP


def test_a_quiet_look_is_written_once_an_hour() -> None:
    soon = replace(READ, seen_at=NOW - timedelta(hours=2, minutes=30))
    assert not places.worth_saving(READ, soon)
    assert places.worth_saving(READ, replace(READ, seen_at=NOW))
    assert places.worth_saving(READ, replace(READ, cursor="1:11"))
