"""One setting puts the tests on containers: of compose's images, with the face of the embedded servers."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.servers import choice, mongod, nats_server
from tests.servers.choice import CONTAINERS, EMBEDDED, RunningServer

COMPOSE = yaml.safe_load((Path(__file__).parents[3] / "compose.yaml").read_text())
FACE = [name for name in vars(RunningServer) if not name.startswith("_")]


def test_the_setting_is_one_of_two_and_anything_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REPLYWIRE_TEST_SERVERS", raising=False)
    assert choice.chosen() == EMBEDDED
    monkeypatch.setenv("REPLYWIRE_TEST_SERVERS", CONTAINERS)
    assert choice.chosen() == CONTAINERS
    monkeypatch.setenv("REPLYWIRE_TEST_SERVERS", "docker")
    with pytest.raises(ValueError, match="say embedded or containers"):
        choice.chosen()


@pytest.mark.parametrize(
    ("kind", "image", "service"),
    [
        (nats_server.ContainerNats, nats_server._IMAGE, "nats"),
        (mongod.ContainerMongo, mongod._IMAGE, "mongo"),
    ],
)
def test_containers_are_of_composes_images_and_can_be_hurt_alike(kind: type, image: str, service: str) -> None:
    assert image == COMPOSE["services"][service]["image"]
    assert "restart" in FACE
    assert [name for name in FACE if not hasattr(kind, name)] == []


def test_both_kinds_of_a_stack_are_made_of_the_chosen_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.servers import stack

    monkeypatch.setenv("REPLYWIRE_TEST_SERVERS", CONTAINERS)
    assert type(stack.make(tmp_path).stack) is stack._ContainerStack
    monkeypatch.setenv("REPLYWIRE_TEST_SERVERS", EMBEDDED)
    assert type(stack.make(tmp_path).stack) is not stack._ContainerStack
