"""The secrets of one embedded installation: made at the first start, kept in its folder, its owner's alone."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.embedded.errors import EmbeddedError
from services.runtime.permissions import USERS

_FILE = "secrets.json"
_RING = "key_ring.json"


@dataclass(slots=True)
class KeptSecrets:
    folder: Path
    nats: dict[str, str] = field(repr=False)
    """Password of each user of the bus; letters, digits, `-` and `_`."""
    find_keys: str = field(repr=False)
    """What inbox_sync seals matched mail by while it holds it: base64, the first seals."""
    api_keys: dict[str, str] = field(default_factory=dict, repr=False)
    """The API key of each team that this machine's command line acts for."""

    @property
    def key_ring(self) -> Path:
        """The ring auth seals by, a file of its own because an operator rotates it."""
        return self.folder / _RING

    def save(self) -> None:
        write_private(self.folder / _FILE, {"nats": self.nats, "find_keys": self.find_keys, "api_keys": self.api_keys})


def keep(folder: Path) -> KeptSecrets:
    """Those of this folder; what is missing is made. Raises `EmbeddedError` where a file cannot be read."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for file in (folder / _FILE, folder / _RING):
        if not file.exists() and (folder / "mongodb").exists():
            raise EmbeddedError(
                f"{file} is gone, and what is sealed under {folder} cannot be opened without it. "
                "Put it back, or remove the folder to begin anew."
            )
    kept = KeptSecrets(folder, **_read(folder / _FILE, {"nats": {}, "find_keys": _new_key(), "api_keys": {}}))
    for user in USERS:
        kept.nats.setdefault(user, secrets.token_urlsafe(24))
    kept.save()
    if not kept.key_ring.exists():
        write_private(kept.key_ring, {"current": "k1", "keys": {"k1": _new_key()}})
    return kept


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _read(file: Path, otherwise: dict[str, Any]) -> dict[str, Any]:
    if not file.exists():
        return otherwise
    try:
        content: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise EmbeddedError(f"{file} cannot be read ({type(error).__name__}): put it back, or begin anew") from None
    return content


def write_private(file: Path, content: dict[str, Any]) -> None:
    """As JSON, whole or not at all, for its owner alone."""
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        json.dump(content, opened, indent=2)
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(file)
