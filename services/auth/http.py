"""auth's HTTP face: accounts, API keys and the audit log of the team whose key asks. Translates, decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, FastAPI, Query, Request, Response

from services.auth import http_problems
from services.auth.connecting import Connecting, Who
from services.auth.domain.account import State
from services.auth.domain.audit import Actor, AuditRecord
from services.auth.domain.refusals import no_such_account
from services.auth.http_shapes import AccountOut, AuditOut, ConnectIn, KeyIn, KeyOut, NewKeyOut, RotateIn, UpdateIn
from services.auth.keys import Keys
from services.auth.ports import Accounts, ApiKeys, AuditLog
from services.runtime.http import Caller, Cursor, Limit, Page, after, api_key, encode_cursor
from services.runtime.problem_codes import UNFIT, refusals

ReadsAccounts = Annotated[Caller, Depends(api_key("accounts:read"))]
WritesAccounts = Annotated[Caller, Depends(api_key("accounts:write"))]
ManagesKeys = Annotated[Caller, Depends(api_key("keys:manage"))]
ReadsAudit = Annotated[Caller, Depends(api_key("audit:read"))]


def install(
    api: FastAPI, connecting: Connecting, accounts: Accounts, keys: Keys, api_keys: ApiKeys, audit: AuditLog
) -> None:
    http_problems.install(api)
    _account_routes(api, connecting, accounts)
    _key_routes(api, keys, api_keys)

    @api.get("/v1/audit", tags=["audit"])
    async def read_audit(caller: ReadsAudit, cursor: Cursor = None, limit: Limit = 50) -> Page[AuditOut]:
        """Who changed what and when, the newest first."""
        found = await audit.page(caller.team_id, after(cursor, "id"), limit)
        names = await _names_of_keys(caller.team_id, found, api_keys)
        return Page(
            items=[AuditOut.of(record, names.get(record.actor, "")) for record in found],
            next=encode_cursor({"id": found[-1].record_id}) if len(found) == limit else None,
        )


async def _names_of_keys(team_id: str, records: Sequence[AuditRecord], api_keys: ApiKeys) -> dict[str, str]:
    """By actor; of a key that is gone, where one of these records still tells its name."""
    told = {Actor.key(one.subject).name: one.details.get("name", "") for one in records if "scopes" in one.details}
    for actor in {one.actor for one in records if one.actor.startswith(Actor.key("").name)}:
        key = await api_keys.of_team(team_id, actor.partition(":")[2])
        if key is not None:
            told[actor] = key.name
    return told


def _account_routes(api: FastAPI, connecting: Connecting, accounts: Accounts) -> None:
    @api.post(
        "/v1/accounts",
        status_code=201,
        tags=["accounts"],
        responses={
            200: {"description": "The team had this mailbox before: it has the same id", "model": AccountOut},
            **http_problems.UNPROVED,
        },
    )
    async def connect_account(
        body: ConnectIn, caller: WritesAccounts, request: Request, response: Response
    ) -> AccountOut:
        """Prove both logins and keep the mailbox: 201, or 200 where the team had this mailbox before."""
        account, new = await connecting.connect(_who(caller, request), body.request())
        response.status_code = 201 if new else 200
        response.headers["Location"] = f"/v1/accounts/{account.account_id}"
        return AccountOut.of(account)

    @api.get("/v1/accounts", tags=["accounts"])
    async def list_accounts(
        caller: ReadsAccounts,
        cursor: Cursor = None,
        limit: Limit = 50,
        state: State | None = None,
        person: Annotated[str | None, Query(max_length=200, description="Connected by them on our pages")] = None,
    ) -> Page[AccountOut]:
        """The team's mailboxes, in the order of their ids."""
        found = await accounts.page(caller.team_id, after(cursor, "id"), limit, state, person)
        return Page(
            items=[AccountOut.of(account) for account in found],
            next=encode_cursor({"id": found[-1].account_id}) if len(found) == limit else None,
        )

    @api.get("/v1/accounts/{account_id}", tags=["accounts"])
    async def read_account(account_id: str, caller: ReadsAccounts) -> AccountOut:
        """One mailbox: its settings without secrets, and why it cannot be used where that is so."""
        account = await accounts.of_team(caller.team_id, account_id)
        if account is None:
            raise no_such_account()
        return AccountOut.of(account)

    @api.put(
        "/v1/accounts/{account_id}",
        tags=["accounts"],
        responses=http_problems.UNPROVED,
    )
    async def update_account(account_id: str, body: UpdateIn, caller: WritesAccounts, request: Request) -> AccountOut:
        """Reconnect the same mailbox with new settings and secret, or give it another name."""
        who = _who(caller, request)
        account = await accounts.of_team(caller.team_id, account_id)
        if account is None:
            raise no_such_account()
        if body.only_renames:
            name = account.display_name if body.display_name is None else body.display_name
            return AccountOut.of(await connecting.rename(who, account_id, name))
        return AccountOut.of(await connecting.reconnect(who, account_id, body.request(account)))

    @api.delete("/v1/accounts/{account_id}", status_code=204, tags=["accounts"], responses=http_problems.CHANGING)
    async def disconnect_account(account_id: str, caller: WritesAccounts, request: Request) -> None:
        """Destroy the account's key and secret; sending and syncing end. It stays readable, as `disconnected`."""
        await connecting.disconnect(_who(caller, request), account_id)


