"""Named places where a test lets a process die, freeze or fail. Dead unless `REPLYWIRE_FAILPOINTS` names them.

`send.after_intent=kill` kills at the first pass, `inbox_sync.after_fetch=kill:3` at the third. `stop` freezes
(SIGSTOP), `raise` raises `FailpointHit`. Several are separated by commas. The one setting that is read at import,
because a failpoint must cost nothing where there is none.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

_VARIABLE = "REPLYWIRE_FAILPOINTS"


class FailpointHit(Exception):
    """Asked for by `REPLYWIRE_FAILPOINTS`; never seen elsewhere."""


@dataclass(slots=True)
class _Failpoint:
    action: str
    passes_left: int


def _read(text: str) -> dict[str, _Failpoint]:
    found: dict[str, _Failpoint] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, what = part.partition("=")
        action, _, nth = what.partition(":")
        if action not in ("kill", "stop", "raise"):
            raise ValueError(f"{_VARIABLE}: {part!r} names no action; write {name}=kill, stop or raise")
        found[name] = _Failpoint(action, int(nth or 1))
    return found


_active = _read(os.environ.get(_VARIABLE, ""))


def hit(name: str) -> None:
    """Pass the place called `name`."""
    if not _active:
        return
    point = _active.get(name)
    if point is None:
        return
    point.passes_left -= 1
    if point.passes_left != 0:
        return
    if point.action == "raise":
        raise FailpointHit(name)
    os.kill(os.getpid(), signal.SIGKILL if point.action == "kill" else signal.SIGSTOP)
