"""Connecting an Exchange mailbox: what a login proves, whose mailbox it is, and a sentence for all that fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from exchangelib.autodiscover.cache import AUTODISCOVER_PERSISTENT_STORAGE
from exchangelib.protocol import CachingProtocol

from services.providers.errors import Permanent, ProviderError, Transient
from services.providers.ews.connect import EwsConnect
from services.providers.protocols import ConnectPolicy
from services.providers.registry import client
from services.providers.types import Proof
from tests.servers import exchange as exchange_server
from tests.servers import exchange_soap
from tests.servers.exchange import PATH, Exchange, Knobs

ADA, PASSWORD = "ada@example.com", "lovelace-1815"


@pytest.fixture(scope="module")
def started() -> Iterator[Exchange]:
    with exchange_server.running() as exchange:
        yield exchange


@pytest.fixture
def exchange(started: Exchange) -> Iterator[Exchange]:
    """Well again for each test; nothing may ever be left in a mailbox."""
    started.knobs = Knobs()
    started.soap.faults, started.soap.busy_milliseconds, started.soap.newest = {}, None, "Exchange2016"
    started.soap.asked, started.logins, started.refusals = [], [], 0
    yield started
    assert not any(items for box in started.soap.mailboxes for items in box.folders.values())


def face(exchange: Exchange, budget: float = 20.0, **changed: Any) -> EwsConnect:
    policy = {"allowed_networks": ("127.0.0.0/8", "::1/128"), "extra_ports": (exchange.port,)}
    return EwsConnect(ConnectPolicy(**(policy | {"ca_file": exchange.ca_file} | changed)), budget=budget)


async def prove(exchange: Exchange, address: str = ADA, password: str = PASSWORD, **more: Any) -> Proof:
    settings = {"ews": {"host": "localhost", "port": exchange.port} | more.pop("server", {})}
    secret = {"password": password} | ({"username": more.pop("username")} if "username" in more else {})
    return await face(exchange, **more).prove(address, settings, secret)


async def refused(exchange: Exchange, *given: Any, **more: Any) -> ProviderError:
    with pytest.raises(ProviderError) as error:
        await prove(exchange, *given, **more)
    told = f"{error.value.words} {error.value.remedy} {error.value}"
    assert PASSWORD not in told
    assert "<" not in told  # never a piece of what the server answered
    return error.value


@pytest.mark.parametrize("ways", [("NTLM",), ("Negotiate",), ("Negotiate", "NTLM"), ('Basic realm="x, ntlm"',)])
@pytest.mark.parametrize("username", ["CORP\\ada", ADA])
async def test_a_login_by_ntlm_or_basic_proves_both_directions(
    exchange: Exchange, ways: tuple[str, ...], username: str
) -> None:
    exchange.knobs.ways = ways
    proof = await prove(exchange, username=username)
    assert proof.address == ADA
    assert proof.settings["ews"] == {"host": "localhost", "port": exchange.port, "path": PATH}
    assert proof.abilities == ("basic" if len(ways) == 1 and "Basic" in ways[0] else "ntlm", "ews_Exchange2016")
    assert exchange.soap.asked == ["GetFolder", "GetFolder", "CreateItem", "DeleteItem"]


async def test_nothing_of_the_credentials_is_in_what_is_to_be_saved(exchange: Exchange) -> None:
    proof = await prove(exchange, username="CORP\\ada")
    assert "CORP" not in str(proof)
    assert PASSWORD not in str(proof)


async def test_the_user_name_is_the_address_where_none_is_given(exchange: Exchange) -> None:
    await prove(exchange)
    assert {name.lstrip("\\") for name in exchange.logins} == {ADA}


@pytest.mark.parametrize("ways", [("NTLM",), ('Basic realm="x"',)])
async def test_a_password_may_be_written_in_any_script(exchange: Exchange, ways: tuple[str, ...]) -> None:
    linus = exchange.mailbox("linus@example.com", "пароль–löyly")
    exchange.knobs.ways = ways
    try:
        await prove(exchange, linus.address, linus.password)
    finally:
        exchange.soap.mailboxes.remove(linus)


async def test_an_alias_is_the_same_mailbox(exchange: Exchange) -> None:
    assert (await prove(exchange, "countess@example.com", username=ADA)).address == "countess@example.com"


async def test_all_that_is_said_stands_up_to_microsofts_schemas(exchange: Exchange) -> None:
    if exchange_soap.schema() is None:
        pytest.skip(f"Microsoft's schemas are not at {exchange_soap.ORACLE}: requests and answers go UNCHECKED here")
    await prove(exchange)
    exchange.soap.faults = {"CreateItem": "ErrorQuotaExceeded"}
    await refused(exchange)
    assert exchange.soap.invalid == []


async def test_an_older_server_is_spoken_to_in_its_own_version(exchange: Exchange) -> None:
    exchange.soap.newest = "Exchange2007_SP1"
    assert (await prove(exchange)).settings["version"] == "Exchange2007_SP1"


@pytest.mark.parametrize("ways", [("NTLM",), ('Basic realm="x"',)])
@pytest.mark.parametrize("close_after_401", [True, False])
async def test_a_wrong_password_is_refused_at_once_and_tried_once(
    exchange: Exchange, ways: tuple[str, ...], close_after_401: bool
) -> None:
    exchange.knobs.ways, exchange.knobs.close_after_401 = ways, close_after_401 and ways != ("NTLM",)
    error = await refused(exchange, ADA, "not-it")
    assert isinstance(error, Permanent)
    assert (error.reason, error.code) == ("refused_login", "401")
    assert error.words == f"The EWS server localhost:{exchange.port} said: HTTP 401"
    assert "DOMAIN\\name" in error.remedy
    assert exchange.refusals == 1  # more would lock people out


async def test_a_login_that_may_look_into_the_mailbox_does_not_own_it(exchange: Exchange) -> None:
    error = await refused(exchange, "grace@example.com", PASSWORD, username=ADA)
    assert error.reason == "other_mailbox"
    assert "CreateItem" not in exchange.soap.asked


@pytest.mark.parametrize("address", ["nobody@example.com", "linus@example.com"])
async def test_a_login_that_opens_another_mailbox_is_refused(exchange: Exchange, address: str) -> None:
    linus = exchange.mailbox("linus@example.com", "torvalds")
    try:
        error = await refused(exchange, address, PASSWORD, username=ADA)
    finally:
        exchange.soap.mailboxes.remove(linus)
    assert error.reason == "other_mailbox"
    assert address in error.remedy


@pytest.mark.parametrize(
    ("operation", "code", "reason"),
    [
        ("GetFolder", "ErrorAccessDenied", "no_access"),
        ("GetFolder", "ErrorNonExistentMailbox", "no_mailbox"),
        ("GetFolder", "ErrorPasswordExpired", "refused_login"),
        ("CreateItem", "ErrorAccessDenied", "no_access"),
        ("CreateItem", "ErrorQuotaExceeded", "mailbox_full"),
        ("CreateItem", "ErrorIrresolvableConflict", "unexpected_answer"),
    ],
)
async def test_what_exchange_refuses_is_told_by_its_own_code(
    exchange: Exchange, operation: str, code: str, reason: str
) -> None:
    exchange.soap.faults = {operation: code}
    error = await refused(exchange)
    assert (type(error), error.reason, error.code) == (Permanent, reason, code)
    assert f"said: {code} Told to refuse {operation}." in error.words


async def test_a_mailbox_on_the_move_is_later(exchange: Exchange) -> None:
    exchange.soap.faults = {"GetFolder": "ErrorMailboxMoveInProgress"}
    error = await refused(exchange)
    assert (type(error), error.reason) == (Transient, "login_unavailable")


async def test_a_busy_servers_back_off_is_told_and_not_waited_for(exchange: Exchange) -> None:
    exchange.soap.busy_milliseconds = 297_749
    error = await refused(exchange)
    assert isinstance(error, Transient)
    assert (error.reason, error.retry_after) == ("login_throttled", timedelta(seconds=297.749))


@pytest.mark.parametrize(("header", "pause"), [({"Retry-After": "7"}, 7), ({"Retry-After": "soon"}, None)])
async def test_a_server_that_is_away_says_when_to_come_back(
    exchange: Exchange, header: dict[str, str], pause: int | None
) -> None:
    exchange.knobs.status, exchange.knobs.headers = 503, header
    error = await refused(exchange)
    assert isinstance(error, Transient)
    assert error.reason == "login_unavailable"
    assert error.retry_after == (None if pause is None else timedelta(seconds=pause))


async def test_no_redirect_is_followed(exchange: Exchange) -> None:
    with exchange_server.Exchange() as elsewhere:
        exchange.knobs.status, exchange.knobs.headers = 302, {"Location": elsewhere.url}
        error = await refused(exchange)
        assert (type(error), error.reason) == (Permanent, "redirected")
        assert elsewhere.url in error.words
        assert elsewhere.soap.asked == []
    assert exchange.logins == []


@pytest.mark.parametrize("status", [200, 403, 404])
async def test_a_server_without_ews_is_told_apart(exchange: Exchange, status: int) -> None:
    exchange.knobs.status = status
    error = await refused(exchange)
    assert (type(error), error.reason) == (Permanent, "unexpected_answer")
    assert exchange.logins == []  # no password went there


async def test_a_server_that_wants_no_password_is_told_apart(exchange: Exchange) -> None:
    exchange.knobs.ways = ("Bearer client_id=0000, authorization_uri=login",)
    error = await refused(exchange)
    assert error.reason == "no_password_login"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>proxy</html>", b"<s:Envelope", b"<a>" * 5000, b"\0\xff" * 100, b'<?xml version="1.0"?><x/>'],
    ids=["empty", "html", "cut", "nested", "octets", "other"],
)
async def test_what_is_no_ews_answer_proves_nothing(exchange: Exchange, body: bytes) -> None:
    exchange.knobs.body = body
    error = await refused(exchange)
    assert error.reason == "unexpected_answer"


async def test_an_answer_without_an_end_is_dropped(exchange: Exchange) -> None:
    exchange.knobs.body, exchange.knobs.headers = exchange_server.bomb(), {"Content-Encoding": "gzip"}
    assert (await refused(exchange)).reason == "unexpected_answer"


@pytest.mark.parametrize("stage", ["login", "GetFolder", "CreateItem"])
async def test_a_silent_server_costs_no_more_than_the_time_for_it(exchange: Exchange, stage: str) -> None:
    exchange.knobs.hang_at = stage
    async with asyncio.timeout(15):
        error = await refused(exchange, budget=0.5)
    assert (type(error), error.reason) == (Transient, "timeout")


async def test_a_deletion_whose_answer_is_lost_leaves_no_draft_either(exchange: Exchange) -> None:
    exchange.knobs.lose_at = "DeleteItem"
    error = await refused(exchange)  # the second try finds nothing to delete
    assert error.reason == "no_access"


async def test_whoever_gives_up_holds_no_thread(exchange: Exchange) -> None:
    exchange.knobs.hang_at = "GetFolder"
    connecting = face(exchange)
    settings = {"ews": {"host": "localhost", "port": exchange.port}}
    proving = [asyncio.create_task(connecting.prove(ADA, settings, {"password": PASSWORD})) for _ in range(12)]
    while not exchange.logins:
        await asyncio.sleep(0.01)
    for task in proving:
        task.cancel()
    await asyncio.gather(*proving, return_exceptions=True)
    exchange.knobs.hang_at = None
    async with asyncio.timeout(30):
        await connecting.prove(ADA, settings, {"password": PASSWORD})


async def test_an_expired_certificate_keeps_the_password(exchange: Exchange) -> None:
    with exchange_server.Exchange(expired=True) as expired:
        error = await refused(expired)
        assert error.reason == "untrusted_certificate"
        assert "certificate has expired" in error.words
        assert expired.refusals == 0


async def test_a_certificate_that_nobody_vouches_for_keeps_the_password(exchange: Exchange) -> None:
    error = await refused(exchange, ca_file=None)
    assert error.reason == "untrusted_certificate"
    assert exchange.logins == []


async def test_a_closed_port_is_told(exchange: Exchange) -> None:
    with exchange_server.Exchange() as gone:
        port = gone.port
    error = await refused(exchange, server={"port": port}, extra_ports=(port,))
    assert (type(error), error.reason) == (Transient, "host_unavailable")


@pytest.mark.parametrize(
    ("server", "changed"),
    [
        ({"port": 25}, {}),
        ({"host": "10.0.0.1", "port": 443}, {}),
        ({"host": "169.254.169.254", "port": 443}, {}),
        ({"host": "no-such-host.example.com", "port": 443}, {}),
        ({}, {"allowed_networks": ()}),
    ],
)
async def test_what_may_not_be_reached_is_refused_in_one_sentence(
    exchange: Exchange, server: dict[str, Any], changed: dict[str, Any]
) -> None:
    error = await refused(exchange, server=server, **changed)
    assert (type(error), error.reason) == (Permanent, "refused_host")
    assert error.words.endswith("cannot be used as a mail server")


@pytest.mark.parametrize("host", ["outlook.office365.com", "Outlook.Office.com", "autodiscover-s.outlook.com."])
async def test_exchange_online_is_refused_with_the_way_out(exchange: Exchange, host: str) -> None:
    error = await refused(exchange, server={"host": host, "port": 443})
    assert (type(error), error.reason) == (Permanent, "other_client")
    assert "Microsoft has ended EWS" in error.words
    assert "Microsoft 365" in error.remedy


@pytest.mark.parametrize(
    "server", [{"host": ""}, {"host": "a b"}, {"port": 0}, {"path": "no-slash"}, {"path": "/a\r\nB: c"}]
)
async def test_settings_that_cannot_be_are_named(exchange: Exchange, server: dict[str, Any]) -> None:
    error = await refused(exchange, server=server)
    assert error.reason == "invalid_settings"
    assert error.words.startswith(f"ews.{next(iter(server))}:")


async def test_nothing_stays_in_the_process_or_on_disk(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        await prove(exchange)
        await refused(exchange, ADA, "not-it-either")
    assert CachingProtocol._protocol_cache == {}
    assert not list(Path(AUTODISCOVER_PERSISTENT_STORAGE).parent.glob(f"{AUTODISCOVER_PERSISTENT_STORAGE.name}*"))
    for told in ("not-it-either", PASSWORD, ADA):
        assert told not in caplog.text


def test_the_engine_alone_holds_it_and_nothing_sends_or_reads_yet() -> None:
    record = client("ews")
    assert record.capabilities.engine
    assert record.capabilities.calendars
    assert (record.send, record.sync) == (None, None)
