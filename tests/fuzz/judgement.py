"""Fuzzing judgement with atheris, within a budget: `python -m tests.fuzz.judgement [SECONDS] [CORPUS FOLDER]`.

It starts from our own mails. What raises, or takes longer than five seconds, ends the run with the input saved.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from pathlib import Path

try:
    import atheris  # type: ignore[import-untyped]
except ModuleNotFoundError:
    sys.exit("Fuzzing needs atheris: python -m pip install atheris")

with atheris.instrument_imports(include=["services.reply_matching.domain"]):
    from services.reply_matching.domain.classify import classify_headers
    from services.reply_matching.domain.explain import explain
    from services.reply_matching.domain.headers import parse_block
    from services.reply_matching.domain.html import sanitise

from tests.corpora.held_out_set import held_out
from tests.unit.judgement.posted import MAILS, tracked

BUDGET = 60
_PEAK_MB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
"""What the limit is measured against begins with the peak of the process that started this one (getrusage(2))."""


def one_input(data: bytes) -> None:
    """Everything that a stranger's bytes reach."""
    classify_headers(parse_block(data))
    explanation = explain(data, [tracked()])
    sanitise(explanation.reply.quoted)
    assert explanation.classification.evidence


def main(seconds: int, folder: str | None) -> None:
    with tempfile.TemporaryDirectory() as fresh:
        corpus = Path(folder or fresh)
        corpus.mkdir(parents=True, exist_ok=True)
        for path in MAILS.glob("*.eml"):
            (corpus / path.name).write_bytes(path.read_bytes())
        for one in held_out():
            (corpus / one.name).write_bytes(one.raw)
        options = [
            f"-max_total_time={seconds}",
            "-max_len=20000",
            "-timeout=5",
            f"-rss_limit_mb={_PEAK_MB + 970}",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], *options, str(corpus)], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(int(arguments[0]) if arguments else BUDGET, arguments[1] if len(arguments) > 1 else None)
