"""How a service describes its routes: FastAPI's document with what all routes share written into every one of them.

Problems instead of FastAPI's own errors, the statuses that key, rate, body and cursor bring with them, headers,
`Idempotency-Key` where something is created, and an example for everything.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from services.runtime import idempotency, problem_codes
from services.runtime.examples import NAMED, example_of
from services.runtime.operations import CODES, described, scopes_of
from services.runtime.problem_codes import BASE, Codes, told
from services.runtime.problems import MAYBE_DONE, MEDIA_TYPE, HttpProblem, Problem, WrongField

_SCHEMAS = "#/components/schemas/"
_REQUEST = "4f1c2a9e"
_CREATES = {"201", "202"}
_DOORS = (408, 502, 504)
"""Said by the front door, before a service has counted the request or after it has gone silent."""
_FRAMEWORKS_OWN = ("HTTPValidationError", "ValidationError")

ERRORS: dict[int, HttpProblem] = {
    400: HttpProblem(400, "invalid_request", "The body cannot be read."),
    401: HttpProblem(401, "unauthorized", "This API key is not known."),
    403: HttpProblem(403, "forbidden", "This key has not the scope it needs."),
    404: HttpProblem(404, "not_found", "Your team has none with this id."),
    408: HttpProblem(408, "too_slow", "The rest of the body did not come within 20 s.", remedy="Send it again."),
    409: HttpProblem(409, "request_under_way", "A request with this idempotency key is being carried out."),
    413: HttpProblem(413, "too_large", "A request has at most 41943040 octets."),
    415: HttpProblem(415, "unsupported_media_type", "This path takes application/json alone."),
    422: HttpProblem(422, "invalid_request", "limit: Input should be less than or equal to 200", field="limit"),
    429: HttpProblem(429, "too_many_requests", "This key may ask 12000 times in 60 seconds."),
    502: HttpProblem(502, "broken_off", "send broke off before it answered.", remedy=MAYBE_DONE),
    503: HttpProblem(503, "unavailable", "A part of the service is away."),
    504: HttpProblem(504, "no_answer", "send did not answer in time.", remedy=MAYBE_DONE),
}
"""An example of each."""

HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "This request's id in our logs: the one you sent, where it was plain, else one of ours",
        "schema": {"type": "string"},
        "example": _REQUEST,
    },
    "RateLimit-Policy": {
        "description": 'IETF draft: `"<policy>";q=<requests>;w=<seconds>`',
        "schema": {"type": "string"},
        "example": '"auth";q=12000;w=60',
    },
    "RateLimit": {
        "description": 'IETF draft: `"<policy>";r=<requests left>;t=<seconds until all are back>`',
        "schema": {"type": "string"},
        "example": '"auth";r=11999;t=1',
    },
    "Retry-After": {
        "description": "Seconds to wait before trying again",
        "schema": {"type": "integer"},
        "example": 2,
    },
}
_IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": idempotency.HEADER,
    "in": "header",
    "required": False,
    "description": "A text of your own, new for each thing to create: the same request again with the same key gets "
    "the first answer again for 24 hours and creates nothing more. A quoted string (IETF draft) or bare.",
    "schema": idempotency.SCHEMA,
    "example": NAMED[idempotency.HEADER],
}


def install(api: FastAPI) -> None:
    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            api.openapi_schema = styled(
                get_openapi(title=api.title, version=api.version, routes=api.routes, openapi_version="3.1.0")
            )
        return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign]


def styled(document: dict[str, Any]) -> dict[str, Any]:
    """The document itself, changed."""
    document.setdefault("paths", {})
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in _FRAMEWORKS_OWN:
        schemas.pop(name, None)
    for model in (WrongField, Problem):
        schemas[model.__name__] = model.model_json_schema(ref_template=_SCHEMAS + "{model}")
        schemas[model.__name__].pop("$defs", None)
    components["headers"] = HEADERS
    components["responses"] = {_name(status): _shared(status) for status in ERRORS}
    for path, method, operation in described(document):
        _hoist(operation.get("requestBody", {}), schemas)
        _describe(path, method, operation, schemas)
    return document


def _describe(path: str, method: str, operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    responses = operation["responses"]
    if method == "post" and scopes_of(operation) is not None and _CREATES & responses.keys():
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]  # FastAPI's own shape
    keyed = scopes_of(operation) is not None
    brought = problem_codes.brought(path, operation)
    for status in sorted({*(int(status) for status in responses if int(status) >= 400), *brought}):
        declared = responses.get(str(status), {}).get(CODES, {})
        responses[str(status)] = _problem(status, {**brought.get(status, {}), **declared}, keyed)
    for status, response in responses.items():
        if "$ref" not in response:
            _head(response, int(status), keyed)
    for parameter in operation.get("parameters", ()):
        if "example" not in parameter:
            parameter["example"] = example_of(parameter["schema"], schemas, whole=True, name=parameter["name"])
    _exemplify(operation.get("requestBody", {}), schemas, whole=False)
    for response in responses.values():  # a reference has its example where it leads
        _exemplify(response, schemas, whole=True)
    operation["responses"] = dict(sorted(responses.items()))


def _problem(status: int, codes: Codes, keyed: bool) -> dict[str, Any]:
    """What a route says of its own error stands with it; what is the same everywhere stands once."""
    if not codes:
        raise ValueError(f"a route answers {status} and does not say with which codes: see problem_codes.refusals")
    if codes == BASE.get(status) and keyed:
        return {"$ref": f"#/components/responses/{_name(status)}"}
    return _described(status, codes)


def _shared(status: int) -> dict[str, Any]:
    response = _described(status, BASE[status])
    _head(response, status, True)
    return response


def _described(status: int, codes: Codes) -> dict[str, Any]:
    example = ERRORS[status]
    if example.code not in codes:
        code, when = next(iter(codes.items()))
        example = HttpProblem(status, code, f"{when}.")
    return {
        "description": f"{told(codes)}.",
        CODES: dict(codes),
        "content": {
            MEDIA_TYPE: {"schema": {"$ref": _SCHEMAS + Problem.__name__}, "example": example.content(_REQUEST)}
        },
    }


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


def _head(response: dict[str, Any], status: int, keyed: bool) -> None:
    names = ["X-Request-Id"]
    if keyed and status not in (401, *_DOORS):
        names += ["RateLimit-Policy", "RateLimit"]
    if status in (429, 503):
        names.append("Retry-After")
    shared = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    response["headers"] = {**shared, **response.get("headers", {})}


def _exemplify(holder: dict[str, Any], schemas: dict[str, Any], *, whole: bool) -> None:
    for content in holder.get("content", {}).values():
        if "example" not in content and "examples" not in content:
            content["example"] = example_of(content.get("schema", {}), schemas, whole=whole)


def _hoist(holder: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Definitions inside a body's schema belong beside all others, where references look for them."""
    for content in holder.get("content", {}).values():
        for name, schema in content.get("schema", {}).pop("$defs", {}).items():
            schemas.setdefault(name, schema)
