"""A labelled set made by transplanting: our own mails with their references and embedded originals rewritten, so that
for each message it is known whether it belongs to a tracked one, and to which.

`python -m tests.corpora.transplant` prints the figures; `python -m tests.corpora.transplant FOLDER` writes the set
there.
"""

from __future__ import annotations

import base64
import random
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from services.reply_matching.domain.judged import JudgedMessage
from tests.corpora.ours import ALICE, BOB, SENT, TEAM, Labelled, Ours, measure, our_messages

MAILS = Path(__file__).parents[1] / "fixtures" / "mail"
ORIGINAL = "rw-4f1c2a9e"
ROUNDS = 3


_NAMES = re.compile(
    rb"(?im)^(?:message-id|in-reply-to|references|subject|from|thread-index|x-replywire-id):.*\n(?:[ \t].*\n)*"
)


_FAILED = re.compile(rb"(?i)\nx-failed-recipients:[^\n]*")


def rewritten(mail: bytes, **fields: str) -> bytes:
    """The mail with its names taken out of its own headers, and these put in."""
    head, gap, body = mail.partition(b"\n\n")
    kept = _NAMES.sub(b"", head + b"\n")
    given = "".join(f"{name.rstrip('_').replace('_', '-')}: {value}\n" for name, value in fields.items() if value)
    return given.encode() + kept.rstrip(b"\n") + gap + body


Maker = Callable[[bytes, Ours, random.Random, str], Iterator[Labelled]]


