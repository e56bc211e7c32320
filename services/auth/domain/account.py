"""One connected mailbox: its states, and the only ways from one to the next. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.auth.domain.addresses import same_mailbox_key
from services.runtime.envelopes import Owner, SealedBox

_MOST_PEOPLE = 100
ENGINE_TOKEN = "engine_token"  # noqa: S105 - the name of a secret: all that is kept where the sync engine holds the rest


class State(StrEnum):
    CONNECTED = "connected"
    NEEDS_REAUTH = "needs_reauth"
    """The provider refuses the credentials: only the mailbox's person can help."""
    DISCONNECTED = "disconnected"
    """Its key and box are destroyed; the record stays so that the same mailbox gets the same id again."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why the provider refused the credentials."""

    reason: str
    code: str
    words: str
    remedy: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Account:
    account_id: str
    team_id: str
    client: str
    address: str
    display_name: str
    settings: Mapping[str, Any]
    """The client's own settings, without secrets."""
    abilities: tuple[str, ...]
    state: State
    revision: int
    """Grows with every change of state or secret: an older fact about the account never overrides a newer one."""
    box: SealedBox | None
    rejection: Rejection | None
    created_at: datetime
    changed_at: datetime
    announced: int = 1
    """The revision of its last change of state: what an event told, and what a reader may have missed."""
    people: tuple[str, ...] = ()
    """Who proved on our pages that this mailbox is theirs, by the product's own names; they may see and end it."""

    @property
    def owner(self) -> Owner:
        return Owner(self.team_id, self.account_id)

    @property
    def mailbox_key(self) -> str:
        return same_mailbox_key(self.address)


@dataclass(frozen=True, slots=True)
class ProvedMailbox:
    """What a connection that works is made of."""

    client: str
    address: str
    display_name: str
    settings: Mapping[str, Any]
    abilities: tuple[str, ...]
    person: str = ""
    """Who connected it on our pages; empty where the product did over the API."""


def new_account_id() -> str:
    return f"acc_{secrets.token_hex(12)}"


def connect(account_id: str, team_id: str, mailbox: ProvedMailbox, box: SealedBox, now: datetime) -> Account:
    """A mailbox that this team never connected before."""
    return Account(
        account_id=account_id,
        team_id=team_id,
        client=mailbox.client,
        address=mailbox.address,
        display_name=mailbox.display_name,
        settings=mailbox.settings,
        abilities=mailbox.abilities,
        state=State.CONNECTED,
        revision=1,
        box=box,
        rejection=None,
        created_at=now,
        changed_at=now,
        people=_with(mailbox.person, ()),
    )


def reconnect(account: Account, mailbox: ProvedMailbox, box: SealedBox, now: datetime) -> Account:
    """The same mailbox proved again, from whatever state: the id stays. Its spelling of the address stays too."""
    assert same_mailbox_key(mailbox.address) == account.mailbox_key
    return replace(
        account,
        client=mailbox.client,
        display_name=mailbox.display_name,
        settings=mailbox.settings,
        abilities=mailbox.abilities,
        state=State.CONNECTED,
        revision=account.revision + 1,
        announced=account.revision + 1,
        box=box,
        rejection=None,
        changed_at=now,
        people=_people_again(account, mailbox.person),
    )


def is_anothers(account: Account, person: str) -> bool:
    """It is in use, and this person never proved it theirs: a login at servers that they name proves nothing of it."""
    return account.state is not State.DISCONNECTED and person not in account.people


def rename(account: Account, display_name: str, now: datetime) -> Account:
    """The revision stays: what was leased is as good as before, and a refusal of it must still count."""
    return replace(account, display_name=display_name, changed_at=now)


def renew(account: Account, box: SealedBox) -> Account:
    """Its access token was replaced by a fresh one; nothing else changed, but what was leased before is older now."""
    return replace(account, box=box, revision=account.revision + 1)


def reject(account: Account, revision: int, rejection: Rejection) -> Account | None:
    """The provider refused what was leased at `revision`. None where that is no news: a person has connected again
    since, or the same refusal was already reported."""
    if account.state is not State.CONNECTED or account.revision != revision:
        return None
    return replace(
        account,
        state=State.NEEDS_REAUTH,
        revision=account.revision + 1,
        announced=account.revision + 1,
        rejection=rejection,
        changed_at=rejection.at,
    )


def disconnect(account: Account, now: datetime) -> Account | None:
    """Its key, its box and where it lived are gone. None where it already was disconnected."""
    if account.state is State.DISCONNECTED:
        return None
    return replace(
        account,
        state=State.DISCONNECTED,
        revision=account.revision + 1,
        announced=account.revision + 1,
        settings={},
        abilities=(),
        box=None,
        rejection=None,
        changed_at=now,
    )


def _people_again(account: Account, person: str) -> tuple[str, ...]:
    """Whoever else revives what was ended has it alone: the address may have a new owner by now."""
    ended = account.state is State.DISCONNECTED and person not in account.people
    return _with(person, () if person and ended else account.people)


def _with(person: str, people: tuple[str, ...]) -> tuple[str, ...]:
    """The newest last; the oldest are forgotten where a mailbox is everybody's."""
    return people if not person else (*(other for other in people if other != person), person)[-_MOST_PEOPLE:]
