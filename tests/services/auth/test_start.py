"""Without a usable key ring there is no start; the operator's commands say what they did and what is wrong."""

from __future__ import annotations

import json

import pytest

from services.auth.settings import Settings
from tests.services.auth.processes import run
from tests.unit.auth.rings import ring_text


@pytest.mark.parametrize(
    ("ring", "says"),
    [
        ("", "no key ring"),
        ("/nowhere/ring.json", "/nowhere/ring.json cannot be read"),
        ('{"current": "k1", "keys": {}}', "not among its `keys`"),
        ('{"current": "k1", "keys": {"k1": "aHVudGVyMg=="}}', "32 random octets"),
    ],
)
async def test_no_key_no_start(settings: Settings, ring: str, says: str) -> None:
    for arguments in ((), ("rotate-keys",)):
        ended = await run(settings, *arguments, REPLYWIRE_KEY_RING=ring)
        assert ended.status == 78
        assert ended.err.startswith("auth does not start: ")
        assert says in ended.err
        assert "Traceback" not in ended.err
        assert "aHVudGVyMg" not in ended.err


async def test_the_first_key_is_printed_alone_once(settings: Settings) -> None:
    ended = await run(settings, "create-key", "--team", "acme", "--scopes", "accounts:read,keys:manage")
    assert ended.status == 0, ended.err
    assert ended.out.startswith("rw_")
    assert ended.out.count("\n") == 1
    whole = await run(settings, "create-key", "--team", "acme", "--json")
    assert set(json.loads(whole.out)) == {"key", "key_id", "team", "scopes"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("--team", "a.b"), "team"), (("--team", "acme", "--scopes", "root"), "no scope 'root'")],
)
async def test_a_key_that_cannot_be_made_is_told_why(settings: Settings, arguments: tuple[str, ...], says: str) -> None:
    ended = await run(settings, "create-key", *arguments)
    assert (ended.status, ended.out) == (2, "")
    assert says in ended.err


async def test_a_ring_in_the_environment_will_do(settings: Settings) -> None:
    ended = await run(settings, "rotate-keys", "--progress", "json", REPLYWIRE_KEY_RING=ring_text("k1", "k1"))
    assert ended.status == 0, ended.err
    assert json.loads(ended.out.splitlines()[-1]) == {"finished": True, "current": "k1", "done": 0, "failed": {}}
