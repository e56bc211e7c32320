"""Background work that crashes is begun again; what is stopped has cleaned up."""

from __future__ import annotations

import asyncio

import pytest

from services.runtime import tasks
from services.runtime.tasks import Tasks


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_PAUSES", (0.0, 0.01))


async def test_a_crashed_task_is_begun_again_until_it_ends_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    runs, done = 0, asyncio.Event()

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs < 5:
            raise RuntimeError("a bug")
        done.set()

    kept = Tasks()
    kept.run(work, "work")
    async with asyncio.timeout(30):
        await done.wait()
    await kept.stop()
    assert runs == 5


async def test_stopping_waits_until_each_has_cleaned_up() -> None:
    began, cleaned = asyncio.Event(), []

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            cleaned.append(True)

    kept = Tasks()
    kept.run(work, "work")
    await began.wait()
    await kept.stop()
    assert cleaned == [True]


async def test_one_crashing_task_leaves_the_others_alone() -> None:
    ticks = 0

    async def crash() -> None:
        raise RuntimeError("a bug")

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.001)

    kept = Tasks()
    kept.run(crash, "crash")
    kept.run(tick, "tick")
    async with asyncio.timeout(30):
        while ticks < 20:
            await asyncio.sleep(0.001)
    await kept.stop()
