"""The External client's way in: header sets in batches and whole messages, as the customer's own code saw them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from replywire_contracts.v1.rpc import Verdict

from services.inbox_sync.domain.blocks import MOST_OCTETS, block_of, judged_block
from services.inbox_sync.domain.mailboxes import DISCONNECTED, Account
from services.inbox_sync.engine.reported import PLACE, Reported, Taken, whole_milliseconds
from services.inbox_sync.ports import AuthUnavailable, JudgeRefused, JudgeUnavailable
from services.providers.types import HeaderSet, MessageRef
from services.runtime.http import Caller, HttpProblem, Instant, api_key, not_found, unfit
from services.runtime.problem_codes import UNFIT, refusals

SCOPE = "external:work"
MOST_SETS = 500
T = TypeVar("T")
MEDIA_TYPE = "message/rfc822"
_Worker = Annotated[Caller, Depends(api_key(SCOPE))]
_AccountId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
_ThreadId = Annotated[str, Field(min_length=1, max_length=512)]
_REFUSALS = refusals(
    {
        404: {"not_found": "No such account of your team"},
        409: {
            "disconnected": "The account was disconnected",
            "not_external": "The account is of another e-mail client: its mail is read by Replywire itself",
        },
        422: {
            UNFIT: "There is no message, or a header field given by name and value that holds a line break",
            "cannot_be_judged": "These headers are without end",
        },
    }
)


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HeaderField(_In):
    name: str = Field(min_length=1, max_length=200, examples=["In-Reply-To"])
    value: str = Field(max_length=MOST_OCTETS, examples=["<own-1@example.com>"])


class HeaderSetIn(_In):
    """One message's header, raw or field by field. Of it only the fields are looked at that tell an answer."""

    ref: str = Field(min_length=1, max_length=200, examples=["inbox/4711"], description="Your own name of the message")
    headers: str | tuple[HeaderField, ...] = Field(
        max_length=MOST_OCTETS, examples=["From: grace@example.org\r\nIn-Reply-To: <own-1@example.com>\r\n"]
    )
    received_at: Instant | None = Field(default=None, description="When it came; now, where it is absent")
    thread_id: _ThreadId | None = Field(
        default=None, examples=["thread-9"], description="As you report it of sent mail"
    )


class HeadersIn(_In):
    account_id: _AccountId
    sets: tuple[HeaderSetIn, ...] = Field(min_length=1, max_length=MOST_SETS)


class VerdictView(BaseModel):
    ref: str = Field(examples=["inbox/4711"])
    verdict: Literal["send_whole", "discard"] = Field(
        description="send_whole: it answers, or may report on, a message of yours: post it. discard: nothing of it was "
        "kept, and it is of no use here"
    )
    request_id: str | None = Field(default=None, description="The message it answers, where the headers tell")
    matched_by: str | None = Field(default=None, examples=["in_reply_to"])
    confidence: str | None = Field(default=None, examples=["certain"])


class VerdictsView(BaseModel):
    verdicts: list[VerdictView] = Field(description="One per set, in their order")


class RawView(BaseModel):
    verdict: Literal["match", "discard"] = Field(
        description="match: it is kept until it is announced as reply.detected or its kin. discard: nothing was kept"
    )
    known: bool = Field(default=False, description="It was reported before; nothing more happens")
    request_id: str | None = None
    matched_by: str | None = Field(default=None, examples=["in_reply_to"])
    confidence: str | None = Field(default=None, examples=["certain"])


class Accounts:
    """Whose account is it, and is it one whose mail the customer's own code handles?"""

    def __init__(self, find: Callable[[str], Awaitable[Account | None]], handed_out: Callable[[str], bool]) -> None:
        self._find = find
        self._handed_out = handed_out

    async def of(self, team: str, account_id: str) -> Account:
        """Raises `HttpProblem`: the same for an unknown account and for another team's."""
        try:
            found = await self._find(account_id)
        except AuthUnavailable:
            raise _away() from None
        if found is None or found.team_id != team:
            raise not_found("No account of your team has this account_id.")
        if not self._handed_out(found.client):
            detail = "This account's mail is read by Replywire itself."
            raise HttpProblem(409, "not_external", detail, field="account_id", remedy="Report for External accounts.")
        if found.connection == DISCONNECTED:
            raise HttpProblem(409, "disconnected", "This account was disconnected.", field="account_id")
        return found


