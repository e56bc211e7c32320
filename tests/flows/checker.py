"""The checker: after every fault, what must hold whatever happened (S sends, R replies, L leases).

It judges by what outsiders saw: the SMTP sink's own ledger, the messages API, the events a product was told, and the
mailbox. It returns every violation in words; an empty list is the only pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from replywire_contracts.event import Event
from replywire_contracts.v1.reply import ReplyDetected
from replywire_contracts.v1.send import SendAccepted, SendSent

ENDED = frozenset({"sent", "failed", "cancelled", "unconfirmed"})
"""Where a send may rest: ended, or parked for a person."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What outsiders saw."""

    messages: Mapping[str, Mapping[str, Any]]
    """By request id, as the messages API shows them."""
    ledger: Counter[str]
    """Message-IDs in the provider's ledger, with repetitions."""
    events: tuple[Event, ...]
    """As told to a product, duplicates included."""
    answers: Mapping[str, Iterable[str]]
    """By request id: Message-IDs of the answers that lie in the mailbox."""


def violations(seen: Seen) -> list[str]:
    return [*_sends(seen), *_replies(seen)]


def _sends(seen: Seen) -> Iterable[str]:
    accepted = {event.request_id for event in seen.events if isinstance(event, SendAccepted)}
    told_sent = {event.request_id for event in seen.events if isinstance(event, SendSent)}
    names: dict[str, str] = {}
    for request_id, message in seen.messages.items():
        state, message_id = message["state"], message["identities"]["message_ids"][0]
        names[message_id] = request_id
        times = seen.ledger[message_id]
        resent = any("resend" in str(line.get("decision", "")) for line in message["history"])
        if request_id not in accepted:
            yield f"S0 {request_id} was stored and never told as accepted"
        if state == "sent" and times == 0:
            yield f"S1 {request_id} is called sent and the server never had it"
        if times > 1 and not resent:
            yield f"S2 {request_id} was sent {times} times"
        if state not in ENDED:
            yield f"S3 {request_id} rests in {state}"
        if state == "sent" and request_id not in told_sent:
            yield f"S3 {request_id} is sent and nobody was told"
        if times and not any(line["state"] in ("submitting", "committing", "sent") for line in message["history"]):
            yield f"S4 {request_id} left before anything durable said so"
    for message_id in seen.ledger:
        if message_id not in names:
            yield f"S4 {message_id} is in the ledger and no stored message is called so"
    for request_id in accepted - set(seen.messages):
        yield f"S1 {request_id} was accepted and is lost"


def _replies(seen: Seen) -> Iterable[str]:
    told: dict[tuple[str, str | None], set[str]] = {}
    for event in seen.events:
        if isinstance(event, ReplyDetected):
            told.setdefault((event.request_id, event.message_id), set()).add(event.id)
    expected = {(request_id, message_id) for request_id, ids in seen.answers.items() for message_id in ids}
    for request_id, message_id in sorted(expected - set(told)):
        yield f"R1 the answer {message_id} to {request_id} was never announced"
    for key, ids in told.items():
        if len(ids) > 1:
            yield f"R1 {key[1]} was announced as {len(ids)} different events"
        if key not in expected:
            yield f"R2 {key[1]} was announced for {key[0]} and nobody answered so"
