"""Builds the events this service publishes. The same cause gives the same id, whoever publishes it, however often."""

from __future__ import annotations

from datetime import datetime

from replywire_contracts.event import derived_id
from replywire_contracts.v1.inbox import InboxMatched
from replywire_contracts.v1.mailbox import MailboxGapRepaired, MailboxStalled, MailboxSynced
from replywire_contracts.v1.values import Progress

from services.inbox_sync.domain.finds import Find
from services.inbox_sync.domain.places import Place, Run
from services.inbox_sync.domain.stalls import Trouble

INLINE_LIMIT = 256 * 1024
"""Larger messages travel by reference: a bus message holds 1 MiB, base64 and its envelope included."""


def matched(find: Find, object_ref: str | None) -> InboxMatched:
    """`object_ref` names the octets in the object store where they are too many for the event itself."""
    return InboxMatched(
        id=derived_id("inbox.matched", find.account_id, find.id),
        occurred_at=find.found_at,
        team_id=find.team_id,
        correlation_id=find.request_id or find.id,
        account_id=find.account_id,
        ref=find.ref,
        received_at=find.received_at,
        provider_thread_id=find.thread,
        raw=None if object_ref else find.raw,
        object_ref=object_ref,
        truncated=find.truncated,
        gone=find.raw is None,
        header_block=find.block if find.raw is None else None,
    )


def synced(
    team_id: str, account_id: str, cause: str, synced_to: datetime, progress: Progress, complete: bool, now: datetime
) -> MailboxSynced:
    """`cause` names what was completed: a first sync, a recovery from an outage, a resync."""
    part = "complete" if complete else str(progress.done)
    return MailboxSynced(
        id=derived_id("mailbox.synced", account_id, cause, part),
        occurred_at=now,
        team_id=team_id,
        correlation_id=derived_id("mailbox", account_id, cause),
        account_id=account_id,
        synced_to=synced_to,
        complete=complete,
        progress=progress,
    )


def stalled(team_id: str, account_id: str, trouble: Trouble, now: datetime) -> MailboxStalled:
    return MailboxStalled(
        id=derived_id("mailbox.stalled", account_id, trouble.since.isoformat()),
        occurred_at=now,
        team_id=team_id,
        correlation_id=derived_id("mailbox", account_id, outage(trouble)),
        account_id=account_id,
        failure=trouble.failure,
        since=trouble.since,
    )


def outage(trouble: Trouble) -> str:
    """The cause shared by a stall and its recovery."""
    return f"outage:{trouble.since.isoformat()}"


def gap_repaired(team_id: str, account_id: str, place: Place, run: Run, now: datetime) -> MailboxGapRepaired:
    """`run` as it stood when the folder's last page was judged."""
    return MailboxGapRepaired(
        id=derived_id("mailbox.gap_repaired", account_id, place.folder_id, run.since.isoformat(), run.reason),
        occurred_at=now,
        team_id=team_id,
        correlation_id=derived_id("mailbox", account_id, "gap", place.folder_id, run.since.isoformat()),
        account_id=account_id,
        folder=place.name[:1024],
        reason=run.reason[:200],
        since=run.since,
        rescanned=run.judged,
        found=run.found,
    )
