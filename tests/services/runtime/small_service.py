"""A service of one handler, run as a process of its own by `test_process`."""

from __future__ import annotations

import asyncio
import logging
import sys

from replywire_contracts.streams import CONSUMERS
from replywire_contracts.v1.send import SendRequested

from services.runtime.app import App
from services.runtime.consume import consume
from services.runtime.settings import RuntimeSettings


class Settings(RuntimeSettings):
    service: str = "send"
    http_port: int = 0


def build(settings: Settings) -> App:
    app = App(settings)
    [requested] = [consumer for consumer in CONSUMERS if consumer.durable == "send-requested"]

    @consume(app, requested, SendRequested)
    async def on_send_requested(event: SendRequested) -> None:
        app.log.debug("handling", request=event, **event.model_dump())
        logging.getLogger("aiosmtplib").debug("RCPT TO:<%s>", event.to[0].email)
        logging.getLogger("some.library").warning("refused %s: Authorization: Bearer %s", event.to[0], event.subject)
        await app.db["drafts"].insert_one({"_id": event.request_id, "state": "began"})
        if event.request_id == "slow":
            await asyncio.sleep(2)
        if event.request_id == "bad":
            SendRequested.model_validate({**event.model_dump(), "send_at": event.subject})
        await app.db["drafts"].update_one({"_id": event.request_id}, {"$set": {"state": "done"}})

    @app.on_stopping
    async def stopping() -> None:
        await app.db["drafts"].insert_one({"_id": "stopping"})

    @app.on_stop
    async def stopped() -> None:
        await app.db["drafts"].insert_one({"_id": "stopped"})

    return app


if __name__ == "__main__":
    asyncio.run(build(Settings()).run())
    sys.stderr.flush()
