"""The README's commands, run as they stand there: what a newcomer types must work."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi import APIRouter

from services.auth.domain.oauth_app import Provider
from services.auth.domain.oauth_scopes import ASKED
from services.auth.pages.oauth_pages import add_oauth_pages
from services.auth.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SHELL = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.xdist_group("readme")


def environment(folder: Path) -> dict[str, str]:
    binaries = str(Path(sys.executable).parent)
    return os.environ | {"REPLYWIRE_FOLDER": str(folder), "PATH": f"{binaries}:{os.environ['PATH']}", "NO_COLOR": "1"}


def make_targets() -> list[str]:
    return re.findall(r"^make ([a-z]+)", "\n".join(SHELL), re.MULTILINE)


def test_every_make_command_named_is_a_target_that_would_run() -> None:
    assert {"demo", "test", "check"} <= set(make_targets())
    for target in {*make_targets(), "up", "bench"}:
        made = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr


def test_make_alone_prints_every_command() -> None:
    printed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in (*make_targets(), "up", "bench"):
        assert f"make {target}" in printed


@pytest.mark.timeout(240)
def test_the_demo_prints_the_detected_reply(tmp_path: Path) -> None:
    shown = subprocess.run(
        ["replywire", "demo"], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "reply.detected" in shown.stdout
    assert "Tuesday at ten is fine." in shown.stdout


@pytest.mark.timeout(300)
async def test_the_commands_of_a_running_stack_work_one_after_the_other(tmp_path: Path) -> None:
    [session] = [block for block in SHELL if "replywire connect" in block]
    [over_http] = [block for block in SHELL if "curl" in block]
    stack = await asyncio.create_subprocess_exec(
        "replywire", "up", "--json", env=environment(tmp_path), cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert stack.stdout is not None
        async with asyncio.timeout(90):
            while not (tmp_path / "running.json").exists():
                assert await stack.stdout.readline(), "`replywire up` ended"
        typed = _with_ports_of(tmp_path, session + over_http)
        run = await asyncio.create_subprocess_exec(
            "bash", "-euo", "pipefail", "-c", typed, env=environment(tmp_path), cwd=ROOT,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(150):
            printed = (await run.communicate())[0].decode()
        assert run.returncode == 0, printed
        assert "lunch-1" in printed
        assert '"key":"rw_' in printed
    finally:
        if stack.returncode is None:
            stack.terminate()
        await stack.communicate()


def _with_ports_of(folder: Path, session: str) -> str:
    """The wished ports may be taken where tests run; `up` then says which it took instead."""
    ports = json.loads((folder / "ports.json").read_text())
    taken = {
        "localhost:2465": f"localhost:{ports['smtps']}",
        "localhost:2993": f"localhost:{ports['imap']}",
        "127.0.0.1:8100": f"127.0.0.1:{ports['front_door']}",
        ".replywire/": f"{folder}/",
    }
    for wished, found in taken.items():
        session = session.replace(wished, found)
    return session


def test_the_python_shown_is_the_clients_own(tmp_path: Path) -> None:
    """It needs an account of a running installation; here its names and types are checked strictly."""
    [shown] = PYTHON
    head, start, body = shown.replace("password=...", 'password=""').partition("async with")
    indented = "".join(f"    {line}\n" for line in (start + body).splitlines())
    program = tmp_path / "shown.py"
    program.write_text(f"{head}\nasync def main() -> None:\n{indented}")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", str(program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_apps_are_registered_with_what_the_code_asks_for() -> None:
    """A redirect address or a scope that is written otherwise is refused by the provider, to everybody."""
    section = README.partition("### Register the apps")[2].partition("\n## ")[0]
    rows = {row.split("|")[1].strip(): row.split("|")[2:4] for row in section.splitlines() if row.startswith("|")}
    named = {kind: [set(re.findall(r"`([^`]+)`", cell)) for cell in cells] for kind, cells in rows.items()}
    microsoft = {*ASKED[Provider.MICROSOFT], "openid", "profile", "offline_access"}
    assert named["scopes"] == [set(ASKED[Provider.GOOGLE]), microsoft]
    router = APIRouter()
    add_oauth_pages(router, None)  # type: ignore[arg-type]
    served = {f"PUBLIC{route.path}".replace("{provider}", name) for route in router.routes for name in Provider}  # type: ignore[attr-defined]
    google, of_microsoft = named["redirect addresses"]
    assert google | of_microsoft == served
    assert (len(google), len(of_microsoft)) == (1, 2)
    assert all("/google/" in address for address in google)
    variables = {f"REPLYWIRE_{name.upper()}" for name in Settings.model_fields}
    assert named["settings"][0] | named["settings"][1] <= variables


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", README))))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists(), link


def test_what_the_readme_needs_is_installed_by_make() -> None:
    assert shutil.which("replywire", path=environment(ROOT)["PATH"]), "the command line is not installed"
