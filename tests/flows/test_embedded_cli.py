"""The command line as people and scripts use it, on a stack that `replywire up` started."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nats
import psutil
import pytest
from replywire_contracts.v1.rpc import ReportRejected

from deploy.embedded.sandbox import SandboxMail
from deploy.embedded.sandbox_mail.person import Person
from deploy.embedded.sandbox_mail.settings import DEFAULT_USERS
from services.runtime.rpc import RpcClient

ALICE, BOB = "alice@example.com", "bob@example.org"


class Up:
    """`replywire up` in a folder of its own; commands run against it as in another terminal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns once it says that it is up."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "services.cli", "up", "--json", "--folder", str(self.folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if json.loads(line).get("up"):
                return
        raise AssertionError(self._process.communicate()[1])

    def stop(self) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=60)
        return self._process.returncode

    def run(self, *arguments: str, env: Mapping[str, str] | None = None, status: int = 0) -> Any:
        """The JSON a command printed: one value, or a list of lines for `watch`."""
        done = subprocess.run(
            [sys.executable, "-m", "services.cli", *arguments, "--json", "--folder", str(self.folder)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={**os.environ, **(env or {})},
        )
        assert done.returncode == status, done.stdout + done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return lines if len(lines) > 1 else lines[0] if lines else None

    def seen(self, *arguments: str, typed: str = "") -> str:
        """What a person saw at a terminal, who typed that."""
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "services.cli", *arguments, "--folder", str(self.folder)]
        env = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
        env.pop("NO_COLOR", None)
        process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True)
        os.close(theirs)
        shown, waiting, until = b"", typed, time.monotonic() + 60
        with contextlib.suppress(OSError):  # Linux's way to say that the other side of a terminal is gone
            while time.monotonic() < until:
                if select.select([ours], [], [], 0.05)[0]:
                    shown += os.read(ours, 65536)
                # What is typed before the echo is off is thrown away.
                if waiting and b"Password" in shown and not termios.tcgetattr(ours)[3] & termios.ECHO:
                    os.write(ours, f"{waiting}\n".encode())
                    waiting = ""
        os.close(ours)
        if process.poll() is None:
            process.terminate()
        process.wait()
        text = shown.decode(errors="replace")
        assert process.returncode == 0, text
        return text

    @property
    def sandbox(self) -> SandboxMail:
        """Its whereabouts; the server itself is the stack's."""
        ports = json.loads((self.folder / "ports.json").read_text())
        return SandboxMail(
            self.folder / "sandbox", ports={name: ports[name] for name in ("imap", "submission", "smtps")}
        )


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    made = Up(tmp_path / "data")
    made.start()
    yield made
    assert made._process is not None
    if made._process.poll() is None:
        made.stop()


def connect(up: Up, password: str = DEFAULT_USERS[ALICE], status: int = 0) -> Any:
    ports = up.sandbox.ports
    return up.run(
        *("connect", "smtp-imap", ALICE, "--name", "Alice", "--smtp-security", "starttls"),
        *("--smtp", f"localhost:{ports['submission']}", "--imap", f"localhost:{ports['imap']}"),
        env={"REPLYWIRE_PASSWORD": password},
        status=status,
    )


@pytest.mark.timeout(300)
def test_a_day_at_the_command_line(up: Up) -> None:
    refused = connect(up, password="wrong", status=1)
    assert refused["error"]
    account = connect(up)["account_id"]
    assert [(a["address"], a["state"]) for a in up.run("accounts")] == [(ALICE, "connected")]

    sent = up.run(
        "send", BOB, "--account", account, "--subject", "Hello", "--text", "Are you there?", "--request-id", "one"
    )
    assert [event["kind"] for event in sent][-1] == "mail.v1.send.sent"
    assert [(m["request_id"], m["state"]) for m in up.run("messages")] == [("one", "sent")]
    assert up.run("explain", "one")["history"]

    watching = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "watch", "replies", "--count", "1", "--json", "--folder", up.folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stderr is not None
    assert "Watching" in watching.stderr.readline()
    bob = Person(up.sandbox, BOB)
    received = bob.find("INBOX", sent[-1]["identities"]["message_ids"][0])
    assert received is not None
    bob.answer(received, "Yes, I am.")
    heard = json.loads(watching.communicate(timeout=60)[0])
    assert (heard["kind"], heard["request_id"]) == ("mail.v1.reply.detected", "one")
    replies = up.run("replies", "--request", "one")
    assert [(reply["class"], reply["new_text"].strip()) for reply in replies] == [("human", "Yes, I am.")]
    assert up.run("explain", replies[0]["reply_id"])["event"]["matched_by"] == "in_reply_to"

    findings = up.run("doctor")
    assert all(finding["well"] for finding in findings)
    assert {"auth is ready", "send is ready"} <= {finding["what"] for finding in findings}

    rotated = up.run("rotate-keys")
    assert (rotated["done"], rotated["failed"], rotated["current"]) == (1, {}, "k2")
    again = up.run(
        "send", BOB, "--account", account, "--text", "Still there?", "--request-id", "two", "--follow", "one"
    )
    assert again[-1]["kind"] == "mail.v1.send.sent"

    same = up.run(
        *("send", BOB, "--account", account, "--text", "Something else", "--request-id", "one", "--wait", "20"),
        status=1,
    )
    assert any("error" in line for line in (same if isinstance(same, list) else [same]))

    # Refused for good, it is a dead letter: an operator finds it, sees it refused again, and lets it go.
    [letter] = up.run("dead-letters", "list")
    assert (letter["service"], letter["reason"]) == ("send", "refused")
    [gone] = up.run("dead-letters", "again", str(letter["number"]))["again"]
    assert gone["number"] == letter["number"]
    while not (back := up.run("dead-letters", "list", "--after", str(letter["number"]))):
        pass
    [wrong] = [finding for finding in up.run("doctor", status=1) if not finding["well"]]
    assert "replywire dead-letters list" in wrong["remedy"]
    [lost] = up.run("dead-letters", "forget", str(back[0]["number"]))["forgotten"]
    assert lost["number"] == back[0]["number"]


