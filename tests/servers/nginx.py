"""A real nginx with the generated configuration of the front door, in a folder and on a port of its own.

Where nginx is missing the tests are skipped with the command that installs it; never under CI.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from deploy.embedded.free_ports import free_port
from deploy.embedded.processes import listens
from deploy.front_door import generate, nginx, table


def program() -> str:
    """Skips, loudly, where there is none; fails where that may not be."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is not None:
        return found
    words = "nginx is missing: the compose stack's front door is not tested. Run `make servers`"
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


@contextlib.asynccontextmanager
async def serving(
    folder: Path, services: Mapping[str, int], sooner: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """Its address. `services`: their ports on this machine; the others are away. `sooner`: directives as they are and
    as this test can wait for them."""
    command = program()
    port, nobody = free_port(), free_port()
    (folder / "documents").mkdir(parents=True)
    for file in (generate.DOCUMENT, generate.PAGE):
        shutil.copy(file, folder / "documents")
    places = nginx.Places(
        listen=f"127.0.0.1:{port}",
        scratch=folder,
        documents=folder / "documents",
        services={name: f"127.0.0.1:{services.get(name, nobody)}" for name in table.SERVICES},
    )
    config = folder / "nginx.conf"
    text = nginx.render(places)
    for directive, shorter in (sooner or {}).items():
        assert directive in text, f"nothing says {directive}"
        text = text.replace(directive, shorter)
    config.write_text(text)
    # One process, so that its files stay this user's; in compose the image's user starts several.
    flags = ("-e", str(folder / "start.log"), "-c", str(config), "-g", "daemon off; master_process off;")
    with (folder / "errors.log").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(command, *flags, stderr=errors)
        try:
            async with asyncio.timeout(20):
                while not await listens(port):
                    assert process.returncode is None, (folder / "errors.log").read_text()
                    await asyncio.sleep(0.02)
            yield f"http://127.0.0.1:{port}"
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
