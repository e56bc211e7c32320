"""The command line as people and scripts use it, on a stack that `replywire up` started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from deploy.embedded.sandbox import SandboxMail
from deploy.embedded.sandbox_mail.person import Person
from deploy.embedded.sandbox_mail.settings import DEFAULT_USERS

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


@pytest.mark.timeout(300)
def test_a_stopped_stack_goes_on_where_it_was(up: Up) -> None:
    account = connect(up)["account_id"]
    up.run("send", BOB, "--account", account, "--text", "Before", "--request-id", "before")
    assert up.stop() == 0
    assert not (up.folder / "running.json").exists()
    away = up.run("accounts", status=2)
    assert "replywire up" in away["remedy"]

    up.start()
    assert [a["account_id"] for a in up.run("accounts")] == [account]
    assert [m["request_id"] for m in up.run("messages")] == ["before"]
    after = up.run("send", BOB, "--account", account, "--text", "After", "--request-id", "after", "--follow", "before")
    assert after[-1]["kind"] == "mail.v1.send.sent"
    assert up.stop() == 0


@pytest.mark.timeout(300)
def test_doctor_names_a_service_that_is_away(up: Up) -> None:
    # A service that is killed would be started again: a frozen one stays away.
    assert up._process is not None
    [send] = [child for child in psutil.Process(up._process.pid).children() if "services.send" in child.cmdline()]
    send.suspend()
    while send.status() != psutil.STATUS_STOPPED:
        pass  # a thread in the kernel stops on its way out of it: until then it may still answer
    try:
        findings = up.run("doctor", status=1)
    finally:
        send.resume()
    wrong = [finding for finding in findings if not finding["well"]]
    assert wrong[0]["what"] == "send answers"
    assert wrong[0]["remedy"]


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
