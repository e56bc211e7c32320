"""What provisioning creates in `replywire_send`: the indexes behind every question this service asks."""

from __future__ import annotations

from typing import Any

from services.runtime import owed

INDEXES: dict[str, list[dict[str, Any]]] = {
    "messages": [
        # Open work: `due` is there until a message is closed.
        {"keys": [("account", 1), ("due", 1)], "partialFilterExpression": {"due": {"$exists": True}}},
        {"keys": [("expires", 1)], "partialFilterExpression": {"expires": {"$exists": True}}},
        {"keys": [("copy.due", 1)], "partialFilterExpression": {"copy.due": {"$exists": True}}},
        {"keys": [("unannounced", 1)], "partialFilterExpression": {"unannounced": {"$exists": True}}},
        # What the customer's own code takes: by team, what is not registered yet, and what nobody reports.
        {"keys": [("team", 1), ("offer.at", 1)], "partialFilterExpression": {"offer.at": {"$exists": True}}},
        {"keys": [("offer.ready", 1), ("created_at", 1)], "partialFilterExpression": {"offer.ready": False}},
        {"keys": [("state", 1), ("offer.at", 1)], "partialFilterExpression": {"state": "handed_out"}},
        {"keys": [("state", 1), ("offer.test", 1)], "partialFilterExpression": {"state": "unconfirmed"}},
        {"keys": [("team", 1), ("created_at", -1), ("_id", -1)]},
        {"keys": [("account", 1), ("created_at", -1), ("_id", -1)]},
        owed.INDEX,
    ],
    "mailboxes": [
        {"keys": [("next_due", 1)], "partialFilterExpression": {"next_due": {"$exists": True}}},
        {"keys": [("team", 1)]},
    ],
    "external_setups": [],
    # As long as the stream of requests keeps one.
    "cancels": [{"keys": [("at", 1)], "name": "ttl", "expireAfterSeconds": 30 * 86400}],
}
