"""The user of compose's bus that a team's own code works as: one command, no Docker needed to see what it makes."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import nats
import nats.errors
import pytest

from deploy.docker import render_nats
from deploy.embedded import binaries
from deploy.embedded.free_ports import free_port
from deploy.embedded.processes import Process, listens
from services.runtime.permissions import USERS

ROOT = Path(__file__).parents[3]
SECRETS = {render_nats.variable(user): f"p-{user}" for user in USERS}


def test_the_line_of_a_teams_user_is_fresh() -> None:
    assert render_nats.TEAM_USER.read_text() == render_nats.render_team_user(), (
        "run `python -m deploy.docker.render_nats`"
    )


async def test_one_command_gives_a_teams_code_its_user_and_keeps_the_others(tmp_path: Path) -> None:
    home, port = tmp_path / "home", free_port()
    shutil.copytree(ROOT / "deploy" / "docker", home / "deploy" / "docker")
    (home / ".env").write_text("\n".join(f"{name}='{value}'" for name, value in SECRETS.items()) + "\n")
    first, other = made_user(home, "acme"), made_user(home, "a-b_1")
    renewed = made_user(home, "acme")
    assert (home / ".env").read_text().count("REPLYWIRE_NATS_CONF=./.nats-teams.conf") == 1
    assert (home / ".env.teams").stat().st_mode & 0o077 == 0
    text = (home / ".nats-teams.conf").read_text()
    assert not [password for password in (first, other, renewed) if password in text]
    text = text.replace('"0.0.0.0:4222"', f'"127.0.0.1:{port}"').replace('http: "0.0.0.0:8222"\n', "")
    config = home / "nats.conf"
    config.write_text(text.replace('"/data"', f'"{tmp_path}/data"'))
    teams = dict(line.split("=", 1) for line in (home / ".env.teams").read_text().splitlines() if line[0] != "#")
    environment = {**os.environ, **SECRETS, **teams}
    server = Process("nats", [str(binaries.nats_server()), "-c", str(config)], tmp_path / "log", env=environment)
    server.launch()
    await server.until(lambda: listens(port), timeout=30)
    try:
        refused: asyncio.Queue[str] = asyncio.Queue()

        async def note(error: Exception) -> None:
            refused.put_nowait(str(error).lower())

        for user, password in (("external_acme", renewed), ("external_a-b_1", other)):
            connection = await nats.connect(
                f"nats://127.0.0.1:{port}", user=user, password=password, inbox_prefix=f"_INBOX_{user}", error_cb=note
            )
            team = user.removeprefix("external_")
            with pytest.raises(nats.errors.NoRespondersError):  # it may ask, and nobody is there
                await connection.request(f"rpc.v1.external.take.{team}", b"{}", timeout=5)
            await connection.publish("rpc.v1.external.take.globex")
            words = await asyncio.wait_for(refused.get(), 20)
            assert "permissions violation" in words
            assert "globex" in words
            await connection.close()
        with pytest.raises(nats.errors.Error):
            await nats.connect(
                f"nats://127.0.0.1:{port}",
                user="external_acme",
                password=first,
                allow_reconnect=False,
                connect_timeout=5,
            )
    finally:
        await server.stop()


def made_user(home: Path, team: str) -> str:
    command = ["sh", "deploy/docker/bus-user.sh", team]
    printed = subprocess.run(command, cwd=home, capture_output=True, text=True, check=True).stdout.splitlines()
    assert printed[0] == f"user      external_{team}"
    return printed[1].removeprefix("password  ")


def test_what_is_no_team_gets_no_user(tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(ROOT / "deploy" / "docker", home / "deploy" / "docker")
    (home / ".env").touch()
    for team in ("", "a b", "a.b", 'a"', "x" * 65):
        command = ["sh", "deploy/docker/bus-user.sh", team]
        assert subprocess.run(command, cwd=home, capture_output=True, check=False).returncode == 1, team
    assert not (home / ".nats-teams.conf").exists()
