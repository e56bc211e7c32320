"""Who may know whom. import-linter holds the walls between packages; what it cannot say is said here."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, SERVICES, files, importers, imports, name, top, tree

STANDARD = sys.stdlib_module_names
PROTOCOLS = ("imap", "smtp")
"""What several clients speak: libraries of theirs, clients of nobody."""
CLIENTS = sorted(
    p.name for p in (ROOT / "services/providers").iterdir() if (p / "__init__.py").exists() and p.name not in PROTOCOLS
)


def test_import_linter_finds_every_wall_standing() -> None:
    lint = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert lint.returncode == 0, lint.stdout


def test_motor_is_imported_in_one_module() -> None:
    assert importers("motor") == {"services/runtime/mongo.py"}


def test_pymongo_is_known_to_the_runtime_alone() -> None:
    assert importers("pymongo") | importers("bson") <= {
        "services/runtime/mongo.py",
        "services/runtime/group_commit.py",
    }


def test_aioimaplib_is_wrapped_in_one_module() -> None:
    assert len(importers("aioimaplib")) <= 1


def test_faststream_is_known_to_the_runtime_alone() -> None:
    assert all(user.startswith("services/runtime/") for user in importers("faststream"))


def test_nats_is_known_to_the_runtime_alone() -> None:
    users = {user for user in importers("nats") if not user.startswith("services/runtime/")}
    assert all(user.startswith("services/cli/") for user in users), users


@pytest.mark.parametrize("client", CLIENTS)
def test_an_email_client_knows_no_other(client: str) -> None:
    others = {f"services.providers.{other}" for other in CLIENTS if other != client}
    for file in files(f"services/providers/{client}"):
        assert not [module for module in imports(file) if _package(module) in others], name(file)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_protocol_knows_no_email_client(protocol: str) -> None:
    clients = {f"services.providers.{client}" for client in CLIENTS}
    for file in files(f"services/providers/{protocol}"):
        assert not [module for module in imports(file) if _package(module) in clients], name(file)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_chooses_clients_by_the_registry_alone(service: str) -> None:
    private = {f"services.providers.{folder}" for folder in (*CLIENTS, *PROTOCOLS)}
    for file in files(f"services/{service}"):
        assert not [module for module in imports(file) if _package(module) in private], name(file)


def _package(module: str) -> str:
    """`services.providers.gmail` of whatever lies in it."""
    return ".".join(module.split(".")[:3])


def test_contracts_stand_on_pydantic_alone() -> None:
    for file in files("contracts/replywire_contracts"):
        allowed = STANDARD | {"pydantic", "replywire_contracts"}
        if file.name in ("nats.py", "external_bus.py"):  # the extra `nats`
            allowed |= {"nats"}
        if file.name == "external.py":  # the extra `external`
            allowed |= {"httpx"}
        assert {top(module) for module in imports(file)} <= allowed, name(file)


def uses_of(module: str, file: Path) -> list[ast.Attribute]:
    attributes = (node for node in ast.walk(tree(file)) if isinstance(node, ast.Attribute))
    return [node for node in attributes if isinstance(node.value, ast.Name) and node.value.id == module]


@pytest.mark.parametrize("service", SERVICES)
def test_the_domain_awaits_nothing_and_reads_nothing(service: str) -> None:
    outside = {"asyncio", "socket", "ssl", "subprocess", "threading", "pathlib", "tempfile", "time"}
    for file in files(f"services/{service}/domain"):
        assert not {top(module) for module in imports(file)} & outside, name(file)
        assert {node.attr for node in uses_of("os", file)} <= {"urandom"}, name(file)
        waits = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
        assert not [node for node in ast.walk(tree(file)) if isinstance(node, waits)], name(file)


@pytest.mark.parametrize("service", SERVICES)
def test_only_wiring_knows_both_a_port_and_its_adapter(service: str) -> None:
    """`app`, and `commands` where an operator has some. `http` and `handlers` are given what they need; `adapters` may
    know ports, for it fulfils them."""
    for file in files(f"services/{service}"):
        where = file.relative_to(ROOT / "services" / service).as_posix()
        if where in ("app.py", "__main__.py", "commands.py") or where.startswith("adapters/"):
            continue
        assert not [m for m in imports(file) if m.startswith(f"services.{service}.adapters")], name(file)


def test_nothing_of_ours_reads_the_environment_but_settings() -> None:
    allowed = {"services/runtime/failpoints.py", "services/runtime/settings.py", "services/runtime/provision.py"}
    for file in files("services"):
        if name(file) in allowed or file.name == "settings.py" or name(file).startswith("services/cli/"):
            continue
        text = file.read_text()
        assert "os.environ" not in text, name(file)
        assert "getenv" not in text, name(file)
