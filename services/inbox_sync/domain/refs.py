"""A message's place as one line of text, as it travels in judge requests and events: `<folder, quoted>/<key>`."""

from __future__ import annotations

from urllib.parse import quote, unquote

from services.providers.types import MessageRef


def prefix(folder_id: str) -> str:
    """What every ref of this folder begins with; made once per page, not per message."""
    return quote(folder_id, safe="") + "/"


def written(ref: MessageRef) -> str:
    return prefix(ref.folder_id) + ref.key


def read(text: str) -> MessageRef:
    """Raises `ValueError` where `text` is none of ours."""
    folder, separator, key = text.partition("/")
    if not separator or not key:
        raise ValueError("not a message's place")
    return MessageRef(folder_id=unquote(folder), key=key)
