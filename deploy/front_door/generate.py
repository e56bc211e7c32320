"""Writes what is generated from the services' routes: the OpenAPI document, its page, the table of routes, and nginx's
configuration.

    python -m deploy.front_door.generate [--check]

With `--check` nothing is written and the exit status is 1 where a file is stale.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from deploy.front_door import document, nginx, reference, table

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "contracts/openapi/v1.json"
PAGE = ROOT / "contracts/openapi/v1.html"
ROUTES = ROOT / "contracts/openapi/README.md"
NGINX = ROOT / "deploy/docker/front-door.conf"
ROUTES_HEAD = """\
# The public API

Generated from the services' routes: [`v1.json`](v1.json) is the OpenAPI 3.1 document, which every installation serves
at `/v1/openapi.json`; `/v1/reference` is the same for people.

"""


def described() -> dict[str, dict[str, Any]]:
    """What each service would serve as /openapi.json, from its routes, with no server running."""
    return asyncio.run(_described())


async def _described() -> dict[str, dict[str, Any]]:
    from services.auth.commands import new_key_ring

    told = {}
    with tempfile.TemporaryDirectory() as folder:
        ring = Path(folder) / "key-ring.json"
        new_key_ring(ring, False, lambda _: None)
        needed: dict[str, dict[str, Any]] = {
            "auth": {"key_ring": str(ring)},
            "inbox_sync": {"find_keys": base64.b64encode(bytes(32)).decode()},
        }
        for service in table.SERVICES:
            settings = import_module(f"services.{service}.settings").Settings(**needed.get(service, {}))
            app = import_module(f"services.{service}.app").build(settings)
            told[service] = app.http.openapi()
            app.client.close()
    return told


def files(whole: dict[str, Any]) -> dict[Path, str]:
    return {
        DOCUMENT: json.dumps(whole, indent=1, ensure_ascii=False) + "\n",
        PAGE: reference.page(whole),
        ROUTES: ROUTES_HEAD + reference.routes_table(whole),
        NGINX: nginx.render(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.front_door.generate", description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    generated = files(document.join(described()))
    stale = [(file, text) for file, text in generated.items() if not file.exists() or file.read_text() != text]
    for file, text in stale:
        if check:
            sys.stderr.write(f"{file.relative_to(ROOT)} is stale: run `make generate`\n")
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            sys.stdout.write(f"{file.relative_to(ROOT)} written\n")
    sys.exit(1 if check and stale else 0)


if __name__ == "__main__":
    main()
