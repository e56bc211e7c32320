"""What each process of the stack is told by its environment: its own user of the bus, its own database, its policy."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.embedded.kept_secrets import KeptSecrets, keep

RUNNING_FILE = "running.json"
"""In the stack's folder while it runs: where its faces are, for the command line."""
_NEVER_INHERITED = {
    f"REPLYWIRE_{name}" for name in ("KEY_RING", "FIND_KEYS", "NATS_USER", "NATS_PASSWORD", "INSTANCE_ID")
}
_LOOPBACK = ("127.0.0.0/8", "::1/128")


def of_service(
    service: str,
    secrets: KeptSecrets,
    *,
    nats_url: str,
    nats_users: bool,
    mongodb_url: str,
    log_level: str,
    sandbox_ports: Sequence[int],
    ca_file: Path | None,
    public_url: str | None = None,
) -> dict[str, str]:
    """`nats_users`: the server is ours and knows our users; a foreign one is used as its URL says. `public_url`: where
    people's browsers reach us, if the environment says nothing else."""
    env = {name: value for name, value in os.environ.items() if name not in _NEVER_INHERITED}
    env |= {
        "REPLYWIRE_SERVICE": service,
        "REPLYWIRE_NATS_URL": nats_url,
        "REPLYWIRE_MONGODB_URL": mongodb_url,
        "REPLYWIRE_MONGODB_DATABASE": f"replywire_{service}",
        "REPLYWIRE_LOG_LEVEL": log_level,
        "PYTHONUNBUFFERED": "1",
    }
    if nats_users:
        env |= of_bus_user(service, secrets)
    if service == "auth":
        env["REPLYWIRE_KEY_RING"] = str(secrets.key_ring)
        if public_url is not None:
            env.setdefault("REPLYWIRE_PUBLIC_URL", public_url)
    if service == "inbox_sync":
        env["REPLYWIRE_FIND_KEYS"] = secrets.find_keys
    if sandbox_ports:
        env["REPLYWIRE_ALLOWED_NETWORKS"] = json.dumps(_LOOPBACK)
        env["REPLYWIRE_EXTRA_PORTS"] = json.dumps(list(sandbox_ports))
        env["REPLYWIRE_CA_FILE"] = str(ca_file)
    return env


def of_front_door(upstreams: Mapping[str, Sequence[str]], log_level: str) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("REPLYWIRE_")}
    return env | {
        "REPLYWIRE_UPSTREAMS": json.dumps(upstreams),
        "REPLYWIRE_LOG_LEVEL": log_level,
        "PYTHONUNBUFFERED": "1",
    }


def of_operator(folder: Path) -> dict[str, str] | None:
    """What auth's commands need, from the stack that runs in this folder; None where none does."""
    running = folder / RUNNING_FILE
    if not running.exists():
        return None
    whereabouts = json.loads(running.read_text())
    return of_service(
        "auth",
        keep(folder.resolve()),
        nats_url=whereabouts["nats_url"],
        nats_users=False,
        mongodb_url=whereabouts["mongodb_url"],
        log_level="WARNING",
        sandbox_ports=(),
        ca_file=None,
    )


def of_bus_user(user: str, secrets: KeptSecrets) -> Mapping[str, str]:
    return {"REPLYWIRE_NATS_USER": user, "REPLYWIRE_NATS_PASSWORD": secrets.nats[user]}
