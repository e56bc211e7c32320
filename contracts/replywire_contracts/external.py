"""A small client of the External API (extra `external`): for teams whose own code sends their mail and sees what comes.

    async with External("https://mail.example.com", "rw_...") as external:
        async for work in external.work():
            ...send `work.mime` as it is...
            await external.sent(work)

Reports are told until they are heard: whatever was sent is worth any number of tries, and telling it twice is harmless.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, Self, TypeVar
from urllib.parse import quote

import httpx

_PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_PASSING = frozenset({429, 502, 503, 504})
_MOST_AT_ONCE = 500
T = TypeVar("T")


class Problem(Exception):
    """What was asked cannot be done. `code` is a stable slug, `detail` says why and `remedy` what to do."""

    def __init__(self, status: int, content: dict[str, Any]) -> None:
        self.status = status
        self.code = str(content.get("code", status))
        self.detail = str(content.get("detail", ""))
        self.remedy = str(content.get("remedy", ""))
        self.content = content
        super().__init__(f"{self.code}: {self.detail} {self.remedy}".strip())


class Passing(Exception):
    """Not now: try again, after `after` seconds where that is told."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class Door(Protocol):
    """A way in. Raises `Passing` and `Problem`."""

    async def ask(self, verb: str, content: dict[str, Any], timeout: float) -> dict[str, Any]:
        """`take`, `extend`, `reports` and `headers`, in the words of the API."""
        ...

    async def octets(self, request_id: str) -> bytes: ...

    async def hand_in(self, account_id: str, raw: bytes, told: dict[str, str]) -> dict[str, Any]: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Work:
    """A message to send: these octets, from this sender, to these recipients."""

    lease: str
    until: datetime
    request_id: str
    account_id: str
    sender: str
    recipients: tuple[str, ...]
    message_id: str
    subject: str
    mime: bytes = field(repr=False)
    taken: int
    """More than 1: somebody may have sent it before and died. A mail server that knows the Message-ID can tell."""
    thread_id: str | None = None
    """Of the message that this one follows up, as you reported it."""
    metadata: dict[str, Any] = field(default_factory=dict)
    test: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a report: `status` 200, or the problem that it met (`code`, `detail`)."""

    request_id: str
    status: int
    state: str | None = None
    heard: str | None = None
    code: str | None = None
    detail: str | None = None


class External:
    """`url`: the one address of the API, or that of `send`; then `inbox_url` is inbox_sync's. `door`: another way in,
    such as `external_bus.BusDoor`."""

    def __init__(self, url: str = "", key: str = "", *, inbox_url: str | None = None, door: Door | None = None) -> None:
        self._door = door or HttpDoor(url, key, inbox_url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._door.close()

    async def work(self, *, most: int = 10, lease: int = 300, account_id: str | None = None) -> AsyncIterator[Work]:
        """For ever: each message as it comes. Outages are waited out."""
        while True:
            for one in await insist(lambda: self.take(most, wait=45, lease=lease, account_id=account_id)):
                yield one

    async def take(
        self,
        most: int = 10,
        *,
        wait: float = 0,
        lease: int = 300,
        account_id: str | None = None,
    ) -> list[Work]:
        """At most `most` messages, once there are some or `wait` seconds (at most 50) have passed. `lease`: the seconds
        after which what was not reported is offered again."""
        asked: dict[str, Any] = {"max": most, "wait_seconds": wait, "lease_seconds": lease}
        if account_id is not None:
            asked["account_id"] = account_id
        taken = await self._door.ask("take", asked, wait + 15)
        until = datetime.fromisoformat(taken["until"])
        return [await self._work(taken["lease"], until, one) for one in taken["messages"]]

    async def extend(self, work: Work, seconds: int = 300) -> datetime:
        """Keep it for longer: until when. Raises `Problem` where it is not yours any more: do not send it then."""
        asked = {"request_id": work.request_id, "lease": work.lease, "lease_seconds": seconds}
        extended = await insist(lambda: self._door.ask("extend", asked, 15))
        return datetime.fromisoformat(extended["until"])

    async def sent(
        self,
        work: Work,
        *,
        message_id: str | None = None,
        thread_id: str | None = None,
        sent_at: datetime | None = None,
        words: str = "",
    ) -> Answer:
        """It left: as `message_id` where your server gave it another one, in your mailbox's thread `thread_id`."""
        at = sent_at.isoformat() if sent_at is not None else None
        told = {"message_id": message_id, "thread_id": thread_id, "sent_at": at, "words": words[:2000]}
        return await self._report(work, "sent", told)

    async def failed(self, work: Work, reason: str = "refused", *, code: str = "", words: str = "") -> Answer:
        """It did not leave and will not. `reason` is a slug of your own."""
        return await self._report(work, "failed", {"class": reason, "code": code[:64], "words": words[:2000]})

    async def release(self, work: Work, *, retry_in: float = 0, words: str = "") -> Answer:
        """It did not leave: somebody may try again, in `retry_in` seconds."""
        return await self._report(work, "released", {"retry_in_seconds": retry_in, "words": words[:2000]})

    async def report(self, reports: Sequence[dict[str, Any]]) -> list[Answer]:
        """Many at once, in the words of the API: `request_id`, `lease`, `outcome` and what belongs to it."""
        answers: list[Answer] = []
        for start in range(0, len(reports), _MOST_AT_ONCE):
            some = {"reports": list(reports[start : start + _MOST_AT_ONCE])}
            answered = await insist(lambda some=some: self._door.ask("reports", some, 60))  # type: ignore[misc]
            answers += [Answer(**{name: one.get(name) for name in Answer.__slots__}) for one in answered["answers"]]
        return answers

    async def wanted(self, account_id: str, headers: Iterable[tuple[str, bytes]]) -> list[str]:
        """Of these messages, each by a name of yours and its header, those to hand in whole. Nothing else is kept."""
        sets = [{"ref": ref, "headers": block[:65_536].decode("utf-8", "replace")} for ref, block in headers]
        found: list[str] = []
        for start in range(0, len(sets), 100):
            asked = {"account_id": account_id, "sets": sets[start : start + 100]}
            judged = await insist(lambda asked=asked: self._door.ask("headers", asked, 60))  # type: ignore[misc]
            found += [one["ref"] for one in judged["verdicts"] if one["verdict"] == "send_whole"]
        return found

    async def hand_in(
        self, account_id: str, raw: bytes, *, received_at: datetime | None = None, thread_id: str | None = None
    ) -> bool:
        """A whole message that came in. True where it answers one of yours: the events follow. Again is harmless."""
        told = {"received_at": received_at.isoformat() if received_at else None, "thread_id": thread_id}
        given = {name: value for name, value in told.items() if value is not None}
        answered = await insist(lambda: self._door.hand_in(account_id, raw, given))
        return bool(answered["verdict"] == "match")

    async def _report(self, work: Work, outcome: str, told: dict[str, Any]) -> Answer:
        given = {name: value for name, value in told.items() if value not in (None, "")}
        [answer] = await self.report(
            [{"request_id": work.request_id, "lease": work.lease, "outcome": outcome, **given}]
        )
        return answer

    async def _work(self, lease: str, until: datetime, one: dict[str, Any]) -> Work:
        mime = one.get("mime")
        octets = (
            base64.b64decode(mime) if mime is not None else await insist(lambda: self._door.octets(one["request_id"]))
        )
        return Work(
            lease=lease,
            until=until,
            request_id=one["request_id"],
            account_id=one["account_id"],
            sender=one["sender"],
            recipients=tuple(one["recipients"]),
            message_id=one["message_id"],
            subject=one["subject"],
            mime=octets,
            taken=one["taken"],
            thread_id=(one.get("follows") or {}).get("thread_id"),
            metadata=one.get("metadata") or {},
            test=bool(one.get("test")),
        )


