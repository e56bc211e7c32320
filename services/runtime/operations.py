"""What each route asks of a request, read from the OpenAPI document: so what is described is what is enforced. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

CODES = "x-codes"
"""In the document, beside an error's description: its problem codes, and when each is given."""
METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")


@dataclass(frozen=True, slots=True)
class Operation:
    operation_id: str
    scopes: tuple[str, ...] | None
    """None: no key is asked for."""
    media_types: frozenset[str]
    """Of the request's body; empty where it has none."""
    idempotency_key: bool
    answers: Mapping[int, frozenset[str]]
    """By status: the codes of its problems, none where it is no problem."""


@dataclass(slots=True)
class _Template:
    pattern: re.Pattern[str]
    by_method: dict[str, Operation] = field(default_factory=dict)


class Operations:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._plain: dict[str, dict[str, Operation]] = {}
        self._templates: list[_Template] = []
        for path, item in document.get("paths", {}).items():
            by_method = {method.upper(): _operation(item[method], document) for method in METHODS if method in item}
            if "{" in path:
                self._templates.append(_Template(_pattern(path), by_method))
            else:
                self._plain[path] = by_method

    def at(self, path: str) -> Mapping[str, Operation]:
        """By method; empty where no described route is."""
        found = self._plain.get(path)
        if found is not None:
            return found
        return next((one.by_method for one in self._templates if one.pattern.fullmatch(path)), {})


def described(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation, each once, in the document's order."""
    for path, item in document.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def scopes_of(operation: Mapping[str, Any]) -> tuple[str, ...] | None:
    security = operation.get("security")
    if not security:
        return None
    return tuple(dict.fromkeys(scope for entry in security for scopes in entry.values() for scope in scopes))


def codes_of(operation: Mapping[str, Any], document: Mapping[str, Any]) -> dict[int, frozenset[str]]:
    """By status that the operation may answer with: the codes of its problems, none where it is no problem."""
    shared = document.get("components", {}).get("responses", {})
    told = {
        int(status): shared[response["$ref"].rpartition("/")[2]] if "$ref" in response else response
        for status, response in operation["responses"].items()
    }
    return {status: frozenset(response.get(CODES, ())) for status, response in told.items()}


def _operation(described: Mapping[str, Any], document: Mapping[str, Any]) -> Operation:
    return Operation(
        operation_id=described["operationId"],
        scopes=scopes_of(described),
        media_types=frozenset(described.get("requestBody", {}).get("content", ())),
        idempotency_key=any(
            one.get("in") == "header" and one.get("name") == "Idempotency-Key"
            for one in described.get("parameters", ())
        ),
        answers=codes_of(described, document),
    )


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]+\}", path)
    return re.compile("[^/]+".join(re.escape(part) for part in parts))
