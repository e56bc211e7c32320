"""Questions to the sync engine: it holds the credentials of EWS accounts, sends for them and keeps their calendars."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, JsonValue

from replywire_contracts.event import Model, Request, TeamId
from replywire_contracts.v1.values import AccountId, Identities, RequestId


class EnginePublicKey(Model):
    """What credentials are sealed to: only the engine's replicas hold the other half."""

    key_id: str
    public: bytes = Field(min_length=32, max_length=32, description="X25519")


class EngineKey(Request):
    """auth → inbox_sync: to what key are credentials sealed that are handed to the engine now?"""

    SUBJECT: ClassVar[str] = "rpc.v1.inbox_sync.engine_key"
    REPLY: ClassVar[type[Model]] = EnginePublicKey


class EngineRefusal(Model):
    """Why an account was not opened: the provider's own refusal."""

    reason: str = Field(description="Stable slug: refused_login, other_mailbox, host_unavailable, …")
    code: str = Field(default="", max_length=64, description="The server's code")
    words: str = Field(default="", max_length=2000, description="The server's own words")
    remedy: str = Field(default="", max_length=2000, description="What a person can do")
    again: bool = Field(default=False, description="It may work later, with the same credentials")
    retry_after: float | None = Field(default=None, ge=0, description="Seconds, where the server named a time")


class EngineToken(Model):
    token: str = Field(description="Opaque; the engine's name for the account; empty where it was refused")
    address: str
    settings: dict[str, JsonValue] = Field(default={}, description="The given ones completed; without credentials")
    abilities: tuple[str, ...] = ()
    refusal: EngineRefusal | None = Field(default=None, description="Set: nothing was kept")


class EngineOpenAccount(Request):
    """auth → inbox_sync: open an EWS account in the engine; credentials are sealed to the engine's key.

    The engine proves them first. The token is kept for some minutes, and for good once `account.connected` tells of an
    account that holds it. Refused with `unknown_key` (ask for the key again), `cannot_open`, `unknown_client`."""

    SUBJECT: ClassVar[str] = "rpc.v1.inbox_sync.open_account"
    REPLY: ClassVar[type[Model]] = EngineToken

    account_id: AccountId
    team_id: TeamId
    address: str = Field(max_length=320)
    settings: dict[str, JsonValue]
    sealed_credentials: bytes
    client: str = Field(default="ews", max_length=32)
    key_id: str = Field(default="", max_length=64, description="Of `EnginePublicKey`")


class EngineClosed(Model):
    closed: bool = Field(description="False: there was no such account")


class EngineCloseAccount(Request):
    """auth → inbox_sync: destroy what this token names. A token that no account holds ends unasked."""

    SUBJECT: ClassVar[str] = "rpc.v1.inbox_sync.close_account"
    REPLY: ClassVar[type[Model]] = EngineClosed

    team_id: TeamId
    account_id: AccountId
    token: str = Field(max_length=128)


class EngineReceipt(Model):
    identities: Identities


class EngineSend(Request):
    """send → inbox_sync: hand a frozen message to the engine (small ones inline, larger by reference)."""

    SUBJECT: ClassVar[str] = "rpc.v1.inbox_sync.send"
    REPLY: ClassVar[type[Model]] = EngineReceipt

    account_id: AccountId
    request_id: RequestId
    mime: bytes | None = None
    object_ref: str | None = None


class EngineAnswer(Model):
    result: JsonValue


class EngineCalendar(Request):
    """auth → inbox_sync: one calendar operation (list, create, change, cancel, free_busy) of an engine account."""

    SUBJECT: ClassVar[str] = "rpc.v1.inbox_sync.calendar"
    REPLY: ClassVar[type[Model]] = EngineAnswer

    account_id: AccountId
    operation: str
    arguments: dict[str, JsonValue] = Field(default={})
