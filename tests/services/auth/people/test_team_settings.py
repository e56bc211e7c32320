"""A team decides what it offers and on what terms: within what the operator allows, noted, and heeded everywhere."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.auth import commands
from services.auth.domain.refusals import Invalid
from tests.services.auth.conftest import Auth
from tests.services.auth.visiting import Team

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def besides() -> dict[str, Any]:
    return {"offered_clients": ("gmail", "smtp_imap")}


async def change(team: Team, status: int = 200, **changed: Any) -> dict[str, Any]:
    answer = await (await team.api()).put("/v1/settings", json=changed)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def records(team: Team) -> list[dict[str, Any]]:
    found = (await (await team.api()).get("/v1/audit")).json()["items"]
    return [record for record in found if record["action"].startswith("settings.")]


async def test_until_an_admin_chooses_all_that_the_operator_offers_is_offered(team: Team) -> None:
    seen = (await (await team.api()).get("/v1/settings")).json()
    assert seen["available"] == seen["offered"] == ["gmail", "smtp_imap"]
    assert (seen["revision"], seen["changed_at"], seen["microsoft_consent_required"]) == (0, None, False)


async def test_what_is_not_offered_cannot_be_connected_by_anybody(auth: Auth, team: Team) -> None:
    await change(team, offered=["gmail"])
    answer = await (await team.api()).post("/v1/accounts", json=auth.mail.body())
    assert (answer.status_code, answer.json()["field"]) == (422, "client")
    await team.nothing_is_left()
    await change(team, offered=["gmail", "smtp_imap"])
    assert (await (await team.api()).post("/v1/accounts", json=auth.mail.body())).status_code == 201


async def test_every_change_is_noted_with_who_from_what_and_to_what(team: Team) -> None:
    await change(team, offered=["smtp_imap"])
    await change(team, microsoft_consent_required=True, policies={"smtp_imap": {"sends_per_minute": 20}})
    found = {record["action"]: record for record in await records(team)}
    key_id = (await team.api()).headers["authorization"].split("_")[1]
    assert {record["actor"] for record in found.values()} == {f"key:{key_id}"}
    assert found["settings.offered_changed"]["details"] == {"from": "not chosen", "to": "smtp_imap"}
    assert found["settings.consent_rule_changed"]["details"] == {"to": "required"}
    policy = found["settings.policy_changed"]
    assert (policy["subject"], policy["details"]["to"]) == ("smtp_imap", "20 a minute")


async def test_what_changes_nothing_is_no_change(team: Team) -> None:
    first = await change(team, offered=["smtp_imap"])
    assert (await change(team, offered=["smtp_imap"]))["revision"] == first["revision"] == 1
    assert len(await records(team)) == 1


async def test_a_change_based_on_old_settings_is_refused(team: Team) -> None:
    await change(team, offered=["gmail"], revision=0)
    problem = await change(team, 409, offered=["smtp_imap"], revision=0)
    assert problem["code"] == "changed_meanwhile"


async def test_changes_at_once_lose_none(team: Team) -> None:
    clients = ["gmail", "smtp_imap", "microsoft365", "ews", "external"]
    await asyncio.gather(*(change(team, policies={client: {"sends_per_minute": 7}}) for client in clients))
    seen = (await (await team.api()).get("/v1/settings")).json()
    assert sorted(seen["policies"]) == sorted(clients)
    assert seen["revision"] == 5


async def test_teams_know_nothing_of_each_other(auth: Auth, team: Team) -> None:
    await change(team, offered=[])
    other = Team(auth)
    assert (await (await other.api()).get("/v1/settings")).json()["offered"] == ["gmail", "smtp_imap"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"offered": ["microsoft365"]}, "offered"),
        ({"offered": ["ews"]}, "offered"),
        ({"policies": {"gopher": {}}}, "policies.gopher"),
        ({"policies": {"gmail": {"sends_per_minute": -1}}}, "policies.gmail.sends_per_minute"),
        ({"policies": {"gmail": {"folders": ["a\nb"]}}}, "policies.gmail.folders"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_field(team: Team, changed: dict[str, Any], field: str) -> None:
    assert (await change(team, 422, **changed))["field"] == field


async def test_ews_waits_for_the_operators_leave(auth: Auth, team: Team) -> None:
    printed: list[str] = []
    await commands.allow_client(auth.settings, team.name, "ews", True, printed.append)
    assert printed == [f"Switched on for {team.name}: ews."]
    assert "ews" in (await change(team, offered=["ews"]))["offered"]
    await commands.allow_client(auth.settings, team.name, "ews", False, printed.append)
    assert (await (await team.api()).get("/v1/settings")).json()["offered"] == []
    withdrawn, _, allowed = await records(team)
    assert (allowed["action"], withdrawn["action"]) == ("settings.client_allowed", "settings.client_disallowed")
    assert allowed["actor"] == withdrawn["actor"] == "operator"
    with pytest.raises(Invalid):
        await commands.allow_client(auth.settings, team.name, "gmail", True, printed.append)


async def test_a_policy_travels_with_the_lease(auth: Auth, team: Team) -> None:
    api = await team.api()
    account_id = await auth.connect(api)
    before, _ = await auth.leases.lease(account_id)
    await change(team, policies={"smtp_imap": {"folders": ["Sales"], "sends_per_minute": 20, "sent_copy": False}})
    auth.leases.forget(account_id)
    after, revision = await auth.leases.lease(account_id)
    told = {"folders": ["Sales"], "sends_per_minute": 20, "sent_copy": False}
    assert after.settings == {**before.settings, **told}
    assert revision == 1  # nobody's login changed
    assert (await api.get(f"/v1/accounts/{account_id}")).json()["settings"] == before.settings


async def test_keys_need_the_scope_of_what_they_do(auth: Auth, team: Team) -> None:
    reader = auth.client(await auth.key(team.name, "settings:read"))
    assert (await reader.get("/v1/settings")).status_code == 200
    assert (await reader.put("/v1/settings", json={"offered": []})).status_code == 403
    assert (await auth.client(await auth.key(team.name, "audit:read")).get("/v1/settings")).status_code == 403
