"""The servers of the suite, each started once and only for the benches that are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from deploy.embedded.sandbox import SandboxMail
from tests.providers.conformance.bench import Bench
from tests.providers.conformance.benches import SANDBOX_USERS, DovecotBench, GmailBench, MemoryBench, SandboxBench
from tests.servers.smtp_sink import SmtpSink


@pytest.fixture(scope="session")
def shared_sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpSink]:
    sink = SmtpSink(tmp_path_factory.mktemp("sink"))
    asyncio.run(sink.start())
    yield sink
    asyncio.run(sink.stop())


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxMail]:
    sandbox = SandboxMail(tmp_path_factory.mktemp("sandbox"), users=SANDBOX_USERS)
    asyncio.run(sandbox.start())
    yield sandbox
    asyncio.run(sandbox.stop())


@pytest.fixture(params=["memory", "dovecot", "gmail", "sandbox"])
def bench(request: pytest.FixtureRequest) -> Bench:
    match request.param:
        case "memory":
            return MemoryBench()
        case "dovecot":
            return DovecotBench(request.getfixturevalue("shared_dovecot"), request.getfixturevalue("shared_sink"))
        case "gmail":
            return GmailBench(request.getfixturevalue("shared_gmail"))
        case _:
            return SandboxBench(request.getfixturevalue("shared_sandbox"))
