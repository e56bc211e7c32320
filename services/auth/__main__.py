"""python -m services.auth: run the service, or one of its operator's commands."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from services.auth.domain.refusals import Refused
from services.auth.domain.scopes import SCOPES
from services.auth.settings import Settings
from services.runtime.key_ring import KeyRingInvalid

_UNUSABLE_SETTINGS = 78  # sysexits.h: EX_CONFIG


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services.auth", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    ring = commands.add_parser("new-key-ring", help="make a key ring, or add a key to it and make that the current one")
    ring.add_argument("file", type=Path)
    ring.add_argument("--later", action="store_true", help="add the key, but leave the current one as it is")
    key = commands.add_parser("create-key", help="print a new API key of a team, once")
    key.add_argument("--team", required=True)
    key.add_argument("--scopes", default=",".join(SCOPES), help="separated by commas; all where not given")
    key.add_argument("--name", default="made by the operator")
    key.add_argument("--json", action="store_true", dest="as_json")
    for name in ("allow-client", "disallow-client"):
        allow = commands.add_parser(name, help="whether a team may be offered a client that needs the operator's leave")
        allow.add_argument("--team", required=True)
        allow.add_argument("client")
    rotate = commands.add_parser("rotate-keys", help="re-wrap every account's key under the ring's current key")
    rotate.add_argument("--progress", choices=["json"], help="a JSON line for every step")
    return parser.parse_args()


def _run(arguments: argparse.Namespace) -> int:
    match arguments.command:
        case "new-key-ring":
            from services.auth.commands import new_key_ring

            return new_key_ring(arguments.file, arguments.later, _line)
        case "create-key":
            from services.auth.commands import create_key

            scopes = [scope.strip() for scope in arguments.scopes.split(",") if scope.strip()]
            command = create_key(Settings(), arguments.team, scopes, arguments.name, arguments.as_json, _line)
            return asyncio.run(command)
        case "allow-client" | "disallow-client":
            from services.auth.commands import allow_client

            allowed = arguments.command == "allow-client"
            return asyncio.run(allow_client(Settings(), arguments.team, arguments.client, allowed, _line))
        case "rotate-keys":
            from services.auth.commands import rotate_keys

            return asyncio.run(rotate_keys(Settings(), arguments.progress == "json", _line))
    return asyncio.run(_serve())


async def _serve() -> int:
    from services.auth.app import build

    await build(Settings()).run()
    return 0


def _line(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    try:
        sys.exit(_run(_arguments()))
    except KeyRingInvalid as wrong:
        sys.stderr.write(f"auth does not start: {wrong}\n")
        sys.exit(_UNUSABLE_SETTINGS)
    except Refused as refused:
        sys.stderr.write(f"{refused.field}: {refused.detail} {refused.remedy}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
