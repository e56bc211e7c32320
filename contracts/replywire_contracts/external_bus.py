"""The External API over NATS (extras `external` and `nats`): requests on the team's own subjects, by its own user.

door = await BusDoor.connect("nats://mail.example.com", team="acme", password="...")
async with External(door=door) as external:
    ...as over HTTP...
"""

from __future__ import annotations

import base64
import json
from typing import Any, Self

import nats
import nats.errors
from nats.aio.client import Client

from replywire_contracts.external import Passing, Problem

_RAW_OCTETS = 640 * 1024
"""Of a message handed in: what fits one bus message. The words of an answer are at its start."""
_PASSING = frozenset({429, 503})


class BusDoor:
    def __init__(self, connection: Client, team: str) -> None:
        """`connection` must have an inbox prefix of the team's own: `_INBOX_external_<team>`."""
        self._connection = connection
        self._team = team

    @classmethod
    async def connect(cls, servers: str | list[str], *, team: str, password: str, **options: Any) -> Self:
        """`options` are those of `nats.connect`."""
        user = f"external_{team}"
        told = {"user": user, "password": password, "inbox_prefix": f"_INBOX_{user}".encode()}
        return cls(await nats.connect(servers, **({"max_reconnect_attempts": -1} | told | options)), team)

    async def ask(self, verb: str, content: dict[str, Any], timeout: float) -> dict[str, Any]:
        subject = f"rpc.v1.external.{verb}.{self._team}"
        try:
            answer = await self._connection.request(subject, json.dumps(content).encode(), timeout=timeout)
        except (nats.errors.Error, TimeoutError) as silence:
            raise Passing(f"{subject}: {silence}") from silence
        found: dict[str, Any] = json.loads(answer.data)
        if answer.headers and "Replywire-Error" in answer.headers:
            if found.get("status") in _PASSING:
                raise Passing(str(found.get("detail")))
            raise Problem(int(found.get("status", 500)), found)
        return found

    async def octets(self, request_id: str) -> bytes:
        whole = b""
        while True:
            piece = await self.ask("octets", {"request_id": request_id, "offset": len(whole)}, 30)
            whole += base64.b64decode(piece["content"])
            if len(whole) >= piece["size"] or not piece["content"]:
                return whole

    async def hand_in(self, account_id: str, raw: bytes, told: dict[str, str]) -> dict[str, Any]:
        content = base64.b64encode(raw[:_RAW_OCTETS]).decode()
        asked = {"account_id": account_id, "content": content, "cut": len(raw) > _RAW_OCTETS, **told}
        return await self.ask("raw", asked, 60)

    async def close(self) -> None:
        await self._connection.drain()
