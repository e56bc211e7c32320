"""Drafts for tests: one plain, and hypothesis strategies for wild ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from services.send.domain.addresses import Mailbox
from services.send.domain.draft import Attachment, Draft

PLAIN = Draft(
    sender=Mailbox("ada@example.com", "Ada Lovelace"),
    to=(Mailbox("bob@example.org"),),
    subject="Hello",
    text="Hello Bob\n",
    message_id="<abc@example.com>",
    marker="m-1",
    date=datetime(2026, 11, 23, 9, 5, 7, tzinfo=UTC),
)


def draft(**changes: Any) -> Draft:
    return replace(PLAIN, **changes)


def one_line_text(**limits: int) -> st.SearchStrategy[str]:
    """Any text that is allowed on a header line."""
    return st.text(
        alphabet=st.one_of(
            st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")),
            st.sampled_from('=?_ "\\,.<>()@äß例🎉'),
        ),
        **limits,
    ).filter(lambda value: "=?" not in value)


mailboxes = st.builds(
    Mailbox,
    st.sampled_from(
        ["a@example.org", "b.c+d@example.net", "zoë@example.org", '"x y"@example.org', "q@xn--r8jz45g.example"]
    ),
    one_line_text(max_size=120).map(str.strip),
)
dates = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
).map(lambda moment: moment.replace(microsecond=0))
bodies = st.one_of(
    st.text(max_size=400),
    st.text(alphabet=st.sampled_from("a .=\n\r\tF"), max_size=400),
    st.sampled_from(["From me\nFrom you\n", "." * 5 + "\n.\n..", "x" * 3000, "é" * 700, "a\0b", "tail \n \t\n"]),
).filter(lambda value: not any("\ud800" <= character <= "\udfff" for character in value))
files = st.builds(
    Attachment,
    one_line_text(min_size=1, max_size=150)
    .map(lambda name: name.replace("/", "_").replace("\\", "_").strip())
    .filter(bool),
    st.sampled_from(["application/pdf", "image/png", "text/plain; charset=utf-8", "application/octet-stream"]),
    st.binary(max_size=300),
    st.sampled_from([None, None, "logo@example.com", "<i1>"]),
)
drafts = st.builds(
    draft,
    sender=mailboxes,
    to=st.lists(mailboxes, max_size=5).map(tuple),
    cc=st.lists(mailboxes, max_size=3).map(tuple),
    bcc=st.just((Mailbox("hidden-recipient@example.net"),)),
    subject=one_line_text(max_size=300).map(str.strip),
    text=st.none() | bodies,
    html=st.none() | bodies,
    attachments=st.lists(files, max_size=3).map(tuple),
    date=dates,
)
