"""A message's place as one line of text, as it travels in judge requests and events: `<folder, quoted>/<key>`.

A folder whose quoted name is endless is named by its digest instead: a ref must fit an event, and stay the same.
"""

from __future__ import annotations

import hashlib
from urllib.parse import quote, unquote

from services.providers.types import MessageRef

_LONGEST = 512


def prefix(folder_id: str) -> str:
    """What every ref of this folder begins with; made once per page, not per message."""
    quoted = quote(folder_id, safe="")
    if len(quoted) > _LONGEST:
        quoted = "~" + hashlib.blake2b(folder_id.encode(), digest_size=16).hexdigest()
    return quoted + "/"


def written(ref: MessageRef) -> str:
    return prefix(ref.folder_id) + ref.key


def read(text: str) -> MessageRef:
    """Raises `ValueError` where `text` is none of ours."""
    folder, separator, key = text.partition("/")
    if not separator or not key:
        raise ValueError("not a message's place")
    return MessageRef(folder_id=unquote(folder), key=key)
