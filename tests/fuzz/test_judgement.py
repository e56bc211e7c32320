"""A short run of each fuzz target, so that the targets themselves do not rot; a long one is for a person to start."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.mark.skipif(find_spec("atheris") is None, reason="NO FUZZING: atheris is not installed here")
def test_twenty_seconds_of_fuzzing_find_nothing(tmp_path: Path) -> None:
    target = [sys.executable, "-m", "tests.fuzz.judgement", "20", str(tmp_path / "corpus")]
    done = subprocess.run(target, capture_output=True, text=True, check=False, timeout=150)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Done " in done.stderr
