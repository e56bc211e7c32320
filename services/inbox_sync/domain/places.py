"""Where a folder was read up to, what stretch of its past is being read, and how both change. Pure.

A place without a cursor is about to be read from `run.since` on; with one, from the cursor on. Every page that was
judged gives a new place; the pages between are places too, so a kill repeats at most what was not yet saved.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from services.providers.types import Cursor, Folder, Page

OVERLAP = timedelta(days=2)
"""How far before the last complete look a lost cursor is repaired from: dates of servers differ, mail is late."""


class RunKind(StrEnum):
    FIRST = "first"
    GAP = "gap"
    RESYNC = "resync"


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of the past under way, until the folder holds nothing more."""

    kind: RunKind
    since: datetime
    reason: str = ""
    judged: int = 0
    found: int = 0
    key: str = ""
    """What asked for it, where something did: the resync's id."""


@dataclass(frozen=True, slots=True)
class Place:
    folder_id: str
    name: str
    cursor: Cursor | None = None
    seen_at: datetime | None = None
    """When the folder was last read to its end: everything that had arrived by then is judged."""
    run: Run | None = None


MOST_PAST = timedelta(days=30)
"""A first sync goes no further back, however long ago the mailbox was connected."""


def unread(folder: Folder, connected_at: datetime, now: datetime, look_back: timedelta) -> Place:
    """A folder never read: what came shortly before the mailbox was connected may already be an answer."""
    since = max(min(connected_at, now) - look_back, now - MOST_PAST)
    return Place(folder_id=folder.id, name=folder.name, run=Run(RunKind.FIRST, since=since))


def voided(place: Place, reason: str, now: datetime) -> Place:
    """The cursor means nothing any more: read again from before the last complete look."""
    if place.run is not None and place.cursor is None:
        return place  # the repair itself was voided: the same stretch again
    if place.run is not None:
        return replace(place, cursor=None, run=replace(place.run, judged=0))
    return replace(place, cursor=None, run=Run(RunKind.GAP, since=(place.seen_at or now) - OVERLAP, reason=reason))


def asked_again(place: Place, since: datetime, key: str) -> Place:
    """A person or an operator wants the folder read again; never from later than what is already owed."""
    if place.run is not None:
        since = min(since, place.run.since)
        if place.run.kind is not RunKind.RESYNC:
            return replace(place, cursor=None, run=replace(place.run, since=since, judged=0))
    if place.seen_at is not None:
        since = min(since, place.seen_at - OVERLAP)
    return replace(place, cursor=None, run=Run(RunKind.RESYNC, since=since, key=key))


def judged(place: Place, page: Page, found: int, looked_at: datetime) -> Place:
    """After one page was judged. `looked_at`: when this look at the folder began."""
    run = place.run
    if run is not None:
        run = replace(run, judged=run.judged + len(page.headers), found=run.found + found)
    if page.more:
        return replace(place, cursor=page.cursor, run=run)
    return replace(place, cursor=page.cursor, run=None, seen_at=looked_at)


def worth_saving(before: Place, after: Place) -> bool:
    """Is there anything in `after` that a restart would miss? A quiet look is noted once an hour: the overlap of a
    repair covers that hour many times."""
    if before.cursor != after.cursor or before.run != after.run or before.seen_at is None:
        return True
    return after.seen_at is not None and after.seen_at - before.seen_at > timedelta(hours=1)
