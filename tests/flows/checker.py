"""The checker: after every fault, what must hold whatever happened (S sends, T backoff, C copies, R replies, L leases).

It judges by what outsiders saw: the SMTP sink's own ledger, the messages API, the events a product was told, and the
mailbox. It returns every violation in words; an empty list is the only pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from replywire_contracts.event import Event
from replywire_contracts.v1.reply import ReplyDetected
from replywire_contracts.v1.send import SendAccepted, SendCancelled, SendFailed, SendSent, SendUnconfirmed

ENDED = frozenset({"sent", "failed", "cancelled", "unconfirmed"})
"""Where a send may rest: ended, or parked for a person."""
_TOLD_BY: Mapping[str, type[Event]] = {
    "sent": SendSent,
    "failed": SendFailed,
    "cancelled": SendCancelled,
    "unconfirmed": SendUnconfirmed,
}
_LEFT = frozenset({"submitting", "committing", "handed_out", "sent"})
_TRIED = frozenset({"submitting", "handed_out"})
_FILE_TIME = 0.02
"""Seconds by which a file's time may lag behind the clock: the kernel writes it by its timer."""


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
    arrived: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """By Message-ID: when the provider had it, in Unix seconds."""
    copies: Counter[str] = field(default_factory=Counter)
    """Message-IDs in the Sent folders, with repetitions."""
    look_for_copies: bool = False
    """False where the Sent folders were not looked into."""


def violations(seen: Seen) -> list[str]:
    return [*_sends(seen), *_copies(seen), *_replies(seen)]


def _sends(seen: Seen) -> Iterator[str]:
    accepted = {event.request_id for event in seen.events if isinstance(event, SendAccepted)}
    told = _events_by_request(seen.events)
    names: dict[str, str] = {}
    for request_id, message in seen.messages.items():
        state, history, sent_as = message["state"], message["history"], message["identities"]["message_ids"]
        if not sent_as:
            continue  # refused before it had a name
        message_id = sent_as[0]
        names[message_id] = request_id
        times = seen.ledger[message_id]
        resent = any("resend" in str(line.get("decision", "")) for line in history)
        assumed = any("assume_sent" in str(line.get("decision", "")) for line in history)
        if request_id not in accepted:
            yield f"S0 {request_id} was stored and never told as accepted"
        if state == "sent" and times == 0 and not assumed:
            yield f"S1 {request_id} is called sent and the server never had it"
        if times > 1 and not resent:
            yield f"S2 {request_id} was sent {times} times"
        if state not in ENDED:
            yield f"S3 {request_id} rests in {state}"
        yield from _told(told, request_id, state)
        if times and not any(line["state"] in _LEFT for line in history):
            yield f"S4 {request_id} left before anything durable said so"
        intent = next((_time(line["at"]) for line in history if line["state"] in _LEFT), None)
        if intent is not None and any(at < intent - _FILE_TIME for at in seen.arrived.get(message_id, ())):
            yield f"S4 {request_id} arrived before its intent was written down"
        yield from _backoff(request_id, history)
    for message_id in seen.ledger:
        if message_id not in names:
            yield f"S4 {message_id} is in the ledger and no stored message is called so"
    for request_id in accepted - set(seen.messages):
        yield f"S1 {request_id} was accepted and is lost"


def _events_by_request(events: Iterable[Event]) -> Mapping[tuple[type[Event], str], set[str]]:
    """The different ids, by kind and request."""
    ids: dict[tuple[type[Event], str], set[str]] = {}
    for event in events:
        ids.setdefault((type(event), getattr(event, "request_id", "")), set()).add(event.id)
    return ids


def _told(told: Mapping[tuple[type[Event], str], set[str]], request_id: str, state: str) -> Iterator[str]:
    """The outcome was told, and as one event however often it was published."""
    for outcome, kind in _TOLD_BY.items():
        ids = told.get((kind, request_id), set())
        if state == outcome and not ids:
            yield f"S3 {request_id} is {state} and nobody was told"
        if len(ids) > 1 and kind is SendSent:
            yield f"S2 {request_id} was told as sent by {len(ids)} different events"


def _backoff(request_id: str, history: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """T1: no attempt before the time that the deferral named."""
    not_before: float | None = None
    for line in history:
        if line["state"] in _TRIED and not_before is not None and _time(line["at"]) < not_before:
            yield f"T1 {request_id} was tried again at {line['at']}, before its time"
        if line["state"] == "deferred" and line.get("retry_at"):
            not_before = _time(line["retry_at"])
        elif line["state"] not in ("submitting", "committing", "handed_out"):
            not_before = None


def _copies(seen: Seen) -> Iterator[str]:
    if not seen.look_for_copies:
        return
    for request_id, message in seen.messages.items():
        state, copy = message["state"], message.get("sent_copy") or {}
        if state != "sent":
            continue
        times = seen.copies[message["identities"]["message_ids"][0]]
        if copy.get("state") != "done":
            yield f"C1 {request_id} is sent and its copy is {copy.get('state')}: {copy.get('words')}"
        if times != 1:
            yield f"C1 {request_id} lies {times} times in the Sent folder"


def _replies(seen: Seen) -> Iterator[str]:
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


@dataclass(frozen=True, slots=True)
class LeaseWrite:
    """One write to a lease, as the database's change stream tells it: what changed, and when by the server's clock."""

    key: str
    at: datetime
    fields: Mapping[str, Any]


def lease_violations(writes: Iterable[LeaseWrite]) -> Iterator[str]:
    """L1: nobody takes what another holds, and every change of hands has a higher number."""
    known: dict[str, dict[str, Any]] = {}
    for write in writes:
        before = known.setdefault(write.key, {"owner": None, "token": 0, "until": None})
        after = {**before, **{name: write.fields[name] for name in before.keys() & write.fields.keys()}}
        taken = after["owner"] is not None and after["owner"] != before["owner"]
        if taken and before["owner"] is not None and before["until"] > write.at:
            holder, until = before["owner"], before["until"]
            yield f"L1 {write.key} was taken by {after['owner']} while {holder} held it until {until}"
        if taken and after["token"] <= before["token"]:
            yield f"L1 {write.key} changed hands without a new number ({after['token']})"
        known[write.key] = after


def _time(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
