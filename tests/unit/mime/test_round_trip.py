"""Whatever is rendered, the standard library's parser reads back the same: wild drafts by hypothesis."""

from __future__ import annotations

import email
import email.policy
import re
from email.header import decode_header, make_header
from email.message import Message
from email.utils import collapse_rfc2231_value, getaddresses, parsedate_to_datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from services.send.domain.addresses import Mailbox
from services.send.domain.draft import Attachment, Draft
from services.send.domain.extra_headers import extra_header
from services.send.domain.invalid import InvalidField
from services.send.domain.mime import render
from tests.unit.mime import drafts


def decoded(value: str) -> str:
    unfolded = re.sub(r"\r?\n(?=[ \t])", "", value)
    return str(make_header(decode_header(unfolded)))


def addresses(message: Message, field: str) -> list[tuple[str, str]]:
    raw = [re.sub(r"\r?\n(?=[ \t])", "", str(value)) for value in message.get_all(field, [])]
    return [(decoded(name), found) for name, found in getaddresses(raw)]


def expected(boxes: tuple[Mailbox, ...]) -> list[tuple[str, str]]:
    return [(box.name, box.email) for box in boxes]


def canonical(body: str) -> str:
    text = body.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else text + "\n"


def parse(mime: bytes) -> Message:
    # Raw UTF-8 addresses (RFC 6532) are read as text, as a reader with SMTPUTF8 would.
    return email.message_from_string(mime.decode("utf-8"), policy=email.policy.compat32.clone(linesep="\r\n"))


@given(drafts.drafts)
@settings(max_examples=150)
def test_what_is_rendered_is_read_back_unchanged(draft: Draft) -> None:
    mime = render(draft)
    message = parse(mime)
    assert set(map(str.lower, message.keys())) <= {
        *("date", "from", "to", "cc", "subject", "message-id", "x-replywire-id", "mime-version"),
        *("content-type", "content-transfer-encoding", "content-disposition", "content-id"),
    }
    assert len(message.keys()) == len(set(message.keys()))
    assert decoded(message["Subject"]) == draft.subject
    assert addresses(message, "From") == expected((draft.sender,))
    if draft.to:
        assert addresses(message, "To") == expected(draft.to)
    assert addresses(message, "Cc") == expected(draft.cc)
    assert parsedate_to_datetime(message["Date"]) == draft.date
    assert message["Message-ID"] == draft.message_id
    assert message["X-Replywire-Id"] == draft.marker
    assert b"hidden-recipient" not in mime
    leaves = [part for part in message.walk() if not part.is_multipart()]
    assert not [part.defects for part in message.walk() if part.defects]
    texts = [part for part in leaves if part.get_content_maintype() == "text" and not part.get("Content-Disposition")]
    given_bodies = [body for body in (draft.text, draft.html) if body is not None] or [""]
    assert [body_of(part) for part in texts] == [canonical(body) for body in given_bodies]
    found = sorted(file_of(part) for part in leaves if part.get("Content-Disposition"))
    assert found == sorted((file.filename, file.content) for file in draft.attachments)


def body_of(part: Message) -> str:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode("utf-8").replace("\r\n", "\n")


def file_of(part: Message) -> tuple[str, bytes]:
    name = part.get_param("filename", header="content-disposition")
    assert name is not None
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return collapse_rfc2231_value(name), payload


@given(drafts.drafts)
def test_every_line_ends_in_crlf_and_none_is_too_long(draft: Draft) -> None:
    mime = render(draft)
    assert mime.endswith(b"\r\n")
    assert mime.count(b"\n") == mime.count(b"\r") == mime.count(b"\r\n")
    assert max(map(len, mime.split(b"\r\n"))) <= 998
    assert b"\0" not in mime
    head = mime.partition(b"\r\n\r\n")[0]
    assert mime[len(head) :].isascii()
    assert all(len(line) <= 76 for line in head.decode("utf-8").split("\r\n") if "=?utf-8?" in line)


@given(drafts.drafts)
def test_the_same_draft_gives_the_same_bytes(draft: Draft) -> None:
    assert render(draft) == render(draft)


@given(st.text(max_size=60), st.sampled_from(["subject", "name", "header", "filename", "sender", "email"]))
def test_nothing_a_request_holds_can_add_a_header_or_a_body(value: str, where: str) -> None:
    for wild in (value, f"x\r\nBcc: eve@example.net\r\n{value}", f"=?utf-8?q?hi=0ABcc:_x?={value}"):
        try:
            mime = render(with_wild(wild, where))
        except InvalidField:
            continue
        for policy in (email.policy.compat32, email.policy.default, email.policy.SMTPUTF8):
            message = email.message_from_bytes(mime, policy=policy)
            names = [name.lower() for name in message]
            assert "bcc" not in names
            assert set(names) <= set(PLAIN_NAMES) | {"x-a"}
            again = email.message_from_bytes(message.as_bytes(), policy=policy)
            assert [name.lower() for name in again] == names


PLAIN_NAMES = [
    name.lower() for name in email.message_from_bytes(render(drafts.draft(attachments=(Attachment("a", "a/b", b""),))))
] + ["content-transfer-encoding"]


def with_wild(value: str, where: str) -> Draft:
    match where:
        case "subject":
            return drafts.draft(subject=value)
        case "name":
            return drafts.draft(to=(Mailbox("bob@example.org", value),))
        case "sender":
            return drafts.draft(sender=Mailbox("bob@example.org", value))
        case "email":
            return drafts.draft(to=(Mailbox(value.replace(" ", ""), ""),))
        case "filename":
            return drafts.draft(attachments=(Attachment(value, "a/b", b""),))
        case _:
            return drafts.draft(headers={"X-A": value})


@given(st.text(max_size=20), st.text(max_size=60))
def test_an_extra_header_is_one_field_or_refused(name: str, value: str) -> None:
    try:
        line = extra_header(f"X-{name}", value)
    except InvalidField:
        return
    assert list(email.message_from_bytes(line + b"\r\n").keys()) == [f"X-{name}"]
