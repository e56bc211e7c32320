"""One request as it comes in at the front door: its target untouched, its body as a stream, its client's leaving."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import uuid4

from deploy.front_door import headers as hygiene
from services.runtime.problem_shape import INVALID, HttpProblem, too_large

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_HELD = 64 * 1024
"""Octets of a body that are waited for before a service is asked: what most requests have, and what a client must spend
before it keeps one of the services' connections waiting for more."""


class Gone(Exception):
    """The client has left: nobody waits for an answer."""


class Stopped(Exception):
    """The request is not heard to its end: this is answered, and its connection closed."""

    def __init__(self, problem: HttpProblem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class Incoming:
    """`patience`: for so many seconds a client may send nothing of a body it has announced."""

    def __init__(self, scope: Scope, receive: Receive, *, most: int, patience: float) -> None:
        self._scope = scope
        self._receive = receive
        self._most = most
        self._patience = patience
        self._held = bytearray()
        self._taken = 0
        self._all_read = asyncio.Event()
        self._passed_by = False
        headers: hygiene.Headers = list(scope["headers"])
        given = hygiene.value_of(headers, b"x-request-id")
        self.id = given.decode() if _REQUEST_ID.fullmatch(given) else uuid4().hex
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        query: bytes = scope["query_string"]
        self.target: bytes = scope["raw_path"] + (b"?" + query if query else b"")
        """As it was sent: decoding and encoding again would make another path of some."""
        self._length = hygiene.value_of(headers, b"content-length")
        self._encoding = hygiene.value_of(headers, b"transfer-encoding")
        self.has_body = self._length not in (b"", b"0") or bool(self._encoding)
        client = scope.get("client")
        self.client: str = client[0] if client else "unknown"

    def judge_framing(self) -> None:
        """Raises `Stopped` where the head alone says that the body cannot be taken."""
        if self._length and self._encoding:
            # RFC 9112 6.1: whoever believes the other of the two sees another request behind this one.
            detail = "A request has either `Content-Length` or `Transfer-Encoding`, and this has both."
            raise Stopped(HttpProblem(400, INVALID, detail))
        if self._length.isdigit() and int(self._length) > self._most:
            raise Stopped(too_large(self._most))

    def inward_headers(self) -> hygiene.Headers:
        headers = list(self._scope["headers"])
        return hygiene.inward(
            headers,
            client=self.client,
            scheme=self._scope.get("scheme", "http"),
            host=hygiene.value_of(headers, b"host"),
            request_id=self.id,
        )

    @property
    def repeatable(self) -> bool:
        """Whether the body can be sent once more."""
        return not self._passed_by

    async def hold(self) -> None:
        """Waits for the body, or the first of a long one. Raises `Stopped`, or `Gone`."""
        while self.has_body and not self._all_read.is_set() and len(self._held) < _HELD:
            self._held += await self._more()

    def body(self) -> bytes | AsyncIterator[bytes] | None:
        """What is held of it, and then the rest as it comes: that raises `Stopped`, or `Gone`."""
        if not self.has_body:
            return None
        return bytes(self._held) if self._all_read.is_set() else self._passing()

    async def _passing(self) -> AsyncIterator[bytes]:
        self._passed_by = True
        yield bytes(self._held)
        while not self._all_read.is_set():
            if chunk := await self._more():
                yield chunk

    async def _more(self) -> bytes:
        try:
            async with asyncio.timeout(self._patience):
                message = await self._receive()
        except TimeoutError as silent:
            detail = f"The rest of the body did not come within {self._patience:g} s."
            raise Stopped(HttpProblem(408, "too_slow", detail, remedy="Send the request again.")) from silent
        if message["type"] == "http.disconnect":
            raise Gone
        chunk: bytes = message.get("body", b"")
        self._taken += len(chunk)
        if self._taken > self._most:
            raise Stopped(too_large(self._most))
        if not message.get("more_body", False):
            self._all_read.set()
        return chunk

    async def rest(self) -> None:
        """What still comes of the body, read and dropped."""
        while not self._all_read.is_set():
            message = await self._receive()
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                self._all_read.set()

    async def until_client_leaves(self) -> None:
        if self.has_body:
            await self._all_read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
