"""An Exchange mailbox is connected through the sync engine: auth keeps a token, the engine the login, nobody anything
that no connected account holds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from replywire_contracts.v1.account import AccountDisconnected
from replywire_contracts.v1.engine import EngineCloseAccount, EngineKey, EngineOpenAccount, EnginePublicKey, EngineToken

from services.auth import commands
from services.auth.domain.announcements import AccountEvent
from services.inbox_sync.adapters.engine_accounts import engine_ring
from services.inbox_sync.app import Parts
from services.inbox_sync.domain.engine_accounts import hash_of
from services.runtime.engine_door import sealed_opening
from services.runtime.envelopes import Owner, SealedBox, open_box
from services.runtime.rpc import RpcRefused
from tests.servers import exchange as exchange_server
from tests.servers.choice import RunningServer
from tests.servers.dovecot import Dovecot
from tests.servers.exchange import Exchange, Knobs
from tests.services.auth.conftest import Auth
from tests.services.auth.engine import engine_running
from tests.services.auth.visiting import Team, auth_for_people
from tests.services.inbox_sync.world import KEYS

ADA, PASSWORD, USERNAME = "ada@example.com", "lovelace-1815", "CORP\\ada"
OTHER_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Both:
    """auth and the engine, each with a database of its own, an Exchange server, and a team that nobody else is in."""

    auth: Auth
    engine: Parts
    exchange: Exchange
    team: Team

    @property
    def settings(self) -> dict[str, Any]:
        return {"ews": {"host": "localhost", "port": self.exchange.port}}

    async def connect(self, status: int = 201, **changed: Any) -> dict[str, Any]:
        answer = await self.asked(**changed)
        assert answer.status_code == status, answer.text
        assert PASSWORD not in answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def asked(self, **changed: Any) -> httpx.Response:
        secret = {"username": USERNAME, "password": PASSWORD}
        body = {"client": "ews", "address": ADA, "settings": self.settings, "secret": secret} | changed
        return await (await self.team.api()).post("/v1/accounts", json=body)

    async def disconnect(self, account: dict[str, Any]) -> None:
        assert (await (await self.team.api()).delete(f"/v1/accounts/{account['account_id']}")).status_code == 204

    async def held(self) -> list[dict[str, Any]]:
        return [row async for row in self.engine.app.db["engine_accounts"].find({"team_id": self.team.name})]

    async def until_held(self, *token_hashes: str) -> None:
        """The engine holds these for good, and nothing else."""
        async with asyncio.timeout(20):
            while {(row["_id"], "due" in row) for row in await self.held()} != {(each, False) for each in token_hashes}:
                await asyncio.sleep(0.02)

    async def token_of(self, account: dict[str, Any]) -> str:
        self.auth.leases.forget(account["account_id"])
        credentials, _ = await self.auth.leases.lease(account["account_id"])
        assert set(credentials.secret) == {"engine_token"}
        return str(credentials.secret["engine_token"])


@pytest.fixture(scope="module")
def started() -> Iterator[Exchange]:
    with exchange_server.running() as exchange:
        yield exchange


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def services(
    nats_server: RunningServer,
    mongodb_url: str,
    dovecot: Dovecot,
    started: Exchange,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Auth, Parts]]:
    folder = tmp_path_factory.mktemp("ews")
    serving = auth_for_people(nats_server.url, mongodb_url, dovecot, folder)
    async with serving as auth, engine_running(auth, started) as engine:
        yield auth, engine


@pytest_asyncio.fixture(loop_scope="module")
async def both(services: tuple[Auth, Parts], started: Exchange) -> AsyncIterator[Both]:
    started.knobs, started.soap.faults, started.logins = Knobs(), {}, []
    auth, engine = services
    made = Both(auth, engine, started, Team(auth))
    await commands.allow_client(auth.settings, made.team.name, "ews", True, lambda _: None)
    yield made
    if made.team.client is not None:
        await made.team.client.aclose()


async def everything(db: Any) -> str:
    """All that a database holds, as text."""
    return "\n".join([str(row) for name in await db.list_collection_names() async for row in db[name].find({})])


async def test_the_engine_keeps_the_login_and_auth_a_token_alone(both: Both) -> None:
    account = await both.connect()
    assert (account["client"], account["state"], account["address"]) == ("ews", "connected", ADA)
    assert account["settings"]["ews"]["host"] == "localhost"
    assert "ntlm" in account["abilities"]
    token = await both.token_of(account)
    await both.until_held(hash_of(token))

    [row] = await both.held()
    box = SealedBox(row["box"]["key_id"], bytes(row["box"]["wrapped_key"]), bytes(row["box"]["sealed"]))
    opened = open_box(engine_ring(KEYS), Owner(both.team.name, account["account_id"]), box)
    assert json.loads(opened) == {"username": USERNAME, "password": PASSWORD}
    for db, lacks in ((both.auth.app.db, (PASSWORD, "CORP")), (both.engine.app.db, (PASSWORD, "CORP", token))):
        kept = await everything(db)
        assert account["account_id"] in kept
        assert not [text for text in lacks if text in kept]


async def test_a_disconnection_destroys_what_the_engine_held(both: Both) -> None:
    account = await both.connect()
    await both.until_held(hash_of(await both.token_of(account)))
    await both.disconnect(account)
    assert await both.held() == []  # at once, before any event
    records = (await (await both.team.api()).get("/v1/audit")).json()["items"]
    assert (records[0]["action"], records[0]["details"]["grant"]) == ("account.disconnected", "revoked")


async def test_a_reconnection_replaces_the_token_and_destroys_the_older_login(both: Both) -> None:
    account = await both.connect()
    first = await both.token_of(account)
    await both.until_held(hash_of(first))
    again = await (await both.team.api()).put(
        f"/v1/accounts/{account['account_id']}", json={"settings": both.settings, "secret": {"password": PASSWORD}}
    )
    assert again.status_code == 200, again.text
    second = await both.token_of(account)
    assert second != first
    await both.until_held(hash_of(second))


async def test_another_client_in_its_place_leaves_the_engine_with_nothing(both: Both) -> None:
    account = await both.connect()
    await both.until_held(hash_of(await both.token_of(account)))
    answer = await both.asked(**both.auth.mail.body())
    assert (answer.status_code, answer.json()["account_id"]) == (200, account["account_id"])
    assert await both.held() == []


@pytest.mark.parametrize(
    ("knobs", "faults", "code", "field", "again"),
    [
        (Knobs(), {"CreateItem": "ErrorQuotaExceeded"}, "mailbox_full", "settings.ews.host", False),
        (
            Knobs(status=302, headers={"Location": "https://x.example.org/"}),
            {},
            "redirected",
            "settings.ews.host",
            False,
        ),
        (Knobs(status=503, headers={"Retry-After": "9"}), {}, "login_unavailable", "settings.ews.host", True),
    ],
)
async def test_what_the_server_refuses_is_told_and_nothing_is_left(
    both: Both, knobs: Knobs, faults: dict[str, str], code: str, field: str, again: bool
) -> None:
    both.exchange.knobs, both.exchange.soap.faults = knobs, faults
    problem = await both.connect(503 if again else 422)
    assert (problem["code"], problem["field"]) == (code, field)
    assert problem["server_words"].startswith(f"The EWS server localhost:{both.exchange.port} said:")
    assert await both.held() == []
    assert (await (await both.team.api()).get("/v1/accounts")).json()["items"] == []


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"secret": {"password": "not-it"}}, "refused_login", "secret"),
        ({"address": "grace@example.com"}, "other_mailbox", "address"),
        ({"settings": {"ews": {"host": "outlook.office365.com"}}}, "other_client", "settings.ews.host"),
        ({"settings": {"ews": {"host": "192.168.0.1"}}}, "refused_host", "settings.ews.host"),
        ({"settings": {"ews": {"host": "localhost", "port": 70000}}}, "", "settings.ews.port"),
        ({"settings": {}}, "", "settings.ews"),
        ({"settings": {"ews": {"host": "x", "username": "u"}}}, "", "settings.ews.username"),
        ({"secret": {"username": "u"}}, "", "secret.password"),
        ({"secret": {"password": "p\r\nX: y"}}, "", "secret.password"),
    ],
)
async def test_what_a_person_got_wrong_is_named(both: Both, changed: dict[str, Any], code: str, field: str) -> None:
    problem = await both.connect(422, **changed)
    assert problem["field"] == field
    assert code in (problem["code"], "")
    assert problem["remedy"]
    assert await both.held() == []


async def test_without_the_operators_leave_there_is_no_way_in(both: Both) -> None:
    await commands.allow_client(both.auth.settings, both.team.name, "ews", False, lambda _: None)
    assert (await both.connect(422))["field"] == "client"
    assert both.exchange.logins == []


async def opening(both: Both, **changed: Any) -> EngineOpenAccount:
    key: EnginePublicKey = await both.auth.rpc.call(EngineKey())
    request = sealed_opening(
        key,
        team_id=both.team.name,
        account_id="acc_unsaved",
        client="ews",
        address=ADA,
        settings=both.settings,
        secret={"username": USERNAME, "password": PASSWORD},
    )
    return request.model_copy(update=changed)


async def test_a_token_that_no_account_holds_ends_by_itself(both: Both) -> None:
    opened: EngineToken = await both.auth.rpc.call(await opening(both), timeout=20)
    account = await both.connect()
    held = hash_of(await both.token_of(account))
    rows = {row["_id"] for row in await both.held()}
    assert rows == {hash_of(opened.token), held}
    # The time is over for both; one is an account's.
    over = {"$set": {"due": datetime.now(UTC) - timedelta(seconds=1)}}
    await both.engine.app.db["engine_accounts"].update_many({"team_id": both.team.name}, over)
    await both.until_held(held)


async def test_an_account_that_is_gone_takes_its_login_with_it_though_no_event_came(both: Both) -> None:
    account = await both.connect()
    held = hash_of(await both.token_of(account))
    await both.until_held(held)
    await both.engine.engine_keeping.compare()
    assert len(await both.held()) == 1
    await both.auth.app.db["accounts"].update_one(
        {"_id": account["account_id"]}, {"$set": {"state": "disconnected", "announced": 2, "revision": 2}}
    )
    await both.engine.engine_keeping.compare()
    assert await both.held() == []


@pytest.mark.parametrize(
    "changed",
    [
        {"settings": {"ews": {"host": "evil.example.org"}}},
        {"address": "grace@example.com"},
        {"account_id": "acc_other"},
        {"team_id": "others"},
    ],
)
async def test_sealed_credentials_are_good_for_their_own_account_and_server_alone(
    both: Both, changed: dict[str, Any]
) -> None:
    request = await opening(both, **changed)
    assert not [text for text in (PASSWORD, "CORP") if text.encode() in request.encode()]
    with pytest.raises(RpcRefused) as refused:
        await both.auth.rpc.call(request, timeout=20)
    assert refused.value.code == "cannot_open"
    assert (both.exchange.logins, await both.held()) == ([], [])


async def test_no_client_but_the_engines_own_is_opened_there(both: Both) -> None:
    for client in ("smtp_imap", "memory", "nobody"):
        with pytest.raises(RpcRefused) as refused:
            await both.auth.rpc.call(await opening(both, client=client), timeout=20)
        assert refused.value.code == "unknown_client"


async def test_a_token_is_closed_by_its_own_account_alone(both: Both) -> None:
    opened: EngineToken = await both.auth.rpc.call(await opening(both), timeout=20)
    for team_id, account_id in (("others", "acc_unsaved"), (both.team.name, "acc_other")):
        asked = EngineCloseAccount(team_id=team_id, account_id=account_id, token=opened.token)
        assert not (await both.auth.rpc.call(asked)).closed
    asked = EngineCloseAccount(team_id=both.team.name, account_id="acc_unsaved", token=opened.token)
    assert [(await both.auth.rpc.call(asked)).closed for _ in range(2)] == [True, False]


async def test_a_new_key_re_wraps_what_is_held_and_the_old_one_may_go(both: Both) -> None:
    account = await both.connect()
    await both.until_held(hash_of(await both.token_of(account)))
    await replace(both.engine.engine_keeping, ring=engine_ring(f"{OTHER_KEY},{KEYS}")).rewrap()
    [row] = await both.held()
    box = SealedBox(row["box"]["key_id"], bytes(row["box"]["wrapped_key"]), bytes(row["box"]["sealed"]))
    assert PASSWORD.encode() in open_box(engine_ring(OTHER_KEY), Owner(both.team.name, account["account_id"]), box)


async def test_two_who_connect_one_mailbox_at_once_leave_one_login(both: Both) -> None:
    await both.team.api()
    answers = await asyncio.gather(*(both.asked() for _ in range(3)))
    assert {answer.status_code for answer in answers} <= {200, 201, 409}
    [account] = (await (await both.team.api()).get("/v1/accounts")).json()["items"]
    await both.until_held(hash_of(await both.token_of(account)))


async def test_the_events_tell_no_token(both: Both) -> None:
    account = await both.connect()
    token = await both.token_of(account)
    await both.disconnect(account)
    events: list[AccountEvent] = []
    while not (events and isinstance(events[-1], AccountDisconnected)):
        event = await both.auth.next_event()
        events += [event] if event.team_id == both.team.name else []
    assert [event.client for event in events] == ["ews", "ews"]
    assert not [event for event in events if token in str(event) or PASSWORD in str(event)]
