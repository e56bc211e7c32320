"""Ports that are named before they are listened on, by many processes at once."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack

from deploy.embedded.free_ports import free_port

_CHOOSES = (
    "import sys; from deploy.embedded.free_ports import free_port\n"
    "print(*(free_port() for _ in range(200)), flush=True); sys.stdin.read()"
)


def test_no_two_processes_that_live_are_given_the_same_port() -> None:
    with ExitStack() as alive:
        choosing = [
            alive.enter_context(
                subprocess.Popen([sys.executable, "-c", _CHOOSES], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )
            for _ in range(4)
        ]
        chosen = [{free_port() for _ in range(100)}]
        for process in choosing:
            assert process.stdout is not None
            chosen.append(set(map(int, process.stdout.readline().split())))
    assert [len(ports) for ports in chosen] == [100, 200, 200, 200, 200]
    assert len(set().union(*chosen)) == 900


def test_a_forked_child_has_ports_of_its_own() -> None:
    mine = {free_port() for _ in range(100)}
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, " ".join(str(free_port()) for _ in range(100)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        its = set(map(int, told.read().split()))
    os.waitpid(child, 0)
    assert len(its) == 100
    assert not its & (mine | {free_port() for _ in range(100)})
