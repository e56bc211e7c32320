"""Bounces in plain words: whom a notice names as not reached, and what it says of each; for servers without RFC
3464."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.reply_matching.domain.addresses import normal_address
from services.reply_matching.domain.reasons import reason_by_words, unwrapped
from services.reply_matching.domain.status_codes import reply_in, status_in

MAX_RECIPIENTS = 100
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}")
_OPENS = re.compile(r"(?:<<< |>>> )?[\s>*\-•·|\"'<(\[\d.)]{0,12}(?:smtp:|mailto:|rfc822;\s?|to: |<)?", re.IGNORECASE)
_NAMES_RECIPIENT = re.compile(
    r"recipient|rcpt to|deliver\w{0,4} (?:your (?:mail|message|e-?mail) |message |mail )?(?:\w+ )?to|"
    r"could not be sent to|"
    r"sent to|message to|mail to|reach|for delivery|failed address|following address|addressed to|destinatario|"
    r"destinataire|"
    r"empfänger|odbiorc|mottagar|modtager|ontvanger|получател|宛|mailbox|user\b|account|unknown|original-rcpt|address:|"
    r"^\s{0,8}to\s{0,4}:|envoyé à|zugestellt|an die",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"contact|postmaster|assist|help|support|question|admin|abuse|complain|mail from|envelope-from|reporting|"
    r"^\W{0,6}(?:from|reply-to|sender|return-path|cc|message-id|received|x-[\w-]{1,30}|mail from|von|de|da|od|fra|van|"
    r"från)\s?:|"
    r"message from|from <|sent by|sender|from [\w.+-]{1,64}@|helpdesk|webmaster|forward (?:this|the) ",
    re.IGNORECASE,
)
_SAID = re.compile(
    r"\b(?:said|says|returned was|responded|response|error was|reason|because|diagnostic|answered|replied|failure):?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Named:
    """One recipient as a notice names it."""

    address: str
    segment: str
    """The lines that speak of it."""


def named_recipients(notice: str, failed_field: tuple[str, ...], others: frozenset[str]) -> tuple[Named, ...]:
    """Whom the notice says it could not reach. `failed_field` is X-Failed-Recipients, which needs no guessing; `others`
    are the addresses of the sender and of the reporting server, which are named too but did not fail."""
    lines = notice.split("\n")
    places = _places(lines, others, frozenset(failed_field))
    if failed_field:
        wanted = {address: places.get(address, (0, 0))[1] for address in failed_field[:MAX_RECIPIENTS]}
    else:
        best = max((score for score, _ in places.values()), default=0)
        wanted = {address: line for address, (score, line) in places.items() if score == best}
        if best <= 1 or (best == 2 and len(wanted) > 3):
            wanted = dict(list(wanted.items())[:1])
    starts = sorted(set(wanted.values()))
    ends = {start: (starts[index + 1] if index + 1 < len(starts) else len(lines)) for index, start in enumerate(starts)}
    return tuple(
        Named(address, notice if len(starts) == 1 else "\n".join(lines[line : min(ends[line], line + 25)]))
        for address, line in list(wanted.items())[:MAX_RECIPIENTS]
    )


def _places(lines: list[str], others: frozenset[str], sure: frozenset[str]) -> dict[str, tuple[int, int]]:
    """Each address → (how much it looks like a recipient: 3 it opens a line, 2 the words say so, 1 it is there; its
    line)."""
    places: dict[str, tuple[int, int]] = {}
    for index, line in enumerate(lines):
        if "@" not in line:
            continue
        line = line[:1000]
        before = lines[index - 1] if index else ""
        for match in _ADDRESS.finditer(line):
            address = normal_address(match.group()).rstrip(".")
            if address in others and address not in sure:
                continue
            score = 1
            lead = line[: match.start()]
            opening = _OPENS.match(line)
            if opening and opening.end() >= match.start():
                score = 3
            elif _NAMES_RECIPIENT.search(lead[-60:]) or (not lead.strip() and _NAMES_RECIPIENT.search(before)):
                score = 2
            if _OTHERS.search(lead[-60:]) and address not in sure:
                score = 0
            if address in sure:
                score = 3
            if score > places.get(address, (0, 0))[0]:
                places[address] = (score, index)
        if len(places) > MAX_RECIPIENTS * 2:
            break
    return places


def server_words(segment: str) -> str:
    """The remote server's own words in a segment: the line with its code and what follows until the thought ends; else
    what stands after "the response was:"; else the line that gives a reason we know."""
    lines = [line.strip() for line in segment.split("\n")]
    for index, line in enumerate(lines):
        if line and (reply_in(line) or status_in(line)):
            return unwrapped(_thought(lines, index))
    for index, line in enumerate(lines):
        if _SAID.search(line):
            following = next((place for place in range(index + 1, min(len(lines), index + 4)) if lines[place]), None)
            return (
                _thought(lines, following) if line.endswith(":") and following is not None else _thought(lines, index)
            )
    filled = [line for line in lines if line]
    telling = (line for line in filled[:_TELLING] if reason_by_words(line) not in _TELLS_LITTLE)
    return next(telling, "") or " ".join(filled)[:600]


_TELLING = 20
_TELLS_LITTLE = frozenset({"", "refused", "expired", "content", "policy", "system_error", "try_later"})


def _thought(lines: list[str], index: int) -> str:
    """A line and those that go on with it: up to an empty one, or to another refusal."""
    words = [lines[index]]
    code = reply_in(lines[index])
    for following in lines[index + 1 : index + 8]:
        if not following or (following[:3].isdigit() and following[:3] != code):
            break
        words.append(following)
    return " ".join(words)
