"""python -m deploy.front_door: one address in front of the four services of this machine."""

from __future__ import annotations

import uvicorn

from deploy.front_door import table
from deploy.front_door.proxy import FrontDoor
from deploy.front_door.settings import FrontDoorSettings
from services.runtime import logging


def main() -> None:
    settings = FrontDoorSettings()
    logging.configure(settings.log_level, service="front_door")
    documents = {
        table.DOCUMENT: ("application/json", (settings.documents / "v1.json").read_bytes()),
        table.REFERENCE: ("text/html; charset=utf-8", (settings.documents / "v1.html").read_bytes()),
    }
    uvicorn.run(
        FrontDoor(settings, documents),
        host=settings.http_host,
        port=settings.http_port,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=64 * 1024,
    )


if __name__ == "__main__":
    main()
