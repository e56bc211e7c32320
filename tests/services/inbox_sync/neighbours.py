"""The services that inbox_sync asks, as thin as they can be: an auth in memory, and a judge of one tracked message."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from replywire_contracts.v1.rpc import (
    AccountPage,
    AccountView,
    Ack,
    ConfirmHeld,
    Held,
    Judge,
    KeyHolder,
    LeaseCredentials,
    LeasedCredentials,
    ListAccounts,
    ReportRejected,
    Verdict,
    Verdicts,
    VerifyKey,
)

from services.runtime.credentials import seal_secret
from services.runtime.rpc import Refusal

TEAM, OTHER_TEAM = "acme", "globex"
KEY, OTHER_KEY = "rw_key_of_acme", "rw_key_of_globex"
TRACKED = "<tracked-1@example.com>"


@dataclass
class ThinAuth:
    """Accounts in memory, credentials sealed to the asker, and a note of what was reported."""

    accounts: dict[str, AccountView] = field(default_factory=dict)
    opens: dict[str, tuple[dict[str, Any], dict[str, str]]] = field(default_factory=dict)
    rejected: list[ReportRejected] = field(default_factory=list)
    leases: Counter[str] = field(default_factory=Counter)

    async def lease(self, request: LeaseCredentials) -> LeasedCredentials:
        self.leases[request.account_id] += 1
        view = self.accounts.get(request.account_id)
        if view is None:
            raise Refusal("unknown_account")
        if view.state != "connected":
            raise Refusal(view.state)
        settings, secret = self.opens[request.account_id]
        return LeasedCredentials(
            account_id=view.account_id,
            team_id=view.team_id,
            client=view.client,
            address=view.address,
            settings=settings,
            revision=view.revision,
            sealed_secret=seal_secret(request.reply_key, view.account_id, secret),
            expires_at=datetime.now(UTC) + timedelta(minutes=5),
        )

    async def report(self, request: ReportRejected) -> Ack:
        self.rejected.append(request)
        return Ack()

    async def page(self, request: ListAccounts) -> AccountPage:
        return AccountPage(accounts=tuple(self.accounts.values()))

    async def verify(self, request: VerifyKey) -> KeyHolder:
        other = hashlib.sha256(OTHER_KEY.encode()).hexdigest() == request.key_hash
        scopes = ("mailboxes:read", "mailboxes:write", "external:work")
        return KeyHolder(key_id="key", team_id=OTHER_TEAM if other else TEAM, scopes=scopes)


@dataclass
class ThinJudge:
    """Recognises answers to one tracked message, and reports about it by what is inside them."""

    held: set[tuple[str, str]] = field(default_factory=set)
    asked: list[Judge] = field(default_factory=list)
    judged: Counter[str] = field(default_factory=Counter)
    """How often each Message-ID was judged by its headers."""
    holds_at_once: bool = True
    remembers: bool = False
    """True: an answer to an answer is one."""
    members: set[str] = field(default_factory=lambda: {TRACKED})
    poison: str = "\0"
    """A batch that holds this text brings the judge down."""

    async def judge(self, request: Judge) -> Verdicts:
        self.asked.append(request)
        verdicts: list[Verdict] = []
        members = frozenset(self.members)  # as it was when the batch came, for all of it
        for message in request.messages:
            if self.poison in message.block:
                raise RuntimeError("poison")
            if not request.inside:
                self.judged[message_id(message.block)] += 1
            if any(name in message.block for name in members):
                verdicts.append(Verdict(ref=message.ref, kind="match", request_id="request-1"))
                if self.remembers:
                    self.members.add(message_id(message.block))
            elif "multipart/report" in message.block and not request.inside:
                verdicts.append(Verdict(ref=message.ref, kind="look_inside"))
        return Verdicts(verdicts=tuple(verdicts))

    async def confirm(self, request: ConfirmHeld) -> Held:
        return Held(refs=tuple(ref for ref in request.refs if (request.account_id, ref) in self.held))


def message_id(block: str) -> str:
    for line in block.splitlines():
        if line.lower().startswith("message-id:"):
            return line.partition(":")[2].strip()
    return ""
