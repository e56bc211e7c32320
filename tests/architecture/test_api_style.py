"""However many services answer, they read as one API: every route has what every other has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from deploy.front_door import document, generate, table
from services.auth.domain.scopes import SCOPES
from services.runtime.operations import described, scopes_of
from services.runtime.problem_shape import MEDIA_TYPE

WITHOUT_A_KEY: set[str] = set()
"""Operations that anybody may call; each would have its reason here."""
SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
PATH = re.compile(r"/v1(/[a-z]+(-[a-z]+)*|/\{[a-z_]+\})+")


@cache
def whole() -> dict[str, Any]:
    return document.join(generate.described())


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    return described(whole())


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    _, kind, name = part["$ref"].removeprefix("#/").split("/")
    found: dict[str, Any] = whole()["components"][kind][name]
    return found


def test_every_route_has_a_name_a_sentence_and_a_place() -> None:
    for path, method, operation in operations():
        told = f"{method} {path}"
        assert SNAKE.fullmatch(operation["operationId"]), told
        assert len(operation.get("tags", ())) == 1, f"{told} has {operation.get('tags')}"
        assert operation["tags"][0] in document.TAGS, told
        assert operation.get("description"), f"{told} has no docstring"
        assert PATH.fullmatch(path), path


def test_every_route_asks_for_a_key_whose_scope_exists() -> None:
    for path, method, operation in operations():
        scopes = scopes_of(operation)
        if operation["operationId"] in WITHOUT_A_KEY:
            assert scopes is None, f"{method} {path}"
        else:
            assert scopes, f"{method} {path} asks for no key, or for no scope"
            assert set(scopes) <= SCOPES.keys(), f"{method} {path}"


def test_every_error_is_described_and_a_problem() -> None:
    for path, method, operation in operations():
        responses = {status: resolved(response) for status, response in operation["responses"].items()}
        expected = {"401", "403", "429", "503"} | ({"404"} if "{" in path else set())
        if "requestBody" in operation:
            expected |= {"400", "413", "415", "422"}
        assert expected <= responses.keys(), f"{method} {path}"
        assert any(status.startswith("2") for status in responses)
        assert "500" not in responses, "a bug is nobody's promise"
        for status, response in responses.items():
            assert response["description"], f"{method} {path} {status}"
            assert "X-Request-Id" in response["headers"], f"{method} {path} {status}"
            if status >= "400":
                assert list(response["content"]) == [MEDIA_TYPE], f"{method} {path} {status}"


def test_every_list_is_pages_and_every_creation_may_be_repeated() -> None:
    for path, method, operation in operations():
        parameters = {parameter["name"] for parameter in operation.get("parameters", ())}
        answer = resolved(operation["responses"].get("200", {})).get("content", {}).get("application/json", {})
        fields = resolved(answer.get("schema", {})).get("properties", {})
        if "items" in fields or "cursor" in parameters:
            assert set(fields) == {"items", "next"}, f"{method} {path}"
            assert {"cursor", "limit"} <= parameters, f"{method} {path}"
        if method == "post" and {"201", "202"} & operation["responses"].keys():
            assert "Idempotency-Key" in parameters, f"{method} {path}"
            assert "409" in operation["responses"], f"{method} {path}"


def test_every_field_is_written_alike() -> None:
    for name, schema in whole()["components"]["schemas"].items():
        odd = [field for field in schema.get("properties", {}) if not SNAKE.fullmatch(field)]
        assert not odd, f"{name}: {odd}"


def examples() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    for path, method, operation in operations():
        told = f"{method} {path}"
        for parameter in operation.get("parameters", ()):
            yield f"{told} {parameter['name']}", parameter.get("example"), parameter["schema"]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield f"{told} request", content.get("example"), content["schema"]
        for status, response in operation["responses"].items():
            for content in resolved(response).get("content", {}).values():
                yield f"{told} {status}", content.get("example"), content["schema"]


def test_every_request_and_answer_has_an_example_that_is_one() -> None:
    for told, example, schema in examples():
        assert example is not None or told.split()[-1].isidentifier(), told
        rooted = {**schema, "components": whole()["components"]}
        wrong = [error.message for error in Draft202012Validator(rooted).iter_errors(example)]
        assert not wrong, f"{told}: {example}: {wrong}"


def test_what_creates_leads_to_what_reads() -> None:
    links = {
        operation["operationId"]: set(links)
        for *_, operation in operations()
        for response in operation["responses"].values()
        if (links := response.get("links"))
    }
    assert "read_message" in links["create_message"]
    assert "read_reply" in links["list_replies"]
    assert "delete_key" not in links.get("list_keys", ()), "a list must lead to nothing that ends what it lists"


def test_no_route_leads_past_its_service() -> None:
    assert {service for _, service in table.TABLE} == set(table.SERVICES)
    for prefix, _ in table.API:
        paths = [path for path, *_ in operations() if path == prefix or path.startswith(f"{prefix}/")]
        assert paths, f"the table has {prefix}, but nobody answers there"
    for path, service in (("/v1/accountsx", None), ("/connect", "auth"), ("/connect/done", "auth"), ("/metrics", None)):
        assert table.service_of(path) == service


def test_two_services_that_mean_different_things_by_one_name_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = {
        service: {"paths": {}, "components": {"schemas": {"State": {"const": service}}}} for service in ("auth", "send")
    }
    with pytest.raises(document.Disagreement, match="State"):
        document.join(documents)


@pytest.mark.parametrize("file", [generate.DOCUMENT, generate.PAGE, generate.ROUTES, generate.NGINX])
def test_what_is_generated_is_fresh(file: Path) -> None:
    assert generate.files(whole())[file] == file.read_text(), "run `make generate`"
