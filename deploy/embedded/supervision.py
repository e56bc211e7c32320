"""Keeps the parts of a stack alive: what ends unasked is started again, later each time, and everybody may watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from deploy.embedded.errors import DidNotStart
from deploy.embedded.processes import Process

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_CALM = 60.0
"""After this many seconds without an end, the pauses begin anew."""


class State(StrEnum):
    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    ENDED = "ended"
    STOPPING = "stopping"
    STOPPED = "stopped"


class Server(Protocol):
    """What can be a part: nats-server, mongod, the sandbox, a service."""

    @property
    def process(self) -> Process: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


@dataclass(slots=True)
class Part:
    name: str
    server: Server
    state: State = State.WAITING
    detail: str = ""
    restarts: int = 0

    @property
    def pid(self) -> int | None:
        return self.server.process.pid if self.state in (State.READY, State.STOPPING) else None


class Supervision:
    def __init__(self) -> None:
        self.parts: dict[str, Part] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._listeners: set[asyncio.Event] = set()

    def add(self, name: str, server: Server) -> Part:
        self.parts[name] = part = Part(name, server)
        self._tell()
        return part

    async def start(self, name: str, *, watch: bool) -> None:
        """Raises `DidNotStart` at the first start; later ones are tried again."""
        part = self.parts[name]
        self._set(part, State.STARTING)
        await part.server.start()
        self._set(part, State.READY)
        if watch:
            self._watchers[name] = asyncio.create_task(self._watch(part), name=f"watch {name}")

    async def stop(self, name: str) -> None:
        watcher = self._watchers.pop(name, None)
        if watcher is not None:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
        part = self.parts[name]
        if part.state is State.WAITING:
            return
        self._set(part, State.STOPPING)
        await part.server.stop()
        self._set(part, State.STOPPED)

    async def _watch(self, part: Part) -> None:
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while True:
            since = loop.time()
            status = await part.server.process.ended()
            part.restarts += 1
            self._set(part, State.ENDED, f"ended with status {status}")
            if loop.time() - since > _CALM:
                pause = _FIRST_PAUSE
            while True:
                await asyncio.sleep(pause)  # the pause itself is the point: a part that cannot live must not spin
                pause = min(pause * 2, _LONGEST_PAUSE)
                self._set(part, State.STARTING)
                try:
                    await part.server.start()
                except DidNotStart as error:
                    self._set(part, State.ENDED, str(error).splitlines()[0])
                    continue
                self._set(part, State.READY)
                break

    def _set(self, part: Part, state: State, detail: str = "") -> None:
        part.state, part.detail = state, detail
        self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener.set()

    async def changes(self) -> AsyncIterator[tuple[Part, ...]]:
        """All parts, now and whenever one of them changes."""
        news = asyncio.Event()
        self._listeners.add(news)
        try:
            while True:
                yield tuple(self.parts.values())
                await news.wait()
                news.clear()
        finally:
            self._listeners.discard(news)
