"""A team's e-mail settings over the API: which clients it offers, and on what terms."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from services.auth.connecting import Who
from services.auth.domain.audit import Actor
from services.auth.domain.team_settings import MOST_A_MINUTE, ClientPolicy
from services.auth.team_settings import TeamClients, TeamSettingsChanges
from services.runtime.http import Caller, api_key
from services.runtime.parameters import Whole
from services.runtime.problem_codes import UNFIT, refusals

_Reader = Annotated[Caller, Depends(api_key("settings:read"))]
_Writer = Annotated[Caller, Depends(api_key("settings:write"))]


class Policy(BaseModel):
    """How a team wants one client to be used. It holds within five minutes; folders, from the next opening."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folders: tuple[str, ...] = Field(
        default=(), max_length=1000, description="Read besides INBOX and Junk", examples=[["Sales"]]
    )
    sends_per_minute: Whole = Field(
        default=0, ge=0, le=MOST_A_MINUTE, description="Per mailbox; 0: the client's own limit", examples=[20]
    )
    sent_copy: StrictBool = Field(
        default=True, description="Put sent mail into the Sent folder, where nobody else does"
    )

    @classmethod
    def of(cls, policy: ClientPolicy) -> Policy:
        return cls(
            folders=policy.folders,
            sends_per_minute=policy.sends_per_minute,
            sent_copy=policy.sent_copy,
        )

    def clear(self) -> ClientPolicy:
        return ClientPolicy(self.folders, self.sends_per_minute, self.sent_copy)


class SettingsIn(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    offered: tuple[str, ...] | None = Field(
        default=None, max_length=50, description="E-mail clients", examples=[["smtp_imap"]]
    )
    microsoft_consent_required: StrictBool | None = Field(
        default=None, description="Nobody connects Microsoft 365 before an admin of the tenant consented"
    )
    policies: dict[str, Policy] = Field(
        default={}, max_length=50, description="By client", examples=[{"smtp_imap": {"sends_per_minute": 20}}]
    )
    revision: Whole | None = Field(
        default=None, description="What you based the change on: 409 where it was changed since", examples=[None]
    )


class SettingsOut(BaseModel):
    available: tuple[str, ...] = Field(description="What may be offered", examples=[["gmail", "smtp_imap"]])
    offered: tuple[str, ...] = Field(description="What people may connect now", examples=[["smtp_imap"]])
    incomplete: dict[str, tuple[str, ...]] = Field(
        description="Clients whose set-up lacks something: what", examples=[{"external": ["Create an API key."]}]
    )
    microsoft_consent_required: bool
    policies: dict[str, Policy] = Field(examples=[{"smtp_imap": {"sends_per_minute": 20}}])
    revision: int
    changed_at: datetime | None

    @classmethod
    def of(cls, seen: TeamClients) -> SettingsOut:
        settings = seen.settings
        return cls(
            available=seen.listed,
            offered=seen.offered,
            incomplete={client: lacking for client, lacking in seen.missing.items() if lacking},
            microsoft_consent_required=settings.microsoft_consent_required,
            policies={client: Policy.of(policy) for client, policy in settings.policies.items()},
            revision=settings.revision,
            changed_at=settings.changed_at,
        )


def routes(settings: TeamSettingsChanges) -> APIRouter:
    router = APIRouter(prefix="/v1/settings", tags=["settings"])

    @router.get("")
    async def read_settings(caller: _Reader) -> SettingsOut:
        """The team's e-mail settings as they are now."""
        return SettingsOut.of(await settings.full_view(caller.team_id))

    @router.put(
        "",
        responses=refusals(
            {
                409: {
                    "changed_meanwhile": "The settings were changed since the `revision` you named",
                    "set_up_incomplete": "This client's set-up is not complete: `remedy` says what is missing",
                },
                422: {UNFIT: "There is no such e-mail client, or its folders cannot be read"},
            }
        ),
    )
    async def change_settings(body: SettingsIn, caller: _Writer, request: Request) -> SettingsOut:
        """Change some of them. Each change is in the audit log."""
        await settings.change(
            Who(caller.team_id, Actor.key(caller.key_id), request.scope.get("request_id")),
            offered=body.offered,
            consent_required=body.microsoft_consent_required,
            policies={client: policy.clear() for client, policy in body.policies.items()},
            revision=body.revision,
        )
        return SettingsOut.of(await settings.full_view(caller.team_id))

    return router
