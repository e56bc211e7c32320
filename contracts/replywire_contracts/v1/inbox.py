"""inbox_sync's find, on its way to reply_matching: the one place where bytes of a matched message travel."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from replywire_contracts.event import Event, Moment
from replywire_contracts.v1.values import AccountId


class InboxMatched(Event):
    """A message that answers, or reports on, a tracked one."""

    NOUN: ClassVar[str] = "inbox"
    VERB: ClassVar[str] = "matched"
    OWNER: ClassVar[str] = "inbox_sync"

    account_id: AccountId
    ref: str = Field(max_length=1024, description="The message's place in the mailbox; unique within the account")
    received_at: Moment
    provider_thread_id: str | None = Field(default=None, max_length=512)
    raw: bytes | None = Field(default=None, description="The message, at most 256 KiB")
    object_ref: str | None = Field(default=None, max_length=255)
    truncated: bool = Field(default=False, description="The message was larger than the limit; its start is here")
    gone: bool = Field(default=False, description="Matched by its headers, but deleted before it could be fetched")
    header_block: bytes | None = Field(default=None, description="The judged header fields, where the body is gone")
