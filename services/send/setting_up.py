"""The External client's set-up: how messages are handed over, and the test message that proves it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from replywire_contracts.v1.rpc import KeyInfo
from replywire_contracts.v1.send import SendRequested
from replywire_contracts.v1.values import Address, Body

from services.send.bells import Bells
from services.send.domain.limits import Limits
from services.send.domain.message import INLINE_BYTES, document_id
from services.send.domain.mime import freeze
from services.send.domain.offer import Offer
from services.send.domain.request import Contents, draft_of, request_hash
from services.send.domain.setup import DELIVERIES, Missing, Setup, missing
from services.send.domain.state import State
from services.send.domain.stored_request import blank_message, stored_form
from services.send.ports import Keys, Messages, Setups

_SUBJECT = "Replywire: a test of your External e-mail client"
_TEXT = "Your code took this message from Replywire. Once it reports it as sent, the set-up is proved.\n"
_ACCOUNT = "external-test"


class NotChosen(Exception):
    """How messages are handed over must be chosen before it can be proved."""


@dataclass(frozen=True, slots=True)
class Test:
    """The last test message. `state` is its own, `words` why it failed."""

    request_id: str
    state: State
    words: str


@dataclass(frozen=True, slots=True)
class Progress:
    setup: Setup
    keys: tuple[KeyInfo, ...]
    missing: tuple[Missing, ...]
    test: Test | None


class SettingUp:
    def __init__(self, setups: Setups, keys: Keys, messages: Messages, bells: Bells) -> None:
        self._setups = setups
        self._keys = keys
        self._messages = messages
        self._bells = bells

    async def progress(self, team: str) -> Progress:
        """Raises `Outage` while auth is away."""
        keys = tuple(await self._keys.working(team))
        setup = await self._setups.of(team)
        test = await self._test(team, setup)
        if test is not None and test.state is State.SENT and setup.proved_at is None:
            await self._setups.prove(team, test.request_id, datetime.now(UTC))
            setup = await self._setups.of(team)
        return Progress(setup, keys, missing(setup, len(keys)), test)

    async def delivery(self, team: str) -> str | None:
        return (await self._setups.of(team)).delivery

    async def choose(self, team: str, delivery: str, by: str) -> Progress:
        """Raises `LookupError` for a way that there is not."""
        if delivery not in DELIVERIES:
            raise LookupError(f"no way of handing over is called so: choose from {', '.join(DELIVERIES)}")
        await self._setups.choose(team, delivery, by, datetime.now(UTC))
        return await self.progress(team)

    async def start_test(self, team: str, sender: str, recipient: str) -> Progress:
        """A message of ours waits for their code from here on. Raises `NotChosen`, `InvalidField`."""
        if (await self._setups.of(team)).delivery is None:
            raise NotChosen
        now = datetime.now(UTC)
        request = SendRequested(
            team_id=team,
            request_id=f"external-test-{secrets.token_hex(8)}",
            account_id=_ACCOUNT,
            to=(Address.model_construct(email=recipient, name=None),),
            subject=_SUBJECT,
            text=Body(text=_TEXT),
        )
        draft = draft_of(request, Contents(text=_TEXT), sender, None, now)
        outgoing = freeze(draft, Limits(message_bytes=INLINE_BYTES))
        message = replace(
            blank_message(request, now),
            due=None,
            sender=outgoing.envelope.sender,
            recipients=outgoing.envelope.recipients,
            message_id=outgoing.message_id,
            marker=outgoing.marker,
            mime=outgoing.mime,
            mime_size=len(outgoing.mime),
            offer=Offer(at=now, ready=True, test=True),
        )
        kept = {"hash": request_hash(request), "send_at": None, "request": stored_form(request)}
        await self._messages.insert(message, kept, {}, ())
        await self._setups.note_test(team, request.request_id, now)
        self._bells.ring(team)
        return await self.progress(team)

    async def _test(self, team: str, setup: Setup) -> Test | None:
        if setup.test_request is None:
            return None
        found = await self._messages.find(document_id(team, setup.test_request))
        if found is None:
            return None
        why = found.get("failure") or {}
        return Test(setup.test_request, State(found["state"]), str(why.get("words") or why.get("reason") or ""))
