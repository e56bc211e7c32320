"""What we are taken to have sent, the store that knows it, and the count of right and wrong verdicts about it."""

from __future__ import annotations

import base64
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b

from services.reply_matching.domain.judge import candidates, judge
from services.reply_matching.domain.judged import Confidence, JudgedMessage, Tracked, Verdict, VerdictKind
from services.reply_matching.domain.keys import registration_keys
from services.reply_matching.domain.report import look_inside
from services.reply_matching.domain.subjects import normal_subject

TEAM, ALICE, BOB = "team1", "alice-account", "bob-account"
OWN = frozenset({"alice@example.com", "bob@example.com"})
SENT = datetime(2024, 5, 13, 14, 5, tzinfo=UTC)
SUBJECTS = (
    "Pilot in June?",
    "Ihr Angebot 2024-117",
    "Relance : votre devis",
    "お見積りの件",
    "Intro",
    "Re-ordering toner",
)
PEOPLE = ("ben@example.org", "carla@example.net", "élodie@example.org", "sato@example.net", "o'neill@example.org")


@dataclass(frozen=True, slots=True)
class Ours:
    """A message that we sent, with every name it is known by."""

    tracked: Tracked
    subject: str
    marker: str
    thread: str
    thread_index: bytes


@dataclass(frozen=True, slots=True)
class Labelled:
    """One made message with the truth about it."""

    name: str
    message: JudgedMessage
    raw: bytes
    belongs_to: str | None
    probable_only: bool = False


@dataclass(slots=True)
class Figures:
    messages: int = 0
    certain_right: int = 0
    certain_wrong: int = 0
    certain_missed: int = 0
    probable_right: int = 0
    probable_wrong: int = 0
    probable_missed: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Of what was called certain."""
        return self.certain_right / max(1, self.certain_right + self.certain_wrong)

    @property
    def recall(self) -> float:
        """Of what can be known for certain."""
        return self.certain_right / max(1, self.certain_right + self.certain_missed)


def our_messages(chance: random.Random) -> list[Ours]:
    """What Alice has sent: some known by one name, some rewritten by a provider, some in Exchange's threads."""
    made = []
    for number in range(60):
        token = blake2b(b"%d" % number, digest_size=6).hexdigest()
        subject = f"{chance.choice(SUBJECTS)} {number}"
        ids = [f"<rw-{token}@example.com>"]
        if number % 3 == 0:
            ids.append(f"<0102{token}-000000@email.amazonses.example>")
        tracked = Tracked(
            request_id=f"r{number}",
            team_id=TEAM,
            account_id=ALICE,
            recipients=(PEOPLE[number % len(PEOPLE)],),
            subject_key=normal_subject(subject),
            sent_at=SENT,
            message_ids=tuple(ids),
        )
        index = b"\x01\xda" + token.encode()[:12] + number.to_bytes(8, "big")
        made.append(Ours(tracked, subject, f"mark-{token}", f"Th{token}", index))
    return made


class Store:
    """The lookup that the service makes in its database."""

    def __init__(self, ours: Sequence[Ours]) -> None:
        self.found: dict[bytes, list[Tracked]] = {}
        for one in ours:
            keys = registration_keys(
                TEAM,
                one.tracked.account_id,
                message_ids=one.tracked.message_ids,
                marker=one.marker,
                provider_thread_id=one.thread,
                thread_index=base64.b64encode(one.thread_index).decode(),
                subject=one.subject,
                recipients=one.tracked.recipients,
            )
            for key in keys:
                self.found.setdefault(key, []).append(one.tracked)

    def remember(self, verdict: Verdict) -> None:
        if verdict.tracked is not None:
            for key in verdict.members:
                self.found.setdefault(key, []).append(replace(verdict.tracked, member=True))


def judged(one: Labelled, store: Store) -> Verdict:
    """As the service does it: by headers, and again from the inside where that is asked for."""
    found_for = candidates(one.message)
    verdict = judge(found_for, store.found, OWN)
    if verdict.kind is VerdictKind.LOOK_INSIDE:
        verdict = judge(look_inside(found_for, one.raw), store.found, OWN)
    return verdict


def measure(ours: Sequence[Ours], made: Sequence[Labelled]) -> Figures:
    """Judge the whole set in its order, remembering thread members on the way as the service does."""
    store = Store(ours)
    figures = Figures(len(made))
    for one in made:
        verdict = judged(one, store)
        store.remember(verdict)
        matched = verdict.tracked.request_id if verdict.kind is VerdictKind.MATCH and verdict.tracked else None
        certain = matched is not None and verdict.confidence is Confidence.CERTAIN
        right = matched is not None and matched == one.belongs_to
        if certain and not right:
            figures.certain_wrong += 1
        elif certain:
            figures.certain_right += 1
        elif matched and right:
            figures.probable_right += 1
        elif matched:
            figures.probable_wrong += 1
        if one.belongs_to and not one.probable_only and not (certain and right):
            figures.certain_missed += 1
        if one.belongs_to and one.probable_only and not right:
            figures.probable_missed += 1
        if matched != one.belongs_to or (one.belongs_to and not one.probable_only and not certain):
            figures.wrong.append(f"{one.name}: {one.belongs_to} taken for {matched} {verdict.confidence or ''}")
    return figures
