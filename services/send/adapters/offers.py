"""What is given out to customers' own code, in MongoDB: taken and extended by the server's clock, under leases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from services.runtime.mongo import Collection, Document
from services.send.adapters.documents import HISTORY_LINES, WORK, message_of
from services.send.domain.message import Message
from services.send.domain.offer import FAILED, RELEASED
from services.send.domain.offer_moves import Terms
from services.send.domain.state import NOTHING_LEFT, State

_FREE = [*(state.value for state in NOTHING_LEFT), State.HANDED_OUT.value]
_MOST_GIVEN = 100
"""Holders remembered per message, besides those who were never heard: what they still say must be understood."""
_MOST_SILENT = 1000
"""The latest, where a standing decision has it offered again and again to nobody who ever reports."""


class Offers:
    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def make_ready(self, ids: Sequence[str]) -> None:
        """Their names are registered: they may be taken from now on."""
        change = {"$set": {"offer.ready": True}}
        await self._collection.update_many({"_id": {"$in": list(ids)}, "offer.ready": False}, change)

    async def unready(self, before: datetime, limit: int) -> list[Message]:
        """Those that whoever stored them did not register."""
        wanted = {"offer.ready": False, "created_at": {"$lte": before}}
        found = self._collection.find(wanted, WORK).sort("created_at", 1).limit(limit)
        return [message_of(document) for document in await found.to_list(limit)]

    async def take(
        self,
        team: str,
        account: str | None,
        most: int,
        lease: str,
        term: timedelta,
        by: str,
        terms: Terms,
        now: datetime,
    ) -> list[Message]:
        """Those that are now this lease's, the longest waiting first. Durable once this returns."""
        free = self._free(team, account, terms, now)
        found = self._collection.find(free, {"_id": 1}).sort("offer.at", 1).limit(most)
        ids = [document["_id"] for document in await found.to_list(most)]
        if not ids:
            return []
        # By their ids: left to itself, the server looks through all that wait for each few that are taken.
        change = [{"$set": _taken(lease, term, by)}]
        await self._collection.update_many({"_id": {"$in": ids}, **free}, change, hint={"_id": 1})
        ours = self._collection.find({"_id": {"$in": ids}, "offer.lease": lease}, WORK).sort("offer.at", 1)
        return [message_of(document) for document in await ours.to_list(most)]

    def _free(self, team: str, account: str | None, terms: Terms, now: datetime) -> Document:
        return {
            "team": team,
            **({} if account is None else {"account": account}),
            "state": {"$in": _FREE},
            "offer.at": {"$exists": True},
            "offer.ready": True,
            "offer.unheard": {"$lt": terms.lapses},
            "cancel_wanted": {"$ne": True},
            "$expr": {"$lte": ["$offer.at", "$$NOW"]},
            "$or": [{"expires": {"$exists": False}}, {"expires": {"$gt": now}}],
        }

    async def next_at(self, team: str, now: datetime) -> datetime | None:
        """When something of this team may be taken next, as far as it is known."""
        wanted = {"team": team, "offer.at": {"$gt": now}}
        found = await self._collection.find(wanted, {"offer.at": 1}).sort("offer.at", 1).limit(1).to_list(1)
        at: datetime | None = found[0]["offer"]["at"] if found else None
        return at

    async def extend(self, ids: Sequence[str], lease: str, term: timedelta, step: str) -> frozenset[str]:
        """Those that this lease still has."""
        held = {"_id": {"$in": list(ids)}, "state": State.HANDED_OUT.value, "offer.lease": lease}
        change = {"offer.at": _after(term), "updated_at": "$$NOW", "step": {"$literal": step}}
        await self._collection.update_many(held, [{"$set": change}])
        found = self._collection.find({**held, "step": step}, {"_id": 1})
        return frozenset([document["_id"] async for document in found])

    async def held(self, team: str, lease: str) -> list[Message]:
        """Those that this lease has."""
        wanted = {"team": team, "offer.at": {"$exists": True}, "state": State.HANDED_OUT.value, "offer.lease": lease}
        return [message_of(document) async for document in self._collection.find(wanted, WORK)]

    async def read(self, ids: Sequence[str]) -> Mapping[str, Message]:
        """Of those that are given out at all."""
        wanted = {"_id": {"$in": list(ids)}, "offer": {"$exists": True}}
        return {document["_id"]: message_of(document) async for document in self._collection.find(wanted, WORK)}

    async def lapsed(self, now: datetime, terms: Terms, limit: int) -> list[Message]:
        """Whose lease is over and who are not offered again."""
        hopeless = [
            {"offer.unheard": {"$gte": terms.lapses}},
            {"offer.first_at": {"$lte": now - terms.patience}},
            {"cancel_wanted": True},
            {"expires": {"$lte": now}},
        ]
        wanted = {"state": State.HANDED_OUT.value, "offer.at": {"$lte": now}, "$or": hopeless}
        found = self._collection.find(wanted, WORK).sort("offer.at", 1).limit(limit)
        return [message_of(document) for document in await found.to_list(limit)]

    async def waiting_of(self, account: str, limit: int) -> list[Message]:
        """An account's, which nobody has taken."""
        wanted = {"account": account, "offer.at": {"$exists": True}, "state": {"$in": [s.value for s in NOTHING_LEFT]}}
        found = self._collection.find(wanted, WORK).limit(limit)
        return [message_of(document) for document in await found.to_list(limit)]

    async def counts(self, now: datetime) -> Mapping[str, int]:
        """Of all teams: how many are out, are out beyond their lease, and wait for a person's decision."""
        out: Document = {"state": State.HANDED_OUT.value}
        overdue = {**out, "offer.at": {"$lte": now}}
        return {
            "handed_out": await self._collection.count_documents(out),
            "overdue": await self._collection.count_documents(overdue),
            "unconfirmed": await self._collection.count_documents(
                {"state": State.UNCONFIRMED.value, "offer.test": {"$exists": True}}
            ),
        }

    async def page(
        self, team: str, conditions: Mapping[str, Any], after: tuple[datetime, str] | None, limit: int
    ) -> list[Message]:
        """Open ones by the time from which they may be taken. `after`: the last one's of the page before."""
        wanted: Document = {"team": team, "offer.at": {"$exists": True}, **conditions}
        if after is not None:
            at, key = after
            wanted["$and"] = [{"$or": [{"offer.at": {"$gt": at}}, {"offer.at": at, "_id": {"$gt": key}}]}]
        found = self._collection.find(wanted, WORK).sort([("offer.at", 1), ("_id", 1)]).limit(limit)
        return [message_of(document) for document in await found.to_list(limit)]


