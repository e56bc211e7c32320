"""What subscribers in any language rely on: payloads of the past are read for ever, and documents match the models."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from replywire_contracts import export
from replywire_contracts.catalogue import EVENTS, REQUESTS, event_type, stream_of
from replywire_contracts.event import Event, derived_id
from replywire_contracts.streams import CONSUMERS, STREAMS
from replywire_contracts.v1.send import SendRequested
from replywire_contracts.v1.values import BASE64, Attachment

from tests.contracts.samples import GOLDENS, specimens

CONTRACTS = Path(__file__).parents[2] / "contracts"
GOLDEN_FILES = sorted(GOLDENS.glob("*.json"))


def _event_of(golden: Path) -> type[Event]:
    return event_type("mail.v1." + golden.name.rsplit(".", 2)[0])


@pytest.mark.parametrize("golden", GOLDEN_FILES, ids=lambda path: path.name)
def test_a_golden_payload_is_read_and_written_unchanged(golden: Path) -> None:
    stored = json.loads(golden.read_text())
    again = json.loads(_event_of(golden).decode(golden.read_text()).encode())
    missing = {name for name in stored if name not in again}
    assert not missing, f"fields of the past are gone: {missing}"
    assert {name: again[name] for name in stored} == stored


@pytest.mark.parametrize("golden", GOLDEN_FILES, ids=lambda path: path.name)
def test_a_golden_payload_fits_its_schema(golden: Path) -> None:
    schema = json.loads((CONTRACTS / "schemas" / "v1" / f"{golden.name.rsplit('.', 2)[0]}.json").read_text())
    Draft202012Validator(schema).validate(json.loads(golden.read_text()))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind())
def test_every_event_has_a_minimal_and_a_full_golden(event: type[Event]) -> None:
    assert all((GOLDENS / name).exists() for name in specimens(event)), "run `make generate`"


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind())
def test_readers_tolerate_what_a_newer_writer_added(event: type[Event]) -> None:
    payload = json.loads(next(iter(specimens(event).values())).encode()) | {"added_later": {"deep": 1}}
    event.decode(json.dumps(payload))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind())
def test_writers_are_strict(event: type[Event]) -> None:
    payload = next(iter(specimens(event).values())).model_dump(by_alias=True)
    with pytest.raises(ValidationError, match="misspelt"):
        event.model_validate(payload | {"misspelt": 1})


def test_goldens_are_never_changed_or_removed() -> None:
    log = subprocess.run(
        ["git", "log", "--diff-filter=MD", "--format=%h %s", "--", str(GOLDENS)],
        cwd=CONTRACTS,
        capture_output=True,
        text=True,
        check=True,
    )
    assert log.stdout == "", "a golden payload was changed; a breaking change is a new version beside the old"


def test_generated_documents_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert export.main([str(CONTRACTS), "--check"]) == 0, capsys.readouterr().out


def test_the_asyncapi_document_describes_every_event_and_request_and_each_reference_leads_somewhere() -> None:
    document = yaml.safe_load((CONTRACTS / "asyncapi" / "replywire.yaml").read_text())
    assert set(document["channels"]) == {event.kind() for event in EVENTS} | {one.SUBJECT for one in REQUESTS}
    assert len(document["operations"]) == len(EVENTS) + len(REQUESTS)
    references = list(_references(document))
    assert len(references) > 2 * len(EVENTS)
    for reference in references:
        file, _, inside = reference.partition("#/")
        if file:
            assert (CONTRACTS / "asyncapi" / file).is_file(), reference
        else:
            found: Any = document
            for name in inside.split("/"):
                found = found[name]


def _references(part: Any) -> Iterator[str]:
    for key, value in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        if key == "$ref":
            yield value
        else:
            yield from _references(value)


def test_the_export_names_what_is_stale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "README.md").write_text("<!-- events:begin -->\n<!-- events:end -->\n")
    assert export.main([str(tmp_path)]) == 0
    (tmp_path / "schemas" / "v1" / "send.sent.json").write_text("{}")
    assert export.main([str(tmp_path), "--check"]) == 1
    assert "send.sent.json" in capsys.readouterr().out


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind())
def test_every_subject_ends_in_the_team_and_is_kept_by_one_stream(event: type[Event]) -> None:
    specimen = next(iter(specimens(event).values()))
    assert specimen.nats_subject == f"{event.kind()}.acme"
    keeping = [s.name for s in STREAMS if any(_covers(subject, specimen.nats_subject) for subject in s.subjects)]
    assert keeping == [stream_of(event).name]


def test_every_noun_has_one_publisher_besides_the_product() -> None:
    owners: dict[str, set[str]] = {}
    for event in EVENTS:
        owners.setdefault(event.NOUN, set()).add(event.OWNER)
    assert {noun: names - {"product"} for noun, names in owners.items() if len(names - {"product"}) > 1} == {}


def test_a_team_that_is_no_subject_token_is_refused() -> None:
    for team in ("a.b", "a*", "", "a b", ">"):
        with pytest.raises(ValidationError, match="team_id"):
            SendRequested(team_id=team, request_id="r", account_id="acc_1")


def test_consumers_read_subjects_of_their_stream() -> None:
    for consumer in CONSUMERS:
        assert set(consumer.subjects) <= set(consumer.stream.subjects), consumer.durable


def test_the_same_request_has_the_same_id_and_other_content_another() -> None:
    def request(subject: str) -> SendRequested:
        return SendRequested(team_id="acme", request_id="r", account_id="acc_1", subject=subject)

    assert request("a").id == request("a").id != request("b").id


def test_derived_ids_keep_their_parts_apart() -> None:
    assert derived_id("ab", "c") != derived_id("a", "bc")


def test_moments_are_aware_and_written_in_utc() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        SendRequested(team_id="acme", request_id="r", account_id="a", send_at=datetime(2026, 1, 1))  # noqa: DTZ001
    stated = SendRequested(team_id="a", request_id="r", account_id="a", send_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert json.loads(stated.encode())["send_at"] == "2026-01-01T00:00:00.000000Z"


@given(st.one_of(st.from_regex(BASE64, fullmatch=True), st.text(alphabet="AQgwB+/-_= \n9z", max_size=10)))
def test_octets_are_described_exactly_as_they_are_read(text: str) -> None:
    assume(not text.endswith("\n"))  # Python's "$" alone, of all the languages', matches before a last line break
    fits = Draft202012Validator(Attachment.model_json_schema()).is_valid({"filename": "a", "content": text})
    try:
        Attachment.model_validate_json(json.dumps({"filename": "a", "content": text}))
    except ValidationError:
        assert not fits
    else:
        assert fits


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"])
def test_a_moment_that_utc_has_no_year_for_is_refused_in_words(text: str) -> None:
    told = {"team_id": "acme", "request_id": "r", "account_id": "a", "occurred_at": text}
    with pytest.raises(ValidationError, match="outside the years 1 to 9999") as refused:
        SendRequested.decode(json.dumps(told))
    assert [error["loc"] for error in refused.value.errors()] == [("occurred_at",)]


def test_headers_are_cloudevents() -> None:
    event = SendRequested(team_id="acme", request_id="r", account_id="acc_1")
    headers = event.nats_headers()
    assert headers["Nats-Msg-Id"] == headers["ce-id"] == event.id
    assert headers["ce-type"] == "mail.v1.send.requested"
    assert headers["ce-specversion"] == "1.0"


def test_the_package_needs_pydantic_alone(tmp_path: Path) -> None:
    """Every module but the extra's is imported where nothing but pydantic and what it needs can be found."""
    program = (
        "import sys, importlib.abc\n"
        "class Wall(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        allowed = {'replywire_contracts', 'pydantic', 'pydantic_core', 'annotated_types',\n"
        "                   'typing_extensions', 'typing_inspection',\n"
        "                   'pydantic_core'} | sys.stdlib_module_names\n"
        "        if name.split('.')[0] not in allowed and not name.startswith('_sysconfigdata'):\n"
        "            raise ImportError('beyond the wall: ' + name)\n"
        "sys.meta_path.insert(0, Wall())\n"
        "import replywire_contracts.catalogue, replywire_contracts.export, replywire_contracts.streams\n"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def _covers(pattern: str, subject: str) -> bool:
    ours, theirs = pattern.split("."), subject.split(".")
    return len(ours) == len(theirs) and all(a in ("*", b) for a, b in zip(ours, theirs, strict=True))
