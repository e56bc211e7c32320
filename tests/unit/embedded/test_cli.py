"""The command line's own decisions: which installation, which security, what scripts read."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from replywire_contracts.streams import SENDS
from typer.testing import CliRunner

from deploy.embedded.free_ports import free_port
from deploy.embedded.nats_server import NatsServer
from services.cli.__main__ import app
from services.cli.connect import endpoint
from services.cli.errors import AWAY, UNUSABLE, CannotGoOn
from services.cli.output import Output
from services.cli.target import Target, find
from services.cli.watch import open_bus, open_feed

BOUNCE = b"""From: MAILER-DAEMON@mx.example.net\r
To: alice@example.com\r
Subject: Undelivered Mail Returned to Sender\r
Auto-Submitted: auto-replied\r
Content-Type: multipart/report; report-type=delivery-status; boundary=b\r
\r
--b\r
Content-Type: text/plain\r
\r
No such user.\r
--b\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.example.net\r
\r
Final-Recipient: rfc822; bob@example.org\r
Action: failed\r
Status: 5.1.1\r
Diagnostic-Code: smtp; 550 5.1.1 no such user\r
--b--\r
"""


@pytest.fixture(autouse=True)
def _no_installation_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("REPLYWIRE_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("server", "port", "expected"),
    [
        ("mail.example.com", 465, ("mail.example.com", 465, "tls")),
        ("mail.example.com:587", 465, ("mail.example.com", 587, "starttls")),
        ("mail.example.com:25", 465, ("mail.example.com", 25, "starttls")),
        ("mail.example.com", 993, ("mail.example.com", 993, "tls")),
        ("mail.example.com:143", 993, ("mail.example.com", 143, "starttls")),
        ("[2001:db8::1]:465", 465, ("2001:db8::1", 465, "tls")),
    ],
)
def test_the_port_tells_the_security(server: str, port: int, expected: tuple[str, int, str]) -> None:
    found = endpoint(server, port, None, "alice")
    assert (found["host"], found["port"], found["security"]) == expected
    assert endpoint(server, port, "plain", "alice")["security"] == "plain"


def test_no_installation_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CannotGoOn) as refused:
        find(tmp_path)
    assert refused.value.status == UNUSABLE
    assert "replywire up" in refused.value.remedy


def test_a_file_left_by_a_killed_launcher_is_no_running_stack(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    running = {"pid": ended.pid, "team": "demo", "url": "http://127.0.0.1:1", "nats_url": "nats://127.0.0.1:1"}
    (tmp_path / "running.json").write_text(json.dumps(running))
    (tmp_path / "secrets.json").write_text(json.dumps({"api_keys": {"demo": "rw_a_b"}}))
    with pytest.raises(CannotGoOn, match="No stack runs"):
        find(tmp_path)
    (tmp_path / "running.json").write_text(json.dumps(running | {"pid": os.getpid()}))
    assert find(tmp_path).team == "demo"


def test_the_environment_names_another_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLYWIRE_API_KEY", "rw_a_b")
    with pytest.raises(CannotGoOn, match="where the installation is") as refused:
        find(tmp_path)
    assert "REPLYWIRE_API_URL" in refused.value.remedy
    monkeypatch.setenv("REPLYWIRE_API_URL", "https://mail.example.com/")
    found = find(tmp_path)
    assert found.url == "https://mail.example.com"
    assert "rw_a_b" not in repr(found)


def test_scripts_read_json_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(as_json=True)
    out.say("for people")
    out.table([{"a": 1}], ("a",), "nothing")
    told = capsys.readouterr()
    assert json.loads(told.out) == [{"a": 1}]
    assert "for people" in told.err


def test_what_others_wrote_is_not_read_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).table([{"subject": "[red]free[/red] money"}], ("subject",), "nothing")
    assert "[red]free[/red] money" in capsys.readouterr().out


def invoke(*arguments: str) -> tuple[int, Any]:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    return result.exit_code, json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "command",
    ["up", "demo", "connect smtp-imap", "accounts", "send", "messages", "replies", "watch", "doctor", "rotate-keys"]
    + [f"dead-letters {verb}" for verb in ("list", "show", "again", "forget")],
)
def test_every_command_says_what_it_does_and_speaks_json(command: str) -> None:
    found: Any = typer.main.get_command(app)
    for name in command.split():
        found = found.commands[name]
    assert found.help
    assert "--json" in {option for parameter in found.params for option in parameter.opts}
    assert all(parameter.help for parameter in found.params if parameter.param_type_name == "argument")


def test_a_message_in_a_file_is_explained_without_any_server(tmp_path: Path) -> None:
    file = tmp_path / "bounce.eml"
    file.write_bytes(BOUNCE)
    status, told = invoke("explain", str(file))
    assert status == 0
    assert told["classification"]["klass"] == "bounce"
    assert told["classification"]["recipients"][0]["address"] == "bob@example.org"
    assert told["classification"]["evidence"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    status, told = invoke("explain", str(tmp_path / "none.eml"))
    assert status == UNUSABLE
    assert "none.eml" in told["error"]


def test_an_unknown_kind_of_event_is_answered_with_the_known_ones() -> None:
    status, told = invoke("watch", "everything")
    assert status == 1
    assert "replies" in told["remedy"]


@pytest.mark.parametrize("columns", [80, 120, 240])
def test_an_id_is_never_cut_and_two_states_are_told_apart(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    account = "acc_5f0c7c2e9b7a4d1e8f3a6b2c"
    row = {
        "account_id": account,
        "address": "alice@example.com",
        "client": "smtp_imap",
        "state": "connected",
        "mailbox": {"state": "watching", "synced_to": "2026-11-23T20:56:08.713000Z"},
        "trouble": "The server is away, and has been away for longer than anybody here can remember. " * 2,
    }
    shown = ("account_id", "address", "client", "state", "mailbox.state", "mailbox.synced_to", "trouble")
    Output(as_json=False).table([row, row], shown, "none")
    printed = capsys.readouterr().out
    assert printed.count(account) == 2
    assert printed.count("2026-11-23 20:56:08Z") == 2
    assert printed.count("mailbox state") == (1 if columns == 240 else 2)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("b", "--account", "acc_1"), "recipient"),
        (("bob@example.org", "--account", "a b"), "--account"),
        (("bob@example.org", "--account", "acc_1", "--request-id", "a b"), "--request-id"),
        (("bob@example.org", "--account", "acc_1", "--follow", "a b"), "--follow"),
        (("bob@example.org", "--account", "acc_1", "--team", "a.b"), "--team"),
        (("bob@example.org", "--account", "acc_1", "--html", sys.executable), "UTF-8"),
        (("bob@example.org", "--account", "acc_1", "--send-at", "0001-01-01"), "--send-at"),
    ],
    ids=["recipient", "account", "request-id", "follow", "team", "html", "send-at"],
)
def test_what_cannot_be_sent_is_told_by_its_option(
    monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...], told: str
) -> None:
    monkeypatch.setenv("REPLYWIRE_API_KEY", "rw_key")
    monkeypatch.setenv("REPLYWIRE_API_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("REPLYWIRE_TEAM", "acme")
    done = CliRunner().invoke(app, ["send", *given, "--text", "Hi", "--json"])
    assert (done.exit_code, type(done.exception)) == (UNUSABLE, SystemExit)
    assert told in json.loads(done.stdout)["error"]


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_an_id_that_is_a_step_in_a_path_is_not_taken_for_another_thing(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("REPLYWIRE_API_KEY", "rw_key")
    monkeypatch.setenv("REPLYWIRE_API_URL", "http://127.0.0.1:1")
    for command in (["explain", name], ["messages", "--cancel", name], ["accounts", "--disconnect", name]):
        done = CliRunner().invoke(app, [*command, "--json"])
        assert json.loads(done.stdout)["code"] == "not_found"


def test_a_record_that_was_cut_short_is_named(tmp_path: Path) -> None:
    (tmp_path / "running.json").write_text('{"pid": ')
    with pytest.raises(CannotGoOn, match=r"running\.json") as raised:
        find(tmp_path)
    assert raised.value.remedy


async def test_who_watches_is_told_when_the_bus_goes_away_and_how_to_see_the_rest(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server = NatsServer(tmp_path)
    await server.start()
    try:
        connection = await open_bus(Target("http://127.0.0.1:1", "rw_key", server.url, team="acme"))
        await connection.jetstream().add_stream(name=SENDS.name, subjects=list(SENDS.subjects))
        feed = await open_feed(connection, "acme", ("sends",))
        waiting = asyncio.ensure_future(anext(feed))
        server.kill()
        async with asyncio.timeout(20):
            with pytest.raises(CannotGoOn, match="went away") as raised:
                await waiting
    finally:
        await server.stop()
    assert "--since" in raised.value.remedy
    assert "Traceback" not in capfd.readouterr().err


async def test_a_bus_that_is_not_there_is_told_at_once() -> None:
    """nats-py's own way is to try for two minutes."""
    async with asyncio.timeout(30):
        with pytest.raises(CannotGoOn, match="NATS does not let us in") as raised:
            await open_bus(Target("http://127.0.0.1:1", "rw_key", f"nats://127.0.0.1:{free_port()}"))
    assert raised.value.status == AWAY
