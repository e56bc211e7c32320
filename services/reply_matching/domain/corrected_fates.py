"""Who was not reached, when it is a person who says that an answer is a bounce: the tracked message's recipients, as
far as the words name them, and the reason that the words give."""

from __future__ import annotations

from collections.abc import Sequence

from replywire_contracts.v1.reply import BouncedRecipient

from services.reply_matching.domain.bounce_text import server_words
from services.reply_matching.domain.classification import Action, Class, Hardness
from services.reply_matching.domain.reasons import hardness_of, one_line, reason_of
from services.reply_matching.domain.status_codes import reply_in, status_in


def named_or_only(recipients: Sequence[str], words: str) -> tuple[str, ...]:
    """Those whom the words name; else the only one there is. Of several that are not named, nobody can know."""
    lowered = words[:100_000].lower()
    named = tuple(one for one in recipients if one.lower() in lowered)
    return named or (tuple(recipients) if len(recipients) == 1 else ())


def fates(klass: Class, recipients: Sequence[str], words: str) -> tuple[tuple[BouncedRecipient, ...], str | None]:
    """Each recipient's fate, and how hard the whole is (None for a delay)."""
    said = server_words(words)
    status, reply = status_in(said), reply_in(said)
    reason = reason_of(said, status, reply)
    hardness = hardness_of(reason, status, reply, words) if klass is Class.BOUNCE else None
    action = Action.FAILED if klass is Class.BOUNCE else Action.DELAYED
    found = tuple(
        BouncedRecipient(
            email=one[:320],
            action=action.value,
            hardness=hardness.value if hardness else "none",
            status=status[:32],
            reason=reason,
            words=one_line(said),
        )
        for one in named_or_only(recipients, words)
    )
    return found, (hardness or Hardness.SOFT).value if klass is Class.BOUNCE else None
