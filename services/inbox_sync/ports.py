"""What this service needs of the world, as small Protocols beside their user."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from replywire_contracts.event import Event
from replywire_contracts.v1.rpc import AccountPage, Verdict

from services.inbox_sync.domain.finds import Find
from services.inbox_sync.domain.mailboxes import Account, Assignment, Fence, Mailbox, Resync, State, SyncProgress
from services.inbox_sync.domain.places import Place
from services.inbox_sync.domain.stalls import Trouble
from services.providers.errors import ReauthRequired
from services.providers.types import Credentials, HeaderSet

Clock = Callable[[], datetime]
"""Aware UTC."""


class LeaseLost(Exception):
    """Another replica has the account: whoever meets this stops at once and writes nothing more."""


class JudgeUnavailable(Exception):
    """reply_matching gave no answer: nothing was judged, so nothing moves."""


class JudgeRefused(Exception):
    """reply_matching answered, and would not judge this batch. `code` is its slug."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class AccountRefused(Exception):
    """auth leases no credentials for this account. `code`: unknown_account, needs_reauth, disconnected."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class AuthUnavailable(Exception):
    """auth gave no answer."""


class Judge(Protocol):
    async def judge(
        self, account: Account, ref_prefix: str, headers: Sequence[HeaderSet], *, inside: bool = False
    ) -> Sequence[Verdict]:
        """What is not named in the answer is unrelated. Raises `JudgeUnavailable`, `JudgeRefused`."""
        ...

    async def answers(self, account_id: str) -> bool:
        """Is anybody there to judge at all?"""
        ...

    async def held(self, account_id: str, refs: Sequence[str]) -> Collection[str]:
        """Those of `refs` that reply_matching holds or has judged for good. Raises `JudgeUnavailable`."""
        ...


class Auth(Protocol):
    async def lease(self, account_id: str, refused: int | None = None) -> tuple[Credentials, int]:
        """The credentials and their revision; `refused`: the one that the provider just refused.

        Raises `AccountRefused`, `AuthUnavailable`."""
        ...

    def forget(self, account_id: str) -> None: ...

    async def rejected(self, account_id: str, revision: int, error: ReauthRequired) -> None:
        """Tell auth that the provider refuses this revision. Raises `AuthUnavailable`."""
        ...

    async def page(self, after: str | None) -> AccountPage:
        """Raises `AuthUnavailable`."""
        ...


class Mailboxes(Protocol):
    """The accounts as auth told of them, and how the reading of each goes."""

    async def record(self, account: Account) -> bool:
        """False where a newer revision is known."""
        ...

    async def assignments(
        self, changed_since: datetime | None
    ) -> tuple[Mapping[str, Assignment | None], datetime | None]:
        """What should be read (None: should not), of all accounts or of those changed since; and the mark to give the
        next time."""
        ...

    async def claim(self, fence: Fence, holder: str) -> Mailbox | None:
        """Take over: writes under a lower number fail from now on. None where the account is gone; raises
        `LeaseLost`."""
        ...

    async def note(
        self,
        fence: Fence,
        state: State,
        *,
        synced_to: datetime | None = None,
        trouble: Trouble | None = None,
        progress: SyncProgress | None = None,
        clean: bool = False,
        owed: Sequence[Event] = (),
    ) -> None:
        """Write how the reading goes, with the events this causes, then publish them. Without `trouble` there is none;
        `progress` and `synced_to` stay where they are not given. `clean`: a page was finished. Raises `LeaseLost`."""
        ...

    async def reject(self, fence: Fence, revision: int, trouble: Trouble) -> None:
        """This revision's credentials were refused: do not try them again. Raises `LeaseLost`."""
        ...

    async def begin_resync(self, fence: Fence, key: str, progress: SyncProgress) -> None:
        """Every folder's place says by now that it is to be read again."""
        ...

    async def let_go(self, fence: Fence) -> None:
        """Nobody reads it any more; it was left in good order."""
        ...

    async def try_again(self, account_id: str, revision: int) -> bool:
        """auth says this revision is connected: False where it was not refused here."""
        ...

    async def revisions(self, account_ids: Collection[str]) -> Mapping[str, tuple[int, int]]:
        """Of those that are known: the revision, and the last one that was refused here (0: none was)."""
        ...

    async def ask_again(self, team_id: str, account_id: str, resync: Resync) -> bool:
        """False where the team has no such connected mailbox."""
        ...

    async def of_team(self, team_id: str, account_id: str) -> Mailbox | None: ...

    async def page(self, team_id: str, after: str | None, limit: int) -> Sequence[Mailbox]:
        """By account id."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """What one judged page comes to, once it is known how many of its finds are new."""

    place: Place
    owed: Sequence[Event] = ()


@dataclass(frozen=True, slots=True)
class Committed:
    """The finds that were new, and the events the commit owes."""

    finds: Sequence[Find]
    owed: Sequence[dict[str, Any]] = ()


class Ledger(Protocol):
    """Cursors and finds: where every folder was read up to, and what was found. They move together or not at all."""

    async def claim(self, fence: Fence) -> Mapping[str, Place]:
        """Take over: the places by folder id; writes under a lower number fail from now on. Raises `LeaseLost`."""
        ...

    async def commit(self, fence: Fence, finds: Sequence[Find], step: Callable[[int], Step] | None) -> Committed:
        """One transaction: the new ones among the finds are stored, and the place moves to `step(how many are new)`;
        without a step the cursor stays. Raises `LeaseLost`, and then nothing was written."""
        ...

    async def settle(self, fence: Fence, committed: Committed) -> None:
        """Publish the events that the commit owes."""
        ...

    async def forget(self, account_id: str) -> None:
        """Drop the places of a disconnected account."""
        ...


@dataclass(frozen=True, slots=True)
class DueFind:
    """A find published long enough ago to be asked about. `tries`: how often it was published."""

    id: str
    account_id: str
    ref: str
    tries: int


class Finds(Protocol):
    """Finds until reply_matching has confirmed them."""

    async def add(self, find: Find) -> bool:
        """One that no cursor stands for; durable once this returns. False where it is known."""
        ...

    async def due(self, now: datetime, limit: int) -> Sequence[DueFind]: ...

    async def held(self, find_ids: Sequence[str]) -> None:
        """reply_matching has them: their octets are purged."""
        ...

    async def again(self, due: DueFind, now: datetime) -> Find | None:
        """Opened, to be published once more, and not due again for a while. None where somebody else was faster."""
        ...


class Poison(Protocol):
    """Messages that may be what stops the reading: counted durably before they are touched. Never their content."""

    async def count(self, account_id: str, ref: str) -> tuple[int, bool]:
        """The how-manieth try this is, and whether an earlier one got as far as the message's body."""
        ...

    async def reached_body(self, account_id: str, ref: str) -> None: ...

    async def got_over(self, account_id: str, ref: str) -> None:
        """It was not this one."""
        ...

    async def uncount(self, account_id: str, ref: str) -> None:
        """The try failed for a reason that has nothing to do with this message."""
        ...

    async def set_aside(self, account_id: str, ref: str) -> None: ...

    async def forgive(self, account_id: str) -> None:
        """They were got over: forget every count but of those set aside."""
        ...


class Replicas(Protocol):
    async def beat(self) -> None:
        """I live, for the lease time from now by the server's clock."""
        ...

    async def living(self) -> Collection[str]: ...

    async def leave(self) -> None: ...


class Bus(Protocol):
    async def announce(self, find: Find) -> None:
        """Publish `inbox.matched`, large octets by reference. Raises what the publisher raises."""
        ...
