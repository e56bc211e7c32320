"""The question whether mail leaves a mailbox, over core request/reply: never stored, never on a stream."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from replywire_contracts.event import Model, Moment, Request, TeamId
from replywire_contracts.v1.values import AccountId, Failure


class SendingState(Model):
    """Whether anything leaves one mailbox just now."""

    waits_until: Moment | None = Field(default=None, description="Until then nothing leaves; then it goes on by itself")
    failure: Failure | None = Field(default=None, description="Why it waits")


class SendingStatus(Request):
    """auth → send: does anything leave this mailbox just now? Refused with `unknown_account`: not taken in yet."""

    SUBJECT: ClassVar[str] = "rpc.v1.send.sending_status"
    REPLY: ClassVar[type[Model]] = SendingState

    team_id: TeamId
    account_id: AccountId
