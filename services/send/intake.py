"""Takes a request: checks it, freezes its bytes and stores it in one write, once for ever. Both doors lead here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

from replywire_contracts.event import Event
from replywire_contracts.v1.send import SendRequested

from services.providers.types import Identities, Outgoing
from services.runtime import tracing
from services.runtime.bodies import BodyMissing
from services.runtime.failpoints import hit
from services.runtime.outcomes import Refused
from services.send.domain import facts
from services.send.domain.failures import failure
from services.send.domain.invalid import InvalidField
from services.send.domain.limits import Limits
from services.send.domain.mailbox import DISCONNECTED, NEEDS_REAUTH, Mailbox
from services.send.domain.message import INLINE_BYTES, Message, document_id
from services.send.domain.mime import freeze
from services.send.domain.offer import Offer
from services.send.domain.outcome import REAUTH_LOOK
from services.send.domain.request import (
    Contents,
    Earlier,
    contents_of,
    draft_of,
    references_of,
    request_hash,
    require_earlier,
)
from services.send.domain.state import CLOSED, State
from services.send.domain.stored_request import blank_message, stored_form
from services.send.ports import Accounts, Bodies, Cancels, Messages, Pieces

_EARLIER_PAUSES = (0.1, 0.3, 0.6, 1.0)


class GivesOut(Protocol):
    """The messages that the customer's own code takes: no dispatcher of ours works on them."""

    def hands_out(self, client: str) -> bool: ...

    def put(self, message: Message) -> None:
        """It is stored: its names are registered next, then it may be taken."""
        ...


class Taken(StrEnum):
    STORED = "stored"
    KNOWN = "known"
    """The same request again: nothing new happens."""
    REUSED = "reused"
    """Another content under a known request_id: refused, and the first one is untouched."""


@dataclass(frozen=True, slots=True)
class _Checked:
    message: Message
    outgoing: Outgoing
    contents: Contents
    references: tuple[str, ...]
    mailbox: Mailbox


