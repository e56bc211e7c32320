"""Nothing that a person wrote, and nothing that opens a door, comes through into a log line."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from pymongo.errors import BulkWriteError, DuplicateKeyError

from services.runtime import redaction

ADDRESS = "ada.lovelace@example.org"
PLANTED = "PLANTED-3f9c"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {PLANTED}abcdefghijkl",
        f"AUTH PLAIN {PLANTED.replace('-', '')}AGFkYQBzZWNyZXQ=",
        f"using key rw_{PLANTED}",
        f"mongodb://root:{PLANTED}@db.example.org/admin",
        f"nats://send:{PLANTED}@bus.example.org:4222",
        f"password={PLANTED}",
        f'{{"refresh_token": "{PLANTED}"}}',
        f"client_secret: '{PLANTED}'",
        f"eyJhbGciOi{PLANTED}.eyJzdWIi.sig",
        f"ya29.{PLANTED}",
    ],
)
def test_secrets_in_text_are_hidden(text: str) -> None:
    assert PLANTED not in redaction.text(text)
    assert PLANTED.replace("-", "") not in redaction.text(text)


@pytest.mark.parametrize(
    "text",
    [
        ADDRESS,
        f"<{ADDRESS}>",
        f"550 5.1.1 <{ADDRESS}>: user unknown",
        f"Ada <{ADDRESS}>, Bob <ada.lovelace+list@sub.example.org>",
        f"to={ADDRESS};cc={ADDRESS}",
    ],
)
def test_addresses_are_cut_to_their_domain(text: str) -> None:
    shown = redaction.text(text)
    assert "ada.lovelace" not in shown
    assert "example.org" in shown


def test_ids_and_plain_words_stay_readable() -> None:
    line = {"account_id": "acc_1", "event_id": "f00d", "fencing_token": 7, "seconds": 0.5, "reason": "refused_login"}
    assert {name: redaction.value(name, item) for name, item in line.items()} == line


@pytest.mark.parametrize(
    "name",
    ["to", "cc", "bcc", "recipients", "body", "text", "html", "subject", "mime", "raw", "payload", "headers", "block",
     "password", "smtp_password", "access_token", "secret", "api_key", "authorization", "document", "settings"],
)  # fmt: skip
def test_values_under_telling_names_are_hidden_whatever_they_are(name: str) -> None:
    for value in (PLANTED, [PLANTED], {"x": PLANTED}, PLANTED.encode()):
        assert PLANTED not in json.dumps(redaction.value(name, value))


def test_long_text_is_cut_so_that_no_body_fits() -> None:
    assert len(redaction.text("word " * 100_000)) < 2 * redaction.LONGEST


def test_bytes_and_strange_objects_are_named_by_type_alone() -> None:
    class Mail:
        def __repr__(self) -> str:
            return PLANTED

    assert redaction.value("found", Mail()) == f"<{Mail.__qualname__}>"
    assert redaction.value("found", PLANTED.encode()) == f"<{len(PLANTED)} octets>"


def test_a_validation_error_names_the_field_and_not_the_input() -> None:
    class Draft(BaseModel):
        count: int

    with pytest.raises(ValidationError) as raised:
        Draft.model_validate({"count": PLANTED})
    shown = redaction.error(raised.value)
    assert "count" in shown
    assert PLANTED not in shown


def test_a_database_error_does_not_quote_the_document() -> None:
    for error in (
        DuplicateKeyError(f"E11000 dup key: {{ address: {PLANTED} }}", 11000, {"keyValue": {"address": PLANTED}}),
        BulkWriteError({"writeErrors": [{"op": {"body": PLANTED}}]}),
    ):
        assert PLANTED not in redaction.error(error)


def test_frames_tell_where_and_what_from_without_values() -> None:
    def fail(secret: str) -> None:
        try:
            raise ValueError(f"password={secret}")
        except ValueError as error:
            raise RuntimeError("could not") from error

    with pytest.raises(RuntimeError) as raised:
        fail(PLANTED)
    shown = "\n".join(redaction.frames(raised.value))
    assert "ValueError" in shown
    assert "fail" in shown
    assert PLANTED not in shown


@given(st.recursive(st.text() | st.binary() | st.integers() | st.none(), lambda inner: st.lists(inner), max_leaves=20))
def test_whatever_is_logged_becomes_json(value: Any) -> None:
    json.dumps(redaction.value("found", value))


@given(st.text(string.ascii_letters + string.digits + ".+_-", min_size=1, max_size=40), st.text(max_size=20))
def test_no_local_part_survives(local: str, around: str) -> None:
    shown = redaction.text(f"{around} <{local}@example.com> {around}")
    assert f"{local}@" not in shown
