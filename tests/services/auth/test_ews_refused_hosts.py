"""No Exchange form, redirect or record of a domain makes us call a host that the operator's policy refuses.

A trap listens at every address of this machine, of which the policy allows the Exchange server's alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio

from services.auth import commands
from tests.servers import exchange as exchange_server
from tests.servers.choice import RunningServer
from tests.servers.dovecot import Dovecot
from tests.servers.exchange import PATH, Exchange, Knobs
from tests.servers.mail_dns import MailDns
from tests.servers.trap import Trap
from tests.services.auth.conftest import Auth
from tests.services.auth.engine import engine_running
from tests.services.auth.visiting import Browser, Team, auth_for_people

PASSWORD = "lovelace-1815"
REFUSED = "127.0.0.2"
WAYS_TO_WRITE_IT = (
    "127.0.0.2:{port}",
    "https://127.0.0.2:{port}/EWS/Exchange.asmx",
    "127.0.0.2.:{port}",
    "0.0.0.0:{port}",
    "[::]:{port}",
    "[::ffff:127.0.0.2]:{port}",
    "[64:ff9b::7f00:2]:{port}",
    "2130706434:{port}",
    "0x7f000002:{port}",
    "127.2:{port}",
    "0177.0.0.2:{port}",
    "１２７.0.0.2:{port}",
    "mail.example.com@127.0.0.2:{port}",
    "mail.example.com#@127.0.0.2:{port}",
    "mail.example.com\\@127.0.0.2:{port}",
)
pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Form:
    """The Exchange form, open in a browser."""

    auth: Auth
    exchange: Exchange
    trap: Trap
    dns: MailDns
    team: Team
    browser: Browser

    async def send(self, server: str) -> httpx.Response:
        fields = {"address": "ada@example.com", "server": server, "username": "CORP\\ada", "password": PASSWORD}
        return await self.browser.post("/connect/ews", **fields)

    async def suggested(self, domain: str) -> str:
        """The server that the form proposes for an address."""
        headers = {"Origin": self.browser.origin, "X-Form-Token": self.browser.token, "Accept": "application/json"}
        data = {"address": f"ada@{domain}"}
        answer = await self.browser.http.post("/connect/ews/suggest", data=data, headers=headers)
        return str(answer.raise_for_status().json()["server"])


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Exchange, Trap]]:
    with exchange_server.running() as exchange, Trap() as trap:
        yield exchange, trap


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def services(
    nats_server: RunningServer,
    mongodb_url: str,
    dovecot: Dovecot,
    servers: tuple[Exchange, Trap],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Auth, MailDns]]:
    exchange, trap = servers
    own = ("127.0.0.1/32", "::1/128")
    async with MailDns({}) as dns:
        serving = auth_for_people(
            nats_server.url, mongodb_url, dovecot, tmp_path_factory.mktemp("ews"), dns_servers=(dns.address,)
        )
        async with serving as auth, engine_running(auth, exchange, allowed_networks=own, extra_ports=(trap.port,)):
            yield auth, dns


@pytest_asyncio.fixture(loop_scope="module")
async def form(services: tuple[Auth, MailDns], servers: tuple[Exchange, Trap]) -> AsyncIterator[Form]:
    (auth, dns), (exchange, trap) = services, servers
    exchange.knobs, exchange.logins, dns.records, dns.asked = Knobs(), [], {}, []
    trap.callers()
    team = Team(auth)
    await commands.allow_client(auth.settings, team.name, "ews", True, lambda _: None)
    yield Form(auth, exchange, trap, dns, team, await team.visit())
    assert trap.callers() == 0
    await team.nothing_is_left()


async def test_the_trap_keeps_whoever_is_let_through(form: Form) -> None:
    """The policy allows this address, and the trap's port: so it is the address that saves all others."""
    assert form.trap.callers() == 0
    async with httpx.AsyncClient(timeout=0.2) as stranger:
        with pytest.raises(httpx.HTTPError):
            await stranger.get(f"http://{REFUSED}:{form.trap.port}/")
    assert form.trap.callers() == 1


async def test_a_refused_host_is_never_called_however_it_is_written(form: Form) -> None:
    for server in WAYS_TO_WRITE_IT:
        answer = await form.send(server.format(port=form.trap.port))
        assert answer.status_code == 422, server
        assert 'id="wrong-server"' in answer.text, server
        assert PASSWORD not in answer.text
        assert form.trap.callers() == 0, server


@pytest.mark.parametrize("logged_in", [False, True])
async def test_a_redirect_to_a_refused_host_is_never_followed(form: Form, logged_in: bool) -> None:
    knobs = form.exchange.knobs
    knobs.headers = {"Location": f"https://{REFUSED}:{form.trap.port}{PATH}"}
    knobs.body = b"" if logged_in else None
    for status in (301, 302, 303, 307, 308):
        knobs.status, knobs.body_status = None if logged_in else status, status
        answer = await form.send(form.exchange.url)
        assert answer.status_code == 422
        assert "sends us to another address, and we do not follow" in answer.text
        assert form.trap.callers() == 0, status
    assert bool(form.exchange.logins) == logged_in


async def test_a_domains_records_are_shown_and_nobody_that_they_name_is_called(form: Form) -> None:
    """Outlook would ask `autodiscover.example.com` and follow where that points; we read two records."""
    srv, mx = ("_autodiscover._tcp.example.com", "SRV"), ("example.com", "MX")
    suggested = []
    for question, record in (
        (srv, f"0 1 {form.trap.port} {REFUSED}."),
        (srv, f"0 1 443 {REFUSED}."),
        (mx, f"10 {REFUSED}.example.com."),
        (("autodiscover.example.com", "CNAME"), f"{REFUSED}."),
    ):
        form.dns.records, form.dns.asked = {question: [record]}, []
        suggested.append(await form.suggested("example.com"))
        assert set(form.dns.asked) == {srv, mx}
        assert form.trap.callers() == 0, record
    assert suggested == ["", REFUSED, f"{REFUSED}.example.com", ""]
    for server in filter(None, suggested):  # agreed to as it is, and with the port that a trap is at
        for typed in (server, f"{server}:{form.trap.port}"):
            assert (await form.send(typed)).status_code == 422
            assert form.trap.callers() == 0, typed
