"""What an operator does on the command line: a key ring, the first API key, a rotation. No bus is needed."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import sys
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from replywire_contracts.event import TEAM_PATTERN

from services.auth.adapters.api_keys import MongoApiKeys
from services.auth.adapters.boxes import MongoBoxes
from services.auth.adapters.key_ring_file import KeyRingFile
from services.auth.adapters.team_settings import MongoTeamSettings
from services.auth.app import now
from services.auth.connecting import Who
from services.auth.domain.audit import OPERATOR, Actor
from services.auth.domain.refusals import Invalid
from services.auth.keys import Keys
from services.auth.rotation import Rotation, rotate_all
from services.auth.settings import Settings
from services.auth.team_settings import TeamSettingsChanges
from services.runtime import mongo
from services.runtime.key_ring import KEY_OCTETS, KeyRingInvalid, read_key_ring

Print = Callable[[str], None]


def new_key_ring(path: Path, later: bool, out: Print) -> int:
    """Make the ring's file, or add a key to it; only its owner may read it. The new key becomes the current one, but
    with `later`: where replicas read copies of the file, all must hold a key before the first one wraps by it.
    Raises `KeyRingInvalid`."""
    if str(path).lstrip().startswith("{"):
        raise KeyRingInvalid("a key ring that stands in the setting itself cannot be changed here: keep it in a file")
    keys: dict[str, str] = {}
    current = None
    if path.exists():
        text = path.read_text(encoding="utf-8")
        ring = read_key_ring(text)
        current = ring.current if later else None
        keys = json.loads(text)["keys"]
    key_id = next(f"k{number}" for number in count(len(keys) + 1) if f"k{number}" not in keys)
    keys[key_id] = base64.b64encode(secrets.token_bytes(KEY_OCTETS)).decode()
    written = path.with_name(path.name + ".new")
    with open(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump({"current": current or key_id, "keys": keys}, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    # In one step: a service that reads the ring meanwhile finds the old one or the new one, whole.
    os.replace(written, path)
    out(f"{path} now holds {key_id}; new boxes are wrapped by {current or key_id}.")
    out("Keep a copy of it apart from the database: without it every mailbox must be connected again.")
    return 0


def require_team(team: str) -> None:
    """Raises `Invalid`."""
    if not re.fullmatch(TEAM_PATTERN, team):
        raise Invalid("team", "A team is letters, digits, `_` and `-`, at most 64 of them.", "Choose such a name.")


async def create_key(settings: Settings, team: str, scopes: Sequence[str], name: str, as_json: bool, out: Print) -> int:
    """Print a new API key, once. Raises `Invalid`."""
    require_team(team)
    client, db = mongo.connect(settings)
    try:
        who = Who(team, Actor(OPERATOR))
        key, text = await Keys(MongoApiKeys(client, db), now).create(who, name, scopes, within=None)
    finally:
        client.close()
    out(json.dumps({"key": text, "key_id": key.key_id, "team": team, "scopes": key.scopes}) if as_json else text)
    return 0


async def rotate_keys(settings: Settings, progress_json: bool, out: Print) -> int:
    """Re-wrap all that is not under the current key. 1 where something could not be opened. Raises `KeyRingInvalid`."""
    ring = KeyRingFile(settings.key_ring).ring()

    def tell(rotation: Rotation) -> None:
        facts = {"done": rotation.done, "total": rotation.total, "failed": len(rotation.failed)}
        if progress_json:
            out(json.dumps(facts))
        elif sys.stderr.isatty():
            sys.stderr.write(f"\r{rotation.done} of {rotation.total} accounts re-wrapped")

    client, db = mongo.connect(settings)
    try:
        rotation = await rotate_all(MongoBoxes(db), ring, tell)
    finally:
        client.close()
    if progress_json:
        out(json.dumps({"finished": True, "current": ring.current, "done": rotation.done, "failed": rotation.failed}))
    else:
        out(f"{rotation.done} accounts re-wrapped under {ring.current}; the other keys may go once this says 0.")
        for account_id, why in rotation.failed.items():
            out(f"{account_id} could not be opened: {why}")
    return 1 if rotation.failed else 0


async def allow_client(settings: Settings, team: str, client: str, allowed: bool, out: Print) -> int:
    """Switch a client on or off for one team; what is switched on, its admin may then offer. Raises `Invalid`."""
    require_team(team)
    connection, db = mongo.connect(settings)
    try:
        changes = TeamSettingsChanges(MongoTeamSettings(connection, db), _NoSetup(), settings.offered_clients, now)
        after = await changes.allow(Who(team, Actor(OPERATOR)), client, allowed)
    finally:
        connection.close()
    out(f"Switched on for {team}: {', '.join(after.allowed) or 'nothing'}.")
    return 0


class _NoSetup:
    async def missing(self, team_id: str) -> tuple[str, ...]:
        return ()  # no set-up is asked about here
