"""The nats-server configuration file, rendered from data: loopback, durable JetStream, and who may do what."""

from __future__ import annotations

import json
from pathlib import Path


def render(
    *, port: int, store: Path, authorization: str = "", host: str = "127.0.0.1", max_payload: int = 1024 * 1024
) -> str:
    """`authorization` is the block of users and their rights; without it everybody may do everything."""
    return "\n".join(
        [
            'server_name: "replywire"',
            # JSON strings are valid in this format, and escape what needs it.
            f"listen: {json.dumps(f'{host}:{port}')}",
            f"max_payload: {max_payload}",
            "jetstream {",
            f"  store_dir: {json.dumps(str(store))}",
            "  # An ack precedes the fsync otherwise, and a crash loses what was acknowledged.",
            "  sync_interval: always",
            "}",
            authorization,
            "",
        ]
    )
