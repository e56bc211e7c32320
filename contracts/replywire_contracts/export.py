"""Writes what is generated from the models: JSON Schemas, the AsyncAPI document, and the README's table of events.

    python -m replywire_contracts.export FOLDER [--check]

With `--check` nothing is written and the exit status is 1 where a file is stale.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from replywire_contracts.catalogue import EVENTS, REQUESTS, stream_of
from replywire_contracts.event import Event, Model, Request
from replywire_contracts.streams import CONSUMERS

_SCHEMAS = "https://json-schema.org/draft/2020-12/schema"
_TABLE = re.compile(r"(<!-- events:begin -->\n).*?(<!-- events:end -->)", re.DOTALL)


def schema(model: type[Model]) -> dict[str, Any]:
    """JSON Schema 2020-12 of what a reader must accept: unknown fields are allowed."""
    described = model.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": _SCHEMAS, **_tolerant(described)}


def _tolerant(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: _tolerant(v) for k, v in node.items() if not (k == "additionalProperties" and v is False)}
    return [_tolerant(item) for item in node] if isinstance(node, list) else node


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document: a channel per event and per request."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for event in EVENTS:
        channels[event.kind()] = {
            "address": f"{event.kind()}.{{team}}",
            "parameters": {"team": {"description": "The team: one subject token"}},
            "description": f"Kept in the stream {stream_of(event).name}.",
            "messages": {event.__name__: _message(event)},
        }
        operations[f"{event.OWNER}.publishes.{event.NOUN}.{event.VERB}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{event.kind()}"},
            "summary": _first_line(event),
        }
    for request in REQUESTS:
        channels[request.SUBJECT] = {
            "address": request.SUBJECT,
            "description": "Core request/reply: never stored.",
            "messages": {request.__name__: _message(request), request.REPLY.__name__: _message(request.REPLY)},
        }
        operations[f"{request.SUBJECT.split('.')[2]}.answers.{request.SUBJECT.split('.')[3]}"] = {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{request.SUBJECT}"},
            "messages": [{"$ref": f"#/channels/{request.SUBJECT}/messages/{request.__name__}"}],
            "reply": {
                "channel": {"$ref": f"#/channels/{request.SUBJECT}"},
                "messages": [{"$ref": f"#/channels/{request.SUBJECT}/messages/{request.REPLY.__name__}"}],
            },
            "summary": _first_line(request),
        }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Replywire", "version": "1", "description": "Events and requests between mail services."},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
    }


def _message(model: type[Model]) -> dict[str, Any]:
    return {"summary": _first_line(model), "payload": {"$ref": f"../schemas/v1/{_file_name(model)}"}}


def _first_line(model: type[Model]) -> str:
    return (model.__doc__ or model.__name__).strip().splitlines()[0]


def _file_name(model: type[Model]) -> str:
    if issubclass(model, Event):
        return f"{model.NOUN}.{model.VERB}.json"
    if issubclass(model, Request):
        return f"{model.SUBJECT.removeprefix('rpc.v1.')}.json"
    return f"reply.{model.__name__}.json"


def table() -> str:
    """The README's table: who publishes what, who among the services reads it."""
    rows = ["| event | published by | read by | stream | meaning |", "|---|---|---|---|---|"]
    for event in EVENTS:
        readers = sorted(
            {c.service for c in CONSUMERS if any(_covers(subject, event.kind()) for subject in c.subjects)}
        )
        rows.append(
            f"| `{event.kind()}.<team>` | {event.OWNER} | {', '.join(readers) or 'product'} | {stream_of(event).name} "
            f"| {_first_line(event)} |"
        )
    return "\n".join(rows) + "\n"


def _covers(subject: str, kind: str) -> bool:
    return all(a in ("*", b) for a, b in zip(subject.split("."), kind.split("."), strict=False))


def generated(folder: Path) -> dict[Path, str]:
    """Every generated file and what it must hold."""
    models: list[type[Model]] = [*EVENTS, *REQUESTS, *{request.REPLY for request in REQUESTS}]
    files = {
        folder / "schemas" / "v1" / _file_name(model): json.dumps(schema(model), indent=2, ensure_ascii=False) + "\n"
        for model in models
    }
    files[folder / "asyncapi" / "replywire.yaml"] = "\n".join(_yaml(asyncapi())) + "\n"
    readme = folder / "README.md"
    files[readme] = _TABLE.sub(lambda m: m[1] + table() + m[2], readme.read_text())
    return files


def _yaml(node: Any, indent: str = "") -> list[str]:
    """Block YAML whose scalars are JSON, which YAML 1.2 contains."""
    lines: list[str] = []
    entries = node.items() if isinstance(node, dict) else ((None, item) for item in node)
    for key, value in entries:
        start = f"{indent}{json.dumps(key)}:" if key is not None else f"{indent}-"
        if isinstance(value, dict | list) and value:
            nested = _yaml(value, indent + "  ")
            lines += [start, *nested]
        else:
            lines.append(f"{start} {json.dumps(value, ensure_ascii=False)}")
    return lines


def main(arguments: list[str]) -> int:
    """The command. Returns its exit status."""
    folder = Path(arguments[0])
    files = generated(folder)
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    left_over = [path for path in (folder / "schemas" / "v1").glob("*.json") if path not in files]
    if "--check" in arguments:
        for path in stale + left_over:
            print(f"stale: {path}; run `make generate`")
        return 1 if stale or left_over else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path])
    for path in left_over:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
