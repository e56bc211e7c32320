"""The table from errors to acknowledgement."""

from __future__ import annotations

import asyncio

import pytest

from services.runtime import mongo
from services.runtime.group_commit import WriteUnknown
from services.runtime.outcomes import DELAYS, OUTAGE_DELAYS, OUTAGE_PATIENCE, Action, Malformed, Outage, Refused, decide
from services.runtime.publisher import PublishRefused, PublishUnknown
from services.runtime.rpc import RpcRefused, RpcUnavailable


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (None, Action.ACK),
        (Malformed("not JSON", "to", "publish a list"), Action.DEAD_LETTER),
        (Refused("other_content"), Action.DEAD_LETTER),
        (PublishRefused("too_large"), Action.DEAD_LETTER),
        (PublishUnknown("no answer"), Action.WAIT),
        (RpcUnavailable("no answer"), Action.WAIT),
        (WriteUnknown("cut off"), Action.WAIT),
        (mongo.AutoReconnect("gone"), Action.WAIT),
        (mongo.NotPrimaryError("stepped down"), Action.WAIT),
        (mongo.ServerSelectionTimeoutError("nobody"), Action.WAIT),
        (mongo.NetworkTimeout("slow"), Action.WAIT),
        (RpcRefused("unknown_account", "connect it first"), Action.RETRY),
        (TimeoutError(), Action.RETRY),
        (RuntimeError("a bug"), Action.RETRY),
        (KeyError("a bug"), Action.RETRY),
        (asyncio.CancelledError(), Action.LEAVE),
    ],
)
def test_each_error_has_its_action(error: BaseException | None, action: Action) -> None:
    assert decide(error, delivery=1, max_deliver=10, outages=mongo.OUTAGES).action is action


def test_delays_grow_with_each_delivery_and_the_last_delivery_is_buried() -> None:
    outcomes = [decide(RuntimeError(), delivery=n, max_deliver=10) for n in range(1, 11)]
    assert [outcome.delay for outcome in outcomes[:9]] == [1, 2, 5, 15, 30, 60, 60, 60, 60]
    assert [outcome.action for outcome in outcomes] == [Action.RETRY] * 9 + [Action.DEAD_LETTER]
    assert "10 deliveries" in outcomes[-1].reason


def test_an_outage_is_waited_for_at_any_delivery_with_bounded_pauses() -> None:
    for attempt in range(100):
        outcome = decide(Outage(), delivery=10, max_deliver=10, waited=10.0 * attempt % 900, attempt=attempt)
        assert outcome.action is Action.WAIT
        assert outcome.delay <= OUTAGE_DELAYS[-1]


def test_an_outage_beyond_patience_counts_as_a_failed_delivery() -> None:
    assert decide(Outage(), delivery=1, max_deliver=10, waited=OUTAGE_PATIENCE).action is Action.RETRY
    assert decide(Outage(), delivery=10, max_deliver=10, waited=OUTAGE_PATIENCE).action is Action.DEAD_LETTER


def test_the_delays_fit_between_deliveries() -> None:
    assert list(DELAYS) == sorted(DELAYS)
    assert list(OUTAGE_DELAYS) == sorted(OUTAGE_DELAYS)
