"""python -m services.inbox_sync: run the service."""

from __future__ import annotations

import asyncio

from services.inbox_sync.app import build
from services.inbox_sync.settings import Settings

if __name__ == "__main__":
    asyncio.run(build(Settings.model_validate({})).run())
