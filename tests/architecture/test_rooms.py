"""Who knows one service knows all four: the same rooms, small files, each telling what it is."""

from __future__ import annotations

import ast
import statistics

import pytest

from tests.architecture.sources import ROOT, SERVICES, files, name, tree

ROOMS = ("__main__.py", "app.py", "settings.py", "handlers.py", "http.py", "ports.py", "README.md")
BANNED = ("utils", "common", "helpers", "base", "manager", "misc", "util", "helper")
OURS = [file for under in ("services", "contracts/replywire_contracts", "deploy") for file in files(under)]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_same_rooms(service: str) -> None:
    home = ROOT / "services" / service
    missing = [room for room in ROOMS if not (home / room).is_file()]
    missing += [room for room in ("domain", "adapters") if not (home / room / "__init__.py").is_file()]
    assert not missing, f"services/{service} lacks {missing}"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_built_by_app_and_run_by_main(service: str) -> None:
    app = tree(ROOT / "services" / service / "app.py")
    assert "build" in {node.name for node in app.body if isinstance(node, ast.FunctionDef)}
    main = (ROOT / "services" / service / "__main__.py").read_text()
    assert f"services.{service}.app import build" in main
    assert f"services.{service}.settings import Settings" in main


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_declares_its_indexes_as_data(service: str) -> None:
    assert "INDEXES" in (ROOT / "services" / service / "adapters" / "indexes.py").read_text()


def test_no_file_asks_to_be_two_things() -> None:
    too_long = {name(file): n for file in OURS if (n := len(file.read_text().splitlines())) > 300}
    assert not too_long
    lengths = [len(file.read_text().splitlines()) for file in OURS if file.name != "__init__.py"]
    assert statistics.median(lengths) <= 120


def test_every_module_opens_with_what_it_is() -> None:
    silent = [name(file) for file in OURS if file.read_text().strip() and not ast.get_docstring(tree(file))]
    assert not silent


def test_nothing_is_called_after_nothing() -> None:
    assert not [name(file) for file in OURS if file.stem in BANNED or any(part in BANNED for part in file.parts)]


def test_no_unnamed_exception_is_swallowed() -> None:
    """Passing over an error is a decision about that error: it names which."""
    found = []
    for file in OURS:
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.ExceptHandler) and all(isinstance(line, ast.Pass) for line in node.body):
                caught = ast.unparse(node.type) if node.type else "BaseException"
                if {"Exception", "BaseException"} & set(caught.strip("()").split(", ")):
                    found.append(f"{name(file)}:{node.lineno}")
    assert not found


def test_no_client_is_asked_for_by_name_outside_its_folder() -> None:
    """What a client can do is data in `capabilities`, asked before anything is tried."""
    names = {"gmail", "smtp_imap", "microsoft365", "ews", "external"}
    found = []
    for under in ("send", "inbox_sync", "reply_matching"):
        for file in files(f"services/{under}"):
            for node in ast.walk(tree(file)):
                if isinstance(node, ast.Compare):
                    constants = [c.value for c in [node.left, *node.comparators] if isinstance(c, ast.Constant)]
                    found += [f"{name(file)}:{node.lineno}" for value in constants if value in names]
    assert not found
