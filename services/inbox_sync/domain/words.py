"""What may be said of a failure: slugs, codes and places in our code, never an exception's own text.

An exception raised while mail is read may quote that mail. The server's words are repeated only where no mail can be in
them: from opening a mailbox. From reading it, only the reason and the code are.
"""

from __future__ import annotations

import re
import traceback

from replywire_contracts.v1.values import Failure

from services.providers.errors import ProviderError

_SLUG = re.compile(r"[a-z0-9_.-]{1,64}")
_CODE = re.compile(r"[A-Z0-9 ._-]{1,64}")


def of_opening(error: ProviderError) -> Failure:
    """A mailbox could not be opened: the server's own words tell the person why."""
    return Failure(
        reason=_matching(_SLUG, error.reason, "failed"),
        code=error.code[:64],
        words=error.words[:2000],
        remedy=error.remedy[:2000],
    )


def of_reading(error: BaseException) -> Failure:
    """Something failed with the mailbox open."""
    if isinstance(error, ProviderError):
        return Failure(
            reason=_matching(_SLUG, error.reason, "failed"),
            code=_matching(_CODE, error.code, ""),
            words="the connection failed while the mailbox was read",
            remedy="Nothing to do: reading goes on by itself when the server answers again.",
        )
    if isinstance(error, TimeoutError):
        return Failure(reason="silent", words="the server stopped answering")
    return Failure(
        reason="unexpected",
        words=f"an unexpected {type(error).__name__} stopped the reading",
        remedy="Reading is tried again by itself; report this if it stays.",
    )


def of_account(code: str) -> Failure:
    """auth leases no credentials."""
    return Failure(
        reason=_matching(_SLUG, code, "refused"),
        words="this mailbox is not connected at present",
        remedy="Connect the mailbox again.",
    )


def of_ourselves(reason: str, what: str) -> Failure:
    """A part of Replywire is away."""
    return Failure(reason=reason, words=what, remedy="Nothing to do: reading goes on by itself when it is back.")


def of_cursor(reason: str) -> str:
    """Why a cursor was void, in one printable line: clients make it of cursors, never of mail."""
    return "".join(character for character in reason if character.isprintable())[:200] or "cursor_void"


def origin(error: BaseException) -> str:
    """Where in the code it was raised, for the log: `KeyError at imap/frames.py:72 < engine/looks.py:40`."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " < ".join(f"{'/'.join(f.filename.split('/')[-2:])}:{f.lineno}" for f in reversed(frames))
    return f"{type(error).__name__} at {places}" if places else type(error).__name__


def _matching(pattern: re.Pattern[str], text: str, otherwise: str) -> str:
    return text if pattern.fullmatch(text) else otherwise
