"""Access tokens and who they belong to, told by RFC 7662 introspection: what Dovecot asks at every XOAUTH2 login."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from tests.servers.gmail_threads import Listener


@dataclass(slots=True)
class TokenTable:
    """A token that is not here, or has expired, opens nothing."""

    _known: dict[str, tuple[str, float]] = field(default_factory=dict)
    url: str = ""
    asked: int = 0
    _listener: Listener = field(init=False)

    def __post_init__(self) -> None:
        self._listener = Listener(self._answer)

    def give(self, token: str, address: str, seconds: float = 3600) -> str:
        self._known[token] = (address, time.time() + seconds)
        return token

    def expire(self, token: str) -> None:
        self._known.pop(token, None)

    async def start(self) -> None:
        self.url = f"http://127.0.0.1:{await self._listener.start()}/introspect"

    async def stop(self) -> None:
        await self._listener.stop()

    def told_of(self, token: str) -> dict[str, object]:
        address, until = self._known.get(token, ("", 0.0))
        return {"active": until > time.time(), "email": address, "exp": int(until)}

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
            body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
            self.asked += 1
            told = json.dumps(self.told_of(parse_qs(body.decode()).get("token", [""])[0])).encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(told), told)
            )
