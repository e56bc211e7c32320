"""Messages as MongoDB keeps them, and back. One document is one message with its whole history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from replywire_contracts.event import Event

from services.providers.types import Identities
from services.runtime.mongo import Document
from services.runtime.owed import owe
from services.send.domain.message import Message
from services.send.domain.moves import Move
from services.send.domain.offer import Given, Offer
from services.send.domain.state import State

HISTORY_LINES = 200

_APART = ("id", "state", "due", "expires_at", "follows", "offer")
_PLAIN = tuple(f.name for f in fields(Message) if f.name not in _APART)
_OPEN = ("due", "expires", "offer.at")
"""There while it is open, for the indexes. `expires_at` stays: who has it sent again must know it still."""
_READ = ("_id", "state", "due", "expires", "expires_at", "follows", "offer", "step", "identities", *_PLAIN)
WORK: dict[str, int] = dict.fromkeys(_READ, 1)
"""The projection an attempt needs: everything but the request, the history and what is owed."""


def message_of(document: Mapping[str, Any]) -> Message:
    follows = document.get("follows")
    return Message(
        id=document["_id"],
        state=State(document["state"]),
        due=document.get("due"),
        expires_at=document.get("expires_at") or document.get("expires"),
        follows=identities_of(follows) if follows else None,
        offer=offer_of(document) if "offer" in document else None,
        **{name: _plain(document[name]) for name in _PLAIN if name in document},
    )


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def identities_of(stored: Mapping[str, Any]) -> Identities:
    return Identities(**{**stored, "message_ids": tuple(stored.get("message_ids", ()))})


def identities_document(identities: Identities) -> Document:
    return {
        f.name: list(value) if isinstance(value, tuple) else value
        for f in fields(Identities)
        if (value := getattr(identities, f.name))
    }


def document_of(
    message: Message, *, facts: Mapping[str, Any], note: Mapping[str, Any], events: Sequence[Event]
) -> Document:
    """A new message's. `facts`: what is kept for people (request, body, hash) and nothing decides on."""
    document: Document = {
        "_id": message.id,
        "state": message.state.value,
        **{name: _stored(getattr(message, name)) for name in _PLAIN},
        **facts,
        "updated_at": message.created_at,
        "history": [{"at": message.created_at, "state": message.state.value, **note}],
        "owed": [owe(event) for event in events],
    }
    if message.due is not None:
        document["due"] = message.due
    if message.offer is not None:
        document["offer"] = offer_document(message.offer)
    if message.expires_at is not None:
        document["expires_at"] = message.expires_at
        if message.due or message.offer:
            document["expires"] = message.expires_at
    if message.follows is not None:
        document["follows"] = identities_document(message.follows)
    return document


def offer_of(document: Mapping[str, Any]) -> Offer:
    stored = dict(document["offer"])
    given = tuple(Given(**each) for each in stored.pop("given", ()))
    names = document.get("identities")
    return Offer(
        **stored, given=given, seen=document.get("step"), names=identities_of(names) if names is not None else None
    )


def offer_document(offer: Offer) -> Document:
    given = [{f.name: getattr(each, f.name) for f in fields(Given)} for each in offer.given]
    kept = {f.name: getattr(offer, f.name) for f in fields(Offer) if f.name not in ("seen", "names")}
    return {**kept, "given": given}


def _stored(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def filter_of(move: Move) -> Document:
    """The guard: nobody else moved the message meanwhile."""
    guard: Document = {"_id": move.message, "state": {"$in": [state.value for state in move.among]}}
    if move.attempt is not None:
        guard["attempts"] = move.attempt
    if move.fence is not None:
        guard["fence"] = move.fence
    return {**guard, **move.also}


def together(moves: Sequence[Move], fence: int, step: str) -> tuple[Document, Document]:
    """One guard and one update for moves that differ in their message and its time alone; of older leases' messages."""
    guard = {**filter_of(moves[0]), "_id": {"$in": [move.message for move in moves]}, "fence": {"$lt": fence}}
    update, _ = update_of(moves[0], step)
    del update["$set"]["due"]
    return guard, update


def update_of(move: Move, step: str) -> tuple[Document, Document | None]:
    """The write and the owed element in it. `step` names this very write, so that it can be found again."""
    values: Document = {**move.values, "state": move.to.value, "updated_at": move.at, "step": step}
    update: Document = {"$set": values}
    if move.due is not None:
        values["due"] = move.due
    elif move.offer_at is not None:
        values["offer.at"] = move.offer_at
    else:
        update["$unset"] = dict.fromkeys(_OPEN, "")
    push: Document = {}
    if move.note is not None:
        line = {"at": move.at, "state": move.to.value, **move.note}
        push["history"] = {"$each": [line], "$slice": -HISTORY_LINES}
    owed = None if move.event is None else owe(move.event)
    if owed is not None:
        if move.trace:
            owed["trace"] = {"traceparent": move.trace}
        push["owed"] = owed
    if push:
        update["$push"] = push
    return update, owed
