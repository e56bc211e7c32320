"""The External client's set-up over HTTP, and the same for the settings page that auth shows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from replywire_contracts.v1.rpc import (
    ChooseExternalDelivery,
    ExternalSetup,
    ExternalSetupState,
    ExternalTest,
    KeyInfo,
    MissingStep,
    ProveExternal,
)

from services.runtime.http import Caller, HttpProblem, api_key, unfit
from services.runtime.problem_codes import UNFIT, refusals
from services.runtime.rpc import Refusal
from services.send.domain.invalid import InvalidField
from services.send.setting_up import NotChosen, Progress, SettingUp

_Reader = Annotated[Caller, Depends(api_key("settings:read"))]
_Writer = Annotated[Caller, Depends(api_key("settings:write"))]
_NOT_CHOSEN = ("delivery_not_chosen", "How messages are handed over is not chosen yet.", "Choose `delivery` first.")


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DeliveryIn(_In):
    delivery: Literal["http", "nats"] = Field(
        description="http: taken over HTTP, long-polled; nats: by requests on the team's own subjects"
    )


class ProofIn(_In):
    sender: str = Field(max_length=320, examples=["ada@example.com"], description="Whom it is from")
    recipient: str = Field(max_length=320, examples=["admin@example.com"], description="Whom your code sends it to")


class SetupKey(BaseModel):
    key_id: str
    name: str = Field(examples=["mail worker"])
    created_at: datetime
    last_used_at: datetime | None = Field(description="Exact to a minute")
    expires_at: datetime | None = Field(description="Set while a successor takes over")


class MissingView(BaseModel):
    code: str = Field(examples=["test"], description="api_key, delivery or test; more may come")
    words: str = Field(examples=["Prove it with a test message."])


class SetupTest(BaseModel):
    request_id: str = Field(examples=["external-test-5f0c7c2e9b7a4d1e"])
    state: str = Field(examples=["sent"], description="The test message's own")
    words: str = Field(examples=[""], description="Why it failed, where it did")


class SetupView(BaseModel):
    complete: bool = Field(examples=[True], description="Only then may the client be offered")
    missing: list[MissingView]
    delivery: str | None = Field(examples=["http"])
    keys: list[SetupKey] = Field(description="Working API keys with the scope `external:work`")
    test: SetupTest | None
    proved_at: datetime | None


def routes(setting_up: Callable[[], SettingUp]) -> APIRouter:
    """`setting_up` exists once the bus is there."""
    router = APIRouter(prefix="/v1/external/setup", tags=["external"])

    @router.get("")
    async def read_external_setup(caller: _Reader) -> SetupView:
        """Whether your team may be offered the External client, and what is missing. Its keys are made with
        `POST /v1/api-keys` and the scope `external:work`, and rotated there."""
        return _view(await setting_up().progress(caller.team_id))

    @router.put("")
    async def choose_external_delivery(caller: _Writer, asked: DeliveryIn) -> SetupView:
        """How messages are handed over. Another way than before must be proved anew."""
        return _view(await setting_up().choose(caller.team_id, asked.delivery, caller.key_id))

    @router.post(
        "/test",
        status_code=202,
        responses=refusals(
            {
                409: {"delivery_not_chosen": "How messages are handed over is not chosen yet"},
                422: {UNFIT: "An address cannot be written to"},
            }
        ),
    )
    async def test_external_setup(caller: _Writer, asked: ProofIn) -> SetupView:
        """Put a test message into the queue: once your code has taken it and reports it as sent, the set-up is
        complete. Nobody is told of it over the bus."""
        try:
            return _view(await setting_up().start_test(caller.team_id, asked.sender, asked.recipient))
        except NotChosen:
            code, detail, remedy = _NOT_CHOSEN
            raise HttpProblem(409, code, detail, remedy=remedy) from None
        except InvalidField as wrong:
            raise unfit(_field(wrong), f"This address {wrong.problem}.", wrong.remedy) from wrong

    return router


class SetupAnswers:
    """What auth asks for its settings page."""

    def __init__(self, setting_up: Callable[[], SettingUp]) -> None:
        self._setting_up = setting_up

    async def state(self, asked: ExternalSetup) -> ExternalSetupState:
        return _state(await self._setting_up().progress(asked.team_id))

    async def choose(self, asked: ChooseExternalDelivery) -> ExternalSetupState:
        try:
            return _state(await self._setting_up().choose(asked.team_id, asked.delivery, asked.by))
        except LookupError as unknown:
            raise Refusal("unknown_delivery", str(unknown)) from unknown

    async def prove(self, asked: ProveExternal) -> ExternalSetupState:
        try:
            return _state(await self._setting_up().start_test(asked.team_id, asked.sender, asked.recipient))
        except NotChosen:
            raise Refusal(_NOT_CHOSEN[0], " ".join(_NOT_CHOSEN[1:])) from None
        except InvalidField as wrong:
            raise Refusal("invalid_request", f"{_field(wrong)}: {wrong.problem}. {wrong.remedy}") from wrong


def _field(wrong: InvalidField) -> str:
    return "recipient" if wrong.field.startswith("to") else "sender"


def _view(progress: Progress) -> SetupView:
    test = progress.test
    return SetupView(
        complete=not progress.missing,
        missing=[MissingView(code=each.code, words=each.words) for each in progress.missing],
        delivery=progress.setup.delivery,
        keys=[SetupKey(**KeyInfo.model_dump(key)) for key in progress.keys],
        test=None if test is None else SetupTest(request_id=test.request_id, state=test.state, words=test.words),
        proved_at=progress.setup.proved_at,
    )


def _state(progress: Progress) -> ExternalSetupState:
    test = progress.test
    return ExternalSetupState(
        complete=not progress.missing,
        missing=tuple(MissingStep(code=each.code, words=each.words) for each in progress.missing),
        delivery=progress.setup.delivery,
        test=None if test is None else ExternalTest(request_id=test.request_id, state=test.state, words=test.words),
    )
