"""The indexes of this service's database, as plain data; made by the provisioning step."""

from __future__ import annotations

from typing import Any

INDEXES: dict[str, list[dict[str, Any]]] = {
    "tracked": [
        {"keys": [("keys", 1)], "name": "keys"},
        {"keys": [("team_id", 1), ("request_id", 1)], "name": "request", "unique": True},
    ],
    "replies": [
        {"keys": [("team_id", 1), ("_id", 1)], "name": "team"},
        {"keys": [("team_id", 1), ("request_id", 1), ("_id", 1)], "name": "request"},
        {"keys": [("account_id", 1), ("identity", 1)], "name": "identity", "unique": True},
        {"keys": [("owed.at", 1)], "name": "owed", "sparse": True},
    ],
    "settled": [{"keys": [("at", 1)], "name": "ttl", "expireAfterSeconds": 30 * 86400}],
    "own_addresses": [],
}
