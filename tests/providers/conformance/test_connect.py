"""auth's face: a mailbox is proved by real logins, and a refusal names its server."""

from __future__ import annotations

import pytest

from services.providers.errors import Permanent
from tests.providers.conformance.bench import Bench


async def test_a_right_login_is_proved_and_the_sent_folder_learnt(bench: Bench) -> None:
    assert bench.client.connect is not None
    given = bench.credentials()
    proof = await bench.client.connect(bench.policy).prove(bench.address, given.settings, given.secret)
    assert proof.address == bench.address
    assert proof.settings["sent_folder"] == bench.sent_folder
    assert {name: proof.settings[name] for name in given.settings}.keys() == given.settings.keys()
    assert not [value for value in given.secret.values() if value in repr(proof)]


async def test_what_was_proved_is_what_sends_and_syncs(bench: Bench) -> None:
    assert bench.client.connect is not None
    given = bench.credentials()
    first = await bench.client.connect(bench.policy).prove(bench.address, given.settings, given.secret)
    second = await bench.client.connect(bench.policy).prove(bench.address, first.settings, given.secret)
    assert second == first


async def test_a_wrong_password_is_refused_with_the_servers_name_and_a_remedy(bench: Bench) -> None:
    assert bench.client.connect is not None
    given = bench.credentials()
    wrong = dict.fromkeys(given.secret, "not-the-password")
    with pytest.raises(Permanent) as error:
        await bench.client.connect(bench.policy).prove(bench.address, given.settings, wrong)
    assert error.value.reason == "refused_login"
    assert "server" in error.value.words
    assert error.value.remedy
    assert "not-the-password" not in repr(error.value)


async def test_proving_sends_nothing(bench: Bench) -> None:
    assert bench.client.connect is not None
    before = await bench.taken()
    given = bench.credentials()
    await bench.client.connect(bench.policy).prove(bench.address, given.settings, given.secret)
    assert await bench.taken() == before
