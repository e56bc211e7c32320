"""Failpoints do what their variable says, at the pass it says, in a process of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

SCRIPT = """
from services.runtime.failpoints import FailpointHit, hit
passes = 0
try:
    for passes in range(5):
        hit("send.after_intent")
except FailpointHit:
    print("raised", passes)
else:
    print("passed")
"""


def run(failpoints: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "REPLYWIRE_FAILPOINTS": failpoints},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("failpoints", ["", "inbox_sync.after_fetch=kill", "send.after_intent=kill:6"])
def test_without_its_turn_a_failpoint_is_passed(failpoints: str) -> None:
    assert run(failpoints).stdout == "passed\n"


def test_kill_kills_at_once() -> None:
    assert run("send.after_intent=kill:3").returncode == -signal.SIGKILL


def test_raise_raises_at_its_pass() -> None:
    assert run("other=kill, send.after_intent=raise:3").stdout == "raised 2\n"


def test_stop_freezes_until_continued() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "REPLYWIRE_FAILPOINTS": "send.after_intent=stop"},
        stdout=subprocess.PIPE,
        text=True,
    )
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    process.send_signal(signal.SIGCONT)
    assert process.communicate(timeout=60)[0] == "passed\n"


def test_an_unknown_action_is_refused_at_start() -> None:
    assert "write send.after_intent=kill" in run("send.after_intent=explode").stderr
