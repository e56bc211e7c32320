"""What each kind of message looks like as it travels."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from services.send.domain import headers
from services.send.domain.addresses import Mailbox
from services.send.domain.draft import Attachment, Unsubscribe
from services.send.domain.invalid import InvalidField
from services.send.domain.limits import Limits
from services.send.domain.mime import freeze, render
from tests.unit.mime.drafts import draft


def read(mime: bytes) -> EmailMessage:
    message = email.message_from_bytes(mime, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_a_plain_message_is_readable_as_it_is() -> None:
    assert render(draft()).decode("ascii").split("\r\n") == [
        "Date: Mon, 23 Nov 2026 09:05:07 +0000",
        "From: Ada Lovelace <ada@example.com>",
        "To: bob@example.org",
        "Subject: Hello",
        "Message-ID: <abc@example.com>",
        "X-Replywire-Id: m-1",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 7bit",
        "",
        "Hello Bob",
        "",
    ]


def test_text_and_html_are_alternatives_with_the_html_last() -> None:
    message = read(render(draft(html="<p>Hello")))
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]


def test_inline_images_are_related_to_the_html_and_files_are_mixed_in() -> None:
    logo = Attachment("logo.png", "image/png", b"\x89PNG", content_id="logo@example.com")
    offer = Attachment("offer.pdf", "application/pdf", b"%PDF")
    message = read(render(draft(html='<img src="cid:logo@example.com">', attachments=(offer, logo))))
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
    ]
    image = next(part for part in message.walk() if part.get_content_type() == "image/png")
    assert image["Content-ID"] == "<logo@example.com>"
    assert image.get_content_disposition() == "inline"


def test_an_inline_image_without_html_is_a_file() -> None:
    message = read(render(draft(attachments=(Attachment("a.png", "image/png", b"1", content_id="a"),))))
    assert [part.get_content_type() for part in message.walk()] == ["multipart/mixed", "text/plain", "image/png"]


@pytest.mark.parametrize(
    ("body", "encoding"),
    [("plain", "7bit"), ("Grüße aus Köln, it is early in the day", "quoted-printable"), ("日本語の本文", "base64")],
)
def test_the_body_is_encoded_the_shorter_way(body: str, encoding: str) -> None:
    message = read(render(draft(text=body)))
    assert message["Content-Transfer-Encoding"] == encoding
    assert message.get_content().replace("\r\n", "\n") == body + "\n"


@pytest.mark.parametrize("body", ["x" * 999, "a\nFrom b", "From b", "a\0b"])
def test_a_body_that_relays_would_change_is_quoted(body: str) -> None:
    mime = render(draft(text=body))
    assert b"quoted-printable" in mime
    assert b"\nFrom " not in mime
    assert max(map(len, mime.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 76


def test_a_forwarded_message_is_not_encoded_in_base64() -> None:
    forwarded = Attachment("mail.eml", "message/rfc822", b"Subject: x\n\nbody\n")
    message = read(render(draft(attachments=(forwarded,))))
    part = next(iter(message.iter_attachments()))
    assert part.get_content_type() == "message/rfc822"
    assert part["Content-Transfer-Encoding"] == "7bit"


def test_a_forwarded_message_with_8_bit_octets_travels_as_a_plain_file() -> None:
    forwarded = Attachment("mail.eml", "message/rfc822", "Subject: é\n\n".encode())
    part = next(iter(read(render(draft(attachments=(forwarded,)))).iter_attachments()))
    assert part.get_content_type() == "application/octet-stream"
    assert part.get_content() == forwarded.content


def test_a_boundary_never_occurs_in_a_part() -> None:
    first = render(draft(html="<p>")).split(b'boundary="')[1].split(b'"')[0]
    message = read(render(draft(text=f"--{first.decode()}\n", html="<p>")))
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().strip() == f"--{first.decode()}"


def test_bcc_is_in_the_envelope_and_never_in_the_message() -> None:
    outgoing = freeze(draft(bcc=(Mailbox("eve@example.net", "Eve"),), cc=(Mailbox("bob@example.org"),)))
    assert outgoing.envelope.recipients == ("bob@example.org", "eve@example.net")
    assert b"eve" not in outgoing.mime.lower()
    assert b"\r\nBcc" not in outgoing.mime


def test_a_message_with_hidden_recipients_alone_says_so() -> None:
    assert read(freeze(draft(to=(), bcc=(Mailbox("eve@example.net"),))).mime)["To"] == "undisclosed-recipients:;"


def test_a_follow_up_names_what_it_answers_and_keeps_the_chain_bounded() -> None:
    chain = tuple(f"<{number}@example.com>" for number in range(300))
    message = read(render(draft(in_reply_to="<299@example.com>", references=chain)))
    assert message["In-Reply-To"] == "<299@example.com>"
    ids = message["References"].split()
    assert len(ids) == 20
    assert ids[0] == "<0@example.com>"
    assert ids[-2:] == ["<298@example.com>", "<299@example.com>"]


def test_ids_that_cannot_be_written_are_left_out_of_the_chain() -> None:
    message = read(render(draft(in_reply_to="<no id>", references=("<a@example.com>", "<b\r\n@x>", "", "<é@x>"))))
    assert message["In-Reply-To"] is None
    assert message["References"] == "<a@example.com>"


def test_unsubscribe_by_one_click_and_by_mail() -> None:
    wish = Unsubscribe("https://example.com/u/1?a=b", "leave@example.com", one_click=True)
    message = read(render(draft(unsubscribe=wish)))
    assert message["List-Unsubscribe"] == "<https://example.com/u/1?a=b>, <mailto:leave@example.com>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (Unsubscribe("http://example.com/u"), "unsubscribe.url"),
        (Unsubscribe("https://example.com/u>\r\nBcc: x"), "unsubscribe.url"),
        (Unsubscribe("https://example.com/u,<mailto:x>"), "unsubscribe.url"),
        (Unsubscribe(mailto="a b@example.com"), "unsubscribe.mailto"),
        (Unsubscribe(mailto="a@example.com", one_click=True), "unsubscribe.one_click"),
    ],
)
def test_a_bad_unsubscribe_is_refused_with_its_field(wish: Unsubscribe, field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        render(draft(unsubscribe=wish))
    assert refusal.value.field == field


@pytest.mark.parametrize(
    "name",
    ["Bcc", "To", "From", "Received", "Content-Type", "X-Replywire-Id", "Return-Path", "X-A\r\nBcc", "X A", "", "X-A:"],
)
def test_a_header_that_a_request_may_not_set_is_refused(name: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        render(draft(headers={name: "x"}))
    assert refusal.value.field.startswith("headers")
    assert "\r" not in str(refusal.value)


def test_a_header_of_the_allow_list_travels() -> None:
    message = read(render(draft(headers={"X-Campaign": "été", "Importance": "high"})))
    assert message["X-Campaign"] == "été"
    assert message["Importance"] == "high"


@pytest.mark.parametrize(
    "subject", ["a\r\nBcc: x", "a\nb", "a\x00b", "=?utf-8?q?hi=0ABcc:_x?=", "=?utf-8?b?aGkKQmNjOiB4?=", "=?x?Q?=0D?="]
)
def test_a_control_character_in_a_subject_is_refused_even_when_encoded(subject: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        render(draft(subject=subject))
    assert refusal.value.field == "subject"


def test_an_encoded_word_given_as_text_is_shown_as_that_text() -> None:
    assert read(render(draft(subject="=?utf-8?q?harmless?=")))["Subject"] == "=?utf-8?q?harmless?="


@pytest.mark.parametrize("name", ["../etc/passwd", "a\\b", "", "a\r\nb"])
def test_a_file_name_with_a_folder_or_a_line_break_is_refused(name: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        render(draft(attachments=(Attachment(name, "a/b", b""),)))
    assert refusal.value.field == "attachments[0].filename"


@pytest.mark.parametrize("media", ["pdf", "multipart/mixed", "a/b\r\nX: y", 'a/b; boundary="\n"', ""])
def test_a_bad_media_type_is_refused(media: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        render(draft(attachments=(Attachment("a", media, b""),)))
    assert refusal.value.field == "attachments[0].content_type"


def test_a_message_over_the_limit_is_refused_with_the_limit() -> None:
    with pytest.raises(InvalidField, match="25000000"):
        freeze(draft(attachments=(Attachment("a", "a/b", b"x" * 20_000_000),)))
    with pytest.raises(InvalidField, match="500"):
        freeze(draft(to=tuple(Mailbox(f"u{n}@example.org") for n in range(501))))
    with pytest.raises(InvalidField, match="names nobody"):
        freeze(draft(to=()))
    with pytest.raises(InvalidField, match="limit is 9"):
        freeze(draft(text="x" * 10), Limits(body_bytes=9))


def test_half_a_character_is_refused() -> None:
    with pytest.raises(InvalidField):
        render(draft(subject="a\ud800"))
    with pytest.raises(InvalidField):
        render(draft(text="a\ud800"))


def test_a_message_id_is_derived_and_never_guessed_from_another_seed() -> None:
    first = headers.message_id("team/1", "example.com")
    assert first == headers.message_id("team/1", "example.com")
    assert first != headers.message_id("team/2", "example.com")
    assert headers.is_message_id(first)


def test_a_date_without_an_offset_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="offset"):
        headers.date(datetime(2026, 1, 1))  # noqa: DTZ001
    assert headers.date(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)) == "Fri, 31 Dec 9999 23:59:59 +0000"
