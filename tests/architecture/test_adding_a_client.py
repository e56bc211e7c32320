"""`services/providers/ADDING_A_CLIENT.md` says how a client is made: here it is held to every client there is."""

from __future__ import annotations

import re
import tomllib

import pytest

from services.providers import registry
from tests.architecture.sources import ROOT

HOME = ROOT / "services/providers"
PAGE = (HOME / "ADDING_A_CLIENT.md").read_text()
FACES = ("connect", "send", "sync")


@pytest.mark.parametrize("client", registry.names())
def test_a_client_lies_where_the_page_says(client: str) -> None:
    record = registry.client(client)
    assert record.capabilities.client == client
    for face in FACES:
        made = getattr(record, face) is not None
        assert (HOME / client / f"{face}.py").is_file() or not made, f"{client} gives {face} from elsewhere"


@pytest.mark.parametrize("client", registry.names())
def test_a_client_with_a_mailbox_is_in_the_conformance_suite(client: str) -> None:
    record = registry.client(client)
    if record.send is None or record.sync is None:
        pytest.skip("it has no mailbox to send from and read")
    benches = (ROOT / "tests/providers/conformance/benches.py").read_text()
    assert f'registry.client("{client}")' in benches or f"{client}.client(" in benches


def test_the_walls_name_every_client() -> None:
    walls = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    apart = next(wall["modules"] for wall in walls if wall["name"] == "No e-mail client knows another")
    assert set(apart) == {f"services.providers.{client}" for client in registry.names()}


def test_the_page_names_nothing_that_is_not_there() -> None:
    for path in re.findall(r"`((?:services|tests)/[\w/]+\.py)`", PAGE):
        assert (ROOT / path).is_file(), path
    for name in re.findall(r"`(\w+(?:/|\.py))`", PAGE):
        assert (HOME / name).exists() or list(HOME.glob(f"*/{name}")), name
