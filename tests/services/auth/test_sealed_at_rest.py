"""Nothing that opens a mailbox is readable where it is kept, logged or carried; a moved or destroyed box stays shut."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from replywire_contracts.v1.rpc import LeaseCredentials

from deploy.embedded.mongod import Mongod
from services.auth import commands
from services.auth.settings import Settings
from services.runtime.bus import settled
from services.runtime.rpc import RpcRefused, RpcUnavailable
from services.runtime.sealing import ReplyKey
from tests.servers.choice import EMBEDDED, chosen
from tests.servers.dovecot import Dovecot
from tests.services.auth.conftest import Auth, Mail, provisioned, running
from tests.services.auth.processes import serving

PLANTED = "planted-4f1c-Passwort"


async def ask(auth: Auth, account_id: str) -> None:
    await auth.rpc.call(LeaseCredentials(account_id=account_id, reply_key=ReplyKey().public))


async def test_no_password_is_in_the_database_s_files_nor_in_any_log(
    nats_url: str, tmp_path: Path, mail: Mail, ring_file: Path
) -> None:
    if chosen() != EMBEDDED:
        pytest.skip("reads the files of the embedded mongod")
    folder = tmp_path / "mongod"
    mongod = Mongod(folder, uncompressed=True)
    await mongod.start()
    dovecot = Dovecot(settings=f"passdb {{\n  driver = static\n  args = password={PLANTED}\n}}")
    await dovecot.start()
    try:
        mine = Mail(dovecot, mail.smtp)
        settings = await provisioned(
            Settings(nats_url=nats_url, mongodb_url=mongod.url, key_ring=str(ring_file), **mine.policy)
        )
        printed: list[str] = []
        await commands.create_key(settings, "acme", ("accounts:write", "accounts:read"), "test", False, printed.append)
        async with (
            serving(settings) as served,
            httpx.AsyncClient(base_url=served.url, headers={"Authorization": f"Bearer {printed[0]}"}) as api,
        ):
            # Right and wrong passwords, in the right and in wrong places.
            good = await api.post("/v1/accounts", json=mine.body(secret={"password": PLANTED}))
            assert good.status_code == 201, good.text
            await api.post("/v1/accounts", json=mine.body("b@example.com", secret={"password": f"{PLANTED}-wrong"}))
            await api.post("/v1/accounts", json=mine.body("c@example.com", secret={PLANTED: "x"}))
            await api.post("/v1/accounts", json=mine.body("d@example.com", secret=PLANTED))
            misplaced = mine.settings(smtp={"password": PLANTED})
            assert (await api.post("/v1/accounts", json=mine.body("e@example.com", settings=misplaced))).is_error
        log = (await served.log).decode()
        assert "ready" in log
        await mongod.stop()
        octets = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        assert b"ada@example.com" in octets, "the files can be searched"
        for secret in (PLANTED, printed[0].split("_")[2]):
            assert secret.encode() not in octets
            assert secret not in log
    finally:
        await mongod.stop()
        await dovecot.stop()
        dovecot.remove()


async def test_a_box_moved_to_another_account_does_not_open(auth: Auth) -> None:
    api = await auth.api()
    mine, theirs = await auth.connect(api), await auth.connect(api, "eve@example.com")
    await ask(auth, mine)
    accounts = auth.app.db["accounts"]
    stolen = await accounts.find_one({"_id": mine})
    assert stolen is not None
    await accounts.update_one({"_id": theirs}, {"$set": {"box": stolen["box"]}})
    with pytest.raises(RpcUnavailable):
        await ask(auth, theirs)
    await ask(auth, mine)


async def test_an_account_given_to_another_team_does_not_open(auth: Auth) -> None:
    account_id = await auth.connect(await auth.api())
    await auth.app.db["accounts"].update_one({"_id": account_id}, {"$set": {"team_id": "globex"}})
    with pytest.raises(RpcUnavailable):
        await ask(auth, account_id)


async def test_disconnecting_destroys_key_box_and_settings(auth: Auth) -> None:
    api = await auth.api()
    account_id = await auth.connect(api)
    before = await auth.app.db["accounts"].find_one({"_id": account_id})
    assert before is not None
    assert before["box"]["wrapped_key"]
    await api.delete(f"/v1/accounts/{account_id}")
    after = await auth.app.db["accounts"].find_one({"_id": account_id})
    assert after is not None
    assert ("box" in after, after["settings"], after["owed"]) == (False, {}, [])
    with pytest.raises(RpcRefused, match="disconnected"):
        await ask(auth, account_id)


async def test_under_another_ring_nothing_opens_and_the_service_goes_on(
    settings: Settings, mail: Mail, ring_file: Path
) -> None:
    async with running(settings, mail) as auth:
        account_id = await auth.connect(await auth.api())
    ring_file.unlink()
    commands.new_key_ring(ring_file, False, lambda _: None)
    async with running(settings, mail) as auth:
        with pytest.raises(RpcUnavailable):
            await ask(auth, account_id)
        api = await auth.api()
        again = await auth.connect(api)  # the person connects again, under the new ring
        assert again == account_id
        await ask(auth, account_id)


async def test_nothing_secret_is_on_the_bus(auth: Auth) -> None:
    """Everything that any subject carries while a mailbox is connected, leased and disconnected."""
    carried: list[bytes] = []

    async def hear(message: object) -> None:
        carried.append(bytes(message.data))  # type: ignore[attr-defined]

    listener = await auth.product.connection.subscribe(">", cb=hear)
    await settled(auth.product.connection)
    api = await auth.api()
    account_id = await auth.connect(api)
    await auth.leases.lease(account_id)
    await api.delete(f"/v1/accounts/{account_id}")
    for _ in range(2):
        await auth.next_event()
    await asyncio.sleep(0)
    await listener.unsubscribe()
    spoken = b"\n".join(carried)
    assert account_id.encode() in spoken
    for secret in (auth.mail.body()["secret"]["password"], api.headers["authorization"].split("_")[2]):
        assert secret.encode() not in spoken
