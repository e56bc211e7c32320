"""One child process: started, watched, frozen, stopped and killed; it never outlives the process that started it.

Nothing here belongs to an event loop, so one process can be watched from several loops, one after the other.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Protocol

from deploy.embedded.errors import DidNotStart, EmbeddedError

_PR_SET_PDEATHSIG = 1
_BETWEEN_QUESTIONS = 0.02
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with(parent: int) -> Callable[[], None] | None:
    """What the child does before it becomes the program: ask the kernel to be killed when its parent dies.

    The kernel means the *thread* that forked, so `launch` belongs in a thread that stays (the main one)."""
    libc = _LIBC
    if libc is None:
        return None

    def before_exec() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died between the fork and the line above
            os._exit(1)

    return before_exec


class Child(Protocol):
    """What is asked of a `subprocess.Popen`."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self) -> int: ...

    def send_signal(self, sig: int) -> None: ...

    def kill(self) -> None: ...


class Process:
    """A program with its log file. `launch` may be called again once it has ended."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.env = dict(env) if env is not None else None
        self._cwd = cwd
        self._popen: Child | None = None
        self._end: Future[int] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        if self._popen is None:
            raise EmbeddedError(f"{self.name} was never started")
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def launch(self) -> None:
        """Start it, without waiting for anything. Its own session, so that Ctrl-C reaches the launcher alone."""
        if self.running:
            raise EmbeddedError(f"{self.name} runs already (pid {self.pid})")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._popen = popen = self.open(log)
        end: Future[int] = Future()
        end.set_running_or_notify_cancel()  # a waiter that gives up cannot cancel the process's end for the others
        threading.Thread(target=lambda: end.set_result(popen.wait()), name=f"end of {self.name}", daemon=True).start()
        self._end = end

    def open(self, log: IO[bytes]) -> Child:
        """The child itself, which writes to `log`."""
        return subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=self.env,
            cwd=self._cwd,
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),
        )

    async def output(self, timeout: float) -> str:
        """Run it to its end: what it printed. Its log gets its errors alone. Raises `EmbeddedError` where it fails."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            running = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self.env,
                cwd=self._cwd,
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),
            )
        try:
            async with asyncio.timeout(timeout):
                printed, _ = await running.communicate()
        except TimeoutError:
            running.kill()
            await running.wait()
            raise EmbeddedError(f"{self.name} gave no answer within {timeout:g} s. {self.last_words()}") from None
        if running.returncode != 0:
            raise EmbeddedError(f"{self.name} failed with status {running.returncode}. {self.last_words()}")
        return printed.decode()

    async def ended(self) -> int:
        """Wait for its end: the exit status, negative for a signal."""
        if self._end is None:
            raise EmbeddedError(f"{self.name} was never started")
        return await asyncio.wrap_future(self._end)

    async def until(self, answers: Callable[[], Awaitable[bool]], timeout: float) -> None:
        """Ask until it answers. Raises `DidNotStart` the moment it ends instead, or after `timeout` seconds."""
        end = asyncio.ensure_future(self.ended())
        try:
            async with asyncio.timeout(timeout):
                while not await answers():
                    done, _ = await asyncio.wait({end}, timeout=_BETWEEN_QUESTIONS)
                    if done:
                        raise DidNotStart(f"{self.name} ended with status {end.result()}. {self.last_words()}")
        except TimeoutError:
            raise DidNotStart(f"{self.name} is not ready after {timeout:g} s. {self.last_words()}") from None
        finally:
            end.cancel()

    def last_words(self, lines: int = 15) -> str:
        """The end of what it wrote since its last start, for an error's text."""
        if not self.log.exists():
            return "It has no log."
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            said = log.read()[-8192:].decode("utf-8", "replace").splitlines()[-lines:]
        return "\n".join([f"The end of {self.log}:", *said])

    def send_signal(self, number: signal.Signals) -> None:
        if self._popen is not None:
            self._popen.send_signal(number)

    def freeze(self) -> None:
        """SIGSTOP, and wait until every thread has stopped: alive to the kernel, silent to everybody."""
        self.send_signal(signal.SIGSTOP)
        if self._popen is not None:
            os.waitid(os.P_PID, self._popen.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        self.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and wait until the kernel has taken it: what a power cut does to one program."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()

    async def stop(self, grace: float = 15.0) -> int:
        """SIGTERM, and SIGKILL after `grace` seconds: its exit status."""
        self.thaw()
        self.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace):
                return await self.ended()
        except TimeoutError:
            self.kill()
            return await self.ended()


async def listens(port: int) -> bool:
    """Whether a TCP connection to this loopback port is accepted."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
