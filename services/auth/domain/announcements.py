"""auth's events, made of an account as it now is. The same revision always makes the same event id."""

from __future__ import annotations

from typing import Any

from replywire_contracts.event import derived_id
from replywire_contracts.v1.account import AccountConnected, AccountDisconnected, AccountNeedsReauth
from replywire_contracts.v1.values import Failure

from services.auth.domain.account import Account, State

AccountEvent = AccountConnected | AccountNeedsReauth | AccountDisconnected


def announcement(account: Account, correlation_id: str | None = None, reconnect_url: str | None = None) -> AccountEvent:
    """What this account's state means to everybody else. `reconnect_url`: where a person helps one that needs them."""
    event_id = derived_id("account", account.account_id, str(account.revision))
    facts: dict[str, Any] = {
        "id": event_id,
        "occurred_at": account.changed_at,
        "team_id": account.team_id,
        "correlation_id": correlation_id or event_id,
        "account_id": account.account_id,
        "client": account.client,
        "address": account.address,
        "revision": account.revision,
    }
    match account.state:
        case State.CONNECTED:
            return AccountConnected(**facts)
        case State.DISCONNECTED:
            return AccountDisconnected(**facts)
        case State.NEEDS_REAUTH:
            rejection = account.rejection
            assert rejection is not None
            failure = Failure(
                reason=rejection.reason, code=rejection.code, words=rejection.words, remedy=rejection.remedy
            )
            return AccountNeedsReauth(**facts, failure=failure, reconnect_url=reconnect_url)
