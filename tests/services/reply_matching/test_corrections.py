"""A wrong verdict is corrected over HTTP: recorded with who and when, and announced once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from nats.aio.msg import Msg
from replywire_contracts.streams import REPLIES
from replywire_contracts.v1.reply import AutoReplyDetected, BounceDetected, ReplyDetected
from replywire_contracts.v1.rpc import KeyHolder, Register, VerifyKey

from services.runtime.bus import settled
from tests.services.reply_matching.conftest import Service
from tests.services.reply_matching.test_answers import GRACE, TEAM, _bounce, answer, matched, tracked

_HOLDERS = {
    hashlib.sha256(b"rw_support").hexdigest(): KeyHolder(
        key_id="key_support", team_id=TEAM, scopes=("replies:read", "replies:write")
    ),
    hashlib.sha256(b"rw_reader").hexdigest(): KeyHolder(key_id="key_reader", team_id=TEAM, scopes=("replies:read",)),
    hashlib.sha256(b"rw_rival").hexdigest(): KeyHolder(
        key_id="key_rival", team_id="rival", scopes=("replies:read", "replies:write")
    ),
}


@pytest.fixture
async def api(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async def verify(asked: Msg) -> None:
        await asked.respond(_HOLDERS[VerifyKey.decode(asked.data).key_hash].encode())

    await service.product.connection.subscribe(VerifyKey.SUBJECT, cb=verify)
    await settled(service.product.connection)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.app.server.port}") as client:
        client.headers["Authorization"] = "Bearer rw_support"
        yield client


async def _announced(service: Service, raw: bytes | None = None, ref: str = "INBOX/1:7") -> Any:
    await service.rpc.call(Register(messages=(tracked(), tracked("r-2", "<two@example.com>"))))
    await service.product.publish(matched(raw or answer(), ref))
    return await _next(service)


async def _next(service: Service) -> Any:
    return await service.next()


async def _correct(api: httpx.AsyncClient, reply_id: str, **body: Any) -> httpx.Response:
    return await api.post(f"/v1/replies/{reply_id}/correction", json=body)


async def test_another_class_is_another_kind_of_event_that_names_the_earlier(
    service: Service, api: httpx.AsyncClient
) -> None:
    away = answer().replace(b"Subject: Re:", b"Auto-Submitted: auto-replied\r\nSubject: Automatic reply:")
    wrong = await _announced(service, away)
    assert isinstance(wrong, AutoReplyDetected)
    answered = await _correct(api, wrong.reply_id, **{"class": "human", "reason": "Grace wrote this herself"})
    assert answered.status_code == 200, answered.text
    right = await _next(service)
    assert isinstance(right, ReplyDetected)
    assert (right.corrects, right.reply_id, right.message_class) == (wrong.id, wrong.reply_id, "human")
    assert right.id != wrong.id
    assert (right.new_text.text, right.reply_number) == ("Gladly, at noon.", 1)
    assert (right.metadata, right.correlation_id) == (wrong.metadata, wrong.correlation_id)
    assert (right.evidence[-1].rule, right.evidence[-1].detail) == ("corrected_by_a_person", "Grace wrote this herself")


async def test_who_corrected_and_when_is_on_record(service: Service, api: httpx.AsyncClient) -> None:
    event = await _announced(service)
    await _correct(api, event.reply_id, **{"class": "auto_reply", "reason": "a ticket system"})
    read = (await api.get(f"/v1/replies/{event.reply_id}")).json()
    assert (read["class"], read["event_kind"]) == ("auto_reply", "mail.v1.auto_reply.detected")
    [kept] = read["corrections"]
    assert (kept["by"], kept["reason"], kept["corrects"]) == ("key_support", "a ticket system", event.id)
    assert kept["at"] > read["received_at"]


async def test_the_same_correction_twice_is_one_event(service: Service, api: httpx.AsyncClient) -> None:
    event = await _announced(service)
    both = await asyncio.gather(*(_correct(api, event.reply_id, **{"class": "challenge"}) for _ in range(4)))
    assert [one.status_code for one in both] == [200] * 4
    again = await _correct(api, event.reply_id, **{"class": "challenge"})
    assert len(again.json()["corrections"]) == 1
    first = await _next(service)
    await _correct(api, event.reply_id, **{"class": "human"})
    back = await _next(service)
    assert (first.message_class, back.message_class, back.corrects) == ("challenge", "human", first.id)
    assert service.announced.empty()


async def test_the_right_message_is_announced_with_its_own_facts(service: Service, api: httpx.AsyncClient) -> None:
    event = await _announced(service)
    answered = await _correct(api, event.reply_id, request_id="r-2")
    assert answered.json()["request_id"] == "r-2"
    moved = await _next(service)
    assert isinstance(moved, ReplyDetected)
    assert (moved.request_id, moved.corrects, moved.matched_by) == ("r-2", event.id, "correction")
    assert (moved.sender_matches, moved.reply_number) == (True, 1)


async def test_what_answers_nothing_of_ours_is_withdrawn_and_can_come_back(
    service: Service, api: httpx.AsyncClient
) -> None:
    event = await _announced(service)
    assert (await _correct(api, event.reply_id, none=True)).json()["withdrawn"] is True
    gone = await _next(service)
    assert isinstance(gone, ReplyDetected)
    assert (gone.withdrawn, gone.corrects, gone.request_id) == (True, event.id, "r-1")
    assert (await _correct(api, event.reply_id, request_id="r-1")).json()["withdrawn"] is False
    back = await _next(service)
    assert (back.withdrawn, back.corrects) == (False, gone.id)


async def test_a_bounce_that_was_taken_for_an_answer_and_back_keeps_its_recipients(
    service: Service, api: httpx.AsyncClient
) -> None:
    bounce = await _announced(service, _bounce("<one@example.com>"))
    assert isinstance(bounce, BounceDetected)
    assert bounce.hardness == "hard"
    await _correct(api, bounce.reply_id, **{"class": "human"})
    assert isinstance(await _next(service), ReplyDetected)
    await _correct(api, bounce.reply_id, **{"class": "bounce"})
    again = await _next(service)
    assert isinstance(again, BounceDetected)
    assert ([one.email for one in again.recipients], again.hardness) == ([GRACE], "hard")


async def test_what_cannot_be_meant_is_refused_by_field_and_remedy(service: Service, api: httpx.AsyncClient) -> None:
    event = await _announced(service)
    await service.rpc.call(
        Register(messages=(tracked("theirs", "<x@example.net>").model_copy(update={"team_id": "rival"}),))
    )
    refused: dict[str, dict[str, Any]] = {
        "request_id": {"request_id": "theirs"},
        "class": {},
        "none": {"none": True, "class": "human"},
    }
    for field, body in refused.items():
        answered = await _correct(api, event.reply_id, **body)
        assert (answered.status_code, answered.json()["field"]) == (422, field)
        assert answered.json()["remedy"]
    assert (await _correct(api, event.reply_id, **{"class": "nonsense"})).status_code == 422
    assert service.announced.empty()


async def test_another_teams_reply_is_unknown_and_reading_is_not_correcting(
    service: Service, api: httpx.AsyncClient
) -> None:
    event = await _announced(service)
    body = {"class": "bounce"}
    path = f"/v1/replies/{event.reply_id}/correction"
    foreign = await api.post(path, json=body, headers={"Authorization": "Bearer rw_rival"})
    nowhere = await api.post("/v1/replies/rep_nowhere/correction", json=body)
    assert (foreign.status_code, foreign.json()["detail"]) == (nowhere.status_code, nowhere.json()["detail"])
    assert foreign.status_code == 404
    assert (await api.post(path, json=body, headers={"Authorization": "Bearer rw_reader"})).status_code == 403
    assert service.announced.empty()


async def test_an_answer_in_a_colleagues_mailbox_says_so(service: Service, api: httpx.AsyncClient) -> None:
    await service.rpc.call(Register(messages=(tracked(),)))
    for account in ("acc_ada", "acc_colleague"):
        await service.product.publish(matched(answer()).model_copy(update={"id": account, "account_id": account}))
    found = {event.account_id: event.other_account for event in (await _next(service), await _next(service))}
    assert found == {"acc_ada": False, "acc_colleague": True}


async def test_a_correction_is_told_in_the_trace_of_its_request(service: Service, api: httpx.AsyncClient) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    wrong = await _announced(service)
    api.headers["traceparent"] = f"00-{trace}-b7ad6b7169203331-01"
    await _correct(api, wrong.reply_id, **{"class": "auto_reply", "reason": "a ticket system"})
    right = await _next(service)
    stored = await service.product.connection.jetstream().get_last_msg(REPLIES.name, right.nats_subject)
    assert trace in (stored.headers or {})["traceparent"]
