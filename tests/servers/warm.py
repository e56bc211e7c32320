"""Services as processes without the second and a half in which each imports what the last one imported.

A process that has imported them waits, and forks one whenever a test asks. What is forked is a process like any other -
its own memory, session, environment, arguments and log; frozen and killed in the same way - and, because the test's
process adopts it, a child of that. `python -m` itself is shown by the tests of the command line and of the README.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import IO, Any, NoReturn

from deploy.embedded.errors import EmbeddedError
from deploy.embedded.processes import Process

_MODULES = (
    "services.auth.app",
    "services.auth.commands",
    "services.inbox_sync.app",
    "services.reply_matching.app",
    "services.send.app",
    "deploy.front_door.proxy",
)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LARGEST_ORDER = 1 << 20
_LIBC = ctypes.CDLL(None, use_errno=True)


class Adopted:
    """A process as `subprocess.Popen` shows one."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = threading.Event()
        self._signals = threading.Lock()
        threading.Thread(target=self._await_end, name=f"end of {pid}", daemon=True).start()

    def _await_end(self) -> None:
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with self._signals:  # from here on the number may be another process's
            _, status = os.waitpid(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        self._ended.set()

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        with self._signals:
            if self.returncode is None:
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


Forked = Adopted | subprocess.Popen[bytes]


class WarmProcess(Process):
    """`python -m …` as a fork."""

    def open(self, log: IO[bytes]) -> Forked:
        return self._fork(log, log)

    async def output(self, timeout: float) -> str:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log, tempfile.TemporaryFile() as printed:
            running = self._fork(printed, log)
            try:
                status = await asyncio.to_thread(running.wait, timeout)
            except subprocess.TimeoutExpired:
                running.kill()
                raise EmbeddedError(f"{self.name} gave no answer within {timeout:g} s. {self.last_words()}") from None
            if status != 0:
                raise EmbeddedError(f"{self.name} failed with status {status}. {self.last_words()}")
            printed.seek(0)
            return printed.read().decode()

    def _fork(self, out: IO[bytes], err: IO[bytes]) -> Forked:
        assert self.env is not None
        _python, _m, module, *arguments = self.command
        return fork(module, *arguments, env=self.env, out=out, err=err)


def fork(module: str, *arguments: str, env: Mapping[str, str], out: IO[bytes], err: IO[bytes]) -> Forked:
    """`python -m module arguments`; without a fork where a process cannot adopt another's child (Linux alone can)."""
    if sys.platform != "linux":
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
    order = {"module": module, "arguments": arguments, "env": dict(env), "cwd": os.getcwd()}
    return _warm().fork(json.dumps(order).encode(), out, err)


class _Warm:
    """The asking side: this process's one, kept for as long as this process lives."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._asking = threading.Lock()
        self._orders = ours
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.servers.warm", str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def fork(self, order: bytes, out: IO[bytes], err: IO[bytes]) -> Adopted:
        with self._asking:
            _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # orphans become children of ours, for as long as this one is being made
            try:
                socket.send_fds(self._orders, [order], [out.fileno(), err.fileno()])
                answer = self._orders.recv(64)
            finally:
                _prctl(_PR_SET_CHILD_SUBREAPER, 0)
        if not answer:
            raise RuntimeError(f"The process that forks services has ended with status {self._process.wait()}")
        return Adopted(int(answer))


@cache
def _warm() -> _Warm:
    return _Warm()


def _prctl(option: int, value: int) -> None:
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


# -- the side that forks ---------------------------------------------------------------------------------------------


def _serve(orders: socket.socket, adopter: int) -> None:
    for module in _MODULES:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # what all of them share is never written to by their collectors
    while True:
        order, files, _, _ = socket.recv_fds(orders, _LARGEST_ORDER, 2)
        if not order:
            return
        between = os.fork()
        if between == 0:
            if os.fork() != 0:
                os._exit(0)  # its child is an orphan now, and adopted
            _become(json.loads(order), files, orders, adopter)
        for file in files:
            os.close(file)
        os.waitpid(between, 0)


def _become(order: Mapping[str, Any], files: Sequence[int], orders: socket.socket, adopter: int) -> NoReturn:
    while os.getppid() != adopter:  # a few microseconds: until the process in between has ended
        os.sched_yield()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    os.dup2(files[0], 1)
    os.dup2(files[1], 2)
    for file in files:
        os.close(file)
    orders.send(str(os.getpid()).encode())
    orders.close()
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.argv[1:] = order["arguments"]
    tempfile.tempdir = None  # asked for once a process, and answered by its environment
    # The one setting of ours that is read at import.
    importlib.reload(sys.modules["services.runtime.failpoints"])
    runpy.run_module(order["module"], run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