def _taken(lease: str, term: timedelta, by: str) -> Document:
    """As an update pipeline: the time is the server's, and the holder is remembered in the same write."""
    given = {"lease": {"$literal": lease}, "by": {"$literal": by}, "at": "$$NOW", "report": None}
    line = {
        "at": "$$NOW",
        "state": State.HANDED_OUT.value,
        "attempt": {"$add": ["$attempts", 1]},
        "by": {"$literal": by},
        "lease": {"$literal": lease[:8]},
    }
    return {
        "state": State.HANDED_OUT.value,
        "attempts": {"$add": ["$attempts", 1]},
        "offer.at": _after(term),
        "offer.lease": {"$literal": lease},
        "offer.unheard": {"$add": ["$offer.unheard", 1]},
        "offer.first_at": {"$ifNull": ["$offer.first_at", "$$NOW"]},
        "offer.given": {"$slice": [_remembered({"$concatArrays": ["$offer.given", [given]]}), -_MOST_SILENT]},
        "history": {"$slice": [{"$concatArrays": ["$history", [line]]}, -HISTORY_LINES]},
        "updated_at": "$$NOW",
        "step": {"$literal": f"take:{lease}"},
    }


def _remembered(given: Document) -> Document:
    """One too many: the first who gave it back is forgotten, then the first who said that he failed."""
    first: list[Document] = [{"$indexOfArray": ["$$all.report", report]} for report in (RELEASED, FAILED)]
    spared = {"$cond": [{"$gte": [first[0], 0]}, first[0], first[1]]}
    rest: Document = {
        "$concatArrays": [
            {"$cond": [{"$gt": ["$$spared", 0]}, {"$slice": ["$$all", "$$spared"]}, []]},
            {"$slice": ["$$all", {"$add": ["$$spared", 1]}, {"$size": "$$all"}]},
        ]
    }
    keep = {"$or": [{"$lte": [{"$size": "$$all"}, _MOST_GIVEN]}, {"$lt": ["$$spared", 0]}]}
    shorter = {"$let": {"vars": {"spared": spared}, "in": {"$cond": [keep, "$$all", rest]}}}
    return {"$let": {"vars": {"all": given}, "in": shorter}}


def _after(term: timedelta) -> Document:
    return {"$add": ["$$NOW", int(term.total_seconds() * 1000)]}
