"""Questions to the sync engine: it holds the credentials of EWS accounts, sends for them and keeps their calendars."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, JsonValue

from replywire_contracts.event import Model, Request, TeamId
from replywire_contracts.v1.values import AccountId, Identities, RequestId


class EngineToken(Model):
    token: str = Field(description="Opaque; the engine's name for the account")
    address: str


class EngineOpenAccount(Request):
    """auth → inbox_sync: open an EWS account in the engine; credentials are sealed to the engine's key."""

    SUBJECT: ClassVar[str] = "rpc.v1.inbox_sync.open_account"
    REPLY: ClassVar[type[Model]] = EngineToken

    account_id: AccountId
    team_id: TeamId
    address: str = Field(max_length=320)
    settings: dict[str, JsonValue]
    sealed_credentials: bytes


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