async def refuse(up: Up, account_id: str) -> None:
    """As `send` reports it when a provider refuses the mailbox's password."""
    running, secrets = (json.loads((up.folder / name).read_text()) for name in ("running.json", "secrets.json"))
    connection = await nats.connect(
        running["nats_url"], user="send", password=secrets["nats"]["send"], inbox_prefix="_INBOX_send"
    )
    try:
        rejected = ReportRejected(
            account_id=account_id, revision=1, reason="refused_login", code="535 5.7.8", words="says the tower"
        )
        await RpcClient(connection).call(rejected)
    finally:
        await connection.close()


@pytest.mark.timeout(300)
def test_a_terminal_shows_progress_and_doctor_names_a_mailbox_in_trouble_and_a_service_that_is_away(up: Up) -> None:
    ports, password = up.sandbox.ports, DEFAULT_USERS[ALICE]
    servers = ("--smtp", f"localhost:{ports['smtps']}", "--imap", f"localhost:{ports['imap']}")
    ways = ("--smtp-security", "tls", "--imap-security", "tls")
    shown = up.seen("connect", "smtp-imap", ALICE, *servers, *ways, "--wait", typed=password)
    assert "First sync" in shown
    assert "\x1b[" in shown, "no bar was drawn: this was no terminal"
    assert password not in shown
    assert "Re-wrapping" in up.seen("rotate-keys")

    [account] = [one["account_id"] for one in up.run("accounts")]
    assert all(finding["well"] for finding in up.run("doctor", "--account", account))
    asyncio.run(refuse(up, account))
    wrong = [finding for finding in up.run("doctor", "--account", account, status=1) if not finding["well"]]
    assert account in wrong[0]["what"]
    assert "535 5.7.8 says the tower" in wrong[0]["detail"]
    assert wrong[0]["remedy"]

    # A service that is killed would be started again: a frozen one stays away.
    assert up._process is not None
    [send] = [child for child in psutil.Process(up._process.pid).children() if "services.send" in child.cmdline()]
    send.suspend()
    while not _all_stopped(send.pid):
        pass  # a thread in the kernel stops on its way out of it: until then it may still answer
    try:
        findings = up.run("doctor", status=1)
    finally:
        send.resume()
    wrong = [finding for finding in findings if not finding["well"]]
    assert wrong[0]["what"] == "send answers"
    assert wrong[0]["remedy"]


@pytest.mark.timeout(300)
def test_a_stopped_stack_goes_on_where_it_was(up: Up) -> None:
    account = connect(up)["account_id"]
    sent = up.run("send", BOB, "--account", account, "--text", "Before", "--request-id", "before")
    assert up.stop() == 0
    assert not (up.folder / "running.json").exists()
    away = up.run("accounts", status=2)
    assert "replywire up" in away["remedy"]

    up.start()
    assert [a["account_id"] for a in up.run("accounts")] == [account]
    assert [m["request_id"] for m in up.run("messages")] == ["before"]
    after = up.run("send", BOB, "--account", account, "--text", "After", "--request-id", "after", "--follow", "before")
    assert after[-1]["kind"] == "mail.v1.send.sent"

    bob = Person(up.sandbox, BOB)
    received = bob.find("INBOX", sent[-1]["identities"]["message_ids"][0])
    assert received is not None, "the sandbox lost a mail by the restart"
    bob.answer(received, "I was away too.")
    while not (replies := up.run("replies", "--request", "before")):
        pass
    assert replies[0]["new_text"].strip() == "I was away too."
    assert up.stop() == 0


def _all_stopped(pid: int) -> bool:
    states = [stat.read_text().rpartition(") ")[2][0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
    return set(states) == {"T"}


@pytest.mark.timeout(180)
def test_the_demo_ends_with_the_detected_reply() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "demo", "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["reply"]["request_id"] == told["request_id"]
    assert told["reply"]["metadata"] == {"campaign": "demo"}
    assert told["reply"]["new_text"]["text"].strip() == "Tuesday at ten is fine."
