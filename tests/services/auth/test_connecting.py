"""A mailbox is connected once both servers let its person in, and leaves nothing behind where one does not."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from replywire_contracts.v1.account import AccountConnected, AccountDisconnected

from services.auth.settings import Settings
from tests.servers.dovecot import PASSWORD
from tests.servers.scripted_smtp import HANG, At, Do, say
from tests.services.auth.conftest import TEAM, Auth, Mail, running


async def test_a_proved_mailbox_is_kept_announced_audited_and_leased(auth: Auth) -> None:
    api = await auth.api()
    answer = await api.post("/v1/accounts", json=auth.mail.body(display_name="Ada"))
    assert answer.status_code == 201, answer.text
    account = answer.json()
    assert answer.headers["location"] == f"/v1/accounts/{account['account_id']}"
    assert (account["state"], account["revision"], account["display_name"]) == ("connected", 1, "Ada")
    assert account["settings"]["imap"]["username"] == "ada@example.com"
    assert account["settings"]["sent_folder"] == "Sent"
    assert PASSWORD not in answer.text

    event = await auth.next_event()
    assert isinstance(event, AccountConnected)
    assert (event.account_id, event.team_id, event.address) == (account["account_id"], TEAM, "ada@example.com")
    assert event.correlation_id == answer.headers["x-request-id"]

    credentials, revision = await auth.leases.lease(account["account_id"])
    assert credentials.secret == {"smtp_password": PASSWORD, "imap_password": PASSWORD}
    assert (revision, credentials.settings) == (1, account["settings"])

    records = (await api.get("/v1/audit")).json()["items"]
    assert records[0]["action"] == "account.connected"
    assert records[0]["subject"] == account["account_id"]
    key_id = api.headers["authorization"].split("_")[1]
    assert records[0]["actor"] == f"key:{key_id}"
    assert (await api.get(f"/v1/accounts/{account['account_id']}")).json() == account


async def nothing_is_left(auth: Auth) -> None:
    assert await auth.app.db["accounts"].count_documents({}) == 0
    assert await auth.app.db["audit"].count_documents({"action": {"$regex": "^account"}}) == 0
    stream = await auth.product.connection.jetstream().stream_info("ACCOUNTS")
    assert stream.state.messages == 0


async def refusal(auth: Auth, status: int = 422, **changed: Any) -> dict[str, Any]:
    answer = await (await auth.api()).post("/v1/accounts", json=auth.mail.body(**changed))
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert PASSWORD not in answer.text
    await nothing_is_left(auth)
    problem: dict[str, Any] = answer.json()
    return problem


async def test_a_login_refused_by_the_smtp_server_is_told_in_its_words(auth: Auth) -> None:
    auth.mail.smtp.always(At.AUTH, say("535 5.7.8 Wrong password, says the tower"))
    problem = await refusal(auth)
    assert (problem["code"], problem["field"]) == ("refused_login", "secret.smtp_password")
    assert "SMTP server" in problem["detail"]
    assert "Wrong password, says the tower" in problem["server_words"]
    assert "535" in problem["server_code"]
    assert problem["remedy"]


async def test_a_login_refused_by_the_imap_server_is_told_in_its_words(auth: Auth) -> None:
    problem = await refusal(auth, secret={"smtp_password": "x", "imap_password": "not-it"})
    assert (problem["code"], problem["field"]) == ("refused_login", "secret.imap_password")
    assert "IMAP server" in problem["detail"]
    assert "not-it" not in str(problem)


async def test_where_both_refuse_both_are_heard(auth: Auth) -> None:
    auth.mail.smtp.always(At.AUTH, say("535 5.7.8 the tower says no"))
    problem = await refusal(auth, secret={"password": "not-it"})
    assert "the tower says no" in problem["server_words"]
    assert "IMAP server" in problem["server_words"]


@pytest.mark.parametrize("host", ["10.1.2.3", "169.254.169.254", "[::ffff:10.0.0.1]", "100.64.0.1"])
async def test_private_hosts_are_refused_in_one_and_the_same_way(auth: Auth, host: str) -> None:
    settings = auth.mail.settings(smtp={"host": host, "port": 465, "security": "tls"})
    problem = await refusal(auth, settings=settings)
    assert (problem["code"], problem["field"]) == ("refused_host", "settings.smtp.host")
    assert problem["detail"] == "This host cannot be used as a mail server."


async def test_a_port_nobody_allowed_is_refused(auth: Auth) -> None:
    problem = await refusal(auth, settings=auth.mail.settings(smtp={"port": 22, "security": "tls"}))
    assert problem["code"] == "refused_host"


async def test_exchange_online_and_gmail_are_answered_with_the_better_client(auth: Auth) -> None:
    for host, better in (("smtp.office365.com", "Microsoft 365"), ("smtp.gmail.com", "Gmail")):
        settings = auth.mail.settings(smtp={"host": host, "port": 587, "security": "starttls"})
        problem = await refusal(auth, settings=settings)
        assert problem["code"] == "other_client"
        assert better in problem["remedy"]


async def test_a_server_that_has_no_time_is_no_refusal_of_the_password(auth: Auth) -> None:
    auth.mail.smtp.always(At.CONNECT, say("421 4.3.2 come back later"))
    problem = await refusal(auth, status=503)
    assert "come back later" in problem["server_words"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"address": "ada"}, "address"),
        ({"client": "gopher"}, "client"),
        ({"secret": {}}, "secret.smtp_password"),
        ({"secret": {"password": 7}}, "secret.password"),
        ({"settings": "none"}, "settings"),
        ({"surprise": 1}, "surprise"),
        ({"display_name": "Ada\r\nBcc: eve@example.org"}, "display_name"),
    ],
)
async def test_a_bad_request_names_its_field_and_the_remedy(auth: Auth, changed: dict[str, Any], field: str) -> None:
    problem = await refusal(auth, **changed)
    assert problem["field"] == field
    assert problem["remedy"]
    assert auth.mail.smtp.connections == 0


async def test_a_port_that_is_no_number_is_named(auth: Auth) -> None:
    problem = await refusal(auth, settings=auth.mail.settings(imap={"port": 70_000}))
    assert problem["field"] == "settings.imap.port"


async def test_a_silent_server_ends_in_time_and_leaves_nothing(settings: Settings, mail: Mail) -> None:
    mail.smtp.always(At.CONNECT, HANG)
    hasty = settings.model_copy(update={"proof_seconds": 0.5})
    async with running(hasty, mail) as auth:
        problem = await refusal(auth, status=503)
    assert problem["code"] == "timeout"


async def test_two_connects_of_one_mailbox_at_once_make_one_account(auth: Auth) -> None:
    api = await auth.api()
    together = asyncio.Event()
    auth.mail.smtp.on(At.AUTH, Do(wait=together), Do(wait=together), Do(wait=together))
    posts = [
        asyncio.create_task(api.post("/v1/accounts", json=auth.mail.body(address)))
        for address in ("ada@example.com", "Ada@Example.com", "ada@example.com")
    ]
    async with asyncio.timeout(20):
        while auth.mail.smtp.said("AUTH") < 3:
            await asyncio.sleep(0.01)
    together.set()
    answers = await asyncio.gather(*posts)
    assert sorted(answer.status_code for answer in answers) == [200, 200, 201]
    assert len({answer.json()["account_id"] for answer in answers}) == 1
    assert sorted(answer.json()["revision"] for answer in answers) == [1, 2, 3]
    assert await auth.app.db["accounts"].count_documents({}) == 1
    assert sorted([(await auth.next_event()).revision for _ in range(3)]) == [1, 2, 3]


async def test_a_disconnected_mailbox_connected_again_keeps_its_id(auth: Auth) -> None:
    api = await auth.api()
    account_id = await auth.connect(api)
    assert (await api.delete(f"/v1/accounts/{account_id}")).status_code == 204
    assert (await api.delete(f"/v1/accounts/{account_id}")).status_code == 204
    gone = (await api.get(f"/v1/accounts/{account_id}")).json()
    assert (gone["state"], gone["settings"]) == ("disconnected", {})
    answer = await api.post("/v1/accounts", json=auth.mail.body())
    assert (answer.status_code, answer.json()["account_id"]) == (200, account_id)
    assert answer.json()["state"] == "connected"
    events = [await auth.next_event() for _ in range(3)]
    assert [type(event) for event in events] == [AccountConnected, AccountDisconnected, AccountConnected]
    assert [event.revision for event in events] == [1, 2, 3]
    assert auth.events.empty()


async def test_two_teams_may_have_the_same_mailbox_apart(auth: Auth) -> None:
    one = await auth.connect(await auth.api("acme"))
    other = await auth.connect(await auth.api("globex"))
    assert one != other
    await (await auth.api("globex")).delete(f"/v1/accounts/{other}")
    assert (await auth.leases.lease(one))[0].team_id == "acme"


async def test_reconnecting_takes_new_settings_with_their_password_for_the_same_mailbox_alone(auth: Auth) -> None:
    api = await auth.api()
    account_id = await auth.connect(api)
    path = f"/v1/accounts/{account_id}"

    def refused(answer: httpx.Response, field: str) -> None:
        assert (answer.status_code, answer.json().get("field")) == (422, field), answer.text

    new = auth.mail.settings(smtp={"username": "ada-new"})
    refused(await api.put(path, json={"settings": new}), "secret")
    other = {"address": "eve@example.com", "settings": new, "secret": {"password": PASSWORD}}
    refused(await api.put(path, json=other), "address")
    auth.mail.smtp.on(At.AUTH, say("535 5.7.8 no"))
    refused(await api.put(path, json={"secret": {"password": PASSWORD}}), "secret.smtp_password")
    assert (await auth.leases.lease(account_id))[1] == 1

    answer = await api.put(path, json={"settings": new, "secret": {"password": PASSWORD}})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["revision"], answer.json()["settings"]["smtp"]["username"]) == (2, "ada-new")


async def test_a_new_name_needs_no_password_and_is_no_news(auth: Auth) -> None:
    api = await auth.api()
    account_id = await auth.connect(api)
    answer = await api.put(f"/v1/accounts/{account_id}", json={"display_name": "Countess"})
    assert (answer.status_code, answer.json()["display_name"], answer.json()["revision"]) == (200, "Countess", 1)
    actions = [record["action"] for record in (await api.get("/v1/audit")).json()["items"]]
    assert actions[:2] == ["account.renamed", "account.connected"]


async def test_accounts_are_listed_page_by_page_and_by_state(auth: Auth) -> None:
    api = await auth.api()
    ids = [await auth.connect(api, f"user{number}@example.com") for number in range(5)]
    await api.delete(f"/v1/accounts/{ids[0]}")
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = (await api.get("/v1/accounts", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        found += [account["account_id"] for account in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == sorted(ids)
    connected = (await api.get("/v1/accounts", params={"state": "connected"})).json()["items"]
    assert {account["account_id"] for account in connected} == set(ids[1:])
    assert (await api.get("/v1/accounts", params={"cursor": "rubbish"})).status_code == 400
    assert (await api.get("/v1/accounts", params={"state": "sleepy"})).json()["field"] == "state"
