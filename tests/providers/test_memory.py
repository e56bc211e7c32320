"""The in-memory client misbehaves as it is told: each promise of the protocols can be broken and is kept otherwise."""

from __future__ import annotations

import asyncio
import math

import pytest

from services.providers import memory, registry
from services.providers.errors import OutcomeUnknown, Permanent, Scope, Transient
from services.providers.memory.world import Step, World
from services.providers.types import FolderRole, Phase, ProbeVerdict
from tests.providers.conformance.bench import Noted, message
from tests.providers.conformance.benches import MemoryBench


@pytest.mark.parametrize("step", [Step.LOGIN, Step.RECIPIENTS, Step.BODY])
async def test_a_fault_before_the_commit_sends_nothing(step: Step) -> None:
    bench, noted = MemoryBench(), Noted()
    send = memory.client(bench.world).send
    assert send is not None
    bench.world.misbehave(step, Transient("host_unavailable", scope=Scope.HOST))
    with pytest.raises(Transient):
        await send(bench.policy).submit(message(bench), bench.credentials(), noted)
    assert bench.world.ledger == []
    assert Phase.COMMITTING not in noted.phases


@pytest.mark.parametrize(("step", "taken"), [(Step.COMMIT, 0), (Step.ANSWER, 1)])
async def test_contact_lost_after_the_commit_is_unknown_whether_or_not_it_was_taken(step: Step, taken: int) -> None:
    bench = MemoryBench()
    assert bench.client.send is not None
    send = bench.client.send(bench.policy)
    outgoing = message(bench)
    bench.world.misbehave(step, ConnectionResetError())
    with pytest.raises(OutcomeUnknown):
        await send.submit(outgoing, bench.credentials(), Noted())
    assert len(bench.world.ledger) == taken
    assert (await send.probe(outgoing, bench.credentials(), None)).verdict is ProbeVerdict.CANNOT_KNOW
    bench.world.remembers = True
    verdict = (await send.probe(outgoing, bench.credentials(), None)).verdict
    assert verdict is (ProbeVerdict.FOUND if taken else ProbeVerdict.ABSENT)


async def test_a_step_can_stand_still_until_it_is_let_go() -> None:
    bench = MemoryBench()
    assert bench.client.send is not None
    gate = asyncio.Event()
    bench.world.misbehave(Step.ANSWER, gate)
    noted = Noted()
    task = asyncio.create_task(bench.client.send(bench.policy).submit(message(bench), bench.credentials(), noted))
    async with asyncio.timeout(30):
        while Phase.COMMITTED not in noted.phases:
            await asyncio.sleep(0)
    assert not task.done()
    gate.set()
    await task
    assert noted.phases[-1] is Phase.ANSWERED


async def test_refused_recipients_are_told_and_a_rewritten_id_is_learnt() -> None:
    bench = MemoryBench()
    assert bench.client.send is not None
    send = bench.client.send(bench.policy)
    bench.world.refused["x@example.org"] = "550 5.1.1 no such user"
    bench.world.rewrites = "<rewritten@example.net>"
    submitted = await send.submit(message(bench, "x@example.org", bench.recipient), bench.credentials(), Noted())
    assert [(each.accepted, each.code) for each in submitted.recipients] == [(False, "550 5.1.1"), (True, "250 2.1.5")]
    assert submitted.identities.message_ids[1] == "<rewritten@example.net>"
    with pytest.raises(Permanent):
        await send.submit(message(bench, "x@example.org"), bench.credentials(), Noted())


async def test_mail_to_a_mailbox_of_the_world_arrives_there() -> None:
    bench = MemoryBench()
    bench.world.add_account(bench.recipient)
    assert bench.client.send is not None
    outgoing = message(bench)
    await bench.client.send(bench.policy).submit(outgoing, bench.credentials(), Noted())
    assert [mail.raw for mail in bench.world.accounts[bench.recipient].folders["INBOX"].mails] == [outgoing.mime]


async def test_a_mailbox_without_a_sent_folder_says_so() -> None:
    bench = MemoryBench()
    folders = bench.world.accounts[bench.address].folders
    del folders[next(name for name, folder in folders.items() if folder.role is FolderRole.SENT)]
    assert bench.client.send is not None
    with pytest.raises(Permanent) as error:
        await bench.client.send(bench.policy).file_sent_copy(message(bench), bench.credentials(), math.inf)
    assert error.value.reason == "no_sent_folder"


def test_the_registry_knows_it() -> None:
    assert registry.client("memory").capabilities.client == "memory"
    assert isinstance(memory.WORLD, World)
