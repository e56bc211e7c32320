"""What the customer's own code reports is judged like any mailbox's mail: of matches nothing is lost or doubled, and of
everything else nothing is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from bson import encode

from deploy.embedded.free_ports import free_port
from services.runtime.bodies import Bodies
from services.runtime.mongo import Database
from tests.servers.dovecot import mail
from tests.services.inbox_sync.conftest import REPLY
from tests.services.inbox_sync.neighbours import KEY, OTHER_KEY, TRACKED
from tests.services.inbox_sync.world import World

HEADERS, RAW = "/v1/external/headers", "/v1/external/raw"
ANSWER = mail(1, lines=(REPLY,))


@pytest.fixture
async def api(world: World) -> AsyncIterator[httpx.AsyncClient]:
    await world.connect("acc-ext", {}, {}, client="external", announce=False)
    async with world.replica() as parts, caller(parts.app.server.port) as made:
        yield made


def caller(port: int, key: str = KEY) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30)


async def post_raw(api: httpx.AsyncClient, raw: bytes, **query: str) -> httpx.Response:
    asked = {"account_id": "acc-ext", **query}
    return await api.post(RAW, params=asked, content=raw, headers={"Content-Type": "message/rfc822"})


async def test_header_sets_are_judged_in_batches_and_only_answers_are_asked_for(
    world: World, api: httpx.AsyncClient
) -> None:
    sets: list[dict[str, Any]] = [
        {"ref": f"m-{number}", "headers": f"Message-ID: <{number}@example.org>\r\nSubject: Hi\r\n"}
        for number in range(300)
    ]
    sets[7]["headers"] += f"In-Reply-To: {TRACKED}\r\n"
    sets[8] = {
        "ref": "as fields",
        "headers": [{"name": "Message-ID", "value": "<8@example.org>"}, {"name": "in-reply-to", "value": TRACKED}],
        "received_at": "2026-03-02T09:00:00+01:00",
    }
    sets[9]["headers"] = "Message-ID: <9@example.org>\r\nContent-Type: multipart/report; boundary=x\r\n"
    answer = await api.post(HEADERS, json={"account_id": "acc-ext", "sets": sets})
    assert answer.status_code == 200, answer.text
    verdicts = answer.json()["verdicts"]
    assert [each["ref"] for each in verdicts] == [each["ref"] for each in sets]
    assert [each["ref"] for each in verdicts if each["verdict"] == "send_whole"] == ["m-7", "as fields", "m-9"]
    assert verdicts[7]["request_id"] == "request-1"
    assert len(world.matching.asked) <= 2, "a batch is one question"
    assert not world.matched()


async def test_an_answer_to_an_answer_of_the_same_batch_is_asked_for(world: World, api: httpx.AsyncClient) -> None:
    world.matching.remembers = True
    sets = [
        {"ref": "b", "headers": "Message-ID: <b@example.org>\r\nIn-Reply-To: <a@example.org>\r\n"},
        {"ref": "a", "headers": f"Message-ID: <a@example.org>\r\nIn-Reply-To: {TRACKED}\r\n"},
    ]
    answer = await api.post(HEADERS, json={"account_id": "acc-ext", "sets": sets})
    assert [each["verdict"] for each in answer.json()["verdicts"]] == ["send_whole", "send_whole"]


async def test_a_whole_answer_is_announced_once_however_often_it_is_reported(
    world: World, api: httpx.AsyncClient
) -> None:
    answers = await asyncio.gather(*(post_raw(api, ANSWER, thread_id="thread-9") for _ in range(5)))
    assert [each.status_code for each in answers] == [200] * 5
    assert sorted(each.json()["known"] for each in answers) == [False, True, True, True, True]
    assert {each.json()["request_id"] for each in answers} == {"request-1"}
    await world.until(world.matched)
    [found] = world.matched()
    assert (found.raw, found.provider_thread_id) == (ANSWER, "thread-9")
    assert (await post_raw(api, ANSWER)).json()["known"]
    await _purged(world.db)
    assert len(world.matched()) == 1


async def test_a_report_is_judged_by_what_is_inside_it(world: World, api: httpx.AsyncClient) -> None:
    head = "Message-ID: <r-{0}@example.org>\r\nContent-Type: multipart/report; boundary=x\r\n\r\n--x\r\n"
    body = "Content-Type: message/rfc822\r\n\r\nMessage-ID: {1}\r\n\r\n--x--\r\n"
    ours = (head + body).format(1, TRACKED).encode()
    foreign = (head + body).format(2, "<other@example.net>").encode()
    assert (await post_raw(api, foreign)).json()["verdict"] == "discard"
    assert (await post_raw(api, ours)).json()["verdict"] == "match"
    await world.until(world.matched)
    assert [each.raw for each in world.matched()] == [ours]


async def test_a_large_answer_travels_by_reference(world: World, api: httpx.AsyncClient) -> None:
    large = mail(2, lines=(REPLY,), body="y" * 400_000)
    assert (await post_raw(api, large)).json()["verdict"] == "match"
    await world.until(world.matched)
    [found] = world.matched()
    assert await Bodies(world.nc.jetstream()).get(found.object_ref or "") == large


async def test_what_is_not_confirmed_is_announced_again(world: World, api: httpx.AsyncClient) -> None:
    world.matching.holds_at_once = False
    await post_raw(api, ANSWER)
    await world.until(lambda: len(world.events) > 1, 30)
    assert len(world.matched()) == 1, "under one id"


async def test_a_killed_reporter_reports_again_and_nothing_is_lost_or_doubled(world: World, tmp_path: Path) -> None:
    await world.connect("acc-ext", {}, {}, client="external", announce=False)
    log = tmp_path / "log"
    async with world.process(log, "inbox_sync.external_after_store=kill", http_port=(port := free_port())) as process:
        async with caller(port) as api:
            with pytest.raises(httpx.TransportError):
                await post_raw(api, ANSWER)
        assert await asyncio.to_thread(process.wait) == -9
    assert not world.matched()
    async with world.process(log, http_port=port), caller(port) as api:
        assert (await post_raw(api, ANSWER)).json() == (await post_raw(api, ANSWER)).json()
        await world.until(world.matched)
    assert len(world.matched()) == 1


async def test_unrelated_mail_leaves_no_trace_whichever_way_it_is_reported(
    world: World, api: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    planted = "PlantedWord"
    foreign = mail(3, lines=(f"In-Reply-To: <{planted}@example.org>",), body=planted)
    assert (await post_raw(api, foreign)).json() == {
        "verdict": "discard", "known": False, "request_id": None, "matched_by": None, "confidence": None,
    }  # fmt: skip
    sets = [{"ref": planted, "headers": foreign.decode()}]
    answer = await api.post(HEADERS, json={"account_id": "acc-ext", "sets": sets})
    assert answer.json()["verdicts"][0]["verdict"] == "discard"
    bad = [{"ref": planted, "headers": [{"name": "Subject", "value": f"{planted}\r\nBcc: x"}]}]
    refused = await api.post(HEADERS, json={"account_id": "acc-ext", "sets": bad})
    assert (refused.status_code, refused.json()["field"]) == (422, "sets[0].headers[0]")
    assert planted not in refused.text
    for name in await world.db.list_collection_names():
        assert [row async for row in world.db[name].find() if planted.encode() in encode(row)] == []
    out = capfd.readouterr()
    assert planted not in out.out + out.err + caplog.text


async def test_nobody_reports_for_another_teams_account_or_for_a_mailbox_that_is_read_here(
    world: World, api: httpx.AsyncClient
) -> None:
    await world.connect("acc-imap", {}, {}, client="smtp_imap", announce=False)
    sets = [{"ref": "1", "headers": REPLY}]
    async with httpx.AsyncClient(base_url=api.base_url, headers={"Authorization": f"Bearer {OTHER_KEY}"}) as foreign:
        for account, reporter, status in (
            ("acc-ext", foreign, 404), ("nobody", foreign, 404), ("nobody", api, 404), ("acc-imap", api, 409),
        ):  # fmt: skip
            by_headers = await reporter.post(HEADERS, json={"account_id": account, "sets": sets})
            by_raw = await post_raw(reporter, ANSWER, account_id=account)
            assert (by_headers.status_code, by_raw.status_code) == (status, status)
            if status == 404:
                assert _told(by_headers) == _told(by_raw)
    assert not world.matching.asked
    assert not world.matched()


def _told(answer: httpx.Response) -> dict[str, Any]:
    content: dict[str, Any] = answer.json()
    return {name: content[name] for name in ("code", "detail", "remedy", "title")}


async def test_while_nobody_judges_nothing_is_taken(world: World, api: httpx.AsyncClient) -> None:
    await world.judge_down()
    answer = await post_raw(api, ANSWER)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    await world.judge_up()
    assert (await post_raw(api, ANSWER)).json()["verdict"] == "match"


async def _purged(db: Database) -> None:
    """Confirmed, its octets are gone."""
    async with asyncio.timeout(20):
        while await db["finds"].count_documents({"sealed": {"$exists": True}}):
            await asyncio.sleep(0.05)
