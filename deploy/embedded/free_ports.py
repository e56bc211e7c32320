"""Loopback ports for whoever must name one before it is listened on, each given to nobody else meanwhile."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import random
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

_ALL = range(15_000, 32_000)
"""Below the ports that the kernel gives to connections being dialled (ip(7), `ip_local_port_range`)."""
_EACH = 250
_SHARES = len(_ALL) // _EACH
_choosing = threading.Lock()
_mine: _Share | None = None


class _Share:
    """A part of the ports, this process's alone for as long as it lives. Chosen from all of them, a port would now and
    then be another process's too, which has chosen it and does not listen yet."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._locks = (Path(tempfile.gettempdir()) / f"replywire-ports-{os.getuid()}.lock").open("ab")
        self._ports = itertools.cycle(self._take())

    def _take(self) -> range:
        """By a record lock, which no child inherits and the kernel lets go of when its process dies."""
        for number in random.sample(range(_SHARES), _SHARES):
            with contextlib.suppress(BlockingIOError):
                fcntl.lockf(self._locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
                return _ALL[number * _EACH : (number + 1) * _EACH]
        return _ALL  # more processes than shares: as good as it was without them

    def __iter__(self) -> Iterator[int]:
        return self._ports


def free_port() -> int:
    """A port nobody listens on now, and which this process has given to nobody else for a good while."""
    global _mine
    with _choosing:
        if _mine is None or _mine.process != os.getpid():
            _mine = _Share()
        for port in _mine:
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise AssertionError("a cycle has no end")
