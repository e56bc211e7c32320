"""The indexes of this service's database, as plain data; made by the provisioning step."""

from __future__ import annotations

from typing import Any

INDEXES: dict[str, list[dict[str, Any]]] = {
    "mailboxes": [
        {"keys": [("team_id", 1), ("_id", 1)], "name": "team"},
        {"keys": [("changed", 1)], "name": "changed"},
        {"keys": [("owed.at", 1)], "name": "owed", "sparse": True},
    ],
    "cursors": [{"keys": [("account_id", 1)], "name": "account"}],
    "finds": [
        {"keys": [("due", 1)], "name": "due", "sparse": True},
        {"keys": [("expires_at", 1)], "name": "ttl", "expireAfterSeconds": 0},
    ],
    "poison": [
        {"keys": [("account_id", 1)], "name": "account"},
        {"keys": [("expires_at", 1)], "name": "ttl", "expireAfterSeconds": 0},
    ],
    "engine_accounts": [
        {"keys": [("due", 1)], "name": "due", "sparse": True},
        {"keys": [("account_id", 1)], "name": "account"},
        {"keys": [("box.key_id", 1)], "name": "ring_key"},
    ],
    "leases": [],
    "replicas": [{"keys": [("until", 1)], "name": "ttl", "expireAfterSeconds": 3600}],
}
