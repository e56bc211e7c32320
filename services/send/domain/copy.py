"""When the sent copy of a message is tried again, and when trying ends. It never touches the message's own state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from replywire_contracts.v1.values import Failure

from services.providers.errors import Permanent, ProviderError, Transient, Unsupported
from services.providers.types import CopyVerdict, SentCopy

PENDING = "pending"
DONE = "done"
SKIPPED = "skipped"
STOPPED = "stopped"

_WAITS_FOR = timedelta(days=7)
_LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """`steps`: the pause after each failure, the last one repeats; `attempts`: how often before it stops."""

    steps: tuple[timedelta, ...]
    attempts: int

    def after(self, error: ProviderError, attempts: int, now: datetime) -> dict[str, Any]:
        """`attempts` so far, this one included."""
        told = {"attempts": attempts, "reason": error.reason, "words": error.words[:500], "remedy": error.remedy}
        final = isinstance(error, Permanent | Unsupported)
        if final or attempts >= self.attempts:
            return {"state": STOPPED, **told}
        pause = self.steps[min(attempts, len(self.steps)) - 1]
        if isinstance(error, Transient) and error.retry_after is not None:
            pause = min(error.retry_after, timedelta(hours=24))
        return {"state": PENDING, "due": now + pause, **told}


def waiting(why: Failure, until: datetime, sent_about: datetime, attempts: int, now: datetime) -> dict[str, Any]:
    """There was no way to the mailbox: its login is refused, or a service is away. That is nobody's attempt, and may
    last until a person has time for it; so it is looked at ever more rarely, and for a week."""
    age = now - sent_about
    told = {"attempts": max(1, attempts - 1), "reason": why.reason, "words": why.words[:500], "remedy": why.remedy}
    if age > _WAITS_FOR:
        return {"state": STOPPED, **told}
    return {"state": PENDING, "due": max(until, now + min(age / 10, _LONGEST_PAUSE)), **told}


def held(until: datetime) -> dict[str, Any]:
    """Being filed for the first time by who sent it."""
    return {"state": PENDING, "due": until, "attempts": 1}


def skipped() -> dict[str, Any]:
    """The provider files it, or the person wants none."""
    return {"state": SKIPPED, "attempts": 0}


def filed(copy: SentCopy, attempts: int) -> dict[str, Any]:
    state = SKIPPED if copy.verdict is CopyVerdict.PROVIDER_FILES else DONE
    return {
        "state": state,
        "attempts": attempts,
        "verdict": copy.verdict.value,
        "folder": copy.folder,
        "uid": copy.uid,
    }