class Intake:
    def __init__(
        self,
        messages: Messages,
        pieces: Pieces,
        accounts: Accounts,
        bodies: Bodies,
        cancels: Cancels,
        wake: Callable[[str, datetime], Awaitable[None]],
        offering: GivesOut,
        limits: Limits,
    ) -> None:
        self._messages = messages
        self._pieces = pieces
        self._accounts = accounts
        self._bodies = bodies
        self._cancels = cancels
        self._wake = wake
        self._offering = offering
        self._limits = limits

    async def take(self, request: SendRequested) -> Taken:
        """Returns once the request is stored and its mailbox will be looked at, whatever crashes. Raises `Outage`s."""
        now, content = datetime.now(UTC), request_hash(request)
        if await self._cancels.kept(document_id(request.team_id, request.request_id)):
            return await self._store_cancelled(request, content, now)
        try:
            checked = await self._check(request, now)
        except InvalidField as invalid:
            return await self._store_refused(request, content, invalid, now)
        return await self._store(request, content, checked, now)

    # -- checking ----------------------------------------------------------------------------------------------------

    async def _check(self, request: SendRequested, now: datetime) -> _Checked:
        mailbox = await self._mailbox(request)
        wanted = references_of(request)
        fetched = {where: await self._fetch(where, ref) for where, ref in wanted.items()}
        contents = contents_of(request, fetched)
        earlier, follows = await self._earlier(request)
        draft = draft_of(request, contents, mailbox.address, earlier, now)
        outgoing = freeze(draft, self._limits)
        message = replace(
            blank_message(request, now, tracing.traceparent()),
            sender=outgoing.envelope.sender,
            recipients=outgoing.envelope.recipients,
            subject=draft.subject,
            message_id=outgoing.message_id,
            marker=outgoing.marker,
            mime=outgoing.mime if len(outgoing.mime) <= INLINE_BYTES else None,
            mime_size=len(outgoing.mime),
            follows=follows,
        )
        if self._offering.hands_out(mailbox.client):
            message = replace(message, due=None, offer=Offer(at=message.due))
        return _Checked(message, outgoing, contents, draft.references, mailbox)

    async def _mailbox(self, request: SendRequested) -> Mailbox:
        mailbox = await self._accounts.find(request.team_id, request.account_id)
        if mailbox is None:
            raise InvalidField(
                "account_id", "names no mailbox connected to this team", "Connect it first, or give another account_id."
            )
        if mailbox.account_state == DISCONNECTED:
            raise InvalidField("account_id", "names a mailbox that was disconnected", "Connect the mailbox again.")
        return mailbox

    async def _fetch(self, where: str, ref: str) -> bytes:
        try:
            return await self._bodies.get(ref, self._limits.message_bytes)
        except BodyMissing as missing:
            raise InvalidField(
                f"{where}.object_ref", "names nothing in the object store", "Store it again, and give its new name."
            ) from missing
        except Refused as refused:
            limit = f"holds more than a whole message may, the limit is {self._limits.message_bytes} octets"
            raise InvalidField(f"{where}.object_ref", limit, "Send large files as links.") from refused

    async def _earlier(self, request: SendRequested) -> tuple[Earlier | None, Identities | None]:
        """The message a follow-up answers. Its name is known before it is sent, so nobody has to wait for it."""
        if request.reply_to_request_id is None:
            return None, None
        key = document_id(request.team_id, request.reply_to_request_id)
        found = await self._messages.earlier(key)
        for pause in _EARLIER_PAUSES:
            if found is not None:
                break
            await asyncio.sleep(pause)  # published just before, it may be being stored beside this one
            found = await self._messages.earlier(key)
        require_earlier(request, None if found is None else found[0])
        return found or (None, None)

    # -- storing -----------------------------------------------------------------------------------------------------

    async def _store(self, request: SendRequested, content: str, checked: _Checked, now: datetime) -> Taken:
        message = checked.message
        events: list[Event] = [facts.accepted(message, request.send_at, now)]
        kept: dict[str, Any] = {}
        note: dict[str, Any] = {}
        if checked.mailbox.account_state == NEEDS_REAUTH:
            why = failure("needs_reauth", "The mailbox's provider refuses its credentials.")
            message = replace(message, state=State.DEFERRED)
            events.append(facts.deferred(message, why, now + REAUTH_LOOK, now))
            kept["failure"] = note = why.model_dump()
        await self._store_large(message.id, content, checked)
        if checked.references:
            kept["references"] = list(checked.references)
        return await self._insert(request, content, message, kept, note, events)

    async def _store_large(self, message: str, content: str, checked: _Checked) -> None:
        if checked.message.mime is None:
            await self._pieces.put(message, "mime", content, checked.outgoing.mime)
        for name in ("text", "html"):
            body = getattr(checked.contents, name)
            if body is not None and len(body) > INLINE_BYTES:
                await self._pieces.put(message, name, content, body.encode())

    async def _store_refused(self, request: SendRequested, content: str, invalid: InvalidField, now: datetime) -> Taken:
        """Kept as failed: the same request again is answered the same, and people can read why."""
        message = _closed(request, State.FAILED, now)
        why = failure("invalid_request", f"{invalid.field} {invalid.problem}", invalid.remedy)
        kept = {"failure": {**why.model_dump(), "field": invalid.field}}
        return await self._insert(
            request, content, message, kept, why.model_dump(exclude_defaults=True), [facts.failed(message, why, now)]
        )

    async def _store_cancelled(self, request: SendRequested, content: str, now: datetime) -> Taken:
        """Its cancellation overtook it."""
        message, why = _closed(request, State.CANCELLED, now), "requested"
        return await self._insert(request, content, message, {}, {"reason": why}, [facts.cancelled(message, why, now)])

    async def _insert(
        self,
        request: SendRequested,
        content: str,
        message: Message,
        kept: Mapping[str, Any],
        note: Mapping[str, Any],
        events: list[Event],
    ) -> Taken:
        form = stored_form(request)
        told = {"hash": content, "send_at": request.send_at, "request": form, **kept}
        if len(form) > INLINE_BYTES:
            await self._pieces.put(message.id, "request", content, form.encode())
            told["request"] = None
        if not await self._messages.insert(message, told, note, events):
            return await self._known(message, content)
        hit("send.after_store")
        if message.offer is not None:
            self._offering.put(message)
        elif message.due is not None:
            await self._wake(message.account, message.due)
        return Taken.STORED

    async def _known(self, message: Message, content: str) -> Taken:
        stored = await self._messages.find(message.id)
        assert stored is not None, "a request that is known can be read"
        if stored["hash"] != content:
            await self._pieces.forget(message.id, content)
            return Taken.REUSED
        if State(stored["state"]) not in CLOSED and stored.get("due") is not None:
            await self._wake(stored["account"], stored["due"])  # whoever stored it may have died before he did
        return Taken.KNOWN


def _closed(request: SendRequested, state: State, now: datetime) -> Message:
    """One that ended as it came: nothing is due, and nothing was rendered."""
    return replace(blank_message(request, now, tracing.traceparent()), state=state, due=None, expires_at=None)
