"""Idempotency keys on a real database: once across replicas, nothing readable kept, nobody else's answer given."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.runtime import idempotency, mongo
from services.runtime.idempotency import Answer, Answers, Request
from services.runtime.problems import HttpProblem
from services.runtime.provision import create_indexes

BEARER, SECRET = "rw_abc_caller-secret", b'{"key": "rw_new_shown-once"}'
ANSWER = Answer(201, {"content-type": "application/json"}, SECRET)


def request(
    key: str = "k-1", body: bytes = b'{"password": "hunter2"}', bearer: str = BEARER, **changed: str
) -> Request:
    who = {"team_id": "acme", "key_id": "abc", "method": "POST", "target": "/v1/things?", **changed}
    return Request.of(key=key, bearer=bearer, body=body, **who)


@pytest.fixture
async def kept(mongodb_url: str, mongodb_database: str) -> mongo.Collection:
    client = mongo.open_client(mongodb_url)
    await create_indexes(client, mongodb_database, {idempotency.COLLECTION: [idempotency.INDEX]})
    return client[mongodb_database][idempotency.COLLECTION]


async def begun(answers: Answers, asked: Request) -> str:
    token = await answers.begin(asked)
    assert isinstance(token, str)
    return token


async def test_the_same_request_gets_the_same_answer_from_any_replica(kept: mongo.Collection) -> None:
    one, other = Answers(kept), Answers(kept)
    await one.keep(request(), await begun(one, request()), ANSWER)
    assert await other.begin(request()) == ANSWER


async def test_of_many_at_once_one_is_carried_out(kept: mongo.Collection) -> None:
    replicas = [Answers(kept) for _ in range(20)]
    results = await asyncio.gather(*(each.begin(request()) for each in replicas), return_exceptions=True)
    assert len([each for each in results if isinstance(each, str)]) == 1
    refused = [each for each in results if isinstance(each, HttpProblem)]
    assert {(each.status, each.code) for each in refused} == {(409, "request_under_way")}
    assert len(refused) == 19


@pytest.mark.parametrize("other", [request(body=b"{}"), request(target="/v1/others?"), request(method="PUT")])
async def test_a_key_used_for_another_request_is_refused(kept: mongo.Collection, other: Request) -> None:
    answers = Answers(kept)
    token = await begun(answers, request())
    with pytest.raises(HttpProblem, match="idempotency_key_reused"):
        await answers.begin(other)  # while the first is under way
    await answers.keep(request(), token, ANSWER)
    with pytest.raises(HttpProblem, match="idempotency_key_reused"):
        await answers.begin(other)


@pytest.mark.parametrize("other", [request(team_id="globex"), request(key_id="xyz", bearer="rw_xyz_other")])
async def test_a_key_is_each_callers_own(kept: mongo.Collection, other: Request) -> None:
    answers = Answers(kept)
    await answers.keep(request(), await begun(answers, request()), ANSWER)
    assert isinstance(await answers.begin(other), str)


async def test_what_was_refused_may_be_corrected_under_its_key(kept: mongo.Collection) -> None:
    answers = Answers(kept)
    await answers.forget(request(), await begun(answers, request()))
    assert isinstance(await answers.begin(request(body=b"{}")), str)


async def test_what_a_dead_process_began_is_begun_again_and_its_late_answer_is_not_kept(kept: mongo.Collection) -> None:
    answers = Answers(kept)
    dead = await begun(answers, request())
    long_ago = datetime.now(UTC) - timedelta(seconds=1)
    await kept.update_one({}, {"$set": {"held_until": long_ago}})
    living = await begun(answers, request())
    await answers.keep(request(), dead, Answer(201, {}, b"late"))
    with pytest.raises(HttpProblem, match="request_under_way"):
        await answers.begin(request())
    await answers.keep(request(), living, ANSWER)
    assert await answers.begin(request()) == ANSWER


async def test_nothing_that_is_kept_can_be_read(kept: mongo.Collection) -> None:
    answers = Answers(kept)
    await answers.keep(request(), await begun(answers, request()), ANSWER)
    [document] = [found async for found in kept.find({})]
    for secret in (b"rw_new_shown-once", b"hunter2", BEARER.encode(), b"k-1"):
        assert secret.decode() not in str(document)
        assert not any(isinstance(value, bytes) and secret in value for value in document.values())
    assert document["expires_at"] > datetime.now(UTC) + timedelta(hours=23)
    indexes = await kept.index_information()
    assert indexes["ttl"]["expireAfterSeconds"] == 0


@pytest.mark.parametrize("sent", ["", '""', "a b", '"unended', "x" * 256, 'a"b', "\x7f"])
def test_what_is_no_key_is_refused_with_the_remedy(sent: str) -> None:
    with pytest.raises(HttpProblem) as refused:
        idempotency.read_key([sent])
    assert refused.value.status == 400
    assert refused.value.remedy


def test_a_quoted_and_a_bare_key_are_the_same() -> None:
    assert idempotency.read_key(['"8e03978e"']) == idempotency.read_key(["8e03978e"]) == "8e03978e"
    with pytest.raises(HttpProblem):
        idempotency.read_key(["one", "two"])
