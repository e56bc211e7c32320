"""A mailbox in use stays with its people: a login at servers that somebody names proves no address."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services.auth.conftest import Auth
from tests.services.auth.visiting import Team

pytestmark = pytest.mark.asyncio(loop_scope="module")
ADA, EVE = {"person": "ada"}, {"person": "eve"}


async def kept(auth: Auth, account_id: str) -> dict[str, Any]:
    found = await auth.app.db["accounts"].find_one({"_id": account_id})
    assert found is not None
    return dict(found)


@pytest.mark.parametrize("connected_by", ["a person", "an API key"])
async def test_nobody_takes_a_colleagues_mailbox_with_a_login_of_their_own(
    auth: Auth, team: Team, connected_by: str
) -> None:
    if connected_by == "a person":
        account_id = await team.connected(await team.visit(**ADA))
    else:
        account_id = await auth.connect(await team.api())
    before = await kept(auth, account_id)
    eve = await team.visit(**EVE)
    fields = team.fields("Ada@Example.com", imap_username="eve@example.com", smtp_username="eve@example.com")
    answer = await eve.post("/connect/smtp_imap", **fields)
    assert answer.status_code == 409
    assert "This mailbox is connected already, by somebody else of your team." in answer.text
    assert "for a link to reconnect it" in answer.text
    assert account_id not in answer.text
    assert await kept(auth, account_id) == before
    assert (await eve.get(f"/mailboxes/{account_id}")).status_code == 404


async def test_a_mailbox_whose_password_no_longer_works_is_not_free_either(auth: Auth, team: Team) -> None:
    account_id = await team.connected(await team.visit(**ADA))
    await auth.app.db["accounts"].update_one({"_id": account_id}, {"$set": {"state": "needs_reauth"}})
    answer = await (await team.visit(**EVE)).post("/connect/smtp_imap", **team.fields())
    assert answer.status_code == 409
    assert (await kept(auth, account_id))["people"] == ["ada"]


async def test_its_own_person_and_an_api_key_connect_it_again(auth: Auth, team: Team) -> None:
    account_id = await team.connected(await team.visit(**ADA))
    assert await team.connected(await team.visit(**ADA)) == account_id
    assert await auth.connect(await team.api()) == account_id
    found = await kept(auth, account_id)
    assert (found["revision"], found["people"]) == (3, ["ada"])


async def test_a_link_to_reconnect_it_is_leave_to_take_it(auth: Auth, team: Team) -> None:
    account_id = await team.connected(await team.visit(**ADA))
    eve = await team.visit("reconnect", account_id=account_id, **EVE)
    answer = await eve.post(f"/mailboxes/{account_id}/reconnect", **team.fields())
    assert answer.status_code == 303, answer.text
    assert (await kept(auth, account_id))["people"] == ["ada", "eve"]


async def test_a_mailbox_that_was_disconnected_is_its_next_persons_alone(auth: Auth, team: Team) -> None:
    ada = await team.visit(**ADA)
    account_id = await team.connected(ada)
    assert (await ada.post(f"/mailboxes/{account_id}/disconnect")).status_code == 303
    assert await team.connected(await team.visit(**EVE)) == account_id
    found = await kept(auth, account_id)
    assert (found["state"], found["people"]) == ("connected", ["eve"])
    assert (await ada.get(f"/mailboxes/{account_id}")).status_code == 404
