"""Credentials are leased to who asks, sealed to their key; a refusal by the provider stops the account once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from replywire_contracts.v1.account import AccountConnected, AccountNeedsReauth
from replywire_contracts.v1.rpc import AccountPage, LeaseCredentials, LeasedCredentials, ListAccounts, ReportRejected

from services.providers.errors import ReauthRequired
from services.runtime.rpc import RpcRefused
from services.runtime.sealing import CannotOpen, ReplyKey
from tests.servers.dovecot import PASSWORD
from tests.services.auth.conftest import TEAM, Auth


async def test_a_lease_opens_for_its_asker_and_account_alone_and_ends_in_minutes(auth: Auth) -> None:
    account_id = await auth.connect(await auth.api())
    mine, another = ReplyKey(), ReplyKey()
    leased: LeasedCredentials = await auth.rpc.call(LeaseCredentials(account_id=account_id, reply_key=mine.public))
    assert PASSWORD.encode() not in leased.encode()
    assert PASSWORD.encode() in mine.open(leased.sealed_secret, account_id.encode())
    with pytest.raises(CannotOpen):
        another.open(leased.sealed_secret, account_id.encode())
    with pytest.raises(CannotOpen):
        mine.open(leased.sealed_secret, b"acc_other")
    assert timedelta(minutes=4) < leased.expires_at - datetime.now(UTC) <= timedelta(minutes=5)


async def refused_lease(auth: Auth, account_id: str) -> str:
    with pytest.raises(RpcRefused) as refused:
        await auth.rpc.call(LeaseCredentials(account_id=account_id, reply_key=ReplyKey().public))
    return refused.value.code


async def test_unknown_stopped_and_disconnected_accounts_are_told_apart(auth: Auth) -> None:
    api = await auth.api()
    account_id = await auth.connect(api)
    assert await refused_lease(auth, "acc_nobody") == "unknown_account"
    await auth.rpc.call(ReportRejected(account_id=account_id, revision=1, reason="refused_login"))
    assert await refused_lease(auth, account_id) == "needs_reauth"
    await api.delete(f"/v1/accounts/{account_id}")
    assert await refused_lease(auth, account_id) == "disconnected"


async def test_a_refusal_reported_by_many_stops_the_account_and_is_announced_once(auth: Auth) -> None:
    api = await auth.api()
    account_id = await auth.connect(api)
    assert isinstance(await auth.next_event(), AccountConnected)
    error = ReauthRequired("refused_login", code="535 5.7.8", words="Wrong password, says the tower")
    await asyncio.gather(*(auth.leases.rejected(account_id, 1, error) for _ in range(20)))
    event = await auth.next_event()
    assert isinstance(event, AccountNeedsReauth)
    assert (event.team_id, event.account_id, event.revision) == (TEAM, account_id, 2)
    assert (event.failure.reason, event.failure.code) == ("refused_login", "535 5.7.8")
    assert event.failure.words == "Wrong password, says the tower"
    assert event.failure.remedy
    page = f"{auth.settings.public_url.rstrip('/')}/mailboxes/{account_id}"
    assert event.reconnect_url == page
    asked = {"purpose": "reconnect", "account_id": account_id, "person": "ada", "return_to": "https://app.example.com/"}
    link = (await api.post("/v1/links", json=asked)).json()["url"]
    answer = await api.get(urlsplit(link)._replace(scheme="", netloc="").geturl())
    assert answer.headers["location"] == urlsplit(page).path, "the link leads to the page that the event names"

    account = (await api.get(f"/v1/accounts/{account_id}")).json()
    assert account["state"] == "needs_reauth"
    assert account["failure"]["words"] == "Wrong password, says the tower"
    record = (await api.get("/v1/audit")).json()["items"][0]
    assert (record["action"], record["actor"]) == ("account.needs_reauth", "provider")

    # The person reconnects; a late report about the secret of before stops nothing.
    answer = await api.put(f"/v1/accounts/{account_id}", json={"secret": {"password": PASSWORD}})
    assert (answer.json()["state"], answer.json()["failure"]) == ("connected", None)
    await auth.leases.rejected(account_id, 1, error)
    await auth.leases.rejected(account_id, 2, error)
    assert (await auth.leases.lease(account_id))[1] == 3
    reconnected = await auth.next_event()
    assert isinstance(reconnected, AccountConnected)
    assert reconnected.revision == 3
    assert auth.events.empty()


async def test_a_report_about_nobody_is_refused(auth: Auth) -> None:
    with pytest.raises(RpcRefused, match="unknown_account"):
        await auth.rpc.call(ReportRejected(account_id="acc_nobody", revision=1, reason="refused_login"))


async def test_services_read_all_accounts_page_by_page_or_the_ones_they_name(auth: Auth) -> None:
    acme, globex = await auth.api("acme"), await auth.api("globex")
    ids = [await auth.connect(acme, f"user{number}@example.com") for number in range(3)]
    ids.append(await auth.connect(globex))
    await acme.delete(f"/v1/accounts/{ids[0]}")
    pages: list[AccountPage] = [await auth.rpc.call(ListAccounts(limit=2))]
    while pages[-1].next is not None:
        pages.append(await auth.rpc.call(ListAccounts(limit=2, after=pages[-1].next)))
    accounts = [account for page in pages for account in page.accounts]
    assert [account.account_id for account in accounts] == sorted(ids)
    states = {account.account_id: account.state for account in accounts}
    assert [states[account_id] for account_id in ids] == ["disconnected", "connected", "connected", "connected"]
    named: AccountPage = await auth.rpc.call(ListAccounts(account_ids=(ids[1], ids[3], "acc_nobody")))
    assert {(account.account_id, account.team_id) for account in named.accounts} == {
        (ids[1], "acme"),
        (ids[3], "globex"),
    }
