"""The one OpenAPI document of all services: their own documents joined, with links from what creates to what reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from deploy.front_door import table
from services.runtime.operations import described, scopes_of

Json = dict[str, Any]

TAGS = {
    "accounts": "Connected mailboxes: connect, reconnect, disconnect.",
    "links": "Short-lived links to the pages where people connect a mailbox or change the team's settings.",
    "settings": "Which e-mail clients a team offers, and how.",
    "messages": "What was asked to be sent and what became of it.",
    "sending": "How sending from each mailbox goes.",
    "mailboxes": "How reading each mailbox goes.",
    "replies": "What was answered: replies, automatic answers, bounces, complaints.",
    "external": "For teams whose own code sends and receives: messages are taken, reported, and answers handed in.",
    "api-keys": "The keys of this API.",
    "audit": "Who changed what, and when.",
}
"""In the order of the reference."""

DESCRIPTION = """\
Send mail from each user's own mailbox, and know within seconds who answered. The same things travel as events on \
NATS; this is the way over HTTP.

**Keys.** Every request carries an API key of the team: `Authorization: Bearer rw_...`. The team follows from the \
key alone. What is another team's answers exactly as what does not exist: 404.

**Errors** are problem documents (RFC 9457, `application/problem+json`): `code` for programs, `detail` and `remedy` \
for people, `field` where a part of the request is at fault, `request_id` for the log. Each operation names its \
errors' codes (`x-codes`); more may come. `invalid_request` means that something is not as described here, \
`invalid_value` that it is, and still cannot be meant.

**Lists** come in pages: `items`, and `next` to give as `cursor` for the next page; `next` is null at the end.

**Creating twice.** Send `Idempotency-Key` with a POST that creates: the same request again gets the first answer \
again for 24 hours (`Idempotency-Replayed: true`), another request under the same key 422, and one that comes while \
the first is under way 409. Only success is remembered. Answers are kept sealed under your API key, which we do not \
keep, so a key shown once stays shown once to everybody but the sender of that request. The other POSTs bear \
repetition by themselves.

**Rates.** `RateLimit-Policy` and `RateLimit` (IETF draft) tell what a key may ask of this part of the API; above it \
429 with `Retry-After`.

**Request ids.** `X-Request-Id` is taken over where you send one, made where not, and answered."""


class Disagreement(Exception):
    """Two services describe different things under one name, or answer at each other's paths."""


def join(documents: Mapping[str, Json]) -> Json:
    """By service: its /openapi.json. Raises `Disagreement`."""
    paths: Json = {}
    components: dict[str, Json] = {}
    for service, document in documents.items():
        for path, item in document["paths"].items():
            if table.service_of(path) != service:
                raise Disagreement(f"{service} answers at {path}, but the table leads to {table.service_of(path)}")
            paths[path] = item
        for kind, named in document["components"].items():
            for name, content in named.items():
                if components.setdefault(kind, {}).setdefault(name, content) != content:
                    raise Disagreement(f"{service} means something else by {kind}/{name} than another service")
    whole: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "Replywire",
            "version": "1",
            "summary": "Mail from each user's own mailbox, and who answered",
            "description": DESCRIPTION,
            "license": {"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        },
        "servers": [{"url": "/", "description": "The address of the installation: its front door"}],
        "tags": [{"name": name, "description": said} for name, said in TAGS.items()],
        "paths": dict(sorted(paths.items(), key=_place)),
        "components": {kind: dict(sorted(named.items())) for kind, named in sorted(components.items())},
    }
    _one_name_each(whole)
    _link(whole)
    return whole


def _place(entry: tuple[str, Json]) -> tuple[int, str]:
    path, item = entry
    tag = next((tag for operation in item.values() for tag in operation.get("tags", ())), "")
    names = list(TAGS)
    return names.index(tag) if tag in names else len(names), path


def _one_name_each(document: Json) -> None:
    seen: dict[str, str] = {}
    for path, method, operation in described(document):
        other = seen.setdefault(operation["operationId"], f"{method} {path}")
        if other != f"{method} {path}":
            raise Disagreement(f"{other} and {method} {path} are both called {operation['operationId']}")


def _link(document: Json) -> None:
    """What creates something leads to everything that can be done with it; a list to what only reads."""
    targets = [
        (names[0], method, operation)
        for path, method, operation in described(document)
        if len(names := re.findall(r"\{([^}]+)\}", path)) == 1
    ]
    for path, method, operation in described(document):
        if "{" in path or scopes_of(operation) is None:
            continue
        for status, response in operation["responses"].items():
            for name, place in _ids(response, document) if status.startswith("2") else ():
                for wanted, verb, target in targets:
                    if wanted == name and (method == "post" or verb == "get"):
                        response.setdefault("links", {})[target["operationId"]] = {
                            "operationId": target["operationId"],
                            "parameters": {name: f"$response.body#{place}/{name}"},
                        }


def _ids(response: Json, document: Json) -> Iterator[tuple[str, str]]:
    """Ids in an answer, and where: at its top, or in the first item of its list."""
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    fields = _fields(schema, document)
    yield from ((name, "") for name in fields if name.endswith("_id"))
    items = _fields(fields.get("items", {}).get("items", {}), document)
    yield from ((name, "/items/0") for name in items if name.endswith("_id"))


def _fields(schema: Json, document: Json) -> Json:
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    fields: Json = schema.get("properties", {})
    return fields
