"""The document for people: one page without scripts, and a table of the routes."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

from deploy.front_door import table
from services.runtime.operations import described, scopes_of

Json = dict[str, Any]
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
code,pre{font:13px/1.45 ui-monospace,monospace}pre{background:#f4f6f8;padding:.7rem;overflow:auto;border-radius:6px}
h2{margin-top:3rem;border-bottom:1px solid #d5dbe1}h3{margin-top:2rem}h3 code{font-size:15px}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .6rem .25rem 0;vertical-align:top}
.scope{color:#57606a}nav a{margin-right:1rem}
@media(prefers-color-scheme:dark){body{background:#0f1419;color:#e6e9ec}pre{background:#1a2027}a{color:#7db7ff}
h2{border-color:#333c46}.scope{color:#9aa5b1}}
"""


def routes_table(document: Json) -> str:
    rows = ["| route | does | scope | answered by |", "|---|---|---|---|"]
    for path, method, operation in described(document):
        scopes = scopes_of(operation)
        scope = "-" if scopes is None else " ".join(f"`{scope}`" for scope in scopes) or "any key"
        service = table.service_of(path)
        rows.append(f"| `{method.upper()} {path}` | {_first_sentence(operation)} | {scope} | `{service}` |")
    return "\n".join(rows) + "\n"


def page(document: Json) -> str:
    tags = [
        tag for tag in document["tags"] if any(_tag(operation) == tag["name"] for *_, operation in described(document))
    ]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>Replywire API</title><style>{_STYLE}</style><h1>Replywire API</h1>",
        *(f"<p>{_inline(text)}</p>" for text in document["info"]["description"].split("\n\n")),
        f"<p>For programs: <a href='{table.DOCUMENT}'><code>{table.DOCUMENT}</code></a> (OpenAPI 3.1).</p>",
        "<nav>" + "".join(f"<a href='#{tag['name']}'>{tag['name']}</a>" for tag in tags) + "</nav>",
    ]
    for tag in tags:
        parts.append(f"<h2 id={tag['name']}>{tag['name']}</h2><p>{_inline(tag['description'])}</p>")
        for path, method, operation in described(document):
            if _tag(operation) == tag["name"]:
                parts += _operation(path, method, operation, document)
    return "\n".join(parts) + "\n"


def _operation(path: str, method: str, operation: Json, document: Json) -> Iterator[str]:
    scopes = scopes_of(operation)
    scope = "no key" if scopes is None else f"scope {', '.join(scopes) or 'any'}"
    yield f"<h3 id={operation['operationId']}><code>{method.upper()} {html.escape(path)}</code></h3>"
    yield f"<p>{_inline(operation.get('description', ''))} <span class=scope>({scope})</span></p>"
    parameters = operation.get("parameters", ())
    if parameters:
        yield "<table>"
        for one in parameters:
            need = " (required)" if one.get("required") and one["in"] != "path" else ""
            said = _inline(one.get("description", ""))
            yield f"<tr><td><code>{one['name']}</code><td>{one['in']}{need}<td>{said}</tr>"
        yield "</table>"
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield f"<p>Request</p>{_example(content)}"
    for status, response in operation["responses"].items():
        for content in response.get("content", {}).values() if status.startswith("2") else ():
            yield f"<p>{status} {_inline(response['description'])}</p>{_example(content)}"
    shared = document["components"]["responses"]
    told = (
        (status, shared.get(one.get("$ref", "").rpartition("/")[2], one))
        for status, one in operation["responses"].items()
    )
    errors = ((status, one["description"]) for status, one in told if status >= "400")
    yield "<table>" + "".join(f"<tr><td>{status}<td>{_inline(said)}</tr>" for status, said in errors) + "</table>"


def _example(content: Json) -> str:
    example = content.get("example")
    text = example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
    return "<pre>" + html.escape(text.replace("\r\n", "\n")) + "</pre>"


def _tag(operation: Json) -> str:
    return str(next(iter(operation.get("tags", ())), ""))


def _first_sentence(operation: Json) -> str:
    text = " ".join(operation.get("description", "").split())
    return re.split(r"(?<=[.;:]) ", text)[0].rstrip(".;:").replace("|", "\\|")


def _inline(text: str) -> str:
    escaped = html.escape(text)
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)
    return re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", escaped)