def routes(reported: Callable[[], Reported], accounts: Callable[[], Accounts]) -> APIRouter:
    """Both exist once the bus is there."""
    router = APIRouter(prefix="/v1/external", tags=["external"])

    @router.post("/headers", responses=_REFUSALS)
    async def judge_external_headers(caller: _Worker, asked: HeadersIn) -> VerdictsView:
        """Which of these messages are to be sent whole. Nothing of the headers is kept; asking again is harmless."""
        return await judged_headers(reported(), accounts(), caller.team_id, asked)

    @router.post(
        "/raw",
        responses=_REFUSALS,
        openapi_extra={
            "requestBody": {
                "required": True,
                "description": "The whole message, RFC 5322",
                "content": {MEDIA_TYPE: {"schema": {"type": "string", "minLength": 1}, "example": _EXAMPLE}},
            }
        },
    )
    async def report_external_raw(
        caller: _Worker,
        asked: Request,
        account_id: Annotated[str, Query(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")],
        received_at: Annotated[Instant | None, Query(description="When it came; now, where it is absent")] = None,
        thread_id: Annotated[str | None, Query(min_length=1, max_length=512, examples=["thread-9"])] = None,
    ) -> RawView:
        """Judge a whole message. Where it answers, or reports on, a message of yours, the same events follow as for
        every other e-mail client; else nothing of it is kept. Reporting it again is harmless."""
        account = await accounts().of(caller.team_id, account_id)
        raw = await _octets(asked, reported().fetch_limit)
        return await judged_raw(reported(), account, raw, received_at, thread_id)

    return router


_EXAMPLE = (
    "From: grace@example.org\r\nTo: ada@example.com\r\nSubject: Re: Lunch on Friday?\r\n"
    "Message-ID: <answer-1@example.org>\r\nIn-Reply-To: <own-1@example.com>\r\n\r\nGladly.\r\n"
)


async def judged_headers(reported: Reported, accounts: Accounts, team: str, asked: HeadersIn) -> VerdictsView:
    account = await accounts.of(team, asked.account_id)
    sets = [_header_set(place, each) for place, each in enumerate(asked.sets)]
    found = await _judged(reported.headers(account, sets))
    return VerdictsView(
        verdicts=[_verdict(each.ref, found.get(header.ref)) for each, header in zip(asked.sets, sets, strict=True)]
    )


async def judged_raw(
    reported: Reported,
    account: Account,
    raw: bytes,
    received_at: datetime | None,
    thread_id: str | None,
    *,
    cut: bool = False,
) -> RawView:
    """`cut`: only the message's start is here."""
    if not raw.strip():
        raise unfit("", "There is no message.", f"Send the message itself, as {MEDIA_TYPE}.")
    taken, verdict = await _judged(reported.whole(account, raw, _came(received_at), thread_id, cut=cut))
    if verdict is None:
        return RawView(verdict="discard")
    return RawView(verdict="match", known=taken is Taken.KNOWN, **_about(verdict))


async def _judged(work: Awaitable[T]) -> T:
    try:
        return await work
    except JudgeUnavailable:
        raise _away() from None
    except JudgeRefused as refused:
        detail = "These headers cannot be judged."
        raise HttpProblem(422, "cannot_be_judged", detail, remedy="Leave out what is endless.") from refused


def _away() -> HttpProblem:
    return HttpProblem(503, "unavailable", "A part of the service is away.", headers={"Retry-After": "2"})


def _header_set(place: int, given: HeaderSetIn) -> HeaderSet:
    if isinstance(given.headers, str):
        block = judged_block(given.headers.encode("utf-8", "replace"))
    else:
        try:
            block = block_of((each.name, each.value) for each in given.headers)
        except ValueError as wrong:
            remedy = "Give each field's value on one line, unfolded, and its name without a colon."
            raise unfit(f"sets[{place}].{wrong}", "This field holds a line break.", remedy) from None
    return HeaderSet(MessageRef(PLACE, str(place)), block, _came(given.received_at), given.thread_id)


def _came(received_at: datetime | None) -> datetime:
    """A clock of theirs that is ahead must not make answers of tomorrow."""
    now = datetime.now(UTC)
    return whole_milliseconds(now if received_at is None else min(received_at, now))


def _verdict(ref: str, found: Verdict | None) -> VerdictView:
    return (
        VerdictView(ref=ref, verdict="discard")
        if found is None
        else VerdictView(ref=ref, verdict="send_whole", **_about(found))
    )


def _about(verdict: Verdict) -> dict[str, str | None]:
    return {
        "request_id": verdict.request_id,
        "matched_by": verdict.matched_by,
        "confidence": verdict.confidence,
    }


async def _octets(asked: Request, most: int) -> bytes:
    """The message's start, one octet more than is kept: in memory alone, never in a file."""
    raw = bytearray()
    async for chunk in asked.stream():
        if len(raw) <= most:
            raw += chunk[: most + 1 - len(raw)]
    return bytes(raw)
