"""Which installation the commands talk to: the one the environment names, else the stack running in the folder."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.cli.errors import UNUSABLE, CannotGoOn

DEFAULT_FOLDER = Path(".replywire")


@dataclass(frozen=True, slots=True)
class Target:
    url: str
    """The installation's one base address, in front of all services."""
    api_key: str = field(repr=False)
    nats_url: str = field(repr=False)
    nats_user: str | None = None
    nats_password: str | None = field(default=None, repr=False)
    operators_nats_url: str | None = field(default=None, repr=False)
    """With the user that sees every stream, where it is known."""
    team: str = "*"
    """The team the API key is for, where it is known; `*`: whatever the bus lets this user read."""


def find(folder: Path) -> Target:
    """`REPLYWIRE_API_KEY` with `REPLYWIRE_API_URL` and `REPLYWIRE_NATS_URL`; without a key, the stack that runs in
    `folder`. Raises `CannotGoOn`."""
    key = os.environ.get("REPLYWIRE_API_KEY")
    if key:
        return _from_environment(key)
    running, secrets = running_in(folder), _read(folder / "secrets.json")
    if running is None or secrets is None:
        raise CannotGoOn(
            f"No stack runs in {folder}, and REPLYWIRE_API_KEY names no other installation.",
            remedy="Start one with `replywire up` in another terminal, or set REPLYWIRE_API_KEY and REPLYWIRE_API_URL.",
            status=UNUSABLE,
        )
    key = secrets["api_keys"].get(running["team"])
    if key is None:
        raise CannotGoOn(f"The stack in {folder} keeps no API key for this machine.", status=UNUSABLE)
    if not running.get("url"):
        raise CannotGoOn(f"The stack in {folder} runs without a front door.", status=UNUSABLE)
    operators = running.get("operators_nats_url")
    return Target(running["url"], key, running["nats_url"], operators_nats_url=operators, team=running["team"])


def running_in(folder: Path) -> dict[str, Any] | None:
    """The whereabouts of the stack that runs in this folder; None where none does. Raises `CannotGoOn`."""
    running = _read(folder / "running.json")
    return None if running is None or not _alive(running["pid"]) else running


def _from_environment(key: str) -> Target:
    url = os.environ.get("REPLYWIRE_API_URL", "").rstrip("/")
    if not url:
        raise CannotGoOn(
            "REPLYWIRE_API_KEY is set, but not where the installation is.",
            remedy="Set REPLYWIRE_API_URL.",
            status=UNUSABLE,
        )
    return Target(
        url,
        key,
        os.environ.get("REPLYWIRE_NATS_URL", "nats://127.0.0.1:4222"),
        os.environ.get("REPLYWIRE_NATS_USER") or None,
        os.environ.get("REPLYWIRE_NATS_PASSWORD") or None,
        team=os.environ.get("REPLYWIRE_TEAM", "*"),
    )


def _alive(pid: int) -> bool:
    """A launcher that was killed leaves its file behind."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read(file: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    except PermissionError:
        raise CannotGoOn(f"{file} belongs to somebody else.", status=UNUSABLE) from None
    except (OSError, ValueError):
        raise CannotGoOn(
            f"{file} cannot be read.", remedy="Stop the stack and start it again with `replywire up`.", status=UNUSABLE
        ) from None
    return content
