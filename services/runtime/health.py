"""Is this process fit for work? Asked of the real parts, with short limits: a client library's opinion is not enough.

nats-py and FastStream call a frozen server healthy, so readiness makes a JetStream call; a wiped store answers too, so
it looks for the streams and consumers this service stands on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

import nats.errors
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from replywire_contracts.streams import Consumer

from services.runtime import redaction
from services.runtime.mongo import Database, PyMongoError
from services.runtime.outcomes import Outage

LIMIT_SECONDS = 1.5
_REMEDY = "run `python -m services.runtime.provision`"

Check = Callable[[], Awaitable[None]]
"""Returns where all is well; raises `NotReady`, or what its part raises."""


class NotReady(Exception):
    """The text says what is missing and what to do."""


@dataclass(slots=True)
class Health:
    checks: dict[str, Check] = field(default_factory=dict)
    held_back_by: str | None = "starting"
    """Why it is not ready whatever the checks say: starting, stopping."""

    async def problems(self) -> Mapping[str, str]:
        """What is wrong, by part; empty where it is ready. Takes at most `LIMIT_SECONDS`."""
        if self.held_back_by:
            return {"service": self.held_back_by}
        return await self.ask_all()

    async def ask_all(self) -> Mapping[str, str]:
        """The checks alone."""
        names = list(self.checks)
        answers = await asyncio.gather(*(self._ask(self.checks[name]) for name in names))
        return {name: answer for name, answer in zip(names, answers, strict=True) if answer is not None}

    async def _ask(self, check: Check) -> str | None:
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                await check()
        except TimeoutError:
            return f"no answer within {LIMIT_SECONDS:g} s"
        except NotReady as missing:
            return str(missing)
        except (nats.errors.Error, PyMongoError, Outage, OSError) as error:
            return redaction.error(error)
        return None


def jetstream(js: Callable[[], JetStreamContext], consumers: Iterable[Consumer], streams: Iterable[str]) -> Check:
    wanted, kept = tuple(consumers), tuple(streams)

    async def check() -> None:
        await js().account_info()
        await asyncio.gather(
            *(_there(js().consumer_info(c.stream.name, c.durable), f"consumer {c.durable}") for c in wanted),
            *(_there(js().stream_info(name), f"stream {name}") for name in kept),
        )

    return check


async def _there(question: Awaitable[object], what: str) -> None:
    try:
        await question
    except NotFoundError as error:
        raise NotReady(f"{what} does not exist: {_REMEDY}") from error


def mongodb(database: Database) -> Check:
    async def check() -> None:
        await database.command("ping")

    return check
