"""Figures on real mail that is not ours and not in the project: the shared corpus, and flufl.bounce's own test
messages.

Where a label and the mail itself disagree on what is asked, it is said here: a DSN that says `delayed` or `delivered`,
and a complaint in Amazon's JSON, carry the corpus's label `bounce` because its files are sorted by sender, so the
strict figure counts them as wrong and the other one does not.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from services.reply_matching.domain.classification import Action, Class, Classification, Hardness
from services.reply_matching.domain.classify import classify
from services.reply_matching.domain.headers import parse_block
from services.reply_matching.domain.report_signs import looks_like_report

ROOT = Path(__file__).parents[2]
CORPORA = Path(os.environ.get("REPLYWIRE_CORPORA", ROOT.parent / "shared" / "corpora"))
FLUFL = Path(os.environ.get("REPLYWIRE_FLUFL_MAILS", ROOT / "build" / "flufl.bounce"))

_SAME = {
    "bounce": {Class.BOUNCE, Class.DELAYED},
    "complaint": {Class.COMPLAINT},
    "auto-reply": {Class.OUT_OF_OFFICE, Class.AUTO_REPLY},
    "not-a-report": {Class.HUMAN, Class.LIST},
}
NOT_BOUNCES = frozenset({"groupwise_03.txt", "qmail_08.txt"})
"""Of flufl.bounce's messages: a person's answer and a vacation reply, in which it must find nothing either."""


@dataclass(slots=True)
class Figures:
    """Counts, and what was wrong."""

    messages: int = 0
    classes_right: int = 0
    reports: int = 0
    looked_inside: int = 0
    hardness_asked: int = 0
    hardness_right: int = 0
    recipients_asked: int = 0
    recipients_found: int = 0
    false_bounces: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def share(self, part: str, whole: str) -> float:
        return float(getattr(self, part) / max(1, getattr(self, whole)))


def labelled() -> Iterator[tuple[str, str, list[str], bytes]]:
    """(file, kind, expected verdict of each recipient, the mail) of the shared corpus."""
    with (CORPORA / "bounces" / "labels.tsv").open(encoding="utf-8", newline="") as labels:
        for name, kind, expected in list(csv.reader(labels, delimiter="\t"))[1:]:
            raw = (CORPORA / "bounces" / "mail" / name).read_bytes()
            yield name, kind, [one for one in expected.split() if one != "?"], raw


def measure() -> Figures:
    """Class, hard or soft, and the failed recipient, on the shared corpus."""
    figures = Figures()
    for name, kind, expected, raw in labelled():
        started = time.process_time()
        found = classify(raw)
        figures.seconds += time.process_time() - started
        figures.messages += 1
        right = found.klass in _SAME[kind]
        figures.classes_right += right
        if not right:
            figures.wrong.append(f"{name}: {kind} taken for {found.klass}")
        if kind in ("bounce", "complaint"):
            figures.reports += 1
            figures.looked_inside += looks_like_report(parse_block(raw))
        elif found.klass in (Class.BOUNCE, Class.DELAYED):
            figures.false_bounces += 1
        if kind == "bounce" and right:
            _count_recipients(figures, found)
            _count_hardness(figures, name, expected, found)
    return figures


def _count_recipients(figures: Figures, found: Classification) -> None:
    figures.recipients_asked += 1
    figures.recipients_found += any("@" in one.address for one in found.recipients)


def _count_hardness(figures: Figures, name: str, expected: list[str], found: Classification) -> None:
    """Recipient by recipient where as many were found as are labelled, else the message as a whole."""
    asked = sorted(one.endswith("/true") for one in expected)
    told = sorted(
        one.hardness is Hardness.HARD for one in found.recipients if one.action in (Action.FAILED, Action.DELAYED)
    )
    if asked and len(asked) != len(told):
        asked, told = [all(asked)], [found.hardness is Hardness.HARD]
    for wanted, given in zip(asked, told, strict=False):
        figures.hardness_asked += 1
        figures.hardness_right += wanted == given
        if wanted != given:
            reasons = ", ".join(f"{one.address} {one.reason}" for one in found.recipients)
            figures.wrong.append(f"{name}: {' '.join(expected)} taken for {reasons}")


def measure_flufl() -> Figures:
    """How many of flufl.bounce's own messages are detected, and whether its not-bounces are left alone."""
    figures = Figures()
    for path in sorted(FLUFL.rglob("*.txt")):
        found = classify(path.read_bytes())
        is_bounce = found.klass in (Class.BOUNCE, Class.DELAYED)
        if path.name in NOT_BOUNCES:
            figures.false_bounces += is_bounce
            continue
        figures.messages += 1
        figures.classes_right += is_bounce
        if not is_bounce:
            figures.wrong.append(f"{path.name} taken for {found.klass}")
    return figures


def fetch_flufl() -> bool:
    """Get flufl.bounce's source distribution, which carries the messages, with pip; False where that cannot be done."""
    if any(FLUFL.rglob("*.txt")):
        return True
    FLUFL.mkdir(parents=True, exist_ok=True)
    wanted = f"flufl.bounce=={version('flufl.bounce')}"
    options = ["--no-deps", "--no-binary", ":all:", "--quiet", "--dest", str(FLUFL)]
    done = subprocess.run([sys.executable, "-m", "pip", "download", *options, wanted], check=False)
    for archive in FLUFL.glob("*.tar.gz"):
        subprocess.run(["tar", "xzf", str(archive), "-C", str(FLUFL)], check=True)
    return done.returncode == 0 and any(FLUFL.rglob("*.txt"))
