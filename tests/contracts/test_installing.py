"""The distribution as others install it: a wheel, alone in an environment that has pydantic and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

CONTRACTS = Path(__file__).parents[2] / "contracts"
PROGRAM = """
import importlib, json, pathlib, pkgutil, sys
import replywire_contracts
from replywire_contracts.catalogue import event_type
wanted = [each.name for each in pkgutil.walk_packages(replywire_contracts.__path__, "replywire_contracts.")]
extras = []
for name in wanted:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as missing:
        extras.append((name.removeprefix("replywire_contracts."), missing.name))
for golden in pathlib.Path(sys.argv[1]).glob("*.json"):
    event_type("mail.v1." + golden.name.rsplit(".", 2)[0]).decode(golden.read_text()).encode()
print(json.dumps([len(wanted), sorted(extras), replywire_contracts.__file__]))
"""


def required_by(name: str) -> Iterator[Distribution]:
    """It and all that it needs, of what is installed here."""
    found = distribution(name)
    yield found
    for line in found.requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from required_by(requirement.name)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with pydantic and the wheel of this working copy."""
    folder = tmp_path_factory.mktemp("clean")
    run("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder), str(CONTRACTS))
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    [site] = (folder / "venv").glob("lib/python*/site-packages")
    for part in required_by("pydantic"):
        for top in {file.parts[0] for file in part.files or () if file.parts[0] not in ("..", "__pycache__")}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(part.locate_file(top))))
    [wheel] = folder.glob("replywire_contracts-*.whl")
    run("-m", "pip", "--python", str(python), "install", "--no-index", str(wheel))
    return python


def run(*arguments: str, python: str = sys.executable) -> str:
    told = subprocess.run([python, *arguments], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def test_the_wheel_installs_and_works_with_pydantic_alone(clean: Path) -> None:
    modules, extras, where = json.loads(run("-I", "-c", PROGRAM, str(CONTRACTS / "examples" / "v1"), python=str(clean)))
    assert str(clean.parents[1]) in where, "another copy than the installed one was found"
    assert modules > 10
    assert extras == [["external", "httpx"], ["external_bus", "nats"], ["nats", "nats"]]


def test_each_extra_brings_one_client_library_and_nothing_else_is_asked_for() -> None:
    asked = [Requirement(line) for line in distribution("replywire-contracts").requires or ()]
    assert {(one.name, str(one.marker or "")) for one in asked} == {
        ("pydantic", ""),
        ("nats-py", 'extra == "nats"'),
        ("httpx", 'extra == "external"'),
    }
