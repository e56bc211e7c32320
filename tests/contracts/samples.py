"""One minimal and one full specimen of every event, from which a new event's golden payloads are first written.

python -m tests.contracts.samples      writes the goldens that are missing; never touches one that is there
"""

from __future__ import annotations

import types
import typing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from annotated_types import MinLen
from pydantic import AwareDatetime, BaseModel
from replywire_contracts.catalogue import EVENTS
from replywire_contracts.event import Event

GOLDENS = Path(__file__).parents[2] / "contracts" / "examples" / "v1"

_TEXTS = {
    "id": "0f5a3c1d9e7b4a2680c1d2e3f4a5b6c7",
    "team_id": "acme",
    "correlation_id": "order-17",
    "causation_id": "7c6b5a4f3e2d1c0862a4b7e9d1c3a5f0",
    "request_id": "order-17",
    "reply_to_request_id": "order-16",
    "account_id": "acc_7m2k",
    "client": "smtp_imap",
    "address": "ada@example.com",
    "email": "grace@example.org",
    "name": "Grace Hopper",
    "from_name": "Ada Lovelace",
    "subject": "Lunch on Friday? ☕",
    "filename": "menu.pdf",
    "content_type": "application/pdf",
    "url": "https://example.com/unsubscribe/17",
    "mailto": "unsubscribe@example.com",
    "message_id": "<reply-1@example.org>",
    "class": "human",
    "message_class": "human",
    "matched_by": "in_reply_to",
    "confidence": "certain",
    "action": "failed",
    "hardness": "hard",
    "status": "5.1.1",
    "code": "550 5.1.1",
    "change": "created",
}


def specimen(model: type[BaseModel], *, full: bool) -> dict[str, Any]:
    """Keyword arguments for the model: required fields alone, or every field."""
    return {
        name: _value(name, field.annotation, field.metadata, full)
        for name, field in model.model_fields.items()
        if (full or field.is_required()) and not _is_second_way(name, model)
    }


def _is_second_way(name: str, model: type[BaseModel]) -> bool:
    """A content travels inline or by reference, never both."""
    return name == "object_ref" and bool({"content", "text", "raw"} & set(model.model_fields))


def _value(name: str, annotation: Any, metadata: list[Any], full: bool) -> Any:
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        inner = next(one for one in typing.get_args(annotation) if one is not type(None))
        return _value(name, inner, metadata, full)
    if origin is typing.Annotated:
        return _value(name, typing.get_args(annotation)[0], metadata, full)
    if origin is tuple:
        item = typing.get_args(annotation)[0]
        return (_value(name, item, [], full),) if full or any(isinstance(m, MinLen) for m in metadata) else ()
    if origin is dict:
        return (
            {"campaign": "spring", "step": 2, "tags": ["a", None]} if name == "metadata" else {"X-Campaign": "spring"}
        )
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation(**specimen(annotation, full=full))
    return _scalar(name, annotation)


def _scalar(name: str, annotation: Any) -> Any:
    if annotation in (datetime, AwareDatetime):
        return datetime(2026, 3, 14, 9, 26, 53, 589793, tzinfo=UTC)
    scalars: dict[Any, Any] = {bool: True, int: 3, bytes: b"\x00\xffoctets"}
    if annotation in scalars:
        return scalars[annotation]
    if "message_ids" in name:
        return "<own-1@example.com>"
    return _TEXTS.get(name, f"the {name.replace('_', ' ')}")


def specimens(event: type[Event]) -> dict[str, Event]:
    """By golden's file name."""
    stem = f"{event.NOUN}.{event.VERB}"
    return {f"{stem}.{kind}.json": event(**specimen(event, full=kind == "full")) for kind in ("minimal", "full")}


if __name__ == "__main__":
    for one in EVENTS:
        for file_name, sample in specimens(one).items():
            if not (GOLDENS / file_name).exists():
                (GOLDENS / file_name).write_text(sample.model_dump_json(indent=2, exclude_none=True) + "\n")
