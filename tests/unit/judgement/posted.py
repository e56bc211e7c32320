"""What these tests post: header blocks of our own making, and tracked messages to match them with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from services.reply_matching.domain.judge import candidates, judge
from services.reply_matching.domain.judged import JudgedMessage, Tracked, Verdict
from services.reply_matching.domain.keys import registration_keys
from services.reply_matching.domain.subjects import normal_subject

MAILS = Path(__file__).parents[2] / "fixtures" / "mail"
EXPECTED: Mapping[str, Mapping[str, Any]] = json.loads((MAILS / "expected.json").read_text(encoding="utf-8"))

SENT = datetime(2024, 5, 13, 14, 5, tzinfo=UTC)
RECEIVED = SENT + timedelta(days=1)
THREAD_INDEX = "AQHapVuK8kR0b2xkZXJib3VuZC1hYmNk"


def mail(name: str) -> bytes:
    return (MAILS / f"{name}.eml").read_bytes()


def tracked(request_id: str = "r1", **changes: Any) -> Tracked:
    """A message that Alice sent to Ben from account a1 of team t1."""
    one = Tracked(
        request_id=request_id,
        team_id="t1",
        account_id="a1",
        recipients=("ben@example.org",),
        subject_key=normal_subject("Pilot in June?"),
        sent_at=SENT,
        message_ids=(f"<{request_id}@example.com>",),
    )
    return replace(one, **changes)


def block(**fields: str) -> bytes:
    """A header block; `in_reply_to="…"` becomes `In-Reply-To: …`."""
    given = {"from_": "Ben <ben@example.org>", "message_id": "<answer@example.org>", "subject": "Re: Pilot in June?"}
    return "".join(
        f"{name.rstrip('_').replace('_', '-')}: {value}\r\n" for name, value in (given | fields).items() if value
    ).encode()


def message(header_block: bytes, **changes: Any) -> JudgedMessage:
    return replace(JudgedMessage("a1", "t1", "ref", header_block, RECEIVED), **changes)


def known(*tracked_messages: Tracked, **names: Any) -> dict[bytes, Sequence[Tracked]]:
    """The store's answer, as the caller of `judge` would get it."""
    found: dict[bytes, Sequence[Tracked]] = {}
    for one in tracked_messages:
        keys = registration_keys(
            one.team_id,
            one.account_id,
            message_ids=one.message_ids,
            subject=one.subject_key,
            recipients=one.recipients,
            **names,
        )
        for key in keys:
            found[key] = [*found.get(key, ()), one]
    return found


def remember(found: Mapping[bytes, Sequence[Tracked]], verdict: Verdict) -> dict[bytes, Sequence[Tracked]]:
    """The store after a verdict's thread members were added."""
    assert verdict.tracked is not None
    grown = dict(found)
    for key in verdict.members:
        grown[key] = [*grown.get(key, ()), replace(verdict.tracked, member=True)]
    return grown


def verdict_on(
    header_block: bytes,
    found: Mapping[bytes, Sequence[Tracked]],
    own: Iterable[str] = ("alice@example.com",),
    **changes: Any,
) -> Verdict:
    return judge(candidates(message(header_block, **changes)), found, frozenset(own))
