"""Figures on the labelled messages that the rules were not written with, part by part (see the README beside them).

`python -m tests.corpora.held_out` prints the figures and what is wrong in the tuning half; of another part it tells
what is wrong only when asked (`python -m tests.corpora.held_out test`), for then the part is no longer held out.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from services.reply_matching.domain.classification import Classification
from services.reply_matching.domain.classify import classify, classify_headers
from services.reply_matching.domain.headers import parse_block
from services.reply_matching.domain.mime_reading import read_mail
from services.reply_matching.domain.reply_text import new_text_of
from services.reply_matching.domain.report_signs import looks_like_report
from tests.corpora.held_out_set import PARTS, HeldOut, held_out

REPORTS = frozenset({"bounce", "delayed", "complaint"})
QUESTIONS = (
    "class", "hard or soft", "failed recipient", "reason", "day of return", "unsubscribe", "new words",
    "report seen by headers",
)  # fmt: skip


@dataclass(slots=True)
class Figures:
    """Of each question: how often it is asked, and how often answered rightly; and the people taken for machines."""

    asked: dict[str, int] = field(default_factory=lambda: dict.fromkeys(QUESTIONS, 0))
    right: dict[str, int] = field(default_factory=lambda: dict.fromkeys(QUESTIONS, 0))
    people: int = 0
    people_taken: list[str] = field(default_factory=list)
    false_bounces: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def count(self, question: str, right: bool, told: str) -> None:
        self.asked[question] += 1
        self.right[question] += right
        if not right:
            self.wrong.append(f"{question}: {told}")

    def share(self, question: str) -> float:
        return self.right[question] / max(1, self.asked[question])


def measure(part: str) -> Figures:
    figures = Figures()
    for one in held_out():
        if one.part == part:
            _measure_one(figures, one, classify(one.raw))
    return figures


def _measure_one(figures: Figures, one: HeldOut, found: Classification) -> None:
    label, klass = one.label, found.klass.value
    signs = ", ".join(str(evidence) for evidence in found.evidence)
    figures.count("class", klass in label.classes, f"{one.name} is {'|'.join(label.classes)}, not {klass} ({signs})")
    if "human" in label.classes:
        figures.people += 1
        by_headers = classify_headers(parse_block(one.raw)).klass.value
        if not {klass, by_headers} <= label.classes | {"human", "list"}:
            figures.people_taken.append(f"{one.name} taken for {klass}, by headers for {by_headers}")
    if klass in ("bounce", "delayed") and not label.classes & REPORTS:
        figures.false_bounces.append(one.name)
    if label.classes <= REPORTS:
        figures.count("report seen by headers", looks_like_report(parse_block(one.raw)), one.name)
    if label.hardness:
        given = found.hardness.value if found.hardness else ""
        figures.count("hard or soft", given in label.hardness, f"{one.name}: {given}")
    told = {report.address: report for report in found.recipients}
    for address, (action, reasons) in label.recipients.items():
        report = told.get(address)
        there = report is not None and report.action.value == action
        figures.count("failed recipient", there, f"{one.name}: {address} {action}, not {sorted(told)}")
        if reasons != {"-"}:
            reason = report.reason if report else ""
            figures.count("reason", reason in reasons, f"{one.name}: {'|'.join(reasons)}, not {reason}")
    if label.returns is not None:
        day = found.return_date.isoformat() if found.return_date else "-"
        figures.count("day of return", day == label.returns, f"{one.name}: {label.returns}, not {day}")
    if label.unsubscribe is not None:
        flag = found.unsubscribe_request
        figures.count("unsubscribe", flag is label.unsubscribe, f"{one.name}: {flag}")
    if label.new is not None:
        new = new_text_of(read_mail(one.raw)).new
        figures.count("new words", new == label.new, f"{one.name}: {new!r}")


def main(shown: str = "tuning") -> None:
    for part in PARTS:
        figures = measure(part)
        print(f"{part}:")
        for question in QUESTIONS:
            right, asked = figures.right[question], figures.asked[question]
            print(f"  {question}: {right} of {asked} ({figures.share(question):.1%})")
        print(f"  people taken for machines: {len(figures.people_taken)} of {figures.people}")
        print(f"  taken for bounces that are none: {len(figures.false_bounces)}")
        if part == shown:
            print("\n".join(f"    {line}" for line in figures.wrong + figures.people_taken))


if __name__ == "__main__":
    main(*sys.argv[1:2])
