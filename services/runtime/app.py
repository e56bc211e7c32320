"""One service process: what it is connected to, in which order it starts, and how it stops without dropping work.

Live as soon as it runs; ready once the bus, the database and what was provisioned there answer. SIGTERM: no new work is
taken, work in flight is finished within `graceful_timeout`, the rest is handed back.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from services.runtime import bus, health, logging, metrics, mongo, tracing
from services.runtime.advisories import Advisories
from services.runtime.api_keys import Keys
from services.runtime.bodies import Bodies
from services.runtime.dead_letters import DeadLetters
from services.runtime.health import Check, Health
from services.runtime.http import create_http
from services.runtime.http_server import HttpServer
from services.runtime.leases import Leases
from services.runtime.permissions import advisories_of, published_streams
from services.runtime.publisher import Publisher
from services.runtime.rpc import Listening, RpcClient
from services.runtime.settings import RuntimeSettings
from services.runtime.tasks import Tasks

if TYPE_CHECKING:
    from nats.aio.client import Client as NatsClient
    from nats.js import JetStreamContext

    from services.runtime.deliveries import Lane

Hook = Callable[[], Awaitable[None]]


class BusClosed(Exception):
    """NATS ended the connection in a way that no reconnecting cures: the process ends, for its supervisor to see."""


class App:
    """`build(settings)` of a service makes one, registers handlers on it and returns it; `await app.run()`.

    What needs the bus (`nc`, `js`, `publisher`, `rpc`, `bodies`, `dead_letters`) exists once `run` has connected:
    use it in handlers, in tasks and from `on_start` on. `client` and `db` connect when first used."""

    nc: NatsClient
    js: JetStreamContext
    publisher: Publisher
    rpc: RpcClient
    bodies: Bodies
    dead_letters: DeadLetters

    def __init__(self, settings: RuntimeSettings) -> None:
        self.settings = settings
        logging.configure(settings.log_level, service=settings.service, instance=settings.instance_id)
        if settings.otlp_endpoint:
            tracing.configure(settings.service, settings.otlp_endpoint)
        metrics.begin_at_zero(settings.service)
        self.log = logging.get_logger(f"services.{settings.service}")
        self.client, self.db = mongo.connect(settings)
        self.lanes: dict[str, Lane] = {}
        self.endpoints: list[Listening] = []
        self.broker = bus.open_broker(settings, self.lanes, self._bus_closed)
        self.health = Health()
        self.http = create_http(self)
        self.server = HttpServer(self.http, settings.http_host, settings.http_port)
        self._tasks = Tasks()
        self._to_run: list[tuple[Hook, str]] = []
        self._start_hooks: list[Hook] = []
        self._stopping_hooks: list[Hook] = []
        self._stop_hooks: list[Hook] = []
        self._stop = asyncio.Event()
        self._failure: str | None = None

    def task(self, work: Hook, *, name: str | None = None) -> Hook:
        """Run it beside the handlers once the service works. A crash is logged, counted and followed by a restart."""
        self._to_run.append((work, name or str(getattr(work, "__qualname__", work))))
        return work

    def on_start(self, hook: Hook) -> Hook:
        """Before the first event or request is taken; bus and database are there."""
        self._start_hooks.append(hook)
        return hook

    def on_stopping(self, hook: Hook) -> Hook:
        """First of all at SIGTERM, while everything still runs: background work finishes what it has begun and begins
        no more. Awaited for at most `graceful_timeout`; then tasks are cancelled."""
        self._stopping_hooks.append(hook)
        return hook

    def on_stop(self, hook: Hook) -> Hook:
        """After the last handler has ended, in reverse order; bus and database are still there."""
        self._stop_hooks.append(hook)
        return hook

    def check(self, name: str, check: Check) -> None:
        """A condition of readiness besides the bus and the database."""
        self.health.checks[name] = check

    def leases(self, collection: str, ttl: timedelta = timedelta(seconds=30)) -> Leases:
        return Leases(self.db[collection], self.settings.instance_id, ttl)

    def stop(self) -> None:
        """As SIGTERM does."""
        self._stop.set()

    async def run(self) -> None:
        """Until SIGTERM, SIGINT or `stop`. Raises `BusClosed`, or what a hook of the start raised."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        await self.server.start()
        starting = asyncio.create_task(self._start(), name="start")
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await stopping
        finally:
            stopping.cancel()
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            await self._shut_down()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
        if self._failure is not None:
            raise BusClosed(self._failure)

    async def _start(self) -> None:
        await bus.connect(self.broker)
        self.nc, self.js = self.broker.connection, bus.jetstream(self.broker)
        self.publisher, self.rpc, self.bodies = Publisher(self.js), RpcClient(self.nc), Bodies(self.js)
        self.dead_letters = DeadLetters(self.publisher, self.settings.service)
        consumers = [lane.route.consumer for lane in self.lanes.values()]
        if consumers:
            consumers.append(advisories_of(self.settings.service))
            self.task(Advisories(self.js, self.dead_letters, self.settings.service).run, name="advisories")
        streams = published_streams(self.settings.service)
        self.health.checks["jetstream"] = health.jetstream(lambda: self.js, consumers, streams)
        self.health.checks["mongodb"] = health.mongodb(self.db)
        self.health.held_back_by = "waiting for what it stands on"
        await self._until_provisioned()
        await Keys.of(self.http.state).hear(self.nc)
        for hook in self._start_hooks:
            await hook()
        for endpoint in self.endpoints:
            await endpoint.start(self.nc, self.settings.service)
        for lane in self.lanes.values():
            await lane.learn(self.js)
        await self.broker.start()
        for work, name in self._to_run:
            self._tasks.run(work, name)
        self.health.held_back_by = None
        _settle_memory()
        self.log.info("ready", http_port=self.server.port)

    async def _until_provisioned(self) -> None:
        """A consumer made by a client on the fly would have none of the declared properties: wait for provisioning."""
        pause, said = 0.2, ""
        while wrong := await self.health.ask_all():
            if str(wrong) != said:
                said = str(wrong)
                self.log.warning("not ready, waiting", problems=dict(wrong))
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 3.0)

    async def _shut_down(self) -> None:
        self.health.held_back_by = "stopping"
        self.log.info("stopping")
        grace = self.settings.graceful_timeout
        pulls = asyncio.gather(*(subscriber.stop() for subscriber in self.broker.subscribers))
        await asyncio.gather(*(self._hook(hook, grace) for hook in self._stopping_hooks))
        await self._tasks.stop()
        await pulls
        await asyncio.gather(*(lane.close(grace) for lane in self.lanes.values()))
        await asyncio.gather(*(endpoint.stop(grace) for endpoint in self.endpoints))
        for hook in reversed(self._stop_hooks):
            await self._hook(hook, grace)
        await self.server.stop()
        await bus.close(self.broker)
        self.client.close()
        self.log.info("stopped")

    async def _hook(self, hook: Hook, limit: float) -> None:
        """Whatever one hook meets, the next has its own work to save."""
        try:
            async with asyncio.timeout(limit):
                await hook()
        except Exception as error:
            self.log.exception("stop hook failed", hook=getattr(hook, "__qualname__", ""), exc_info=error)

    async def _bus_closed(self) -> None:
        if not self._stop.is_set():
            self._failure = "NATS closed the connection for good: see what it said before, in this log and the server's"
            self.log.critical(self._failure)
            self._stop.set()


def _settle_memory() -> None:
    """What is there once a process is ready stays: no collection needs to look through it again. And each message makes
    and drops thousands of objects that hold each other for a moment: fewer, larger collections find the same cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
