"""A team's own user of the bus is made while nats-server runs, works at once, and its old password ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import nats
import nats.errors
import pytest

from deploy.embedded.bus_users import give
from deploy.embedded.kept_secrets import keep
from deploy.embedded.nats_server import NatsServer
from services.runtime.permissions import render_users


async def asked(server: NatsServer, user: str, password: str) -> str:
    """What the server says to a question on the team's subject: nobody answers, or no such user."""
    connection = await nats.connect(
        f"nats://{user}:{password}@127.0.0.1:{server.port}",
        inbox_prefix=f"_INBOX_{user}".encode(),
        allow_reconnect=False,
        error_cb=_silent,
    )
    try:
        await connection.request("rpc.v1.external.take.acme", b"{}", timeout=5)
    except nats.errors.NoRespondersError:
        return "no responders"
    finally:
        await connection.close()
    return "answered"


async def _silent(_: Exception) -> None: ...


async def test_a_user_is_made_and_renewed_while_the_server_runs(tmp_path: Path) -> None:
    kept = keep(tmp_path)
    server = NatsServer(tmp_path / "nats", authorization=render_users(kept.nats), passwords=kept.nats)
    await server.start()
    try:
        made = give(tmp_path, "acme")
        assert made.at_once
        async with asyncio.timeout(30):
            while await _answer(server, made.user, made.password) != "no responders":
                await asyncio.sleep(0.05)  # the server reloads in its own time
        renewed = give(tmp_path, "acme")
        assert renewed.password != made.password
        async with asyncio.timeout(30):
            while await _answer(server, made.user, made.password) != "refused":
                await asyncio.sleep(0.05)
        async with asyncio.timeout(30):
            while await _answer(server, renewed.user, renewed.password) != "no responders":
                await asyncio.sleep(0.05)
        assert keep(tmp_path).nats[made.user] == renewed.password, "it is known to the next start"
    finally:
        await server.stop()


async def _answer(server: NatsServer, user: str, password: str) -> str:
    try:
        return await asked(server, user, password)
    except (nats.errors.Error, OSError):
        return "refused"


def test_without_a_server_it_counts_from_the_next_start(tmp_path: Path) -> None:
    assert not give(tmp_path, "acme").at_once


@pytest.mark.parametrize("team", ["", "a.b", "*", ">", "a b"])
def test_what_is_no_team_gets_no_user(team: str, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="no team"):
        give(tmp_path, team)
