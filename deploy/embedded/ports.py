"""Which port each part listens on: the one it had last time, else the wished one, else a free one."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

from deploy.embedded.free_ports import free_port
from deploy.embedded.processes import listens


def remembered(file: Path) -> dict[str, int]:
    ports: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
    return ports


def remember(file: Path, ports: Mapping[str, int]) -> None:
    file.write_text(json.dumps({**remembered(file), **ports}, indent=2))


@contextlib.asynccontextmanager
async def one_start_at_a_time() -> AsyncIterator[None]:
    """Of this user on this machine: two stacks that wish for the same ports would both find them free. Held until they
    are listened on; let go of by the kernel when its holder dies."""
    with (Path(tempfile.gettempdir()) / f"replywire-{os.getuid()}.lock").open("ab") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(0.05)  # waiting in the kernel could not be given up
        yield


async def choose(names: Iterable[str], before: Mapping[str, int], wished: Mapping[str, int]) -> dict[str, int]:
    """By name."""
    chosen: dict[str, int] = {}
    for name in names:
        for port in (before.get(name), wished.get(name)):
            if port is not None and port not in chosen.values() and not await listens(port):
                chosen[name] = port
                break
        else:
            chosen[name] = _unused(chosen.values())
    return chosen


def _unused(taken: Iterable[int]) -> int:
    while (port := free_port()) in taken:
        pass
    return port
