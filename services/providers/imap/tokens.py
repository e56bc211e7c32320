"""Reads the parenthesised data of IMAP responses (RFC 3501 section 9) into lists, without recursion."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias, Union

Token: TypeAlias = Union[bytes, list["Token"], None]  # noqa: UP007 - `|` cannot name a class that does not exist yet
"""A string or atom, NIL, or a list."""

_MAX_DEPTH = 100
_MAX_TOKENS = 100_000
# A section in brackets holds blanks and parentheses of its own: BODY[HEADER.FIELDS (A B)]<0>. Other brackets are
# letters like any other: [Gmail]/Drafts
_PIECE = re.compile(
    rb'[ \t]*(?:([()])|"((?:[^"\\]|\\.)*)"|~?\{(\d+)\}$|((?:[A-Za-z0-9.]+\[[^\]]*\](?:<\d+>)?)|[^\s()"{]+))', re.DOTALL
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


class Unreadable(Exception):
    """The response is not what the grammar allows, or nested beyond reason. Quotes nothing received."""


def read(parts: Sequence[bytes], start: int = 0) -> list[Token]:
    """The tokens of a framed response, from octet `start` of its first part. Raises `Unreadable`."""
    root: list[Token] = []
    stack = [root]
    count = 0
    for index in range(0, len(parts), 2):
        text, position = parts[index], start if index == 0 else 0
        size = len(text.rstrip())
        while position < size:
            found = _PIECE.match(text, position)
            if found is None:
                raise Unreadable("an unexpected character")
            position = found.end()
            count += 1
            if count > _MAX_TOKENS:
                raise Unreadable("too many tokens")
            bracket, string, literal, atom = found.groups()
            if bracket == b"(":
                if len(stack) > _MAX_DEPTH:
                    raise Unreadable("nested too deep")
                opened: list[Token] = []
                stack[-1].append(opened)
                stack.append(opened)
            elif bracket == b")":
                if len(stack) == 1:
                    raise Unreadable("a parenthesis closes that was never opened")
                stack.pop()
            elif string is not None:
                stack[-1].append(_ESCAPED.sub(rb"\1", string) if b"\\" in string else string)
            elif literal is not None:
                if index + 1 >= len(parts):
                    raise Unreadable("a literal is missing")
                stack[-1].append(parts[index + 1])
            else:
                stack[-1].append(None if atom.upper() == b"NIL" else atom)
    if len(stack) != 1:
        raise Unreadable("a parenthesis is never closed")
    return root


def pairs(tokens: Sequence[Token]) -> dict[bytes, Token]:
    """An attribute list (`UID 4 FLAGS (...)`) as a mapping, names in capitals; one without a value is left out."""
    names = tokens[::2]
    return {name.upper(): value for name, value in zip(names, tokens[1::2], strict=False) if isinstance(name, bytes)}


def number(token: Token) -> int | None:
    return int(token) if isinstance(token, bytes) and token.isdigit() and len(token) < 20 else None
