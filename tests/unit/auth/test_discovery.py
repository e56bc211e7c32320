"""Servers are suggested from what is known of a domain, and the better client where there is one."""

from __future__ import annotations

import asyncio

import pytest

from services.auth.adapters.mail_records import MailRecords
from services.auth.discovering import Discovering
from services.auth.domain import discovery
from services.auth.domain.discovery import Srv, Suggestion
from services.auth.domain.refusals import Invalid
from services.auth.domain.well_known import PROVIDERS, Server
from tests.servers.mail_dns import MailDns

_TLS_IMAP = Server("imap.example.com", 993, "tls")


def test_tls_from_the_start_comes_before_starttls() -> None:
    found = {
        "_imap._tcp": [Srv(0, 1, 143, "old.example.com")],
        "_imaps._tcp": [Srv(10, 1, 993, "second.example.com"), Srv(0, 1, 993, "imap.example.com")],
        "_submission._tcp": [Srv(0, 1, 587, "smtp.example.com")],
    }
    assert discovery.of_srv(found) == Suggestion(_TLS_IMAP, Server("smtp.example.com", 587, "starttls"))


@pytest.mark.parametrize(
    "records",
    [{}, {"_imaps._tcp": [Srv(0, 0, 0, "")]}, {"_imaps._tcp": [Srv(0, 1, 22, "shell.example.com")]}],
)
def test_a_service_that_is_denied_or_no_mail_server_is_not_suggested(records: dict[str, list[Srv]]) -> None:
    assert discovery.of_srv(records) is None


def test_no_two_providers_claim_the_same_mailboxes() -> None:
    claimed = [domain for provider in PROVIDERS for domain in provider.domains]
    assert len(claimed) == len(set(claimed))


def test_only_the_provider_itself_is_found_by_its_mx() -> None:
    assert discovery.of_mx(["mx1.google.com.evil.example.org"]) is None
    assert discovery.of_mx(["notgoogle.com"]) is None
    found = discovery.of_mx(["aspmx.l.google.com"])
    assert found is not None
    assert found.better == "gmail"


async def test_records_are_asked_of_the_operators_resolver_and_of_the_domain_alone() -> None:
    records = {
        ("_imaps._tcp.example.com", "SRV"): ["0 1 993 imap.example.com."],
        ("example.org", "MX"): ["10 example-org.mail.protection.outlook.com."],
        ("_imaps._tcp.example.org", "SRV"): ["0 1 993 old.example.org."],
        ("example.net", "MX"): ["20 other.example.net.", "10 in1-smtp.messagingengine.com."],
    }
    async with MailDns(records) as dns:
        discovering = Discovering(MailRecords([dns.address]), asyncio.Semaphore(4))
        assert await discovering.suggest("ada@example.com") == Suggestion(_TLS_IMAP)
        microsoft = await discovering.suggest("ada@example.org")
        assert microsoft is not None
        assert microsoft.better == "microsoft365"  # whatever its old SRV records say
        fastmail = await discovering.suggest("Ada@EXAMPLE.NET")
        assert fastmail is not None
        assert fastmail.provider == "Fastmail"
        assert await discovering.suggest("ada@nothing.example.com") is None
        assert not [name for name, _ in dns.asked if "ada" in name.lower()]


async def test_a_well_known_provider_is_suggested_without_asking_anybody() -> None:
    async with MailDns({}) as dns:
        discovering = Discovering(MailRecords([dns.address]), asyncio.Semaphore(4))
        found = await discovering.suggest("ada@posteo.de")
        assert found is not None
        assert found.imap == Server("posteo.de", 993, "tls")
        assert dns.asked == []
        with pytest.raises(Invalid):
            await discovering.suggest("ada")
