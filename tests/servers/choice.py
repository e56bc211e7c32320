"""Which servers the tests run on, and the face that both kinds show."""

from __future__ import annotations

import os
from typing import Protocol

EMBEDDED = "embedded"
CONTAINERS = "containers"


class RunningServer(Protocol):
    """A real server that a test may hurt. Its address and its data survive `restart`, `kill` and `start`."""

    @property
    def url(self) -> str: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def restart(self) -> None: ...

    def kill(self) -> None: ...

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...


def chosen() -> str:
    """`REPLYWIRE_TEST_SERVERS`: `embedded` (the default, from the PyPI wheels) or `containers` (Docker)."""
    choice = os.environ.get("REPLYWIRE_TEST_SERVERS", EMBEDDED)
    if choice not in (EMBEDDED, CONTAINERS):
        raise ValueError(f"REPLYWIRE_TEST_SERVERS={choice!r}: say {EMBEDDED} or {CONTAINERS}")
    return choice
