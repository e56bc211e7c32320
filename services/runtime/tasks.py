"""Background work of a service: when it crashes it is heard of and begun again, never silently gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from services.runtime import metrics
from services.runtime.logging import get_logger

_PAUSES = (0.2, 1.0, 5.0, 15.0, 30.0)
_CLEAN_UP_SECONDS = 5.0
_WELL_AGAIN = 60.0
"""Seconds after which a task that ran counts as well, and its next crash as the first."""

_log = get_logger(__name__)


class Tasks:
    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def run(self, work: Callable[[], Awaitable[None]], name: str) -> None:
        task = asyncio.create_task(_supervise(work, name), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def stop(self) -> None:
        """Cancel all, and wait until each has cleaned up.

        Again from time to time: `asyncio.wait_for` of Python 3.11, which nats-py uses, can swallow a cancel."""
        running = set(self._running)
        while running:
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=_CLEAN_UP_SECONDS)


async def _supervise(work: Callable[[], Awaitable[None]], name: str) -> None:
    loop, crashes = asyncio.get_running_loop(), 0
    while True:
        began = loop.time()
        try:
            await work()
            return
        except Exception as error:  # noqa: BLE001 - whatever ended it, the work must go on
            crashes = 0 if loop.time() - began > _WELL_AGAIN else crashes
            pause = _PAUSES[min(crashes, len(_PAUSES) - 1)]
            crashes += 1
            metrics.TASK_CRASHES.labels(name).inc()
            _log.error("task crashed, starting it again", task=name, pause=pause, exc_info=error)
        await asyncio.sleep(pause)
