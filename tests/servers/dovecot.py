"""A real Dovecot as a process of the tests: every user name is a mailbox, one password opens all, TLS by an own CA.

Mail is put into a mailbox by writing its Maildir, which is what a delivery agent does.
"""

from __future__ import annotations

import asyncio
import contextlib
import grp
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path

import psutil
import trustme

from deploy.embedded.free_ports import free_port

PASSWORD = "correct-horse"
FOLDERS: Mapping[str, str | None] = {"Sent": "\\Sent", "Junk": "\\Junk", "Archive": None}
"""Folder names to special uses (None: the server knows of no use)."""

_START_SECONDS = 20.0


class Dovecot:
    """`host`, `imap_port` (plain, STARTTLS), `imaps_port`, `ca_file`; survives `restart`, and `kill` then `start`."""

    host = "localhost"

    def __init__(
        self, folders: Mapping[str, str | None] | None = None, settings: str = "", passdb: str | None = None
    ) -> None:
        """`settings`: more lines of configuration. `passdb`: who may log in, instead of everybody with PASSWORD."""
        # Not below pytest's folder: that one is closed to other users, and as root the mail belongs to another user.
        self.root = Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.imap_port, self.imaps_port = free_port(), free_port()
        self.ca_file = str(self.root / "ca.pem")
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._as_root = os.geteuid() == 0
        self._owner = pwd.getpwnam("nobody") if self._as_root else pwd.getpwuid(os.geteuid())
        self._passdb = passdb or f"  driver = static\n  args = password={PASSWORD}"
        self._prepare(FOLDERS if folders is None else folders, settings)

    async def start(self) -> None:
        with (self.root / "output").open("ab") as output:
            self._process = subprocess.Popen(
                ["/usr/sbin/dovecot", "-F", "-c", str(self.root / "dovecot.conf")], stdout=output, stderr=output
            )
        try:
            async with asyncio.timeout(_START_SECONDS):
                for port in (self.imap_port, self.imaps_port):
                    await _until_open(port, self._process)
        except (TimeoutError, ChildProcessError) as failed:
            raise RuntimeError(f"Dovecot did not start:\n{self.log()}") from failed

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def kill(self) -> None:
        """SIGKILL for the master and all it started; returns once none of them can hold a socket any more."""
        master, self._process = self._process, None
        if master is not None:
            master.send_signal(signal.SIGSTOP)  # it starts nobody while its children are counted
            family = _children(master)
            master.kill()
            for child in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            master.wait()
            _until_dead(family)

    def kick(self, user: str) -> None:
        """Cut the connections of `user` (all users where empty)."""
        command = ["doveadm", "-c", str(self.root / "dovecot.conf"), "kick", user or "*"]
        subprocess.run(command, check=False, capture_output=True)

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    def log(self) -> str:
        return "\n".join(
            file.read_text(errors="replace") for file in (self.root / "output", self.root / "log") if file.exists()
        )

    def doveadm(self, *arguments: str) -> str:
        """For what only the server's operator can do to a mailbox."""
        command = ["doveadm", "-c", str(self.root / "dovecot.conf"), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    # -- mailboxes -----------------------------------------------------------------------------------------------------

    def maildir(self, user: str, folder: str = "INBOX") -> Path:
        top = self.root / "mail" / user
        return top if folder == "INBOX" else top / f".{folder.replace('/', '.')}"

    def deliver(self, user: str, *messages: bytes, folder: str = "INBOX", received: float | None = None) -> None:
        """Each appears at once and whole. `received`: Unix seconds for INTERNALDATE."""
        home = self.maildir(user, folder)
        self._make(home)
        for message in messages:
            name = f"{next(self._numbers):012d}.{os.getpid()}.tests"
            written = home / "tmp" / name
            written.write_bytes(message)
            if received is not None:
                os.utime(written, (received, received))
            if self._as_root:
                os.chown(written, self._owner.pw_uid, self._owner.pw_gid)
            written.rename(home / "new" / name)

    def messages(self, user: str, folder: str = "INBOX") -> list[bytes]:
        """What lies in a folder now, oldest first."""
        home = self.maildir(user, folder)
        files = [file for kind in ("cur", "new") if (home / kind).is_dir() for file in (home / kind).iterdir()]
        return [file.read_bytes() for file in sorted(files, key=lambda file: file.stat().st_mtime_ns)]

    def flags(self, user: str, folder: str = "INBOX") -> list[str]:
        """Maildir's letters per message: `S` is \\Seen."""
        current = self.maildir(user, folder) / "cur"
        return [file.name.partition(":2,")[2] for file in sorted(current.iterdir())] if current.is_dir() else []

    # -- making it -----------------------------------------------------------------------------------------------------

    def _prepare(self, folders: Mapping[str, str | None], settings: str) -> None:
        self.root.chmod(0o755)
        (self.root / "mail").mkdir()
        if self._as_root:
            os.chown(self.root / "mail", self._owner.pw_uid, self._owner.pw_gid)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        issued = authority.issue_cert("localhost", "127.0.0.1")
        issued.private_key_and_cert_chain_pem.write_to_path(str(self.root / "server.pem"))
        (self.root / "dovecot.conf").write_text(self._configuration(folders, settings))

    def _configuration(self, folders: Mapping[str, str | None], settings: str) -> str:
        run = self.root / "run"
        me = self._owner.pw_name
        mailboxes = "\n".join(
            f'  mailbox "{name}" {{\n    auto = create\n{f"    special_use = {use}" if use else ""}\n  }}'
            for name, use in folders.items()
        )
        unprivileged = (
            f"default_internal_user = {me}\ndefault_login_user = {me}\ndefault_internal_group = {_group(me)}\n"
        )
        chroots = "\n".join(
            f"service {name} {{\n  chroot =\n}}" for name in ("anvil", "imap-login", "stats", "imap-urlauth-login")
        )
        return f"""
protocols = imap
base_dir = {run}
state_dir = {run}
log_path = {self.root}/log
listen = 127.0.0.1
first_valid_uid = 1
first_valid_gid = 1
mail_uid = {me}
mail_gid = {_group(me)}
mail_location = maildir:{self.root}/mail/%u
mail_max_userip_connections = 100000
mailbox_list_index = no
ssl = yes
ssl_cert = <{self.root}/server.pem
ssl_key = <{self.root}/server.pem
disable_plaintext_auth = no
auth_failure_delay = 0
auth_mechanisms = plain login xoauth2
passdb {{
{self._passdb}
}}
userdb {{
  driver = static
  args = uid={me} gid={_group(me)} home={self.root}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
{mailboxes}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  service_count = 0
  client_limit = 5000
  inet_listener imap {{
    port = {self.imap_port}
  }}
  inet_listener imaps {{
    port = {self.imaps_port}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 5000
}}
{"" if self._as_root else unprivileged + chroots}
{settings}
"""

    def _make(self, home: Path) -> None:
        for folder in (home.parent, home, *(home / kind for kind in ("tmp", "new", "cur"))):
            if not folder.exists():
                folder.mkdir(parents=True)
                if self._as_root:
                    os.chown(folder, self._owner.pw_uid, self._owner.pw_gid)
        if home.name.startswith(".") and not (home / "maildirfolder").exists():
            (home / "maildirfolder").touch()

    async def _end(self, sign: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            family = _children(process)
            process.send_signal(sign)
            await asyncio.to_thread(process.wait)
            await asyncio.to_thread(_until_dead, family)


def _group(user: str) -> str:
    return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name


def _children(master: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        return list(psutil.Process(master.pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _until_dead(family: list[psutil.Process]) -> None:
    """A child that outlives its master a moment still answers at the sockets that the next master finds taken."""
    for child in family:
        # Not `wait`: an orphan stays a zombie for as long as nobody asks how it ended, and a zombie holds nothing.
        with contextlib.suppress(psutil.NoSuchProcess):
            while child.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.005)  # nobody tells of the end of what is no child of ours


async def _until_open(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)  # nobody tells when a listener has come up
        else:
            writer.close()
            return
    raise ChildProcessError("it ended")


def mail(number: int, *, lines: Iterable[str] = (), body: str = "Hello\r\n") -> bytes:
    """A small message with a Message-ID of its own."""
    more = "".join(f"{line}\r\n" for line in lines)
    return (
        f"Return-Path: <sender{number}@example.org>\r\nReceived: from mx.example.org by mail.example.com\r\n"
        f"Message-ID: <{number}@example.org>\r\nFrom: Sender {number} <sender{number}@example.org>\r\n"
        f"To: me@example.com\r\nSubject: Message {number}\r\nDate: Mon, 17 Nov 2025 10:00:00 +0000\r\n{more}"
        f"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n{body}"
    ).encode()
