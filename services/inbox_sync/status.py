"""What inbox_sync tells auth's pages of one mailbox: how its reading goes, and nothing of what is in it."""

from __future__ import annotations

from collections.abc import Callable

from replywire_contracts.v1.rpc import MailboxState, MailboxStatus
from replywire_contracts.v1.values import Progress

from services.inbox_sync.domain.mailboxes import Mailbox, explained, shown_state
from services.inbox_sync.ports import Mailboxes
from services.runtime.rpc import Refusal


class StatusHandler:
    def __init__(self, mailboxes: Callable[[], Mailboxes]) -> None:
        self._mailboxes = mailboxes

    async def mailbox_status(self, request: MailboxStatus) -> MailboxState:
        found = await self._mailboxes().of_team(request.team_id, request.account_id)
        if found is None:
            raise Refusal("unknown_account", "No mailbox of this team has this id, or it was not taken in yet.")
        return _state(found)


def _state(mailbox: Mailbox) -> MailboxState:
    state, trouble, progress = shown_state(mailbox), mailbox.trouble, mailbox.progress
    return MailboxState(
        state=state.value,
        explanation=explained(state),
        synced_to=mailbox.synced_to,
        failure=None if trouble is None else trouble.failure,
        failing_since=None if trouble is None else trouble.since,
        progress=None
        if progress is None
        else Progress(done=progress.done, remaining=progress.remaining, since=progress.since),
        complete=progress is not None and progress.complete,
    )
