"""How a mailbox is, for the person it belongs to: one state, in plain words, with what to do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from replywire_contracts.v1.rpc import MailboxState

from services.auth.domain.account import Account, State
from services.auth.domain.proving import sentence_of


@dataclass(frozen=True, slots=True)
class Trouble:
    sentence: str
    remedy: str
    words: str
    """The mail server's own, or empty."""
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Health:
    tone: str
    """good, busy, warning, bad, off: for the eye, and never alone."""
    title: str
    sentence: str
    synced_to: datetime | None = None
    trouble: Trouble | None = None
    done: int | None = None
    """Messages read so far, while a first sync is under way."""
    total: int | None = None
    settled: bool = False
    """Nothing more is expected to change soon."""
    can_reconnect: bool = True

    @property
    def percent(self) -> int | None:
        if self.done is None or not self.total:
            return None
        return min(99, self.done * 100 // self.total)


def health_of(account: Account, reading: MailboxState | None, *, asked: bool = True, reads: bool = True) -> Health:
    """`reading`: None where `inbox_sync` has not taken the mailbox in yet, or, with `asked` false, does not answer.
    `reads`: whether this e-mail client has an inbox that is read."""
    if account.state is State.DISCONNECTED:
        return Health(
            "off", "Disconnected", "Its password or token was destroyed. Nothing is sent or read.", settled=True
        )
    synced_to = None if reading is None else reading.synced_to
    if account.state is State.NEEDS_REAUTH:
        rejection = account.rejection
        assert rejection is not None
        trouble = Trouble(sentence_of(rejection.reason), rejection.remedy, rejection.words, rejection.at)
        sentence = "Your mail provider no longer accepts this connection. Sending and reading wait until you reconnect."
        return Health("bad", "Needs you", sentence, synced_to, trouble, settled=True)
    if not reads:
        return Health("good", "Connected", "Messages can be sent. No inbox is read for this client.", settled=True)
    if reading is None:
        if not asked:
            return Health("good", "Connected", "How far it has been read cannot be seen at present.", settled=False)
        return Health("busy", "Starting", "It is connected. Reading starts in a moment.")
    return _of_reading(reading)


def _of_reading(reading: MailboxState) -> Health:
    if reading.state == "stalled":
        failure = reading.failure
        trouble = None
        if failure is not None:
            trouble = Trouble(sentence_of(failure.reason), failure.remedy, failure.words, reading.failing_since)
        sentence = "The mailbox cannot be read at present. We keep trying by ourselves."
        return Health("warning", "Trouble", sentence, reading.synced_to, trouble)
    progress = reading.progress
    if progress is not None and not reading.complete:
        total = None if progress.remaining is None else progress.done + progress.remaining
        sentence = "We look through the headers of recent mail for answers that came before today."
        return Health("busy", "First sync", sentence, reading.synced_to, done=progress.done, total=total)
    if reading.state == "watching":
        sentence = "Everything works. New answers are noticed within seconds."
        return Health("good", "Connected", sentence, reading.synced_to, settled=True)
    return Health("busy", "Starting", reading.explanation, reading.synced_to)
