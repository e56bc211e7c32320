"""What people are told of a failure while a mailbox is read."""

from __future__ import annotations

from replywire_contracts.v1.values import Failure

from services.inbox_sync.domain import words
from services.inbox_sync.engine.looking import FolderUnreadable
from services.inbox_sync.ports import AuthUnavailable, JudgeRefused, JudgeUnavailable
from services.providers.errors import ProviderError


def explained(error: BaseException, was_open: bool) -> Failure:
    """`was_open`: the mailbox was, so the server's words may quote mail and are not repeated."""
    match error:
        case AuthUnavailable():
            return words.of_ourselves("auth_unavailable", "the service that holds the credentials did not answer")
        case JudgeUnavailable() | JudgeRefused():
            return words.of_ourselves("matching_unavailable", "the service that recognises replies did not answer")
        case LookupError() if not was_open:
            return words.of_ourselves("client_unavailable", "this installation cannot read this kind of mailbox")
        case ProviderError() if not was_open:
            return words.of_opening(error)
        case FolderUnreadable(__cause__=ProviderError() as cause):
            return words.of_reading(cause)
        case _:
            return words.of_reading(error)
