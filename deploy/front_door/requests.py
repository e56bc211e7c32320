"""One request as it comes in at the front door: its target untouched, its body as a stream, its client's leaving."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import uuid4

from deploy.front_door import headers as hygiene

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class Gone(Exception):
    """The client has left: nobody waits for an answer."""


class TooLarge(Exception):
    """The body is longer than a request may be."""


class Incoming:
    def __init__(self, scope: Scope, receive: Receive, most: int) -> None:
        self._scope = scope
        self._receive = receive
        self._most = most
        self._all_read = asyncio.Event()
        headers: hygiene.Headers = list(scope["headers"])
        given = hygiene.value_of(headers, b"x-request-id")
        self.id = given.decode() if _REQUEST_ID.fullmatch(given) else uuid4().hex
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        query: bytes = scope["query_string"]
        self.target: bytes = scope["raw_path"] + (b"?" + query if query else b"")
        """As it was sent: decoding and encoding again would make another path of some."""
        self._length = hygiene.value_of(headers, b"content-length")
        self.has_body = self._length not in (b"", b"0") or bool(hygiene.value_of(headers, b"transfer-encoding"))

    def judge_length(self) -> None:
        """Raises `TooLarge` where the request itself says so."""
        if self._length.isdigit() and int(self._length) > self._most:
            raise TooLarge

    def inward_headers(self) -> hygiene.Headers:
        client = self._scope.get("client")
        headers = list(self._scope["headers"])
        return hygiene.inward(
            headers,
            client=client[0] if client else "unknown",
            scheme=self._scope.get("scheme", "http"),
            host=hygiene.value_of(headers, b"host"),
            request_id=self.id,
        )

    async def body(self) -> AsyncIterator[bytes]:
        """Raises `TooLarge`, or `Gone`."""
        taken, more = 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            chunk = message.get("body", b"")
            taken += len(chunk)
            if taken > self._most:
                raise TooLarge
            more = message.get("more_body", False)
            if not more:
                self._all_read.set()
            if chunk:
                yield chunk

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
