"""The nats-server configuration file, rendered from data: loopback, durable JetStream, and who may do what."""

from __future__ import annotations

import json
from pathlib import Path


def render(
    *,
    port: int,
    store: Path,
    authorization: str = "",
    host: str = "127.0.0.1",
    max_payload: int = 1024 * 1024,
    pid_file: Path | None = None,
) -> str:
    """`authorization` is the block of users and their rights; without it everybody may do everything."""
    return "\n".join(
        [
            'server_name: "replywire"',
            # JSON strings are valid in this format, and escape what needs it.
            f"listen: {json.dumps(f'{host}:{port}')}",
            f"max_payload: {max_payload}",
            *([] if pid_file is None else [f"pid_file: {json.dumps(str(pid_file))}"]),
            "jetstream {",
            f"  store_dir: {json.dumps(str(store))}",
            "  # An ack precedes the fsync otherwise, and a crash loses what was acknowledged.",
            "  sync_interval: always",
            "}",
            authorization,
            "",
        ]
    )


def with_users(config: str, authorization: str) -> str:
    """The same configuration with other users, whose block is its last."""
    return config.partition("authorization {")[0] + authorization
