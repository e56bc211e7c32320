"""Writes that nobody waits for: gathered by a slow clock, so that many share one round trip and one journal flush."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from services.runtime.group_commit import GroupCommit
from services.runtime.mongo import Document

TICK_SECONDS = 0.05


class Unhurried(GroupCommit):
    """For taking published events off their documents: were such a write lost, the event would be told once more."""

    async def update(self, filter: Mapping[str, Any], update: Document) -> bool:  # noqa: A002 - MongoDB's word
        await asyncio.sleep(TICK_SECONDS - asyncio.get_running_loop().time() % TICK_SECONDS)
        return await super().update(filter, update)
