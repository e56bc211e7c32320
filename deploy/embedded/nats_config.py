"""The nats-server configuration file, rendered from data: loopback, durable JetStream, and each user's rights."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class NatsUser:
    """One user of the bus and the only subjects it may use. Empty lists allow nothing."""

    name: str
    password: str = field(repr=False)
    publish: tuple[str, ...] = (">",)
    subscribe: tuple[str, ...] = (">",)
    allow_responses: bool = True
    """May answer a request once, on the reply subject that came with it."""

    def __post_init__(self) -> None:
        # nats-py takes both from the URL as they stand: it does not undo percent-encoding.
        for text in (self.name, self.password):
            if not re.fullmatch(r"[A-Za-z0-9._~-]+", text):
                raise ValueError(f"NATS user {self.name!r}: names and passwords are letters, digits and . _ ~ - only")


def render(
    *,
    port: int,
    store: Path,
    users: Sequence[NatsUser] = (),
    host: str = "127.0.0.1",
    max_payload: int = 1024 * 1024,
    extra: str = "",
) -> str:
    """`users` empty means that everybody may do everything: loopback tests alone. `extra` is appended as it is."""
    lines = [
        'server_name: "replywire"',
        f"listen: {json.dumps(f'{host}:{port}')}",
        f"max_payload: {max_payload}",
        "jetstream {",
        f"  store_dir: {json.dumps(str(store))}",
        "  # An ack precedes the fsync otherwise, and a crash loses what was acknowledged.",
        "  sync_interval: always",
        "}",
    ]
    if users:
        lines += ["authorization {", "  users = [", *(_user(user) for user in users), "  ]", "}"]
    return "\n".join([*lines, extra, ""])


def _user(user: NatsUser) -> str:
    # JSON strings and lists are valid in this format, and escape what needs it.
    responses = ", allow_responses: { max: 1, expires: 60s }" if user.allow_responses else ""
    return (
        f"    {{ user: {json.dumps(user.name)}, password: {json.dumps(user.password)}, permissions: {{ "
        f"publish: {{ allow: {json.dumps(list(user.publish))} }}, "
        f"subscribe: {{ allow: {json.dumps(list(user.subscribe))} }}{responses} }} }}"
    )
