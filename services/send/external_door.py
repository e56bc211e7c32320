"""The External client's door: what the customer's code asks, whichever way it comes in, and the problem it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from services.runtime.logging import get_logger
from services.runtime.problems import HttpProblem, not_found
from services.send.domain.message import Message, document_id
from services.send.domain.rulings import Heard
from services.send.domain.setup import DELIVERIES
from services.send.domain.state import State
from services.send.external_views import (
    ExtendedView,
    ExtendIn,
    FailedIn,
    ReleaseIn,
    ReportAnswer,
    ReportsIn,
    ReportsView,
    ReportView,
    SentIn,
    TakeIn,
    TakenMessage,
    TakenView,
    taken_message,
)
from services.send.ports import Messages, Offers
from services.send.reporting import Answer, Contended, Reporting, Told
from services.send.setting_up import SettingUp
from services.send.taking import Taking, TooManyOfOneTeam, TooManyWait, Wanted

_log = get_logger(__name__)

_PROBLEMS: Mapping[Heard, tuple[str, str, str]] = {
    Heard.PASSED_ON: (
        "lease_passed_on",
        "The lease ended and the message was passed on; your report is noted in its history.",
        "Do not send it. If you did, report it as sent: that is taken however late.",
    ),
    Heard.CLOSED: (
        "already_closed",
        "The message has ended already, or this lease has said its last word about it.",
        "Do not send it; read its state. If you did send it, report it as sent.",
    ),
    Heard.UNKNOWN_LEASE: (
        "unknown_lease",
        "The message was never given out under this lease.",
        "Name the lease of the answer in which you took it.",
    ),
}


@dataclass(frozen=True, slots=True)
class Room:
    """Octets of messages that one answer carries: of each, and of all."""

    one: int
    all: int


@dataclass(frozen=True, slots=True)
class Who:
    """The team, which the key or the bus's rights vouch for, and the key or bus user."""

    team: str
    by: str


