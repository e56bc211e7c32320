"""An example of anything a schema describes, composed of the examples its fields give. Pure.

Fields without one get the word that this API uses for the name, else the plainest value of their type, so that every
request and answer has a whole example without anybody writing it twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMED: dict[str, Any] = {
    "account_id": "acc_5f0c7c2e9b7a4d1e8f3a6b2c",
    "request_id": "order-17-welcome",
    "reply_id": "rep_8e1b2c3d4f5a6978",
    "key_id": "Ab3dE6gH9jK2",
    "cursor": "eyJpZCI6ImFjY181ZjBjIn0",
    "next": "eyJpZCI6ImFjY181ZjBjIn0",
    "limit": 50,
    "client": "smtp_imap",
    "address": "ada@example.com",
    "email": "grace@example.org",
    "display_name": "Ada Lovelace",
    "subject": "Lunch on Friday?",
    "metadata": {"campaign": "spring"},
    "Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324",
}
"""By the name of a field or parameter."""
_BY_FORMAT = {
    "date-time": "2026-01-31T09:00:00Z",
    "date": "2026-01-31",
    "uri": "https://app.example.com/done",
    "password": "correct horse battery staple",
    "email": "grace@example.org",
    "binary": "...",
    "byte": "SGVsbG8=",
    "base64": "SGVsbG8=",
    "base64url": "SGVsbG8=",
}
_BY_TYPE: dict[str, Any] = {"boolean": False, "null": None, "number": 1.0}
_DEEPEST = 12


def example_of(schema: Mapping[str, Any], components: Mapping[str, Any], *, whole: bool, name: str = "") -> Any:
    """`components`: the document's schemas by name. `whole`: with what may be left out too, as answers have it."""
    return _Composer(components, whole).of(schema, name, 0)


class _Composer:
    def __init__(self, components: Mapping[str, Any], whole: bool) -> None:
        self._components = components
        self._whole = whole

    def of(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        schema = self._resolved(schema)
        if schema.get("examples"):
            return schema["examples"][0]
        for word in ("example", "const"):
            if word in schema:
                return schema[word]
        if schema.get("enum"):
            return schema["enum"][0]
        if name in NAMED and _is(schema, NAMED[name]):
            return NAMED[name]
        for choices in ("anyOf", "oneOf"):
            if choices in schema:
                return self._chosen(schema[choices], name, depth)
        if "allOf" in schema:
            return self.of(schema["allOf"][0], name, depth)
        if schema.get("default") is not None and schema.get("type") not in ("array", "object"):
            return schema["default"]
        return self._plain(schema, name, depth)

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            beside = {word: value for word, value in schema.items() if word != "$ref"}
            schema = {**self._components[schema["$ref"].rpartition("/")[2]], **beside}
        return schema

    def _chosen(self, choices: list[Mapping[str, Any]], name: str, depth: int) -> Any:
        if depth > _DEEPEST and any(choice.get("type") == "null" for choice in choices):
            return None
        return self.of(next(choice for choice in choices if choice.get("type") != "null"), name, depth + 1)

    def _plain(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            return self._object(schema, depth)
        if kind == "array":
            items = schema.get("items") or schema.get("prefixItems", [{}])[0]
            wanted = schema.get("minItems", 0) or (1 if self._whole or name == "items" else 0)
            return [self.of(items, name, depth + 1)] if wanted and depth <= _DEEPEST else []
        if kind == "integer":
            return max(schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1), 1)
        if kind == "string":
            text = _BY_FORMAT.get(str(schema.get("format") or schema.get("contentEncoding")), "text")
            return text[: schema.get("maxLength", 10**6)].ljust(schema.get("minLength", 0), "x")
        return _BY_TYPE.get(str(kind), "text")

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        required = schema.get("required", ())
        shown = schema.get("properties", {})
        return {
            name: self.of(inner, name, depth + 1)
            for name, inner in shown.items()
            if name in required or ((self._whole or _exemplary(inner)) and depth <= _DEEPEST)
        }


def _exemplary(schema: Mapping[str, Any]) -> bool:
    """A field that somebody wrote an example for is worth showing although it may be left out."""
    return "examples" in schema or "example" in schema


def _is(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether a well-known word can stand here at all."""
    kinds = {"string": str, "integer": int, "object": dict}
    shapes = [schema, *schema.get("anyOf", ())]
    return any(kinds.get(str(shape.get("type"))) is type(value) for shape in shapes)