class HttpDoor:
    """Over HTTP."""

    def __init__(self, url: str, key: str, inbox_url: str | None = None) -> None:
        self._http = httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"})
        self._url = url.rstrip("/") + "/v1/external"
        self._inbox = (inbox_url or url).rstrip("/") + "/v1/external"

    async def ask(self, verb: str, content: dict[str, Any], timeout: float) -> dict[str, Any]:
        paths = {"take": "/messages/take", "reports": "/messages/reports"}
        body = dict(content)
        if verb == "headers":
            url = f"{self._inbox}/headers"
        elif verb == "extend":
            url = f"{self._url}/messages/{quote(body.pop('request_id'), safe='')}/extend"
        else:
            url = self._url + paths[verb]
        answer = await self._asked(lambda: self._http.post(url, json=body, timeout=timeout))
        found: dict[str, Any] = answer.json()
        return found

    async def octets(self, request_id: str) -> bytes:
        url = f"{self._url}/messages/{quote(request_id, safe='')}/raw"
        return (await self._asked(lambda: self._http.get(url, timeout=60))).content

    async def hand_in(self, account_id: str, raw: bytes, told: dict[str, str]) -> dict[str, Any]:
        asked = {"account_id": account_id, **told}
        kind = {"Content-Type": "message/rfc822"}
        url = f"{self._inbox}/raw"
        answer = await self._asked(lambda: self._http.post(url, params=asked, content=raw, headers=kind, timeout=60))
        found: dict[str, Any] = answer.json()
        return found

    async def close(self) -> None:
        await self._http.aclose()

    async def _asked(self, request: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        try:
            answer = await request()
        except httpx.TransportError as error:
            raise Passing(f"{type(error).__name__}: {error}") from error
        if answer.status_code in _PASSING:
            after = answer.headers.get("retry-after", "")
            raise Passing(f"{answer.status_code}", float(after) if after.isdigit() else None)
        if answer.is_success:
            return answer
        try:
            content = answer.json()
        except ValueError:
            content = {}
        raise Problem(answer.status_code, content if isinstance(content, dict) else {})


async def insist(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until there is an answer. Raises `Problem`."""
    tries = 0
    while True:
        try:
            return await ask()
        except Passing as passing:
            pause = _PAUSES[min(tries, len(_PAUSES) - 1)] if passing.after is None else passing.after
            tries += 1
        await asyncio.sleep(pause)
