"""The audit log's record: who changed what, and when. It holds names and ids, never a secret."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

OPERATOR = "operator"
"""The actor of what is done on the command line."""
PROVIDER = "provider"
"""The actor of what a mail provider's answer brought about."""


class Action(StrEnum):
    ACCOUNT_CONNECTED = "account.connected"
    ACCOUNT_RECONNECTED = "account.reconnected"
    ACCOUNT_RENAMED = "account.renamed"
    ACCOUNT_NEEDS_REAUTH = "account.needs_reauth"
    ACCOUNT_DISCONNECTED = "account.disconnected"
    ACCOUNT_GRANT_SETTLED = "account.grant_settled"
    """What became, later, of the grant of a disconnected account."""
    KEY_CREATED = "api_key.created"
    KEY_ROTATED = "api_key.rotated"
    KEY_DELETED = "api_key.deleted"
    OAUTH_APP_SET = "oauth_app.set"
    OAUTH_APP_REMOVED = "oauth_app.removed"
    CONSENT_ANSWERED = "admin_consent.answered"
    CONSENT_GRANTED = "admin_consent.granted"
    CONSENT_DECLINED = "admin_consent.declined"
    OFFERED_CHANGED = "settings.offered_changed"
    CONSENT_RULE_CHANGED = "settings.consent_rule_changed"
    POLICY_CHANGED = "settings.policy_changed"
    CLIENT_ALLOWED = "settings.client_allowed"
    CLIENT_DISALLOWED = "settings.client_disallowed"
    EXTERNAL_DELIVERY_CHOSEN = "external.delivery_chosen"
    EXTERNAL_TEST_STARTED = "external.test_started"


@dataclass(frozen=True, slots=True)
class Actor:
    """`key:<key id>` of the API key used, `person:<the product's name of them>`, `operator`, or `provider`."""

    name: str

    @classmethod
    def key(cls, key_id: str) -> Actor:
        return cls(f"key:{key_id}")

    @classmethod
    def person(cls, person: str) -> Actor:
        return cls(f"person:{person}")


@dataclass(frozen=True, slots=True)
class AuditRecord:
    record_id: str
    """Sorts by time."""
    team_id: str
    at: datetime
    actor: str
    action: Action
    subject: str
    """The id of what was changed."""
    details: Mapping[str, str] = field(default_factory=dict)


def record(
    team_id: str, actor: Actor, action: Action, subject: str, now: datetime, details: Mapping[str, str] | None = None
) -> AuditRecord:
    record_id = f"{int(now.timestamp() * 1000):012x}{secrets.token_hex(6)}"
    return AuditRecord(record_id, team_id, now, actor.name, action, subject, details or {})
