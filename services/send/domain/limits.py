"""How much one message may hold, each limit told in the refusal."""

from __future__ import annotations

from dataclasses import dataclass

from services.send.domain.draft import Draft
from services.send.domain.invalid import InvalidField


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in octets. Twenty-five million octets, encoded, is what most large providers take."""

    message_bytes: int = 25_000_000
    body_bytes: int = 5_000_000
    recipients: int = 500
    attachments: int = 100
    subject_characters: int = 2000
    extra_headers: int = 50
    extra_header_bytes: int = 16_000
    references: int = 20


def require_within(draft: Draft, limits: Limits) -> None:
    """Raises `InvalidField` naming the limit, before anything large is built in vain."""
    recipients = len(draft.to) + len(draft.cc) + len(draft.bcc)
    if not recipients:
        raise InvalidField("to", "names nobody", "Give at least one recipient in to, cc or bcc.")
    _at_most("to", recipients, limits.recipients, "recipients", "Send several messages instead.")
    _at_most("subject", len(draft.subject), limits.subject_characters, "characters", "Shorten the subject.")
    _at_most("attachments", len(draft.attachments), limits.attachments, "files", "Pack them into one file.")
    _at_most("headers", len(draft.headers), limits.extra_headers, "fields", "Leave some out.")
    for name, value in draft.headers.items():
        size = len(name) + len(value.encode("utf-8", "surrogatepass"))
        _at_most(f"headers.{name[:64]}", size, limits.extra_header_bytes, "octets", "Shorten it.")
    for field, body in (("text", draft.text), ("html", draft.html)):
        if body is not None:
            size = len(body) if body.isascii() else len(body.encode("utf-8", "surrogatepass"))
            _at_most(field, size, limits.body_bytes, "octets", "Send the rest as an attachment or a link.")
    attached = sum(len(each.content) for each in draft.attachments)
    # Base64 and its line ends make 78 octets of every 57.
    require_size(attached * 78 // 57, limits)


def require_size(octets: int, limits: Limits) -> None:
    """Raises `InvalidField` where a message of so many octets, as it travels, is too large."""
    _at_most("message", octets, limits.message_bytes, "octets once encoded", "Send large files as links.")


def _at_most(field: str, found: int, limit: int, unit: str, remedy: str) -> None:
    if found > limit:
        raise InvalidField(field, f"holds {found} {unit}, the limit is {limit}", remedy)
