"""The client of the External API tells a report until it is heard, waits as it is asked to, and names problems."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from replywire_contracts.external import External, Problem, Work

WORK = Work(
    lease="lease-1",
    until=datetime.now(UTC),
    request_id="order/17",
    account_id="acc",
    sender="ada@example.com",
    recipients=("grace@example.org",),
    message_id="<m@example.com>",
    subject="",
    mime=b"",
    taken=1,
)
ANSWERED = {"answers": [{"request_id": "order/17", "status": 200, "state": "sent", "heard": "recorded"}]}


@dataclass
class Scripted:
    """Says what it was told to say, one answer after the other; None hangs up without a word."""

    answers: list[tuple[int, dict[str, str], Any] | None]
    asked: list[tuple[str, bytes]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length:")), 0)
        self.asked.append((head.splitlines()[0], await reader.readexactly(length)))
        answer = self.answers.pop(0)
        if answer is not None:
            status, headers, content = answer
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def told(*answers: tuple[int, dict[str, str], Any] | None) -> AsyncIterator[tuple[External, Scripted]]:
    scripted = Scripted(list(answers))
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, External(f"http://127.0.0.1:{port}", "rw_key") as external:
        yield external, scripted


async def test_a_report_is_told_until_it_is_heard() -> None:
    busy = (503, {"Retry-After": "0"}, {"code": "unavailable"})
    async with told(busy, None, (429, {"Retry-After": "0"}, {}), (200, {}, ANSWERED)) as (external, scripted):
        answer = await external.sent(WORK, message_id="<wire@example.net>")
    assert (answer.status, answer.state, answer.heard) == (200, "sent", "recorded")
    assert len({body for _, body in scripted.asked}) == 1, "the very same report each time"
    [report] = json.loads(scripted.asked[0][1])["reports"]
    assert report == {
        "request_id": "order/17", "lease": "lease-1", "outcome": "sent", "message_id": "<wire@example.net>",
    }  # fmt: skip


async def test_a_problem_is_raised_with_its_code_and_remedy_and_not_repeated() -> None:
    passed_on = {"code": "lease_passed_on", "detail": "It was passed on.", "remedy": "Do not send it."}
    async with told((409, {}, passed_on)) as (external, scripted):
        with pytest.raises(Problem, match="Do not send it") as problem:
            await external.extend(WORK)
    assert (problem.value.status, problem.value.code) == (409, "lease_passed_on")
    assert scripted.asked[0][0] == "POST /v1/external/messages/order%2F17/extend HTTP/1.1"


async def test_large_octets_are_read_apart() -> None:
    one = {
        "request_id": "order/17", "account_id": "acc", "sender": "ada@example.com", "recipients": [], "subject": "",
        "message_id": "<m@example.com>", "taken": 1, "mime": base64.b64encode(b"small").decode(),
    }  # fmt: skip
    taken = {"lease": "l", "until": "2026-03-02T09:00:00Z", "messages": [one, one | {"mime": None}]}
    async with told((200, {}, taken), (200, {}, b"large")) as (external, scripted):
        assert [work.mime for work in await external.take()] == [b"small", b"large"]
    assert scripted.asked[1][0] == "GET /v1/external/messages/order%2F17/raw HTTP/1.1"


async def test_only_what_is_asked_for_is_handed_in() -> None:
    verdicts = {"verdicts": [{"ref": "1", "verdict": "discard"}, {"ref": "2", "verdict": "send_whole"}]}
    async with told((200, {}, verdicts), (200, {}, {"verdict": "match"})) as (external, scripted):
        assert await external.wanted("acc", [("1", b"Subject: a"), ("2", b"In-Reply-To: <m@example.com>")]) == ["2"]
        assert await external.hand_in("acc", b"In-Reply-To: <m@example.com>\r\n\r\nYes.\r\n", thread_id="t")
    assert scripted.asked[1][0] == "POST /v1/external/raw?account_id=acc&thread_id=t HTTP/1.1"
    assert scripted.asked[1][1].endswith(b"Yes.\r\n")
