"""Where an Exchange server is suggested from a domain's records, and what a person may type for it."""

from __future__ import annotations

from typing import Any

import pytest

from services.auth.domain.discovery import Srv
from services.auth.domain.exchange_server import ExchangeSuggestion, read_server, shown_server, suggestion
from services.auth.domain.refusals import Invalid

EXCHANGE = "/EWS/Exchange.asmx"


def srv(target: str, port: int = 443, priority: int = 0) -> Srv:
    return Srv(priority, 1, port, target)


@pytest.mark.parametrize(
    ("mx", "records", "expected"),
    [
        ([], [], None),
        ([], [srv("OWA.example.com")], ExchangeSuggestion(server="owa.example.com")),
        ([], [srv("b.example.com", priority=2), srv("a.example.com", priority=1)], ExchangeSuggestion("a.example.com")),
        (["mail.example.com"], [], ExchangeSuggestion("mail.example.com", guessed=True)),
        (["mx.filter.example.net"], [], None),
        (
            ["example-com.mail.protection.outlook.com"],
            [srv("owa.example.com")],
            ExchangeSuggestion(better="microsoft365"),
        ),
        (["mail.example.com"], [srv("autodiscover.outlook.com")], ExchangeSuggestion(better="microsoft365")),
        (["aspmx.l.google.com"], [], ExchangeSuggestion(better="gmail")),
        (["in1-smtp.messagingengine.com"], [], ExchangeSuggestion(better="smtp_imap")),
        (["in1-smtp.messagingengine.com"], [srv("")], ExchangeSuggestion(better="smtp_imap")),
        ([], [srv("owa.example.com", port=80)], None),
    ],
)
def test_a_server_is_suggested_from_records_alone(
    mx: list[str], records: list[Srv], expected: ExchangeSuggestion | None
) -> None:
    assert suggestion("example.com", mx, records) == expected


def test_a_known_providers_own_domain_is_no_exchange() -> None:
    assert suggestion("gmail.com", [], []) == ExchangeSuggestion(better="gmail")
    assert suggestion("outlook.com", [], []) == ExchangeSuggestion(better="microsoft365")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("mail.example.com", {"host": "mail.example.com", "port": 443, "path": EXCHANGE}),
        (" mail.example.com:8443/ ", {"host": "mail.example.com", "port": 8443, "path": EXCHANGE}),
        (
            "https://mail.example.com/ews/exchange.asmx",
            {"host": "mail.example.com", "port": 443, "path": "/ews/exchange.asmx"},
        ),
        ("https://mail.example.com/owa/", {"host": "mail.example.com", "port": 443, "path": EXCHANGE}),
        ("[2001:db8::1]", {"host": "2001:db8::1", "port": 443, "path": EXCHANGE}),
    ],
)
def test_a_name_or_an_address_is_read_and_shown_again(typed: str, expected: dict[str, Any]) -> None:
    assert read_server(typed) == expected
    assert read_server(shown_server(expected)) == expected


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "http://mail.example.com",
        "https://u:p@mail.example.com",
        "ftp://x",
        "https://",
        "a:b",
        "https://x/?q=1",
        "x#y",
    ],
)
def test_what_is_no_server_is_refused_at_its_field(typed: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_server(typed)
    assert refused.value.field == "settings.ews.host"


@pytest.mark.parametrize("kept", [None, {}, "text", {"host": ""}])
def test_what_was_never_kept_is_shown_as_nothing(kept: object) -> None:
    assert shown_server(kept) == ""
