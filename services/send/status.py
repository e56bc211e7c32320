"""What send tells auth's pages of one mailbox: whether anything leaves it, and nothing of what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from replywire_contracts.v1.sending import SendingState, SendingStatus
from replywire_contracts.v1.values import Failure

from services.runtime.rpc import Refusal
from services.send.domain.mailbox import Mailbox


class Known(Protocol):
    async def find(self, account: str) -> Mailbox | None: ...


class StatusHandler:
    def __init__(self, mailboxes: Callable[[], Known]) -> None:
        self._mailboxes = mailboxes

    async def sending_status(self, request: SendingStatus) -> SendingState:
        found = await self._mailboxes().find(request.account_id)
        if found is None or found.team != request.team_id:
            raise Refusal("unknown_account", "No mailbox of this team has this id, or it was not taken in yet.")
        if found.paused_until is None or found.paused_until <= datetime.now(UTC):
            return SendingState()
        why = None if found.pause is None else Failure.model_validate(dict(found.pause))
        return SendingState(waits_until=found.paused_until, failure=why)