@dataclass(frozen=True, slots=True)
class ExternalDoor:
    taking: Taking
    reporting: Reporting
    setting_up: SettingUp
    offers: Offers
    messages: Messages

    async def take(self, who: Who, asked: TakeIn, delivery: str, room: Room, gone: asyncio.Event) -> TakenView:
        """`gone` is set once whoever asks is not there any more."""
        await self._require(who.team, delivery)
        wanted = Wanted(
            asked.max, timedelta(seconds=asked.wait_seconds), timedelta(seconds=asked.lease_seconds), asked.account_id
        )
        try:
            taken = await self.taking.take(who.team, who.by, wanted, gone)
        except TooManyOfOneTeam:
            detail = "Too many of your team are waiting for messages already."
            remedy = "Let fewer of your processes wait at once, each for more messages (`max`)."
            headers = {"Retry-After": "5"}
            raise HttpProblem(429, "too_many_waiting", detail, remedy=remedy, headers=headers) from None
        except TooManyWait:
            detail = "Too many are waiting for messages already."
            raise HttpProblem(503, "too_many_waiting", detail, headers={"Retry-After": "2"}) from None
        try:
            shown = await self._all_shown(taken.messages, room)
        except BaseException:
            self.taking.put_back(who.team, taken.lease)  # he is told of a failure, and would never report them
            raise
        if shown and gone.is_set():
            self.taking.put_back(who.team, taken.lease)
            shown = []
        return TakenView(lease=taken.lease, until=taken.until, messages=shown)

    async def extend(self, who: Who, request_id: str, asked: ExtendIn) -> ExtendedView:
        key, term = document_id(who.team, request_id), timedelta(seconds=asked.lease_seconds)
        until = datetime.now(UTC) + term
        if key in await self.taking.extend(who.team, [key], asked.lease, term):
            return ExtendedView(request_id=request_id, until=until)
        message = await self._known(who, request_id)
        assert message.offer is not None
        if not any(given.lease == asked.lease for given in message.offer.given):
            raise _problem(Heard.UNKNOWN_LEASE, message.state)
        out = message.state is State.HANDED_OUT and message.offer.lease != asked.lease
        raise _problem(Heard.PASSED_ON if out else Heard.CLOSED, message.state)

    async def report(self, who: Who, request_id: str, asked: SentIn | FailedIn | ReleaseIn) -> ReportView:
        [answer] = await self._told(who, [(request_id, asked)])
        problem = _problem_of(answer)
        if problem is not None:
            raise problem
        assert answer.state is not None
        assert answer.heard is not None
        return ReportView(request_id=request_id, state=answer.state.value, heard=answer.heard.value)

    async def reports(self, who: Who, asked: ReportsIn) -> ReportsView:
        answers = await self._told(who, [(each.request_id, each) for each in asked.reports])
        return ReportsView(answers=[_answer(each) for each in answers])

    async def octets(self, who: Who, request_id: str) -> bytes:
        """The message itself, for as long as somebody may still have to send it."""
        try:
            return await self.messages.mime(await self._known(who, request_id))
        except LookupError:
            remedy = "Report the message as failed: it cannot be sent any more."
            raise HttpProblem(404, "octets_gone", "The octets of this message are gone.", remedy=remedy) from None

    async def _told(self, who: Who, asked: list[tuple[str, SentIn | FailedIn | ReleaseIn]]) -> list[Answer]:
        now = datetime.now(UTC)
        told = [Told(request_id, _report(each, now)) for request_id, each in asked]
        try:
            return await self.reporting.report(who.team, told)
        except Contended:
            detail = "Others keep reporting this message."
            raise HttpProblem(503, "contended", detail, headers={"Retry-After": "1"}) from None

    async def _all_shown(self, messages: Sequence[Message], room: Room) -> list[TakenMessage]:
        left, shown = room.all, []
        for message in messages:
            fits = message.mime_size <= min(room.one, left)
            left -= message.mime_size if fits else 0
            shown.append(taken_message(message, await self._octets(message) if fits else None))
        return shown

    async def _octets(self, message: Message) -> bytes | None:
        """None where they are gone, which is no reason to withhold the others: asking for them says so."""
        try:
            return await self.messages.mime(message)
        except LookupError:
            _log.error("octets of a taken message are gone", team_id=message.team, request_id=message.request_id)
            return None

    async def _known(self, who: Who, request_id: str) -> Message:
        key = document_id(who.team, request_id)
        found = (await self.offers.read([key])).get(key)
        if found is None:
            raise _unheard()
        return found

    async def _require(self, team: str, delivery: str) -> None:
        chosen = await self.setting_up.delivery(team)
        if chosen == delivery:
            return
        said = (
            "Nobody has chosen how messages are handed over." if chosen is None else f"Chosen is: {DELIVERIES[chosen]}."
        )
        remedy = "An admin chooses it on the team's settings page or with `PUT /v1/external/setup`."
        raise HttpProblem(409, "other_delivery", said, remedy=remedy, delivery=chosen)


def _report(asked: SentIn | FailedIn | ReleaseIn, now: datetime) -> Callable[[Message], Any]:
    return lambda message: asked.report(message, now)


def _answer(answer: Answer) -> ReportAnswer:
    problem = _problem_of(answer)
    return ReportAnswer(
        request_id=answer.request_id,
        status=200 if problem is None else problem.status,
        state=None if answer.state is None else answer.state.value,
        heard=None if answer.heard is None else answer.heard.value,
        code=None if problem is None else problem.code,
        detail=None if problem is None else problem.detail,
    )


def _problem_of(answer: Answer) -> HttpProblem | None:
    if answer.heard is None or answer.state is None:
        return _unheard()
    return _problem(answer.heard, answer.state) if answer.heard in _PROBLEMS else None


def _problem(heard: Heard, state: State) -> HttpProblem:
    code, detail, remedy = _PROBLEMS[heard]
    return HttpProblem(409, code, detail, remedy=remedy, state=state.value)


def _unheard() -> HttpProblem:
    return not_found("No message that your team's code may take has this request_id.")
