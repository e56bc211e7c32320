"""A connected mailbox as this service knows it: whose it is, how its reading goes, and what is told to people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from replywire_contracts.v1.rpc import AccountView

from services.inbox_sync.domain.stalls import Trouble

CONNECTED = "connected"
NEEDS_REAUTH = "needs_reauth"
DISCONNECTED = "disconnected"


class State(StrEnum):
    """How the reading goes. What people read of it is `explained`."""

    WAITING = "waiting"
    CONNECTING = "connecting"
    FIRST_SYNC = "first_sync"
    WATCHING = "watching"
    STALLED = "stalled"
    NEEDS_REAUTH = "needs_reauth"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True, slots=True)
class Account:
    """auth's word about a mailbox."""

    account_id: str
    team_id: str
    client: str
    address: str
    connection: str
    """connected, needs_reauth, disconnected: an open set."""
    revision: int
    at: datetime


def account_of(view: AccountView, at: datetime) -> Account:
    """`at`: when auth said so."""
    return Account(
        account_id=view.account_id,
        team_id=view.team_id,
        client=view.client,
        address=view.address,
        connection=view.state,
        revision=view.revision,
        at=at,
    )


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a replica would read, and in which version: anything else than what it is reading means starting anew."""

    account_id: str
    client: str
    revision: int
    resync: str = ""


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to write about one account: no write is made under a number lower than the last holder's."""

    account_id: str
    token: int


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """A first sync or a resync."""

    cause: str
    since: datetime
    done: int = 0
    remaining: int | None = None
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Resync:
    """Somebody asked for the mailbox to be read again since then; not yet begun."""

    key: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mailbox, whole."""

    account: Account
    state: State
    connected_at: datetime
    holder: str | None = None
    synced_to: datetime | None = None
    trouble: Trouble | None = None
    progress: SyncProgress | None = None
    resync: Resync | None = None
    unclean_starts: int = 0
    """How often reading was begun since a page was last finished."""


def shown_state(mailbox: Mailbox) -> State:
    """auth's word comes before our own state."""
    if mailbox.account.connection == DISCONNECTED:
        return State.DISCONNECTED
    if mailbox.account.connection == NEEDS_REAUTH or mailbox.state is State.NEEDS_REAUTH:
        return State.NEEDS_REAUTH
    if mailbox.holder is None and mailbox.state in (State.CONNECTING, State.FIRST_SYNC, State.WATCHING):
        return State.WAITING
    return mailbox.state


_EXPLANATIONS = {
    State.WAITING: "Waiting for a replica to read this mailbox.",
    State.CONNECTING: "Connecting to the mail server.",
    State.FIRST_SYNC: "Reading the headers of recent mail for answers that came before the mailbox was connected.",
    State.WATCHING: "Up to date, and told by the mail server when something arrives.",
    State.STALLED: "The mailbox cannot be read at present; it is tried again by itself.",
    State.NEEDS_REAUTH: "The mail server refuses the credentials; its person must connect the mailbox again.",
    State.DISCONNECTED: "The mailbox was disconnected.",
}


def explained(state: State) -> str:
    return _EXPLANATIONS[state]
