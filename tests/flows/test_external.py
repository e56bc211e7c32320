"""A team whose own code sends: set up, given work, killed in the middle, and told of the answers to what it sent.

The code is the example of the contracts, as a process of its own, over the one address of the API.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import nats
import nats.errors
import pytest
import pytest_asyncio
from replywire_contracts.external import External
from replywire_contracts.external_bus import BusDoor
from replywire_contracts.nats import Replywire
from replywire_contracts.v1.reply import ReplyDetected
from replywire_contracts.v1.send import SendRequested, SendSent
from replywire_contracts.v1.values import Address, Body

from deploy.embedded.bus_users import give
from deploy.embedded.sandbox_mail import ledger
from deploy.embedded.sandbox_mail.person import Person
from tests.flows.test_privacy import forms, places
from tests.servers import stack as stacks
from tests.servers.stack import TEAM, RunningStack

pytestmark = [pytest.mark.xdist_group("external"), pytest.mark.asyncio(loop_scope="module")]

WORKER = Path(__file__).parents[2] / "contracts" / "examples" / "external_worker.py"
ALICE, BOB = "alice@example.com", "bob@example.org"
PLANTED = "zqExternalzq"
HOLDS_A_LEASE = """
import asyncio, sys
from replywire_contracts.external import External
async def main():
    async with External(*sys.argv[1:3]) as external:
        [work] = await external.take(1, wait=40, lease=3)
        print(work.request_id, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""
T = TypeVar("T")


class Team:
    """The admin, the product and the prospect of one team."""

    def __init__(self, running: RunningStack, product: Replywire) -> None:
        self.running = running
        self.product = product
        self.key = ""
        self.account = ""
        self.bob, self.alice = Person(running.sandbox, BOB), Person(running.sandbox, ALICE)

    @property
    def url(self) -> str:
        assert self.running.stack.api_url is not None
        return self.running.stack.api_url

    async def ask(self, method: str, path: str, **body: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.running.stack.secrets.api_keys[TEAM]}"}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30) as api:
            return await api.request(method, path, json=body or None)

    async def asked(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        answer = await self.ask(method, path, **body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    @contextlib.asynccontextmanager
    async def code(self, *arguments: str, program: str = str(WORKER)) -> AsyncIterator[asyncio.subprocess.Process]:
        """Their own code, ended in the end."""
        env = os.environ | {"SSL_CERT_FILE": str(self.running.sandbox.ca_file)}
        command = [sys.executable, program] if program != HOLDS_A_LEASE else [sys.executable, "-c", program]
        process = await asyncio.create_subprocess_exec(
            *command, self.url, self.key, *arguments, env=env, stdout=asyncio.subprocess.PIPE
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    @property
    def servers(self) -> tuple[str, str]:
        """Alice's, as the worker is told of them."""
        login = f"{quote(ALICE)}:{quote(self.running.sandbox.users[ALICE])}@localhost"
        ports = self.running.sandbox.ports
        return f"smtps://{login}:{ports['smtps']}", f"imaps://{login}:{ports['imap']}"

    async def send(self, request_id: str, **changes: Any) -> None:
        fields: dict[str, Any] = {
            "to": (Address(email=BOB),),
            "subject": "Tuesday?",
            "text": Body(text="Would it suit?\n"),
        } | changes
        await self.product.publish(
            SendRequested(team_id=TEAM, request_id=request_id, account_id=self.account, **fields)
        )

    async def received(self, message_id: str) -> bytes:
        return await until(lambda: self.bob.find("INBOX", message_id))


async def until(look: Callable[[], T | None]) -> T:
    async with asyncio.timeout(60):
        while (found := await asyncio.to_thread(look)) is None:
            await asyncio.sleep(0.1)
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def team(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Team]:
    """With everything set up."""
    env = {"auth": {"REPLYWIRE_OFFERED_CLIENTS": '["smtp_imap", "external"]'}}
    folder = tmp_path_factory.mktemp("external")
    async with (
        stacks.running(folder, env=env, searchable_files=True, front_door=True) as running,
        running.product() as product,
    ):
        made = Team(running, product)
        await set_up(made)
        yield made


async def set_up(team: Team) -> None:
    """As an admin does it; nothing of it can be left out."""
    early = await team.ask("POST", "/v1/external/accounts", address=ALICE)
    assert early.status_code in (409, 422), "it cannot be chosen before its set-up"
    refused = await team.ask("PUT", "/v1/settings", offered=["smtp_imap", "external"])
    assert (refused.status_code, refused.json()["code"]) == (409, "set_up_incomplete")
    team.key = (await team.asked("POST", "/v1/api-keys", name="mail worker", scopes=["external:work"]))["key"]
    setup = await team.asked("PUT", "/v1/external/setup", delivery="http")
    assert [step["code"] for step in setup["missing"]] == ["test"]
    await team.asked("POST", "/v1/external/setup/test", sender=ALICE, recipient=BOB)
    async with team.code(team.servers[0]), asyncio.timeout(60):
        while not (setup := await team.asked("GET", "/v1/external/setup"))["complete"]:
            await asyncio.sleep(0.1)
    assert setup["keys"][0]["last_used_at"]
    offered = await team.asked("PUT", "/v1/settings", offered=["smtp_imap", "external"])
    assert "external" in offered["offered"]
    team.account = (await team.asked("POST", "/v1/external/accounts", address=ALICE))["account_id"]


async def test_the_example_sends_and_the_answer_to_it_is_detected_and_nothing_else_is_kept(team: Team) -> None:
    sents = team.product.subscribe(SendSent, team=TEAM, durable="external-sent")
    replies = team.product.subscribe(ReplyDetected, team=TEAM, durable="external-replies")
    async with sents, replies, team.code(*team.servers, team.account), asyncio.timeout(90):
        await team.send("external-1", metadata={"campaign": "spring"})
        sent = await anext(aiter(sents))
        assert (sent.request_id, sent.metadata) == ("external-1", {"campaign": "spring"})
        mail = await team.received(sent.identities.message_ids[0])
        await asyncio.to_thread(team.bob.submit, unrelated())
        answered = await asyncio.to_thread(team.bob.answer, mail, "Tuesday is fine.")
        reply = await anext(aiter(replies))
    assert (reply.request_id, reply.message_id) == ("external-1", answered)
    assert reply.new_text.text is not None
    assert reply.new_text.text.strip() == "Tuesday is fine."
    stack = team.running.stack.folder
    for kept in ("mongodb", "nats", "logs"):
        assert list(places(stack / kept, forms(PLANTED))) == []
    assert list(places(stack / "logs", {b"ready"})), "there are no logs to search"


async def test_a_whole_worker_is_no_longer_than_the_readme_says() -> None:
    assert len(WORKER.read_text().splitlines()) < 60


def unrelated() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = BOB, ALICE, f"About {PLANTED}"
    message["Message-ID"], message["In-Reply-To"] = f"<{PLANTED}@example.org>", f"<{PLANTED}-parent@example.org>"
    message.set_content(f"Dear Alice, {PLANTED}\n")
    return message


async def told_by_doctor(team: Team, request_id: str) -> dict[str, Any]:
    """What `replywire doctor` finds of a message, as soon as it finds anything."""
    command = ["-m", "services.cli", "doctor", "--json", "--folder", str(team.running.stack.folder)]
    async with asyncio.timeout(60):
        while True:
            process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
            printed, _ = await process.communicate()
            for found in json.loads(printed):
                if found["what"] == f"message {request_id}":
                    assert process.returncode == 1
                    return dict(found)


async def test_a_worker_killed_with_a_lease_in_its_hand_leaves_its_message_to_the_next(team: Team) -> None:
    await team.send("external-2")
    async with team.code(program=HOLDS_A_LEASE) as doomed:
        assert doomed.stdout is not None
        async with asyncio.timeout(60):
            assert (await doomed.stdout.readline()).strip() == b"external-2"
        doomed.kill()
        await doomed.wait()
    found = await told_by_doctor(team, "external-2")
    assert found["well"] is False
    assert "reports nothing" in found["detail"]
    sents = team.product.subscribe(SendSent, team=TEAM, durable="external-2")
    async with sents, team.code(team.servers[0]), asyncio.timeout(60):
        sent = await anext(aiter(sents))
    assert sent.request_id == "external-2"
    stored = await team.asked("GET", "/v1/messages/external-2")
    assert [line["state"] for line in stored["history"]] == ["queued", "handed_out", "handed_out", "sent"]
    await team.received(sent.identities.message_ids[0])
    times = Counter(taken.message_id for taken in ledger.read(team.running.sandbox.ledger_file))
    assert times[sent.identities.message_ids[0]] == 1


async def test_the_same_is_done_over_the_bus_by_the_teams_own_user(team: Team) -> None:
    made = give(team.running.stack.folder, TEAM)
    assert made.at_once
    await team.asked("PUT", "/v1/external/setup", delivery="nats")
    replies = team.product.subscribe(ReplyDetected, team=TEAM, durable="external-bus")
    async with asyncio.timeout(60), replies, External(door=await door(team, made.password)) as external:
        await team.send("external-3")
        [work] = await external.take(wait=40)
        answer = await external.sent(work)
        assert (work.request_id, answer.state) == ("external-3", "sent")
        names = f"Message-ID: <bus-answer@example.org>\r\nIn-Reply-To: {work.message_id}\r\n"
        assert await external.wanted(team.account, [("1", names.encode()), ("2", b"Subject: Sale!\r\n")]) == ["1"]
        raw = f"From: {BOB}\r\nTo: {ALICE}\r\nSubject: Re: Tuesday?\r\n{names}\r\nYes.\r\n".encode()
        assert await external.hand_in(team.account, raw)
        reply = await anext(aiter(replies))
    assert (reply.request_id, reply.message_id) == ("external-3", "<bus-answer@example.org>")


async def door(team: Team, password: str) -> BusDoor:
    while True:
        try:
            return await BusDoor.connect(team.running.stack.nats_url, team=TEAM, password=password)
        except (nats.errors.Error, OSError):
            await asyncio.sleep(0.1)  # the server reads its users anew in its own time
