"""One function per event that `send` consumes. They acknowledge nothing: returning is being done."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from pydantic import ValidationError
from replywire_contracts.event import Event, derived_id
from replywire_contracts.v1.account import AccountConnected, AccountDisconnected, AccountNeedsReauth
from replywire_contracts.v1.rpc import AccountView
from replywire_contracts.v1.send import SendCancelRequested, SendFailed, SendRequested
from replywire_contracts.v1.values import Failure

from services.runtime.deliveries import SUBJECT_HEADER
from services.runtime.failpoints import hit
from services.runtime.outcomes import Malformed, Refused
from services.send.cancelling import Cancelling, Unheard
from services.send.domain.mailbox import CONNECTED, DISCONNECTED, NEEDS_REAUTH
from services.send.domain.request import request_hash
from services.send.intake import Intake, Taken

_REUSED = Failure(
    reason="request_id_reused",
    words="This request_id belongs to another message.",
    remedy="Give each e-mail a request_id of its own; the first message is untouched.",
)


class Publishes(Protocol):
    async def publish(self, event: Event) -> None: ...


class Learns(Protocol):
    async def learn(self, view: AccountView) -> bool: ...


class Handlers:
    """`forget`: close what is kept open for an account. `withdraw`: its messages are not given out any more."""

    def __init__(
        self,
        intake: Intake,
        cancelling: Cancelling,
        accounts: Learns,
        publisher: Publishes,
        forget: Callable[[str], Awaitable[None]],
        withdraw: Callable[[str], Awaitable[None]],
    ) -> None:
        self._intake = intake
        self._cancelling = cancelling
        self._accounts = accounts
        self._publisher = publisher
        self._forget = forget
        self._withdraw = withdraw

    async def on_send_requested(self, event: SendRequested) -> None:
        taken = await self._intake.take(event)
        if taken is Taken.REUSED:
            await self._publisher.publish(refusal_of(event, _REUSED, request_hash(event)))
            raise Refused(f"{_REUSED.reason}: {_REUSED.words}")
        hit("send.before_ack")

    async def on_malformed(self, payload: bytes, error: Malformed, headers: Mapping[str, str]) -> None:
        """Tells the product where the request can be named; the payload goes to the dead letters either way."""
        named = readable_request(payload, headers.get(SUBJECT_HEADER, ""))
        if named is None:
            return
        team, request_id, correlation = named
        why = Failure(
            reason="malformed_request", words=f"{error.field} {error.reason}".strip()[:2000], remedy=error.remedy
        )
        cause = (error.field, error.reason)
        told = failed_event(team, request_id, correlation, why, *cause) or failed_event(
            team, request_id, None, why, *cause
        )
        if told is not None:
            await self._publisher.publish(told)

    async def on_cancel_requested(self, event: SendCancelRequested) -> None:
        try:
            await self._cancelling.cancel(event.team_id, event.request_id, by="")
        except Unheard:
            await self._cancelling.cancel_ahead(event.team_id, event.request_id)

    async def on_account_connected(self, event: AccountConnected) -> None:
        await self._learn(event, CONNECTED)

    async def on_account_needs_reauth(self, event: AccountNeedsReauth) -> None:
        await self._learn(event, NEEDS_REAUTH)

    async def on_account_disconnected(self, event: AccountDisconnected) -> None:
        await self._learn(event, DISCONNECTED)
        await self._withdraw(event.account_id)

    async def _learn(self, event: AccountConnected | AccountNeedsReauth | AccountDisconnected, state: str) -> None:
        view = AccountView(
            account_id=event.account_id,
            team_id=event.team_id,
            client=event.client,
            address=event.address,
            state=state,
            revision=event.revision,
        )
        if await self._accounts.learn(view):
            await self._forget(event.account_id)


def refusal_of(request: SendRequested, why: Failure, cause: str) -> SendFailed:
    """About a request that was not stored: its id tells the content that was refused."""
    return SendFailed(
        id=derived_id("send", request.team_id, request.request_id, "failed", why.reason, cause),
        occurred_at=datetime.now(UTC),
        team_id=request.team_id,
        correlation_id=request.correlation_id,
        causation_id=request.id,
        request_id=request.request_id,
        account_id=request.account_id,
        metadata=request.metadata,
        failure=why,
    )


def readable_request(payload: bytes, subject: str) -> tuple[str, str, str | None] | None:
    """Team, request_id and correlation of what could not be read as a whole. The team is the subject's, which the
    bus's rights vouch for."""
    team = subject.rpartition(".")[2]
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not team or not isinstance(content, dict) or not isinstance(content.get("request_id"), str):
        return None
    correlation = content.get("correlation_id")
    return team, content["request_id"], correlation if isinstance(correlation, str) else None


def failed_event(team: str, request_id: str, correlation: str | None, why: Failure, *cause: str) -> SendFailed | None:
    """None where even the ids are such that no event can name them."""
    try:
        return SendFailed(
            id=derived_id("send", team, request_id, "failed", why.reason, *cause),
            occurred_at=datetime.now(UTC),
            team_id=team,
            correlation_id=correlation or request_id,
            request_id=request_id,
            failure=why,
        )
    except ValidationError:
        return None
