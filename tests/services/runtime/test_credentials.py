"""Credentials as leased: asked for once, kept while good, sealed on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from nats.aio.client import Client as NatsClient
from nats.aio.msg import Msg
from replywire_contracts.v1.rpc import Ack, LeaseCredentials, LeasedCredentials, ReportRejected

from services.providers.errors import ReauthRequired
from services.runtime.bus import settled
from services.runtime.credentials import CredentialsCache, seal_secret
from services.runtime.rpc import Listening, Refusal, RpcClient, RpcRefused, serve


class Auth:
    """A scripted auth: what it leased, and for how long the next lease is good."""

    def __init__(self) -> None:
        self.endpoints: list[Listening] = []
        self.asked: list[LeaseCredentials] = []
        self.rejected: list[ReportRejected] = []
        self.good_for = timedelta(minutes=5)
        self.refusal: Refusal | None = None

        @serve(self, LeaseCredentials)
        async def lease(request: LeaseCredentials) -> LeasedCredentials:
            self.asked.append(request)
            if self.refusal is not None:
                raise self.refusal
            await asyncio.sleep(0.05)
            secret = {"password": f"hunter-{len(self.asked)}"}
            return LeasedCredentials(
                account_id=request.account_id,
                team_id="acme",
                client="smtp_imap",
                address="ada@example.org",
                settings={"smtp": {"port": 465}},
                revision=len(self.asked),
                sealed_secret=seal_secret(request.reply_key, request.account_id, secret),
                expires_at=datetime.now(UTC) + self.good_for,
            )

        @serve(self, ReportRejected)
        async def report(request: ReportRejected) -> Ack:
            self.rejected.append(request)
            return Ack()


@pytest.fixture
async def auth(nc: NatsClient) -> AsyncIterator[Auth]:
    scripted = Auth()
    for endpoint in scripted.endpoints:
        await endpoint.start(nc, "auth")
    yield scripted
    for endpoint in scripted.endpoints:
        await endpoint.stop(5)


@pytest.fixture
def cache(nc: NatsClient) -> CredentialsCache:
    return CredentialsCache(RpcClient(nc))


async def test_fifty_that_want_them_at_once_ask_once(auth: Auth, cache: CredentialsCache) -> None:
    leased = await asyncio.gather(*(cache.lease("acc_1") for _ in range(50)))
    assert len(auth.asked) == 1
    assert {(credentials.secret["password"], revision) for credentials, revision in leased} == {("hunter-1", 1)}


async def test_they_are_asked_for_again_once_expired_or_forgotten(auth: Auth, cache: CredentialsCache) -> None:
    auth.good_for = timedelta(seconds=-1)
    await cache.lease("acc_1")
    auth.good_for = timedelta(minutes=5)
    assert (await cache.lease("acc_1"))[1] == 2
    assert (await cache.lease("acc_1"))[1] == 2
    cache.forget("acc_1")
    assert (await cache.lease("acc_1"))[1] == 3


async def test_a_refused_secret_is_refreshed_and_not_served_again(auth: Auth, cache: CredentialsCache) -> None:
    _, revision = await cache.lease("acc_1")
    _, fresh = await cache.lease("acc_1", refresh_rejected=revision)
    assert fresh != revision
    assert auth.asked[-1].refresh_rejected == revision


async def test_a_rejection_is_reported_and_forgotten(auth: Auth, cache: CredentialsCache) -> None:
    _, revision = await cache.lease("acc_1")
    await cache.rejected("acc_1", revision, ReauthRequired("refused_login", code="535 5.7.8", words="no"))
    assert [(r.account_id, r.revision, r.code) for r in auth.rejected] == [("acc_1", 1, "535 5.7.8")]
    assert (await cache.lease("acc_1"))[1] == 2


async def test_a_refusal_reaches_everybody_who_asked_and_is_not_kept(auth: Auth, cache: CredentialsCache) -> None:
    auth.refusal = Refusal("needs_reauth", "Connect it again.")
    answers = await asyncio.gather(*(cache.lease("acc_1") for _ in range(5)), return_exceptions=True)
    assert all(isinstance(answer, RpcRefused) and answer.code == "needs_reauth" for answer in answers)
    auth.refusal = None
    assert (await cache.lease("acc_1"))[0].account_id == "acc_1"


async def test_one_that_gives_up_does_not_take_the_answer_from_the_others(auth: Auth, cache: CredentialsCache) -> None:
    first, second = asyncio.create_task(cache.lease("acc_1")), asyncio.create_task(cache.lease("acc_1"))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second)[1] == 1


async def test_the_secret_is_readable_nowhere_on_the_bus(auth: Auth, cache: CredentialsCache, nc: NatsClient) -> None:
    seen: list[bytes] = []

    async def overhear(message: Msg) -> None:
        seen.append(message.data)

    await nc.subscribe(">", cb=overhear)
    await settled(nc)
    credentials, _ = await cache.lease("acc_1")
    await settled(nc)
    assert seen
    assert not [data for data in seen if b"hunter" in data]
    assert "hunter" not in repr(credentials)
