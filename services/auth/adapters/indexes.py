"""The indexes of this service's database, as plain data; made by the provisioning step."""

from __future__ import annotations

from typing import Any

INDEXES: dict[str, list[dict[str, Any]]] = {
    "accounts": [
        {"keys": [("team_id", 1), ("mailbox_key", 1)], "name": "mailbox", "unique": True},
        {"keys": [("team_id", 1), ("_id", 1)], "name": "team"},
        {"keys": [("team_id", 1), ("people", 1), ("_id", 1)], "name": "person"},
        {"keys": [("mailbox_key", 1)], "name": "mailbox_everywhere"},
        {"keys": [("box.key_id", 1), ("_id", 1)], "name": "ring_key", "sparse": True},
        {"keys": [("owed.at", 1)], "name": "owed", "sparse": True},
    ],
    "api_keys": [
        {"keys": [("key_hash", 1)], "name": "hash", "unique": True},
        {"keys": [("team_id", 1), ("_id", 1)], "name": "team"},
        # A key past its overlap opens nothing; a month later its row is of no use to anybody either.
        {"keys": [("expires_at", 1)], "name": "ttl", "expireAfterSeconds": 30 * 86400},
    ],
    "audit": [{"keys": [("team_id", 1), ("_id", -1)], "name": "team"}],
    "oauth_apps": [{"keys": [("box.key_id", 1), ("_id", 1)], "name": "ring_key"}],
    "oauth_flows": [{"keys": [("expires_at", 1)], "name": "ttl", "expireAfterSeconds": 0}],
    # Who renews which token now; the number in a row guards nothing once nobody has used it for a day.
    "token_renewals": [{"keys": [("until", 1)], "name": "ttl", "expireAfterSeconds": 86400}],
    "revocations": [
        {"keys": [("next_at", 1)], "name": "due"},
        {"keys": [("box.key_id", 1), ("_id", 1)], "name": "ring_key"},
        {"keys": [("ends_at", 1)], "name": "ttl", "expireAfterSeconds": 0},
    ],
    # Both are asked for by their id alone, and of no use once what they stand for has ended.
    "spent_links": [{"keys": [("expires_at", 1)], "name": "ttl", "expireAfterSeconds": 60}],
    "page_sessions": [{"keys": [("expires_at", 1)], "name": "ttl", "expireAfterSeconds": 0}],
}
