"""What tests of the External client do: connect an account of it, take, report, as the customer's code would."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
from replywire_contracts.v1 import rpc
from replywire_contracts.v1.account import AccountConnected

from deploy.embedded.free_ports import free_port
from tests.servers.warm import Forked, fork
from tests.services.send.world import ADA, KEY, QUICK, TEAM, World

TAKE = "/v1/external/messages/take"


async def external_account(world: World, address: str = ADA, team: str = TEAM, account: str = "") -> str:
    """An External account, with its way of handing over chosen."""
    name = account or address.partition("@")[0]
    world.neighbours.accounts[name] = rpc.AccountView(
        account_id=name, team_id=team, client="external", address=address, state="connected", revision=1
    )
    await world.tell(AccountConnected, name)
    await world.database["external_setups"].update_one({"_id": team}, {"$set": {"delivery": "http"}}, upsert=True)
    return name


class Worker:
    """The customer's code, as far as it speaks with us."""

    def __init__(self, api: httpx.AsyncClient) -> None:
        self.api = api

    async def take(self, most: int = 10, *, wait: float = 10, lease: int = 30, **more: Any) -> dict[str, Any]:
        asked = {"max": most, "wait_seconds": wait, "lease_seconds": lease, **more}
        answer = await self.api.post(TAKE, json=asked)
        assert answer.status_code == 200, answer.text
        taken: dict[str, Any] = answer.json()
        return taken

    async def one(self, **more: Any) -> tuple[str, dict[str, Any]]:
        """A lease, and the one message under it."""
        taken = await self.take(1, **more)
        [message] = taken["messages"]
        return taken["lease"], message

    async def tell(self, request_id: str, what: str, lease: str, **more: Any) -> httpx.Response:
        return await self.api.post(f"/v1/external/messages/{request_id}/{what}", json={"lease": lease, **more})

    async def told(self, request_id: str, what: str, lease: str, **more: Any) -> dict[str, Any]:
        answer = await self.tell(request_id, what, lease, **more)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def reports(self, reports: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answer = await self.api.post("/v1/external/messages/reports", json={"reports": reports})
        assert answer.status_code == 200, answer.text
        answers: list[dict[str, Any]] = answer.json()["answers"]
        return answers


@contextlib.asynccontextmanager
async def worker(world: World, key: str = KEY, app: int = 0) -> AsyncIterator[Worker]:
    async with world.api(key, app) as api:
        api.timeout = httpx.Timeout(90)
        yield Worker(api)


def octets(message: dict[str, Any]) -> bytes:
    return base64.b64decode(message["mime"])


@dataclass
class Served:
    """A process of send, and the way to it."""

    process: Forked
    url: str

    def worker(self) -> contextlib.AbstractAsyncContextManager[Worker]:
        return _worker_at(self.url)

    async def died(self) -> int:
        async with asyncio.timeout(60):
            return await asyncio.to_thread(self.process.wait)


@contextlib.asynccontextmanager
async def send_process(world: World, failpoints: str = "") -> AsyncIterator[Served]:
    """send as a process of its own, to be killed; ready once this is entered."""
    port = free_port()
    given = {name: getattr(world.settings, name) for name in ("nats_url", "mongodb_url", "mongodb_database")}
    given |= {name: world.settings.model_dump(mode="json")[name] for name in QUICK} | {"http_port": port}
    env = {name: value for name, value in os.environ.items() if not name.startswith("REPLYWIRE_")}
    env |= {
        f"REPLYWIRE_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in given.items()
    }
    env["REPLYWIRE_FAILPOINTS"] = failpoints
    with open(os.devnull, "wb") as nowhere:
        process = fork("services.send", env=env, out=nowhere, err=nowhere)
    served = Served(process, f"http://127.0.0.1:{port}")
    try:
        async with asyncio.timeout(60), httpx.AsyncClient() as api:
            while not await _ready(api, served.url):
                assert process.poll() is None, "it did not start"
                await asyncio.sleep(0.05)
        yield served
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


async def _ready(api: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await api.get(f"{url}/ready")).status_code == 200
    except httpx.HTTPError:
        return False


@contextlib.asynccontextmanager
async def _worker_at(url: str) -> AsyncIterator[Worker]:
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, timeout=90) as api:
        yield Worker(api)
