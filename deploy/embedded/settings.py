"""What an embedded stack is told: read once by whoever starts it, then passed down."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

SERVICES = ("auth", "reply_matching", "inbox_sync", "send")
"""In the order of starting and, backwards, of stopping: who asks stops before who answers."""

_PORTS = {"front_door": 8100, "auth": 8101, "send": 8102, "inbox_sync": 8103, "reply_matching": 8104}
_PORTS |= {"nats": 4222, "mongod": 27117, "imap": 2993, "submission": 2587, "smtps": 2465}


@dataclass(frozen=True, slots=True)
class StackSettings:
    folder: Path = Path(".replywire")
    nats_url: str | None = field(default=None, repr=False)
    """A server that runs already, with streams and rights of its own; None starts one here."""
    mongodb_url: str | None = field(default=None, repr=False)
    sandbox: bool = True
    sandbox_users: Mapping[str, str] | None = field(default=None, repr=False)
    front_door: bool = True
    """One address for all of HTTP; without it each service is reached at its own."""
    team: str | None = "demo"
    """The team that an API key is made for at the first start; None makes none."""
    ports: Mapping[str, int] = field(default_factory=lambda: _PORTS)
    """Wished for; a taken one is replaced by a free one. Empty: any."""
    replicas: Mapping[str, int] = field(default_factory=dict)
    """How many processes of a service; one where it is not named."""
    env: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Environment added for a service (`send`) or for one replica of it (`send-2`)."""
    ack_wait_seconds: float | None = None
    """When what a killed service was working on comes to another; as declared where None."""
    log_level: str = "INFO"
    watch: bool = True
    """Start again what ends unasked."""
    searchable_files: bool = False
    """MongoDB keeps documents readable in its files: for the test that searches them."""
    fault_commands: bool = False


def from_environment(folder: Path | None = None) -> StackSettings:
    """`NATS_URL` and `MONGODB_URL` name servers that run already; `REPLYWIRE_FOLDER` where the data is kept."""
    settings = StackSettings(
        nats_url=os.environ.get("NATS_URL") or None,
        mongodb_url=os.environ.get("MONGODB_URL") or None,
        log_level=os.environ.get("REPLYWIRE_LOG_LEVEL", "INFO"),
    )
    kept = folder or (Path(os.environ["REPLYWIRE_FOLDER"]) if os.environ.get("REPLYWIRE_FOLDER") else None)
    return settings if kept is None else replace(settings, folder=kept)