def _key_routes(api: FastAPI, keys: Keys, api_keys: ApiKeys) -> None:
    @api.post(
        "/v1/api-keys",
        status_code=201,
        tags=["api-keys"],
        responses=refusals({422: {UNFIT: "The name cannot be shown, or your own key has not the scope it would give"}}),
    )
    async def create_key(body: KeyIn, caller: ManagesKeys, request: Request) -> NewKeyOut:
        """The key is in this answer and nowhere else, ever - but for the same request again under the same
        `Idempotency-Key` within 24 hours. A key hands on no scope that it has not itself."""
        return NewKeyOut.made(*await keys.create(_who(caller, request), body.name, body.scopes, caller.scopes))

    @api.get("/v1/api-keys", tags=["api-keys"])
    async def list_keys(caller: ManagesKeys, cursor: Cursor = None, limit: Limit = 50) -> Page[KeyOut]:
        """What the team's keys may do and when they were used last; never what they are."""
        found = await api_keys.page(caller.team_id, after(cursor, "id"), limit)
        return Page(
            items=[KeyOut.of(key) for key in found],
            next=encode_cursor({"id": found[-1].key_id}) if len(found) == limit else None,
        )

    @api.post(
        "/v1/api-keys/{key_id}/rotate",
        status_code=201,
        tags=["api-keys"],
        responses=refusals(
            {
                409: {"already_rotated": "It was rotated before"},
                422: {UNFIT: "Your own key has not every scope that this one has"},
            }
        ),
    )
    async def rotate_key(key_id: str, caller: ManagesKeys, request: Request, body: RotateIn | None = None) -> NewKeyOut:
        """A successor with the same scopes; the old key goes on working for `overlap_seconds`."""
        overlap = (body or RotateIn()).overlap
        _, successor, text = await keys.rotate(_who(caller, request), key_id, overlap, caller.scopes)
        return NewKeyOut.made(successor, text)

    @api.delete("/v1/api-keys/{key_id}", status_code=204, tags=["api-keys"])
    async def delete_key(key_id: str, caller: ManagesKeys, request: Request) -> None:
        """It stops working everywhere at once, and within 30 seconds at the latest."""
        await keys.delete(_who(caller, request), key_id)


def _who(caller: Caller, request: Request) -> Who:
    return Who(caller.team_id, Actor.key(caller.key_id), request.scope.get("request_id"))
