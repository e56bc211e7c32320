"""python -m services.reply_matching: run the service."""

from __future__ import annotations

import asyncio

from services.reply_matching.app import build
from services.reply_matching.settings import Settings

if __name__ == "__main__":
    asyncio.run(build(Settings()).run())
