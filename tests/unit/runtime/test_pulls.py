"""What a pull may meet at the server ends as messages or as none, never as an end of pulling."""

from __future__ import annotations

from typing import Any

import nats.errors
import nats.js.errors
import pytest
from replywire_contracts.streams import CONSUMERS

from services.runtime import bus
from services.runtime.dead_letters import DeadLetters
from services.runtime.deliveries import Lane, Route


def nowhere() -> DeadLetters:
    raise AssertionError("nothing is delivered here")


@pytest.fixture
def lane(monkeypatch: pytest.MonkeyPatch) -> Lane:
    monkeypatch.setattr(bus, "_FETCH_PAUSES", (0.0,))
    return Lane(Route(CONSUMERS[0], {}), 64, nowhere)


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        nats.errors.TimeoutError(),
        nats.js.errors.FetchTimeoutError(),
        nats.js.errors.ServiceUnavailableError(),
        nats.js.errors.APIError(409, "Consumer Deleted"),
        nats.js.errors.NotFoundError(),
        nats.errors.ConnectionClosedError(),
        nats.errors.OutboundBufferLimitError(),
    ],
)
async def test_whatever_the_server_says_the_next_pull_is_made(lane: Lane, error: Exception) -> None:
    answers: list[Any] = [error, error, ["message"]]

    async def fetch(batch: int, timeout: float) -> list[Any]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    pull = bus.patient(fetch, lane)
    assert [await pull(64, 2.0) for _ in range(3)] == [[], [], ["message"]]


async def test_a_batch_is_not_filled_up_while_messages_wait_in_it(lane: Lane) -> None:
    async def fetch(batch: int, timeout: float) -> list[Any]:
        raise AssertionError("no second pull")

    with pytest.raises(nats.errors.TimeoutError):
        await bus.patient(fetch, lane)(63, 1.9)


async def test_no_more_is_asked_for_than_can_begin(lane: Lane) -> None:
    asked: list[int] = []

    async def fetch(batch: int, timeout: float) -> list[Any]:
        asked.append(batch)
        return []

    await bus.patient(fetch, lane)(64, 2.0)
    assert asked == [64]
