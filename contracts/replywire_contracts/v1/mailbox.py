"""inbox_sync's facts about reading a mailbox."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from replywire_contracts.event import Event, Moment
from replywire_contracts.v1.values import AccountId, Failure, Progress


class _MailboxEvent(Event):
    NOUN: ClassVar[str] = "mailbox"
    OWNER: ClassVar[str] = "inbox_sync"

    account_id: AccountId


class MailboxSynced(_MailboxEvent):
    """A first sync's progress, its end, or a recovery: everything up to `synced_to` has been judged."""

    VERB: ClassVar[str] = "synced"

    synced_to: Moment
    complete: bool = Field(description="False while a first sync is still under way")
    progress: Progress


class MailboxStalled(_MailboxEvent):
    """The mailbox cannot be read at present; retried until it can."""

    VERB: ClassVar[str] = "stalled"

    failure: Failure
    since: Moment


class MailboxGapRepaired(_MailboxEvent):
    """A cursor was lost and the time it covered was read again."""

    VERB: ClassVar[str] = "gap_repaired"

    folder: str = Field(max_length=1024)
    reason: str = Field(max_length=200)
    since: Moment
    rescanned: int = Field(ge=0, description="Messages judged again")
    found: int = Field(ge=0, description="Matches among them that were new")