def from_reply(mail: bytes, ours: Ours, chance: random.Random, name: str) -> Iterator[Labelled]:
    """A person's or machine's answer, in every relation to a tracked message that we could think of."""
    own_id = f"<{chance.getrandbits(64):x}@example.org>"
    foreign = [f"<{chance.getrandbits(64):x}@example.net>" for _ in range(3)]
    never = [f"<{chance.getrandbits(64):x}@example.net>" for _ in range(3)]
    tracked_id = chance.choice(ours.tracked.message_ids)
    sender, about, r = f"Somebody <{ours.tracked.recipients[0]}>", ours.subject, ours.tracked.request_id
    common = {"message_id": own_id, "from_": sender, "subject": f"Re: {about}"}
    other = common | {"from_": "Else <else@example.net>", "subject": "Re: something else"}

    def made(kind: str, truth: str | None, fields: dict[str, str], probable: bool = False, **changes: Any) -> Labelled:
        raw = rewritten(mail, **fields)
        block = raw.partition(b"\n\n")[0] + b"\n"
        message = JudgedMessage(ALICE, TEAM, kind, block, SENT + timedelta(days=2))
        return Labelled(f"{name}/{kind}", replace(message, **changes), raw, truth, probable)

    chain = [f"<{number}.{chance.getrandbits(32):x}@example.net>" for number in range(199)]
    place = chance.choice([0, 2, 160, 198, 199])  # the nearest and the roots: what a lookup may cost is bounded
    long_chain = " ".join([*chain[:place], tracked_id, *chain[place:]])
    yield made("in-reply-to", r, common | {"in_reply_to": tracked_id})
    yield made("in-reply-to, other subject and sender", r, other | {"in_reply_to": tracked_id})
    yield made("references", r, common | {"references": f"{foreign[0]} {tracked_id}", "in_reply_to": foreign[1]})
    yield made("references, folded", r, other | {"references": f"{foreign[0]}\n\t{foreign[1]}\n {tracked_id}"})
    yield made("references, commas", r, other | {"references": f"{foreign[0]},{tracked_id},{foreign[1]}"})
    yield made("references, no brackets", r, other | {"references": f"{foreign[0][1:-1]} {tracked_id[1:-1]}"})
    yield made("references, quoted", r, other | {"references": f'"{tracked_id}" {foreign[0]} "{tracked_id}"'})
    yield made("references, 200", r, other | {"references": long_chain})
    yield made("in-reply-to, words around", r, other | {"in_reply_to": f'{tracked_id} (message of "Monday")'})
    yield made("in-reply-to, host in capitals", r, other | {"in_reply_to": tracked_id.upper()})
    yield made("no message-id", r, common | {"message_id": "", "in_reply_to": tracked_id})
    yield made("marker", r, other | {"x_replywire_id": ours.marker})
    yield made("provider's thread", r, other, provider_thread_id=ours.thread)
    child = base64.b64encode(ours.thread_index + chance.randbytes(5 * chance.randint(1, 3))).decode()
    yield made("thread-index", r, other | {"thread_index": child})
    yield made("colleague's mailbox", r, common | {"in_reply_to": tracked_id, "cc": "bob@example.com"}, account_id=BOB)
    unseen, later = (
        f"<unseen-{chance.getrandbits(64):x}@example.com>",
        f"<later-{chance.getrandbits(64):x}@example.org>",
    )
    seen = {"message_id": own_id, "in_reply_to": unseen, "references": f"{tracked_id} {unseen}"}
    yield made("chain, first", r, other | seen)
    yield made("chain, through a message never seen", r, other | {"message_id": later, "in_reply_to": unseen})
    yield made("chain, on", r, other | {"message_id": foreign[2], "references": later})
    yield made("subject and correspondent", r, common, probable=True)
    yield made("subject and correspondent, unknown id", r, common | {"in_reply_to": foreign[0]}, probable=True)

    yield made("foreign id", None, other | {"in_reply_to": never[0], "references": " ".join(never)})
    yield made("truncated id", None, other | {"in_reply_to": tracked_id[: len(tracked_id) // 2]})
    yield made("id with one letter changed", None, other | {"in_reply_to": tracked_id.replace("@", "x@")})
    yield made("no names at all", None, other)
    yield made("our id in the subject only", None, other | {"subject": f"Re: {tracked_id}"})
    yield made("our id in another field", None, other | {"comments": tracked_id})
    yield made("another team", None, common | {"in_reply_to": tracked_id}, team_id="team2")
    yield made("another mailbox's thread", None, other, provider_thread_id=ours.thread, account_id=BOB)
    yield made("thread before ours", None, other, provider_thread_id=ours.thread, received_at=SENT - timedelta(days=1))
    beside = base64.b64encode(ours.thread_index[:-1] + b"\xff" + chance.randbytes(5)).decode()
    yield made("thread-index beside ours", None, other | {"thread_index": beside})
    yield made("own copy", None, common | {"from_": "Alice <alice@example.com>", "message_id": tracked_id})
    yield made("teammate's answer", None, common | {"from_": "Bob <bob@example.com>", "in_reply_to": tracked_id})
    yield made("same subject, somebody else", None, common | {"from_": "Else <else@example.net>"})
    yield made("same person, other subject", None, common | {"subject": "Re: lunch"})
    yield made("same subject, too late", None, common, received_at=SENT + timedelta(days=90))
    yield made("same subject, no mark", None, common | {"subject": about})


def from_report(mail: bytes, ours: Ours, chance: random.Random, name: str) -> Iterator[Labelled]:
    """A bounce or complaint whose embedded original is made ours, somebody else's, or nobody's."""
    r, person = ours.tracked.request_id, ours.tracked.recipients[0].encode()
    head, gap, body = mail.partition(b"\n\n")

    def made(kind: str, truth: str | None, new_body: bytes, probable: bool = False, more: bytes = b"") -> Labelled:
        failed = b"\nX-Failed-Recipients: " + person if probable and person.isascii() else b""
        named = re.sub(rb"(?im)^(message-id: <)", rb"\g<1>%x-" % chance.getrandbits(48), head, count=1)
        raw = _FAILED.sub(failed, named) + more + gap + new_body if failed else named + more + gap + new_body
        block = raw.partition(b"\n\n")[0] + b"\n"
        message = JudgedMessage(ALICE, TEAM, kind, block, SENT + timedelta(hours=1))
        return Labelled(f"{name}/{kind}", message, raw, truth, probable)

    def naming(message_id: str, marker: str) -> bytes:
        swapped = body.replace(b"X-Replywire-Id: " + ORIGINAL.encode(), f"X-Replywire-Id: {marker}".encode())
        return swapped.replace(f"<{ORIGINAL}@example.com>".encode(), message_id.encode())

    nameless = re.sub(rb"(?im)^(?:message-id|x-replywire-id|original-message-id):.*\n", b"", body)
    about_ours = re.sub(rb"[\w.\\{}-]+@(?:example\.(?:org|net)|nowhere\.example)", lambda _: person, nameless)
    for tracked_id in ours.tracked.message_ids:
        yield made("ours", r, naming(tracked_id, "x"))
    if b"X-Replywire-Id:" in body:
        yield made("ours by its marker", r, naming("<foreign@example.net>", ours.marker))
    yield made("foreign", None, naming(f"<{chance.getrandbits(64):x}@example.net>", "foreign"))
    yield made("truncated", None, naming(ours.tracked.message_ids[0][:9], "fore"))
    yield made("nameless", None, nameless)
    field_of_its_own = b"\nX-Original-Message-ID: " + ours.tracked.message_ids[0].encode()
    yield made("ours by a field of the report", r, nameless, more=field_of_its_own)
    yield made("ours by in-reply-to", r, nameless, more=b"\nIn-Reply-To: " + ours.tracked.message_ids[-1].encode())
    if b"Pilot in June?" in about_ours and person.isascii():
        subject = about_ours.replace(b"Pilot in June?", ours.subject.encode())
        yield made("nameless, our subject and recipient", r, subject, probable=True)


def labelled_set(seed: int = 4) -> tuple[list[Ours], list[Labelled]]:
    """The same set for the same seed."""
    chance = random.Random(seed)
    ours = our_messages(chance)
    made: list[Labelled] = []
    for _ in range(ROUNDS):
        for path in sorted(MAILS.glob("*.eml")):
            mail = path.read_bytes().replace(b"\r\n", b"\n")
            maker: Maker = (
                from_report if path.stem.startswith(("bounce", "complaint", "delay", "receipt")) else from_reply
            )
            if maker is from_report and ORIGINAL.encode() not in mail:
                continue
            made.extend(maker(mail, chance.choice(ours), chance, path.stem))
    return ours, made


def main(folder: str | None) -> None:
    ours, made = labelled_set()
    if folder is not None:
        to = Path(folder)
        to.mkdir(parents=True, exist_ok=True)
        labels = []
        for number, one in enumerate(made):
            (to / f"{number:05}.eml").write_bytes(one.raw)
            labels.append(
                f"{number:05}.eml\t{one.belongs_to or ''}\t{'probable' if one.probable_only else ''}\t{one.name}"
            )
        (to / "labels.tsv").write_text("\n".join(labels) + "\n", encoding="utf-8")
    figures = measure(ours, made)
    print(f"{figures.messages} messages: precision of certain {figures.precision:.2%}, recall {figures.recall:.2%}")
    print(f"probable: {figures.probable_right} right, {figures.probable_wrong} wrong, {figures.probable_missed} missed")
    print("\n".join(figures.wrong))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
