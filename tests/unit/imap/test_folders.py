from __future__ import annotations

import pytest

from services.providers.imap import folders, names
from services.providers.imap.mailbox import Listed
from services.providers.types import FolderRole


def listed(*found: str, delimiter: str = "/", use: dict[str, str] | None = None) -> list[Listed]:
    uses = use or {}
    return [
        Listed(names.encode(name), name, delimiter, frozenset([uses[name]] if name in uses else [])) for name in found
    ]


@pytest.mark.parametrize(
    "name",
    ["Sent", "SENT ITEMS", "INBOX/Sent", "[Gmail]/Sent Mail", "Gesendete Objekte", "Éléments envoyés", "Отправленные",
     "E\u0301le\u0301ments envoye\u0301s", "送信済みアイテム", "已发送", "Wysłane", "INBOX/Envoyés"],
)  # fmt: skip
def test_a_sent_folder_is_known_by_what_mail_programs_call_it(name: str) -> None:
    found = folders.find(FolderRole.SENT, listed("INBOX", "Archive", name, "Presents"))
    assert found is not None
    assert found.name == name


def test_the_servers_word_counts_more_than_a_name() -> None:
    found = folders.find(FolderRole.SENT, listed("Sent", "Ausgang", use={"Ausgang": "\\sent"}))
    assert found is not None
    assert found.name == "Ausgang"


def test_a_folder_at_the_top_counts_more_than_one_below() -> None:
    found = folders.find(FolderRole.SENT, listed("Archive/2019/Sent", "Sent Messages"))
    assert found is not None
    assert found.name == "Sent Messages"


def test_no_folder_is_guessed_where_none_is_known() -> None:
    assert folders.find(FolderRole.SENT, listed("INBOX", "Sentimental", "Absent")) is None


def test_a_chosen_folder_comes_first_and_a_vanished_one_is_replaced() -> None:
    present = listed("INBOX", "Sent", "Projekte/Ausgang")
    assert folders.find_sent(present, "Projekte/Ausgang") == present[2]
    assert folders.find_sent(present, "Gone") == present[1]


def test_inbox_and_junk_are_read_and_what_settings_name() -> None:
    present = listed("Inbox", "Spam", "Work", "Sent", "Play")
    read = folders.to_read(present, ("work", "Sent", "Nowhere"))
    assert [(folder.name, folder.role) for folder in read] == [
        ("INBOX", FolderRole.INBOX),
        ("Spam", FolderRole.JUNK),
        ("Work", FolderRole.OTHER),
        ("Sent", FolderRole.SENT),
    ]


def test_inbox_is_read_even_where_it_is_not_listed() -> None:
    assert [folder.id for folder in folders.to_read(listed("Archive"), ())] == ["INBOX"]
