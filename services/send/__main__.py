"""`python -m services.send`."""

from __future__ import annotations

import asyncio

import uvloop

from services.send.app import build
from services.send.settings import Settings

if __name__ == "__main__":
    # Hand-overs wait for many small answers of many connections: a tenth more a second than on asyncio's own loop.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(build(Settings()).run())
