"""One message as its author gave it, complete: from it and nothing else its bytes follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.send.domain.addresses import Mailbox


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file. With a `content_id` (no angle brackets) it is shown inside the HTML, which names it by `cid:`."""

    filename: str
    content_type: str
    content: bytes = field(repr=False)
    content_id: str | None = None


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """RFC 2369's List-Unsubscribe; `one_click` adds RFC 8058's field and needs the https `url`."""

    url: str | None = None
    mailto: str | None = None
    one_click: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """`message_id`, `marker` and `date` are chosen once and kept, so that a second rendering gives the same bytes."""

    sender: Mailbox
    message_id: str
    marker: str
    date: datetime
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()
    reply_to: Mailbox | None = None
    subject: str = ""
    text: str | None = None
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    """Extra fields, of the allow-list in `extra_headers` only."""
    unsubscribe: Unsubscribe | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    """Oldest first; Message-IDs that cannot be written safely are left out."""
