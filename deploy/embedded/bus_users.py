"""Users of the bus for teams' own code: made or given a new password while nats-server runs, kept for its next start.

Such a user asks on its own team's subjects and reads the answers, nothing else: `permissions.rights("external_acme")`.
"""

from __future__ import annotations

import os
import secrets
import signal
from dataclasses import dataclass, field
from pathlib import Path

from deploy.embedded.kept_secrets import keep
from deploy.embedded.nats_config import with_users
from deploy.embedded.nats_server import CONFIG_FILE, PID_FILE
from services.runtime.permissions import external_user, render_users, rights


@dataclass(frozen=True, slots=True)
class BusUser:
    """`at_once`: nats-server runs and knows the user by now; else from its next start on."""

    user: str
    password: str = field(repr=False)
    at_once: bool


def give(folder: Path, team: str) -> BusUser:
    """A new password for the team's user, who is made where there is none. The old password ends; connections that it
    opened are closed. Raises `LookupError` where no team can be called so."""
    user = external_user(team)
    rights(user)
    kept = keep(folder)
    kept.nats[user] = secrets.token_urlsafe(24)
    kept.save()
    return BusUser(user, kept.nats[user], _told(folder / "nats", render_users(kept.nats)))


def _told(folder: Path, authorization: str) -> bool:
    """False where no nats-server runs in this folder."""
    config, pid_file = folder / CONFIG_FILE, folder / PID_FILE
    if not config.exists():
        return False
    new = config.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(with_users(config.read_text(), authorization))
    new.replace(config)
    try:
        os.kill(int(pid_file.read_text()), signal.SIGHUP)
    except (OSError, ValueError):
        return False
    return True
