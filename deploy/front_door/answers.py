"""One answer of the front door: passed on piece by piece, or the door's own word."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any

from deploy.front_door import headers as hygiene
from services.runtime.problem_shape import MEDIA_TYPE, HttpProblem

if TYPE_CHECKING:
    from starlette.types import Send

_LINGER_SECONDS = 2.0


class Answer:
    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._id = request_id
        self._begun = False

    def must_not_have_begun(self, error: Exception) -> None:
        """Half an answer cannot be taken back: the connection is cut, so that the client sees it is half."""
        if self._begun:
            raise error

    async def begin(self, status: int, headers: hygiene.Headers) -> None:
        self._begun = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def more(self, chunk: bytes) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def problem(self, problem: HttpProblem) -> None:
        await self.whole(problem.status, MEDIA_TYPE, problem.content(self._id), problem.headers)

    async def last_word(self, problem: HttpProblem, rest: Awaitable[None]) -> None:
        """Said before the client has ended, and then no more is read. A connection closed at once would take the answer
        with it, for the client still writes; so it is heard out for a moment, as nginx does."""
        content = json.dumps(problem.content(self._id)).encode()
        length = str(len(content)).encode()
        await self.begin(
            problem.status,
            [
                (b"content-type", MEDIA_TYPE.encode()),
                (b"content-length", length),
                (b"x-request-id", self._id.encode()),
                (b"connection", b"close"),
            ],
        )
        await self.more(content)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                await rest
        await self.end()

    async def whole(self, status: int, media_type: str, content: Any, more: Mapping[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        own = {"content-type": media_type, "content-length": str(len(body)), "x-request-id": self._id, **(more or {})}
        await self.begin(status, [(name.lower().encode(), value.encode()) for name, value in own.items()])
        await self.more(body)
        await self.end()
