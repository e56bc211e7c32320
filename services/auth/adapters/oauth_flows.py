"""Sign-ins under way, in MongoDB: found by the hash of their state, taken once, gone by themselves when too old."""

from __future__ import annotations

from dataclasses import asdict

from services.auth.adapters.documents import box_fields, read_box
from services.auth.domain.oauth_app import Provider
from services.auth.domain.oauth_flow import Errand, Flow
from services.runtime.envelopes import SealedBox
from services.runtime.mongo import Database


class MongoFlows:
    def __init__(self, db: Database) -> None:
        self._flows = db["oauth_flows"]

    async def keep(self, flow: Flow, box: SealedBox) -> None:
        facts = asdict(flow) | {"errand": flow.errand.value, "provider": flow.provider.value}
        await self._flows.insert_one({"_id": facts.pop("state_hash"), **facts, "box": box_fields(box)})

    async def take(self, state_hash: str, person: str, session_id: str) -> tuple[Flow, SealedBox] | None:
        mine = {"_id": state_hash, "person": person, "session_id": session_id}
        found = await self._flows.find_one_and_delete(mine)
        if found is None:
            return None
        box = read_box(found.pop("box"))
        errand, provider = Errand(found.pop("errand")), Provider(found.pop("provider"))
        return Flow(state_hash=found.pop("_id"), errand=errand, provider=provider, **found), box
