"""Which messages answer one that was found only just now, and so was not yet known when they were judged.

An answer to an answer may name nothing but that answer (a client that drops References). Judged in one batch with it,
or before it, it looks unrelated: those few are judged once more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence, Set

from services.providers.types import HeaderSet, MessageRef

_NAME = re.compile(rb"<[^<>\s]{1,998}>")
_OWN_NAME = re.compile(rb"^message-id:\s*(<[^<>\s]{1,998}>)", re.IGNORECASE | re.MULTILINE)


def own_names(blocks: Iterable[bytes]) -> frozenset[bytes]:
    """The Message-IDs of these messages, in angle brackets."""
    return frozenset(found[1] for block in blocks if (found := _OWN_NAME.search(block)))


def answering(headers: Sequence[HeaderSet], names: Set[bytes], known: Set[MessageRef]) -> list[HeaderSet]:
    """Those that name one of `names`, but for the `known` ones."""
    if not names:
        return []
    return [one for one in headers if one.ref not in known and not names.isdisjoint(_NAME.findall(one.block))]
