"""Answers to what was found only just now."""

from __future__ import annotations

from datetime import UTC, datetime

from services.inbox_sync.domain.kinship import answering, own_names
from services.providers.types import HeaderSet, MessageRef


def header(key: str, block: bytes) -> HeaderSet:
    return HeaderSet(MessageRef("INBOX", key), block, datetime(2026, 1, 1, tzinfo=UTC))


def test_a_message_is_named_by_its_own_id_wherever_that_stands() -> None:
    blocks = [
        b"Message-ID: <first@example.org>\r\nIn-Reply-To: <other@example.org>\r\n",
        b"From: A <a@example.org>\r\nMESSAGE-ID:\r\n <second@example.org>\r\n",
        b"Subject: Message-ID: <third@example.org>\r\n",
    ]
    assert own_names(blocks) == {b"<first@example.org>", b"<second@example.org>"}


def test_only_those_that_name_it_are_asked_about_again() -> None:
    headers = [
        header("1", b"Message-ID: <one@example.org>\r\n"),
        header("2", b"Message-ID: <two@example.org>\r\nIn-Reply-To: <one@example.org>\r\n"),
        header("3", b"Message-ID: <three@example.org>\r\nReferences: <zero@example.org>\r\n <one@example.org>\r\n"),
        header("4", b"Message-ID: <four@example.org>\r\nIn-Reply-To: <another@example.org>\r\n"),
    ]
    kin = answering(headers, {b"<one@example.org>"}, {headers[0].ref})
    assert [one.ref.key for one in kin] == ["2", "3"]
    assert answering(headers, frozenset(), frozenset()) == []
