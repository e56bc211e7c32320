"""How a mailbox is, for the person it belongs to: one state, in plain words, with what to do. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from replywire_contracts.v1.rpc import MailboxState
from replywire_contracts.v1.sending import SendingState
from replywire_contracts.v1.values import Failure

from services.auth.domain.account import Account, State
from services.auth.domain.proving import sentence_of

_SENDING = {
    "quota_reached": "The mail provider's sending limit for this mailbox is reached.",
    "rate_limited": "As many messages as may leave in a minute have left.",
    "login_throttled": "The mail provider has seen too many logins and wants a pause.",
    "mailbox_unavailable": "The mail provider cannot serve this mailbox just now.",
    "waiting_for_auth": "We are busy ourselves.",
    "waiting_for_reply_matching": "We are busy ourselves.",
    "internal_error": "Something went wrong on our side.",
}
"""Why sending waits; other reasons are called as they are when connecting."""


@dataclass(frozen=True, slots=True)
class Trouble:
    sentence: str
    remedy: str
    words: str
    """The mail server's own, or empty."""
    since: datetime | None

    @property
    def whose(self) -> str:
        return "The server's own words"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing leaves before `until`."""

    until: datetime
    sentence: str
    remedy: str
    words: str
    by_choice: bool
    """Somebody wanted it slow: no trouble."""

    @property
    def whose(self) -> str:
        return "The limit" if self.by_choice else "The server's own words"


@dataclass(frozen=True, slots=True)
class Health:
    tone: str
    """good, busy, warning, bad, off: for the eye, and never alone."""
    title: str
    sentence: str
    synced_to: datetime | None = None
    trouble: Trouble | None = None
    waiting: Waiting | None = None
    """Of what is to be sent."""
    done: int | None = None
    """Messages read so far, while a first sync is under way."""
    total: int | None = None
    settled: bool = False
    """Nothing more is expected to change soon."""

    @property
    def percent(self) -> int | None:
        if self.done is None or not self.total:
            return None
        return min(99, self.done * 100 // self.total)


def health_of(
    account: Account,
    reading: MailboxState | None,
    sending: SendingState | None = None,
    *,
    asked: bool = True,
    reads: bool = True,
    sends: bool = True,
) -> Health:
    """`reading`: None where `inbox_sync` has not taken the mailbox in yet, or, with `asked` false, does not answer.
    `sending`: None where `send` has not, or does not. `reads`: whether this e-mail client has an inbox that is read;
    `sends`: whether this release can send by it."""
    health = _health_of(account, reading, asked=asked, reads=reads, sends=sends)
    waiting = None if sending is None or account.state is not State.CONNECTED else _waiting(sending)
    if waiting is None:
        return health
    if waiting.by_choice or health.tone != "good":  # what else is wrong goes first
        return replace(health, waiting=waiting)
    sentence = "Messages wait for the mail provider and then leave by themselves."
    return replace(health, tone="warning", title="Sending waits", sentence=sentence, waiting=waiting)


def _health_of(account: Account, reading: MailboxState | None, *, asked: bool, reads: bool, sends: bool) -> Health:
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
    if not reads and not sends:
        sentence = "Its login works both ways. This release does not send or read by this client yet."
        return Health("good", "Connected", sentence, settled=True)
    if not reads:
        return Health("good", "Connected", "Messages can be sent. No inbox is read for this client.", settled=True)
    if reading is None:
        if not asked:
            return Health("good", "Connected", "How far it has been read cannot be seen at present.", settled=False)
        return Health("busy", "Starting", "It is connected. Reading starts in a moment.")
    return _of_reading(reading)


def _waiting(sending: SendingState) -> Waiting | None:
    if sending.waits_until is None:
        return None
    why = sending.failure or Failure(reason="")
    sentence = _SENDING.get(why.reason) or sentence_of(why.reason)
    by_choice = why.reason == "rate_limited" and not why.code  # a server's own limit comes with its code
    return Waiting(sending.waits_until, sentence, why.remedy, why.words, by_choice)


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
