"""Judgement on one core: how right it is on the corpora and the labelled set, how fast, and what hostile mail costs.

`python -m tests.benchmarks judgement`.
"""

from __future__ import annotations

import asyncio
import email.policy
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from typing import TypeVar

from mailparser_reply import EmailReplyParser

from services.reply_matching.domain.classify import classify
from services.reply_matching.domain.explain import explain
from services.reply_matching.domain.headers import parse_block
from services.reply_matching.domain.judge import candidates, judge
from services.reply_matching.domain.judged import JudgedMessage
from services.reply_matching.domain.mime_reading import read_mail
from services.reply_matching.domain.reply_text import bodies_of, new_text
from tests.benchmarks.table import Row
from tests.corpora import bounces, held_out, ours, transplant
from tests.corpora.held_out_set import PARTS
from tests.unit.judgement.posted import EXPECTED, mail
from tests.unit.judgement.test_hostile import SHAPES

T = TypeVar("T")
HOSTILE = 10_000_000


async def run() -> list[Row]:
    return await asyncio.to_thread(lambda: [*_rightness(), *_speed(), *_texts(), *_hostile()])


def _rightness() -> list[Row]:
    figures = ours.measure(*transplant.labelled_set())
    rows = [
        _share("certain matches that are right", figures.precision, 1.0, f"{figures.messages:,} transplanted messages"),
        _share("matches found, of those that can be known", figures.recall, 0.995, ""),
        Row(
            "probable matches, apart",
            figures.probable_right,
            "right",
            note=f"{figures.probable_wrong} wrong, {figures.probable_missed} missed",
        ),
    ]
    people = [name for name, expected in EXPECTED.items() if expected["class"] == "human"]
    taken = sum(classify(mail(name)).klass != "human" for name in people)
    rows.append(Row("people taken for machines", taken, f"of {len(people)}", target="0", reached=taken == 0))
    parts = [held_out.measure(part) for part in PARTS]
    machines = sum(len(part.people_taken) for part in parts)
    rows.append(
        Row(
            "people of other forms taken for machines",
            machines,
            f"of {sum(part.people for part in parts)}",
            target="0",
            reached=machines == 0,
        )
    )
    rows.append(
        _share(
            "class right, other forms",
            sum(part.right["class"] for part in parts) / sum(part.asked["class"] for part in parts),
            None,
            "at first sight 71 to 98 %: see their README",
        )
    )
    if (bounces.CORPORA / "bounces").exists():
        real = bounces.measure()
        rows += [
            _share(
                "class right, real bounces", real.share("classes_right", "messages"), 0.97, f"{real.messages} mails"
            ),
            _share("hard or soft right", real.share("hardness_right", "hardness_asked"), 0.93, "per recipient"),
            _share("failed recipient found", real.share("recipients_found", "recipients_asked"), 0.95, ""),
            _share("reports that headers alone give away", real.share("looked_inside", "reports"), None, ""),
        ]
    if bounces.fetch_flufl():
        flufl = bounces.measure_flufl()
        note = f"{flufl.messages} messages; not-bounces called one: {flufl.false_bounces}"
        rows.append(
            _share("flufl.bounce's own messages detected", flufl.share("classes_right", "messages"), 0.97, note)
        )
    return rows


def _share(name: str, share: float, target: float | None, note: str) -> Row:
    if target is None:
        return Row(name, share * 100, "%", note=note)
    return Row(name, share * 100, "%", target=f"{target:.1%}", reached=share >= target, note=note)


def _speed() -> list[Row]:
    blocks = [mail(name).partition(b"\n\n")[0] + b"\n\n" for name in EXPECTED]
    known = ours.Store(ours.our_messages(random.Random(4))).found
    now = datetime.now(UTC)
    messages = [JudgedMessage("a", "t", number, block, now) for number, block in enumerate(blocks)]
    mails = [mail(name) for name in EXPECTED]
    strict = BytesHeaderParser(policy=email.policy.default)
    judged = _per_second(lambda one: judge(candidates(one), known), messages)
    parsed = _per_second(parse_block, blocks)
    peer = _per_second(lambda block: [*strict.parsebytes(block).values()], blocks[:40])
    lax = _per_second(lambda block: [*BytesHeaderParser().parsebytes(block).values()], blocks)
    classified = _per_second(classify, mails)
    return [
        Row("header judgements per second and core", judged, "/s", target="5,000", reached=judged >= 5_000),
        Row("header blocks parsed", parsed, "/s", "email.policy.default", peer, note=f"compat32: {lax:,.0f}/s"),
        Row("full classifications per second and core", classified, "/s", target="300", reached=classified >= 300),
    ]


def _texts() -> list[Row]:
    """The new words of our own people's mails, against mail-parser-reply on the same texts."""
    people = [name for name, expected in EXPECTED.items() if expected["class"] == "human"]
    bodies = [(bodies_of(read_mail(mail(name)))[0] or "", EXPECTED[name]["new"]) for name in people]
    bodies = [(text, new) for text, new in bodies if text]
    peer = EmailReplyParser(languages=["en", "de", "fr", "es", "it", "nl", "pl", "sv", "da", "ja"])
    ours_right = sum(new_text(text).new == new for text, new in bodies)
    peer_right = sum(peer.read(text).replies[0].body == new for text, new in bodies)
    texts = [text for text, _ in bodies]
    return [
        Row("new words exactly right", ours_right, f"of {len(bodies)}", "mail-parser-reply", peer_right),
        Row(
            "texts taken apart per second and core",
            _per_second(new_text, texts),
            "/s",
            "mail-parser-reply",
            _per_second(peer.read, texts),
        ),
    ]


def _per_second(work: Callable[[T], object], items: list[T]) -> float:
    done = 0
    started = time.process_time()
    while time.process_time() - started < 2:
        for item in items:
            work(item)
        done += len(items)
    return done / (time.process_time() - started)


def _hostile() -> list[Row]:
    """Each shape in a process of its own, so that its peak memory is its own."""
    worst_time, worst_memory, slowest, fattest = 0.0, 0.0, "", ""
    for shape in SHAPES:
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.judgement", shape], capture_output=True, text=True, check=True
        )
        seconds, megabytes = (float(word) for word in done.stdout.split())
        if seconds > worst_time:
            worst_time, slowest = seconds, shape
        if megabytes > worst_memory:
            worst_memory, fattest = megabytes, shape
    return [
        Row("worst hostile 10 MB, time", worst_time, "s", target="1", reached=worst_time <= 1, note=slowest),
        Row("worst hostile 10 MB, memory", worst_memory, "MB", target="200", reached=worst_memory <= 200, note=fattest),
    ]


def main(shape: str) -> None:
    """Explain one hostile mail: processor seconds, and the process's peak of memory in MB."""
    raw = SHAPES[shape](HOSTILE)
    started = time.process_time()
    explain(raw)
    seconds = time.process_time() - started
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main(sys.argv[1])
