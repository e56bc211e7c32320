"""API keys over HTTP: shown once, kept hashed, rotated without a gap, each change on record."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from replywire_contracts.v1.rpc import KeyHolder, VerifyKey

from services.runtime.rpc import RpcRefused
from tests.services.auth.conftest import Auth


async def verify(auth: Auth, key: str) -> KeyHolder:
    """As every service asks it; their own HTTP faces keep the answer for half a minute."""
    holder: KeyHolder = await auth.rpc.call(VerifyKey(key_hash=hashlib.sha256(key.encode()).hexdigest()))
    return holder


async def test_a_made_key_works_for_its_team_and_scopes_and_is_shown_once(auth: Auth) -> None:
    api = await auth.api()
    made = await api.post("/v1/api-keys", json={"name": "crm", "scopes": ["accounts:read"]})
    assert made.status_code == 201, made.text
    key = made.json()["key"]
    holder = await verify(auth, key)
    assert (holder.team_id, holder.scopes, holder.key_id) == ("acme", ("accounts:read",), made.json()["key_id"])
    assert (await auth.client(key).get("/v1/accounts")).status_code == 200
    listed = await api.get("/v1/api-keys")
    assert key not in listed.text
    assert hashlib.sha256(key.encode()).hexdigest() not in listed.text
    stored = [document async for document in auth.app.db["api_keys"].find()]
    assert key.split("_")[2] not in repr(stored)


async def test_a_key_makes_no_key_stronger_than_itself(auth: Auth) -> None:
    weak = await auth.api("acme", "keys:manage", "accounts:read")
    refused = await weak.post("/v1/api-keys", json={"scopes": ["accounts:write"]})
    assert (refused.status_code, refused.json()["field"]) == (422, "scopes")
    strong_id = (await auth.api()).headers["authorization"].split("_")[1]
    assert (await weak.post(f"/v1/api-keys/{strong_id}/rotate")).status_code == 422
    unknown = await weak.post("/v1/api-keys", json={"scopes": ["root"]})
    assert unknown.json()["field"] == "scopes"


async def test_a_rotated_key_and_its_successor_work_side_by_side_until_the_overlap_is_over(auth: Auth) -> None:
    api = await auth.api()
    old = (await api.post("/v1/api-keys", json={"name": "crm", "scopes": ["accounts:read"]})).json()
    rotated = await api.post(f"/v1/api-keys/{old['key_id']}/rotate", json={"overlap_seconds": 3600})
    assert rotated.status_code == 201, rotated.text
    assert (await verify(auth, old["key"])).scopes == (await verify(auth, rotated.json()["key"])).scopes
    again = await api.post(f"/v1/api-keys/{old['key_id']}/rotate")
    assert (again.status_code, again.json()["code"]) == (409, "already_rotated")

    ended = await api.post(f"/v1/api-keys/{rotated.json()['key_id']}/rotate", json={"overlap_seconds": 0})
    with pytest.raises(RpcRefused, match="unknown_key"):
        await verify(auth, rotated.json()["key"])
    assert await verify(auth, ended.json()["key"])
    too_long = await api.post(f"/v1/api-keys/{ended.json()['key_id']}/rotate", json={"overlap_seconds": 10**12})
    assert (too_long.status_code, too_long.json()["field"]) == (422, "overlap_seconds")


async def test_a_deleted_key_opens_nothing(auth: Auth) -> None:
    api = await auth.api()
    made = (await api.post("/v1/api-keys", json={"scopes": ["accounts:read"]})).json()
    assert (await api.delete(f"/v1/api-keys/{made['key_id']}")).status_code == 204
    with pytest.raises(RpcRefused, match="unknown_key"):
        await verify(auth, made["key"])
    assert (await api.delete(f"/v1/api-keys/{made['key_id']}")).status_code == 404


async def test_last_use_is_written_at_most_once_a_minute(auth: Auth) -> None:
    key = await auth.key()
    keys = auth.app.db["api_keys"]
    await verify(auth, key)
    first = (await keys.find_one({}))["last_used_at"]  # type: ignore[index]
    await verify(auth, key)
    assert (await keys.find_one({}))["last_used_at"] == first  # type: ignore[index]
    await keys.update_one({}, {"$set": {"last_used_at": first - timedelta(minutes=2)}})
    await verify(auth, key)
    assert (await keys.find_one({}))["last_used_at"] >= first  # type: ignore[index]


async def test_every_change_of_a_key_is_on_record_with_who_made_it(auth: Auth) -> None:
    api = await auth.api()
    me = f"key:{api.headers['authorization'].split('_')[1]}"
    made = (await api.post("/v1/api-keys", json={"name": "crm", "scopes": ["accounts:read"]})).json()
    rotated = (await api.post(f"/v1/api-keys/{made['key_id']}/rotate")).json()
    await api.delete(f"/v1/api-keys/{made['key_id']}")
    page = (await api.get("/v1/audit", params={"limit": 3})).json()
    facts = [(record["action"], record["subject"], record["actor"]) for record in page["items"]]
    assert facts == [
        ("api_key.deleted", made["key_id"], me),
        ("api_key.rotated", made["key_id"], me),
        ("api_key.created", made["key_id"], me),
    ]
    assert page["items"][1]["details"]["successor"] == rotated["key_id"]
    rest = (await api.get("/v1/audit", params={"limit": 3, "cursor": page["next"]})).json()
    assert [record["actor"] for record in rest["items"]] == ["operator"]
    assert rest["next"] is None
