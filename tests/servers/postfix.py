"""A real Postfix as a process of the tests: its smtpd lets in whom Dovecot lets in (SASL over the auth socket), and
says that a message is taken once the server behind it has (a before-queue proxy, SMTPD_PROXY_README): no queue stands
between a message that was acknowledged and the ledger of the tests.

Postfix's master belongs to root: where nobody is root the tests that need it are skipped; never under CI.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from deploy.embedded.free_ports import free_port

_START_SECONDS = 20.0
_SERVICES = """
127.0.0.1:{port} inet n - n - {most} smtpd
rewrite unix - - n - - trivial-rewrite
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
_SETTINGS = """
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
maillog_file = {root}/log
maillog_file_prefixes = {root}
myhostname = smtp.example.com
mydestination =
local_recipient_maps =
alias_maps =
smtpd_proxy_filter = inet:127.0.0.1:{behind}
smtpd_proxy_timeout = 900s
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth}
smtpd_client_restrictions =
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_forbid_bare_newline = no
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0
smtpd_hard_error_limit = 1000
smtpd_soft_error_limit = 1000
smtpd_timeout = 900s
message_size_limit = 35882577
max_use = 10000
service_throttle_time = 1s
"""


def require_postfix() -> None:
    """Skip, loudly, where it cannot run; fail where that may not be."""
    lacking = "the Debian package `postfix`" if _master() is None else "root" if os.geteuid() != 0 else ""
    if lacking:
        words = f"Postfix needs {lacking}: run `make servers` and the tests as root"
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        pytest.skip(words)


class Postfix:
    """`port`; survives `stop` and `kill`, then `start`. `auth`: Dovecot's socket; `behind`: the port of who takes the
    messages."""

    def __init__(self, auth: Path, behind: int, most: int = 100) -> None:
        """`most`: clients at once, a process each."""
        require_postfix()
        self.port = free_port()
        self.root = Path(tempfile.mkdtemp(prefix="postfix-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._prepare(auth, behind, most)

    async def start(self) -> None:
        master = _master()
        assert master is not None
        with (self.root / "output").open("ab") as output:
            # A group of its own: what the master has started ends with it.
            self._process = subprocess.Popen(
                [master, "-c", str(self.root / "etc"), "-d"], stdout=output, stderr=output, start_new_session=True
            )
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not await self._greets():
                    if self._process.poll() is not None:
                        raise ChildProcessError("it ended")
                    await asyncio.sleep(0.02)  # nobody tells when a listener has come up
        except (TimeoutError, ChildProcessError) as failed:
            raise RuntimeError(f"Postfix did not start:\n{self.log()}") from failed

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """SIGKILL for the master and all it started."""
        await self._end(signal.SIGKILL)

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    def log(self) -> str:
        return "\n".join(
            file.read_text(errors="replace") for file in (self.root / "output", self.root / "log") if file.exists()
        )

    def _prepare(self, auth: Path, behind: int, most: int) -> None:
        owner = pwd.getpwnam("postfix")
        self.root.chmod(0o755)
        for name in ("etc", "queue", "queue/pid", "queue/private", "queue/public", "data"):
            (self.root / name).mkdir()
        for name in ("queue/private", "queue/public", "data"):
            os.chown(self.root / name, owner.pw_uid, owner.pw_gid)
        configuration = self.root / "etc"
        (configuration / "master.cf").write_text(_SERVICES.format(port=self.port, most=most).lstrip())
        settings = configuration / "main.cf"
        settings.write_text(_SETTINGS.format(root=self.root, auth=auth, behind=behind).lstrip())
        # Every program of Postfix waits for a file to be a second old before it believes that it is whole.
        os.utime(settings, (settings.stat().st_mtime - 60,) * 2)

    async def _greets(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            return (await reader.readline()).startswith(b"220")
        except OSError:
            return False
        finally:
            writer.close()

    async def _end(self, sign: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        os.killpg(process.pid, sign)
        await asyncio.to_thread(process.wait)
        async with asyncio.timeout(_START_SECONDS):
            while not self._is_free():
                await asyncio.sleep(0.02)  # what the master had started ends on its own

    def _is_free(self) -> bool:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError:
                return False
        return True


def _master() -> str | None:
    path = Path("/usr/lib/postfix/sbin/master")
    return str(path) if path.exists() else shutil.which("master", path="/usr/libexec/postfix:/usr/lib/postfix")
