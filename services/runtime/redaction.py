"""What may leave this process in a log line: ids and plain words. No token, address list or body at any level. Pure.

Values are taken by kind, not by trust: text is searched for secrets and addresses, containers are walked, and an object
of any other type is named by its type alone, since its `repr` might hold a message.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

LONGEST = 1000
"""Characters of one value; what is longer is more than a line of log."""
_DEEPEST = 4
_MOST_ITEMS = 50

_HIDDEN_NAMES = re.compile(
    r"password|passwd|secret|token(?!s?_count)|authorization|cookie|credential|api_?key|private_?key|reply_key|sealed"
    r"|^(?:to|cc|bcc|recipients?|addresse?s?|body|text|html|subject|mime|raw|block|header_block|payload|content|headers"
    r"|message_bytes|document|filter|update|settings|metadata|words_raw)$",
    re.IGNORECASE,
)
_SHOWN_NAMES = frozenset({"token_number", "fencing_token"})

_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b(bearer|basic|xoauth2|plain|login)\s+[A-Za-z0-9+/=._~-]{12,}"), r"\1 [hidden]"),
    (re.compile(r"\brw_[A-Za-z0-9_-]{8,}"), "rw_[hidden]"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+){0,2}"), "[hidden token]"),
    (re.compile(r"\bya29\.[A-Za-z0-9._-]+"), "[hidden token]"),
    (re.compile(r"(?i)([a-z][a-z0-9+.-]*://)[^\s/@:]*:[^\s/@]*@"), r"\1[hidden]@"),
    (
        re.compile(
            r"(?i)((?:password|passwd|secret|token|api_?key|authorization|assertion|code_verifier)[\"']?\s*[=:]\s*)"
            r"(?:\"[^\"]*\"|'[^']*'|[^\s,;&})\]]+)"
        ),
        r"\1[hidden]",
    ),
)
_ADDRESS = re.compile(r"[^\s<>\"'(),;:=\[\]{}|\\]{1,64}@([A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?)")


def text(value: str) -> str:
    """The text without secrets, with addresses cut to their domain, and of bounded length."""
    if len(value) > LONGEST:
        value = f"{value[:LONGEST]}… ({len(value)} characters)"
    for pattern, replacement in _SECRETS:
        value = pattern.sub(replacement, value)
    if "@" in value:
        value = _ADDRESS.sub(r"…@\1", value)
    return value


def value(name: str, given: Any, depth: int = 0) -> Any:
    """A JSON value fit for the log, of whatever was given under `name`."""
    if _HIDDEN_NAMES.search(name) and name not in _SHOWN_NAMES and not isinstance(given, (bool, int, float)):
        return None if given is None else "[hidden]"
    match given:
        case None | bool() | int() | float():
            return given
        case str():
            return text(given)
        case bytes() | bytearray() | memoryview():
            return f"<{len(given)} octets>"
        case datetime() | date():
            return given.isoformat()
        case timedelta():
            return given.total_seconds()
        case BaseException():
            return error(given)
        case type():
            return given.__qualname__
        case Mapping() if depth < _DEEPEST:
            return {text(str(k)): value(str(k), v, depth + 1) for k, v in list(given.items())[:_MOST_ITEMS]}
        case list() | tuple() | set() | frozenset() if depth < _DEEPEST:
            return [value("", item, depth + 1) for item in list(given)[:_MOST_ITEMS]]
        case _:
            return f"<{type(given).__qualname__}>"


def error(exception: BaseException) -> str:
    """What an exception says, without the data that some libraries quote in theirs."""
    kind = type(exception).__name__
    report = getattr(exception, "errors", None)
    if kind == "ValidationError" and callable(report):  # pydantic quotes the input
        fields = (".".join(map(str, entry["loc"])) + ": " + entry["msg"] for entry in report(include_input=False))
        return f"{kind}: {text('; '.join(fields))}"
    if hasattr(exception, "code") and type(exception).__module__.startswith("pymongo"):  # so does the database
        return f"{kind}: code {exception.code}"
    return f"{kind}: {text(str(exception))}" if str(exception) else kind


def frames(exception: BaseException) -> list[str]:
    """Where it happened, innermost last, and what it came from: no source lines, no local values."""
    return list(_frames(exception, seen=set()))


def _frames(exception: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(exception))
    before = exception.__cause__ or (None if exception.__suppress_context__ else exception.__context__)
    if before is not None and id(before) not in seen and len(seen) < 5:
        yield from _frames(before, seen)
        yield f"{error(before)}, and then:"
    for frame in traceback.extract_tb(exception.__traceback__, limit=-12):
        yield f"{frame.filename.rsplit('/site-packages/')[-1]}:{frame.lineno} {frame.name}"
