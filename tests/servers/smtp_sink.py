"""Postfix's smtp-sink: a real SMTP server that accepts everything, with a ledger of what it took."""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from email.policy import compat32
from pathlib import Path

from deploy.embedded.free_ports import free_port


@dataclass(frozen=True, slots=True)
class Taken:
    """One message of the ledger. The sink writes LF line ends and fields of its own before the message's."""

    sender: str
    recipients: tuple[str, ...]
    message_id: str
    message: bytes
    at: float
    """When its last line was written, in Unix seconds."""


@dataclass(slots=True)
class SmtpSink:
    """Accepts any login by AUTH PLAIN. `options` are smtp-sink's own: `-f RCPT` refuses, `-r .` defers, `-q DATA`
    disconnects, `-Q MAIL` says 421, `-a` offers no AUTH, `-p` no pipelining, `-W .:2` waits two seconds."""

    folder: Path
    options: tuple[str, ...] = ()
    ledger: bool = True
    """False for benchmarks: writing a file per message would be what they measure."""
    port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    async def start(self) -> None:
        program = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if program is None:
            raise RuntimeError("smtp-sink is missing: install the Debian package `postfix`")
        self.port = self.port or free_port()
        self.mails.mkdir(parents=True, exist_ok=True)
        as_user = ("-u", getpass.getuser()) if os.geteuid() == 0 else ()
        dump = ("-d", f"{self.mails}/%s.") if self.ledger else ()
        command = [program, *as_user, *dump, *self.options, f"127.0.0.1:{self.port}", "256"]
        # Not asyncio's: a server of the whole session outlives the loop that started it.
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        async with asyncio.timeout(20):
            while not await self._listens():
                await asyncio.sleep(0.02)  # the sink says nothing when it is ready

    async def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    @property
    def mails(self) -> Path:
        return self.folder / "mails"

    def taken(self) -> list[Taken]:
        """Every message received so far, oldest first as far as file times tell. Half-received ones are not there: the
        sink removes them; one being written at this moment lacks its final empty line. With an option for `.`, a
        message is there whose dot was refused: the sink writes before it answers."""
        found = []
        for path in self.mails.iterdir():
            try:
                octets, at = path.read_bytes(), path.stat().st_mtime
            except FileNotFoundError:
                continue  # half received a moment ago, and removed since
            if octets.endswith(b"\n\n"):
                found.append(_taken(octets, at))
        return sorted(found, key=lambda each: each.at)

    def message_ids(self) -> list[str]:
        """With repetitions: a message sent twice is there twice."""
        return [each.message_id for each in self.taken()]

    async def wait_for(self, count: int, timeout: float = 30) -> list[Taken]:
        """At least so many messages."""
        async with asyncio.timeout(timeout):
            while len(found := self.taken()) < count:
                await asyncio.sleep(0.02)  # files are written by another process
        return found

    async def _listens(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"smtp-sink ended with {self._process.returncode} instead of listening")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)


def _taken(octets: bytes, at: float) -> Taken:
    own, _, message = octets.partition(b"\nReceived: ")
    fields = BytesHeaderParser(policy=compat32).parsebytes(b"Received: " + message)
    lines = own.split(b"\n")
    sender = next(_path(line) for line in lines if line.startswith(b"X-Mail-Args:"))
    recipients = tuple(_path(line) for line in lines if line.startswith(b"X-Rcpt-Args:"))
    return Taken(sender, recipients, str(fields["Message-ID"]), message, at)


def _path(arguments: bytes) -> str:
    return arguments[arguments.index(b"<") + 1 : arguments.index(b">")].decode()
