"""`replywire explain FILE.eml --tracked …`: class, match and every piece of evidence, without any server."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.__main__ import app
from services.cli.errors import UNUSABLE
from tests.unit.judgement.posted import MAILS

SENT = b"Message-ID: <rw-4f1c2a9e@example.com>\r\nTo: gone@example.org\r\nSubject: Pilot in June?\r\n\r\nHello.\r\n"
BOUNCE = str(MAILS / "bounce-three-fates.eml")


README = (MAILS.parents[2] / "README.md").read_text()


def told(*words: str) -> Any:
    result = CliRunner().invoke(app, ["explain", *words, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def shown(*words: str) -> str:
    result = CliRunner().invoke(app, ["explain", *words], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def tracked(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "sent.eml").write_bytes(SENT)
    described = {
        "message_ids": ["<rw-4f1c2a9e@example.com>"],
        "recipients": ["gone@example.org"],
        "request_id": "lunch-1",
    }
    (tmp_path / "sent.json").write_text(json.dumps(described))
    return {"id": "<rw-4f1c2a9e@example.com>", "eml": str(tmp_path / "sent.eml"), "json": str(tmp_path / "sent.json")}


@pytest.mark.parametrize(("form", "name"), [("id", "rw-4f1c2a9e@example.com"), ("eml", "sent"), ("json", "lunch-1")])
def test_a_tracked_message_may_be_named_in_three_ways(form: str, name: str, tracked: dict[str, str]) -> None:
    explained = told(BOUNCE, "--tracked", "<other@example.com>", "--tracked", tracked[form])
    assert explained["verdict"]["matched_by"] == "embedded_original"
    assert explained["verdict"]["tracked"]["request_id"] == name
    assert explained["looked_inside"] is True


def test_each_recipient_of_a_report_is_shown_with_its_reason_in_a_sentence() -> None:
    text = shown(BOUNCE)
    assert "class bounce, hard" in text
    assert "recipient gone@example.org: failed, hard, 5.1.1" in text
    assert "There is no such mailbox at this address." in text
    assert "550 5.1.1 no such user" in text
    assert "recipient slow@example.net: delayed, 4.4.1" in text
    assert "recipient fine@example.com: delivered" in text
    assert "rfc3464" in text


def test_the_match_is_shown_with_its_evidence(tracked: dict[str, str]) -> None:
    text = shown(BOUNCE, "--tracked", tracked["json"])
    assert "match     lunch-1 by embedded_original, by what the report carries inside" in text
    assert "how sure: certain" in text


def test_what_answers_something_else_is_said_to_match_nothing() -> None:
    assert "none of the tracked messages" in shown(BOUNCE, "--tracked", "<other@example.com>")


def test_a_probable_match_is_said_to_be_one(tmp_path: Path) -> None:
    answer = tmp_path / "answer.eml"
    answer.write_text(
        "From: Ben <ben@example.org>\nTo: ada@example.com\nSubject: AW: Pilot in June?\n"
        "Date: Tue, 14 May 2024 09:00:00 +0200\nMessage-ID: <x@example.org>\n\nYes.\n"
    )
    sent = tmp_path / "sent.json"
    sent.write_text(
        json.dumps(
            {"recipients": ["ben@example.org"], "subject": "Pilot in June?", "sent_at": "2024-05-13T14:05:00+00:00"}
        )
    )
    verdict = told(str(answer), "--tracked", str(sent))["verdict"]
    assert (verdict["matched_by"], verdict["confidence"]) == ("subject", "probable")
    assert told(str(answer), "--tracked", str(sent))["reply"]["new"] == "Yes."


@pytest.mark.parametrize(
    ("content", "said"), [('{"subject": 7}', "subject"), ("not json", "not JSON"), (None, "cannot be read")]
)
def test_what_cannot_be_tracked_is_named_with_a_remedy(tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "sent.json"
    if content is not None:
        file.write_text(content)
    result = CliRunner().invoke(app, ["explain", BOUNCE, "--tracked", str(file), "--json"])
    assert result.exit_code == UNUSABLE
    problem = json.loads(result.stdout.splitlines()[-1])
    assert said in problem["error"]
    assert "Message-ID" in problem["remedy"]


def test_the_readmes_own_examples_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(MAILS.parents[2])
    commands = re.findall(r"^replywire explain (\S+\.eml.*)$", README, re.MULTILINE)
    assert commands
    for command in commands:
        assert "match     rw-4f1c2a9e@example.com" in shown(*shlex.split(command))
