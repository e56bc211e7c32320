"""`python -m services.send`."""

from __future__ import annotations

import asyncio

from services.send.app import build
from services.send.settings import Settings

if __name__ == "__main__":
    asyncio.run(build(Settings()).run())
