"""The bus as its operator has it: under the user that provisions, who sees every stream. What it refuses is told."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import nats
import nats.errors
from nats.js import JetStreamContext
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError, ServiceUnavailableError

from services.cli.errors import AWAY, REFUSED, UNUSABLE, CannotGoOn
from services.cli.target import running_in
from services.runtime.permissions import PROVISION

T = TypeVar("T")

_SECONDS = 10.0
_NO_STREAM = 10059  # what the server's API calls it
_PROVISION_IT = "Streams are made by `python -m services.runtime.provision`; `replywire up` does it at its start."
RIGHTS = (
    f"It takes the user `{PROVISION}`, with the rights of this version: give REPLYWIRE_NATS_USER and _PASSWORD, and "
    "start NATS again with the configuration that came with the upgrade."
)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    urls: tuple[str, ...] = field(repr=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    creds: str | None = None


def whereabouts(folder: Path) -> Whereabouts:
    """What `REPLYWIRE_NATS_URL` names, as provisioning reads it; else the bus of the stack that runs in `folder`.
    Raises `CannotGoOn`."""
    named = os.environ.get("REPLYWIRE_NATS_URL")
    if named:
        return Whereabouts(
            tuple(url.strip() for url in named.split(",")),
            os.environ.get("REPLYWIRE_NATS_USER") or None,
            os.environ.get("REPLYWIRE_NATS_PASSWORD") or None,
            os.environ.get("REPLYWIRE_NATS_CREDS") or None,
        )
    running = running_in(folder)
    if running is None:
        raise CannotGoOn(
            f"No stack runs in {folder}, and REPLYWIRE_NATS_URL names no other bus.",
            remedy="Start one with `replywire up`, or set REPLYWIRE_NATS_URL, REPLYWIRE_NATS_USER and "
            f"REPLYWIRE_NATS_PASSWORD as for provisioning: the user is `{PROVISION}`.",
            status=UNUSABLE,
        )
    if "operators_nats_url" not in running:
        raise CannotGoOn(
            f"The stack in {folder} was started by an older version.", remedy="Start it again with `replywire up`."
        )
    return Whereabouts((running["operators_nats_url"],))


class OperatorsBus:
    """`ask` whatever is asked of `js`: what the bus says against it becomes a `CannotGoOn`."""

    def __init__(self, js: JetStreamContext, refusal: asyncio.Future[str]) -> None:
        self.js = js
        self._refusal = refusal

    async def ask(self, question: Awaitable[T]) -> T:
        """Raises `CannotGoOn`, or `NotFoundError` for what is in no stream."""
        answer = asyncio.ensure_future(question)
        either: set[asyncio.Future[Any]] = {answer, self._refusal}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._refusal.done():
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)
            raise CannotGoOn(f"The bus refuses it: {self._refusal.result()}.", remedy=RIGHTS, code="forbidden")
        try:
            return answer.result()
        except NotFoundError as missing:
            if missing.err_code != _NO_STREAM:
                raise
            raise CannotGoOn("The bus has no dead letters: their stream is missing.", remedy=_PROVISION_IT) from None
        except (NoStreamResponseError, ServiceUnavailableError):
            raise CannotGoOn("The bus keeps no stream that takes it.", remedy=_PROVISION_IT) from None
        except (APIError, nats.errors.Error, TimeoutError) as error:
            status = REFUSED if isinstance(error, APIError) else AWAY
            text = f"The bus does not do it: {error or type(error).__name__}."
            raise CannotGoOn(
                text, remedy="See `replywire doctor`, and the log of nats-server.", status=status
            ) from None


@asynccontextmanager
async def operators_bus(at: Whereabouts) -> AsyncIterator[OperatorsBus]:
    """Raises `CannotGoOn` where it does not let us in."""
    refusal: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def hear(error: Exception) -> None:
        """nats-py tells of a refused subject here alone; who asked would wait in vain."""
        if "permissions violation" in str(error).lower() and not refusal.done():
            refusal.set_result(str(error).removeprefix("nats: ").strip("'"))

    try:
        connection = await nats.connect(
            list(at.urls),
            user=at.user,
            password=at.password,
            user_credentials=at.creds,
            inbox_prefix=f"_INBOX_{PROVISION}",
            allow_reconnect=False,
            max_reconnect_attempts=1,  # of the first connection too: by default it would try for two minutes
            reconnect_time_wait=0.5,
            connect_timeout=10,
            error_cb=hear,
        )
    except (nats.errors.Error, OSError) as error:
        raise CannotGoOn(
            f"NATS does not let us in: {error or type(error).__name__}.",
            remedy="Is the stack running, and are REPLYWIRE_NATS_URL and its user right?",
            status=AWAY,
        ) from None
    try:
        yield OperatorsBus(connection.jetstream(timeout=_SECONDS), refusal)
    finally:
        refusal.cancel()
        await connection.close()
