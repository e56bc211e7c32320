"""Other people's programs, measured on the same servers and data in the same run; fetched when first wanted."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parents[3] / "build" / "bench-peers"
_IMAPFLOW = "imapflow@1"


async def imapflow_scan(host: str, port: int, user: str, password: str, fields: tuple[str, ...]) -> float | None:
    """Messages per second, or None where Node.js or the package is not to be had (said on the way)."""
    if shutil.which("npm") is None:
        print("imapflow is not measured: npm is missing (install Node.js 20 or newer)")
        return None
    _FOLDER.mkdir(parents=True, exist_ok=True)
    if not (_FOLDER / "node_modules" / "imapflow").exists():
        await _run("npm", "install", "--no-package-lock", "--silent", "--prefix", str(_FOLDER), _IMAPFLOW)
    script = _FOLDER / "imapflow_scan.mjs"
    shutil.copy(Path(__file__).with_name("imapflow_scan.mjs"), script)
    printed = await _run("node", str(script), host, str(port), user, password, ",".join(fields))
    result: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return float(result["count"]) / float(result["seconds"])


async def _run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=_FOLDER)
    printed, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return printed.decode()
