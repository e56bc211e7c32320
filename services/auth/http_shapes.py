"""The bodies of auth's HTTP API, in and out. No answer has a place for a secret, but for a key just made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from services.auth.domain.account import Account
from services.auth.domain.api_key import LONGEST_OVERLAP, ApiKey
from services.auth.domain.audit import AuditRecord
from services.auth.domain.connect_request import ConnectRequest
from services.auth.domain.refusals import Invalid
from services.auth.domain.scopes import SCOPES
from services.runtime.parameters import Whole


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_SETTINGS = {
    "smtp": {"host": "smtp.example.com", "port": 465, "security": "tls", "username": "ada@example.com"},
    "imap": {"host": "imap.example.com", "port": 993, "security": "tls", "username": "ada@example.com"},
}


class ConnectIn(_In):
    client: str = Field(max_length=32, examples=["smtp_imap"])
    address: str = Field(max_length=320, examples=["ada@example.com"])
    display_name: str = Field(default="", max_length=1000)
    settings: dict[str, Any] = Field(
        default={}, description="The client's own: `smtp` and `imap` with host and port", examples=[_SETTINGS]
    )
    secret: dict[str, SecretStr] = Field(
        default={},
        description="`password`, or `smtp_password` and `imap_password`; for `ews` also `username`, where that is not "
        "the address",
        examples=[{"password": "correct horse battery staple"}],
    )

    def request(self) -> ConnectRequest:
        return ConnectRequest(self.client, self.address, self.display_name, self.settings, _clear(self.secret))


class UpdateIn(_In):
    """A new name, or new settings together with the secret, or both."""

    client: str | None = Field(default=None, max_length=32)
    address: str | None = Field(default=None, max_length=320)
    display_name: str | None = Field(default=None, max_length=1000, examples=["Ada Lovelace"])
    settings: dict[str, Any] | None = None
    secret: dict[str, SecretStr] | None = None

    @property
    def only_renames(self) -> bool:
        return self.settings is None and self.secret is None and self.client is None and self.address is None

    def request(self, account: Account) -> ConnectRequest:
        """Raises `Invalid` where the secret is missing."""
        if self.secret is None:
            # Else whoever may change a host could have a stored password sent to a server of their own.
            raise Invalid(
                "secret",
                "The password is needed again.",
                "Give `secret` too: a stored password is only ever used with the servers it was given for.",
            )
        settings = account.settings if self.settings is None else self.settings
        return ConnectRequest(
            self.client or account.client,
            self.address or account.address,
            account.display_name if self.display_name is None else self.display_name,
            settings,
            _clear(self.secret),
        )


class FailureOut(BaseModel):
    """Why the provider refuses the credentials."""

    reason: str = Field(examples=["bad_credentials"])
    code: str = Field(examples=["535 5.7.8"], description="The provider's own")
    words: str = Field(examples=["Authentication failed"], description="The provider's own")
    remedy: str = Field(examples=["Connect the mailbox again with the password that is valid now."])
    at: datetime


class AccountOut(BaseModel):
    account_id: str
    client: str
    address: str
    display_name: str
    state: str = Field(examples=["connected"], description="connected, needs_reauth, disconnected; more may come")
    revision: int = Field(description="Grows with every change of state or secret")
    settings: dict[str, Any] = Field(examples=[_SETTINGS], description="Without secrets")
    abilities: tuple[str, ...] = Field(examples=[["smtp", "idle", "uidplus"]])
    failure: FailureOut | None = Field(examples=[None])
    people: tuple[str, ...] = Field(examples=[["user-4711"]], description="Who connected it on our pages, by your ids")
    created_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, account: Account) -> AccountOut:
        rejection = account.rejection
        return cls(
            account_id=account.account_id,
            client=account.client,
            address=account.address,
            display_name=account.display_name,
            state=account.state.value,
            revision=account.revision,
            settings=dict(account.settings),
            abilities=account.abilities,
            failure=None
            if rejection is None
            else FailureOut(
                reason=rejection.reason,
                code=rejection.code,
                words=rejection.words,
                remedy=rejection.remedy,
                at=rejection.at,
            ),
            people=account.people,
            created_at=account.created_at,
            changed_at=account.changed_at,
        )


class KeyIn(_In):
    name: str = Field(default="", max_length=1000, examples=["CRM"])
    scopes: tuple[str, ...] = Field(
        min_length=1,
        max_length=50,
        examples=[["messages:read", "messages:write"]],
        json_schema_extra={"items": {"type": "string", "enum": list(SCOPES)}},
    )


class RotateIn(_In):
    overlap_seconds: Whole = Field(
        default=86400,
        ge=0,
        le=int(LONGEST_OVERLAP.total_seconds()),
        description="How long the old key goes on working",
    )

    @property
    def overlap(self) -> timedelta:
        return timedelta(seconds=self.overlap_seconds)


class KeyOut(BaseModel):
    key_id: str
    name: str = Field(examples=["CRM"])
    scopes: tuple[str, ...] = Field(examples=[["messages:read", "messages:write"]])
    created_at: datetime
    created_by: str = Field(examples=["key:Xy4zA7bC0dE3"])
    last_used_at: datetime | None = Field(description="Exact to a minute")
    expires_at: datetime | None = Field(examples=[None], description="Set when a successor was made")
    successor: str | None = Field(examples=[None], description="The key that takes its place")

    @classmethod
    def of(cls, key: ApiKey) -> KeyOut:
        return cls(
            key_id=key.key_id,
            name=key.name,
            scopes=key.scopes,
            created_at=key.created_at,
            created_by=key.created_by,
            last_used_at=key.last_used_at,
            expires_at=key.expires_at,
            successor=key.successor,
        )


class NewKeyOut(KeyOut):
    key: str = Field(description="Shown this once", examples=["rw_Ab3dE6gH9jK2_..."])

    @classmethod
    def made(cls, key: ApiKey, text: str) -> NewKeyOut:
        return cls(**KeyOut.of(key).model_dump(), key=text)


class AuditOut(BaseModel):
    record_id: str = Field(examples=["018f3b5e7c2a"])
    at: datetime
    actor: str = Field(examples=["key:Ab3dE6gH9jK2"])
    actor_name: str = Field(examples=["CRM"], description="The key's name, where it is one that has a name")
    action: str = Field(examples=["account.connected"])
    subject: str = Field(examples=["acc_5f0c7c2e9b7a4d1e8f3a6b2c"])
    details: dict[str, str] = Field(examples=[{"client": "smtp_imap"}])

    @classmethod
    def of(cls, record: AuditRecord, actor_name: str) -> AuditOut:
        return cls(
            record_id=record.record_id,
            at=record.at,
            actor=record.actor,
            actor_name=actor_name,
            action=record.action.value,
            subject=record.subject,
            details=dict(record.details),
        )


def _clear(secret: dict[str, SecretStr]) -> dict[str, str]:
    return {name: value.get_secret_value() for name, value in secret.items()}
