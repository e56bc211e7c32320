"""The live part of a mailbox's page: its state as server-sent events, whenever the bus tells of a change."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

from fastapi.responses import StreamingResponse

from services.auth.domain.refusals import NotFound
from services.auth.domain.visitor import Visitor
from services.auth.pages.parts import Parts

_MOST = 300
"""Streams in this process: a page that gets none shows the same when it is loaded again."""
_MOST_OF_ONE = 20
"""Of one session: nobody looks at more pages at once, and one who opens more leaves room for others."""
_LONGEST = 15 * 60.0
_LOOK_ANYWAY, _LOOK_SOON = 20.0, 2.0
"""Seconds after which it looks without being called; sooner while it is on its way to a state that lasts, for not every
step of that is told on the bus. Also what keeps proxies from closing a silent stream."""
_TOGETHER = 0.25
"""Seconds in which several calls become one look."""


@dataclass(slots=True)
class _Count:
    open: int = 0
    by_session: Counter[str] = field(default_factory=Counter)

    def begin(self, session: str) -> None:
        self.open += 1
        self.by_session[session] += 1

    def end(self, session: str) -> None:
        self.open -= 1
        self.by_session[session] -= 1
        if not self.by_session[session]:
            del self.by_session[session]


_streams = _Count()


def room(visitor: Visitor) -> bool:
    return _streams.open < _MOST and _streams.by_session[visitor.session_id] < _MOST_OF_ONE


def stream(parts: Parts, visitor: Visitor, account_id: str) -> StreamingResponse:
    headers = {**parts.rendering.headers, "X-Accel-Buffering": "no"}
    return StreamingResponse(_states(parts, visitor, account_id), media_type="text/event-stream", headers=headers)


async def _states(parts: Parts, visitor: Visitor, account_id: str) -> AsyncIterator[str]:
    if not room(visitor):  # many were asked for at once, and the others were quicker
        return
    _streams.begin(visitor.session_id)
    ends = asyncio.get_running_loop().time() + _LONGEST  # the browser then asks again by itself
    try:
        async with parts.watching.watched(account_id) as called:
            said, was_called = "", False
            while asyncio.get_running_loop().time() < ends and not parts.watching.ended:
                called.clear()
                seen = await _told(parts, visitor, account_id)
                if seen is None:
                    return
                told, settled = seen
                yield f"data: {told}\n\n" if told != said else ": still here\n\n"
                said = told
                # What a call tells of may be written down a moment later: it looks once more.
                soon = was_called or not settled
                was_called = False
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_SOON if soon else _LOOK_ANYWAY):
                        await called.wait()
                        was_called = True
                        await asyncio.sleep(_TOGETHER)
    finally:
        _streams.end(visitor.session_id)


async def _told(parts: Parts, visitor: Visitor, account_id: str) -> tuple[str, bool] | None:
    """What is told, and whether it is settled; None once this visitor may no longer see it."""
    if await parts.visits.sessions.find(visitor.session_id, parts.now()) is None:
        return None
    try:
        account = await parts.account(visitor, account_id)
    except NotFound:
        return None
    health = await parts.health(account)
    part = parts.rendering.part("_health.html", health=health, account=account)
    return json.dumps(
        {"title": health.title, "tone": health.tone, "sentence": health.sentence, "part": part}
    ), health.settled
