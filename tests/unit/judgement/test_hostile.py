"""Mail made to hurt: deep, wide, endless, full of bait. The benchmark measures; here it only has to come through."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable

import pytest

from services.reply_matching.domain import mime_reading, reason_phrases
from services.reply_matching.domain.classify import classify
from services.reply_matching.domain.html import sanitise
from services.reply_matching.domain.html_lines import html_to_lines
from services.reply_matching.domain.lines import text_to_lines
from services.reply_matching.domain.mime_reading import read_mail
from services.reply_matching.domain.reasons import reason_of
from services.reply_matching.domain.reply_text import new_text
from services.reply_matching.domain.report import embedded_ids


def nested(depth: int) -> bytes:
    head = b"Content-Type: multipart/mixed; boundary=b0\n\n"
    inner = b"".join(b"--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n" % (n, n + 1) for n in range(depth))
    return head + inner + b"text"


def wide(parts: int) -> bytes:
    return b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * parts + b"--b--\n"


def test_depth_is_bounded() -> None:
    mail = read_mail(nested(10_000))
    assert not mail.complete
    assert max(part.depth for part in mail.parts) <= mime_reading.MAX_DEPTH


def test_the_number_of_parts_is_bounded() -> None:
    mail = read_mail(wide(100_000))
    assert not mail.complete
    assert len(mail.parts) <= mime_reading.MAX_PARTS


def test_a_decoded_part_is_bounded() -> None:
    big = base64.encodebytes(b"x" * 5_000_000)
    mail = read_mail(b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n" + big)
    assert len(mail.parts[0].content()) <= mime_reading.MAX_CONTENT
    assert mail.parts[0].size == 5_000_000


def test_deeply_nested_html_comes_out_as_text() -> None:
    safe = sanitise("<div>" * 5_000 + "hello <b>there</b>" + "</div>" * 5_000)
    assert safe == "hello there"


SHAPES: dict[str, Callable[[int], bytes]] = {
    "a million headers": lambda size: b"a: b\n" * (size // 5),
    "one endless header": lambda size: b"Subject: " + b"x" * size,
    "one endless folded header": lambda size: b"References: " + b"<a@b>\n " * (size // 7),
    "nested": lambda size: nested(size // 48),
    "wide": lambda size: wide(size // 8),
    "almost delimiters": lambda size: b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--bb\n" * (size // 5),
    "wide report": lambda size: (
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n"
        b"Content-Type: message/delivery-status\n\n" + b"Final-Recipient: rfc822;a@b\nAction: failed\n\n" * (size // 48)
    ),
    "empty lines": lambda size: b"From: mailer-daemon\n\n" + b"\n" * size,
    "quotes": lambda size: b"From: a@b\n\n" + b"> " * (size // 2),
    "quoted lines": lambda size: b"From: a@b\n\n" + b"> x\n" * (size // 4),
    "attributions": lambda size: b"From: a@b\n\n" + b"On 1 May, a@b\n" * (size // 14),
    "attributions without a verb": lambda size: (
        b"From: a@b\n\n" + (b"10:10 2024 " + b"<a@b" * 90 + b":\n") * (size // 372)
    ),
    "half attributions": lambda size: b"From: a@b\n\n" + (b"10:10 2024 " + b"<" + b"a" * 350 + b":\n") * (size // 364),
    "dates": lambda size: b"From: a@b\n\n" + b"pe 20. lokakuuta\n" * (size // 17),
    "wishes": lambda size: b"From: a@b\n\n" + b"this is an automatically mich me ne souhaite " * (size // 46),
    "labels": lambda size: b"From: a@b\n\n" + b"From: x\n \n" * (size // 10),
    "refusals": lambda size: b"From: mailer-daemon@b\n\n" + b"<a@b>: 550 could not be delivered\n" * (size // 34),
    "addresses": lambda size: b"From: mailer-daemon@b\nSubject: undelivered\n\n" + b"a@b.c " * (size // 6),
    "open tags": lambda size: b"Content-Type: text/html\n\n" + b"<div>" * (size // 5),
    "half tags": lambda size: b"Content-Type: text/html\n\n" + b"<a " * (size // 3),
    "open comment": lambda size: b"Content-Type: text/html\n\n" + b"<!--" * (size // 4),
    "entities": lambda size: b"Content-Type: text/html\n\n" + b"&#x" * (size // 3),
    "encoded words": lambda size: b"Subject: " + b"=?utf-8?q?" * (size // 10),
    "base64": lambda size: b"Content-Transfer-Encoding: base64\n\n" + b"=" * size,
    "json": lambda size: b'From: a@b\n\n{"mail":' + b"[" * size,
    "at signs": lambda size: b"From: " + b"@" * size + b"\n\n" + b"@" * size,
    "blanks": lambda size: b"From: mailer-daemon@b\nSubject: failed\n\ncould not be delivered " + b" " * size + b"x",
    "words": lambda size: b"From: mailer-daemon@b\nSubject: failed\n\n" + b"mailbox user message host " * (size // 26),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_hostile_shapes_are_taken_apart(shape: str) -> None:
    raw = SHAPES[shape](2_000_000)
    started = time.process_time()
    classify(raw)
    embedded_ids(raw)
    # Not a measurement: linear code needs a fraction of a second, anything quadratic would not end this year.
    assert time.process_time() - started < 20


BAIT = [
    "a" * 3_900,
    " " * 3_900,
    "mailbox " * 480,
    "user is not " * 320,
    "host " * 780,
    "the message " * 320,
    "- " * 1_900,
]


@pytest.mark.parametrize("bait", BAIT, ids=lambda bait: bait[:12])
def test_no_phrase_backtracks(bait: str) -> None:
    started = time.process_time()
    reason_of(bait)
    new_text(bait * 20)
    assert time.process_time() - started < 10


def test_no_phrase_holds_an_unbounded_gap() -> None:
    for _, pattern in reason_phrases.PHRASES:
        assert not re.search(r"[^\\][.\])][*+]", pattern.pattern.replace(r"\w+", "")), pattern.pattern


def test_texts_are_cut_at_their_bounds() -> None:
    assert len(text_to_lines("x\n" * 1_000_000)) <= 20_000
    assert len(html_to_lines("<p>x" * 1_000_000)) <= 20_000
