"""Rotation re-wraps every account while the service leases, survives a kill, and leaves the old key without a use."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from services.auth import commands
from services.auth.adapters.boxes import MongoBoxes
from services.auth.adapters.key_ring_file import KeyRingFile
from services.auth.rotation import rotate_all
from services.auth.settings import Settings
from services.runtime.credentials import CredentialsCache
from tests.servers.dovecot import PASSWORD
from tests.services.auth.conftest import Auth
from tests.services.auth.processes import run

ACCOUNTS = 12


async def connected(auth: Auth, number: int = ACCOUNTS) -> list[str]:
    api = await auth.api()
    return list(await asyncio.gather(*(auth.connect(api, f"user{each}@example.com") for each in range(number))))


async def wrapped_by(auth: Auth) -> set[str]:
    return {document["box"]["key_id"] async for document in auth.app.db["accounts"].find({"box": {"$exists": True}})}


async def test_leases_go_on_through_a_rotation_and_the_old_key_can_go_afterwards(
    auth: Auth, settings: Settings, ring_file: Path
) -> None:
    ids = await connected(auth)
    stop = asyncio.Event()
    leased = 0

    async def lease_all_the_time(account_id: str) -> None:
        nonlocal leased
        while not stop.is_set():
            credentials, _ = await CredentialsCache(auth.rpc).lease(account_id)
            assert credentials.secret["smtp_password"] == PASSWORD
            leased += 1

    load = [asyncio.create_task(lease_all_the_time(account_id)) for account_id in ids]
    commands.new_key_ring(ring_file, False, lambda _: None)
    said: list[str] = []
    assert await commands.rotate_keys(settings, True, said.append) == 0
    before = leased
    async with asyncio.timeout(20):
        while leased < before + 2 * ACCOUNTS:
            await asyncio.sleep(0.01)
    stop.set()
    await asyncio.gather(*load)
    assert await wrapped_by(auth) == {"k2"}
    steps = [json.loads(line) for line in said]
    assert steps[0] == {"done": 0, "total": ACCOUNTS, "failed": 0}
    assert steps[-1] == {"finished": True, "current": "k2", "done": ACCOUNTS, "failed": {}}

    ring = json.loads(ring_file.read_text())
    del ring["keys"]["k1"]
    ring_file.write_text(json.dumps(ring))
    for account_id in ids:
        await CredentialsCache(auth.rpc).lease(account_id)


async def test_a_killed_rotation_is_taken_up_where_it_was_left(auth: Auth, settings: Settings, ring_file: Path) -> None:
    ids = await connected(auth)
    untouched = {each["_id"]: each["box"]["sealed"] async for each in auth.app.db["accounts"].find()}
    commands.new_key_ring(ring_file, False, lambda _: None)
    killed = await run(settings, "rotate-keys", REPLYWIRE_FAILPOINTS="auth.rotating=kill:7")
    assert killed.status == -9
    assert await wrapped_by(auth) <= {"k1", "k2"}
    for account_id in ids:
        await CredentialsCache(auth.rpc).lease(account_id)
    again = await run(settings, "rotate-keys", "--progress", "json")
    assert again.status == 0, again.err
    assert await wrapped_by(auth) == {"k2"}
    for account_id in ids:
        await CredentialsCache(auth.rpc).lease(account_id)
    # The secret itself was never opened: only its key changed its wrapping.
    assert untouched == {each["_id"]: each["box"]["sealed"] async for each in auth.app.db["accounts"].find()}
    nothing = await run(settings, "rotate-keys", "--progress", "json")
    assert json.loads(nothing.out.splitlines()[-1])["done"] == 0


async def test_two_rotations_at_once_do_not_hurt_each_other(auth: Auth, settings: Settings, ring_file: Path) -> None:
    ids = await connected(auth)
    commands.new_key_ring(ring_file, False, lambda _: None)
    ring = KeyRingFile(str(ring_file)).ring()
    boxes = MongoBoxes(auth.app.db)
    both = await asyncio.gather(*(rotate_all(boxes, ring, lambda _: None) for _ in range(2)))
    assert sum(each.done for each in both) == ACCOUNTS
    assert await wrapped_by(auth) == {"k2"}
    for account_id in ids:
        await CredentialsCache(auth.rpc).lease(account_id)


async def test_a_secret_changed_during_a_rotation_is_not_set_back(auth: Auth, ring_file: Path) -> None:
    """The rotation read the old box; the person reconnects; the rotation's write must miss."""
    api = await auth.api()
    account_id = await auth.connect(api)
    boxes = MongoBoxes(auth.app.db)
    commands.new_key_ring(ring_file, False, lambda _: None)
    ring = KeyRingFile(str(ring_file)).ring()
    read = [account async for account in boxes.left(ring.current)]
    await auth.connect(api)
    stored = await auth.app.db["accounts"].find_one({"_id": account_id})
    assert read[0].box is not None
    assert not await boxes.rewrap(read[0], read[0].box)
    assert await auth.app.db["accounts"].find_one({"_id": account_id}) == stored
    assert await wrapped_by(auth) == {"k2"}


async def test_a_disconnect_during_a_rotation_is_not_undone(auth: Auth, ring_file: Path) -> None:
    api = await auth.api()
    account_id = await auth.connect(api)
    boxes = MongoBoxes(auth.app.db)
    read = [account async for account in boxes.left("k2")]
    await api.delete(f"/v1/accounts/{account_id}")
    assert read[0].box is not None
    assert not await boxes.rewrap(read[0], read[0].box)
    assert await wrapped_by(auth) == set()


async def test_an_account_that_cannot_be_opened_is_named_and_holds_up_no_other(
    auth: Auth, settings: Settings, ring_file: Path
) -> None:
    ids = await connected(auth, 3)
    await auth.app.db["accounts"].update_one({"_id": ids[1]}, {"$set": {"box.wrapped_key": b"\x01\x02k1" + b"?" * 60}})
    commands.new_key_ring(ring_file, False, lambda _: None)
    said: list[str] = []
    assert await commands.rotate_keys(settings, False, said.append) == 1
    assert any(ids[1] in line and "could not be opened" in line for line in said)
    assert await auth.app.db["accounts"].count_documents({"box.key_id": "k2"}) == 2


async def test_a_ring_that_lost_the_old_key_rotates_nothing_and_says_which(
    auth: Auth, settings: Settings, ring_file: Path
) -> None:
    ids = await connected(auth, 2)
    ring_file.unlink()
    commands.new_key_ring(ring_file, False, lambda _: None)
    commands.new_key_ring(ring_file, False, lambda _: None)
    ring = json.loads(ring_file.read_text())
    del ring["keys"]["k1"]
    ring_file.write_text(json.dumps(ring))
    said: list[str] = []
    assert await commands.rotate_keys(settings, False, said.append) == 1
    assert sum("holds no key 'k1'" in line for line in said) == len(ids)
