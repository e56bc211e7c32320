"""A request as it came, checked and completed into the draft its bytes follow from; every refusal names its field."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from replywire_contracts.v1.send import SendRequested
from replywire_contracts.v1.values import Address, Body

from services.send.domain.addresses import Mailbox, mailbox
from services.send.domain.draft import Attachment, Draft, Unsubscribe
from services.send.domain.identity import marker_of, message_id_of
from services.send.domain.invalid import InvalidField

METADATA_BYTES = 16 * 1024
METADATA_LEVELS = 64
"""Readers of JSON in many languages stop at a hundred levels or so, and events put metadata some levels down."""
FARTHEST_SEND_AT = timedelta(days=400)
_ENVELOPE = {"id", "occurred_at", "correlation_id", "causation_id", "team_id"}


def request_hash(request: SendRequested) -> str:
    """The content's: the same request told again by another event has the same one. Optional fields added to the
    contract later do not change it, since defaults are left out."""
    content = request.model_dump(mode="json", exclude=_ENVELOPE, exclude_defaults=True)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Contents:
    """The octets behind a request's references, fetched."""

    text: str | None = None
    html: str | None = None
    files: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Earlier:
    """The message that a follow-up answers, as it was stored."""

    account: str
    message_id: str
    references: tuple[str, ...]
    subject: str


def references_of(request: SendRequested) -> Mapping[str, str]:
    """Which object is to be fetched for which field. Raises `InvalidField` where a content is given twice or not."""
    wanted: dict[str, str] = {}
    for name, body in (("text", request.text), ("html", request.html)):
        if body is not None and _by_reference(name, body):
            wanted[name] = body.object_ref or ""
    for position, file in enumerate(request.attachments):
        where = f"attachments[{position}]"
        if (file.content is None) == (file.object_ref is None):
            raise InvalidField(where, "has not exactly one of content and object_ref", "Give one of the two.")
        if file.object_ref is not None:
            wanted[where] = file.object_ref
    return wanted


def _by_reference(name: str, body: Body) -> bool:
    if (body.text is None) == (body.object_ref is None):
        raise InvalidField(name, "has not exactly one of text and object_ref", "Give one of the two.")
    return body.object_ref is not None


def contents_of(request: SendRequested, fetched: Mapping[str, bytes]) -> Contents:
    """Inline contents and fetched ones, side by side."""
    return Contents(
        _body_text("text", request.text, fetched),
        _body_text("html", request.html, fetched),
        tuple(
            file.content if file.content is not None else fetched[f"attachments[{position}]"]
            for position, file in enumerate(request.attachments)
        ),
    )


def _body_text(name: str, body: Body | None, fetched: Mapping[str, bytes]) -> str | None:
    if body is None or body.text is not None:
        return None if body is None else body.text
    try:
        return fetched[name].decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidField(name, "is not UTF-8", "Store the text as UTF-8.") from None


def draft_of(
    request: SendRequested, contents: Contents, sender_address: str, earlier: Earlier | None, now: datetime
) -> Draft:
    """Raises `InvalidField`."""
    _require_times(request, now)
    _require_metadata(request)
    sender = mailbox(sender_address, request.from_name, field="from", name_field="from_name")
    wish = request.unsubscribe
    return Draft(
        sender=sender,
        message_id=message_id_of(request.team_id, request.request_id, sender.domain),
        marker=marker_of(request.team_id, request.request_id),
        date=max(now, request.send_at or now),
        to=_mailboxes("to", request.to),
        cc=_mailboxes("cc", request.cc),
        bcc=_mailboxes("bcc", request.bcc),
        reply_to=mailbox(
            request.reply_to.email, request.reply_to.name, field="reply_to.email", name_field="reply_to.name"
        )
        if request.reply_to
        else None,
        subject=_subject(request, earlier),
        text=contents.text,
        html=contents.html,
        attachments=tuple(
            Attachment(file.filename, file.content_type, content, file.content_id)
            for file, content in zip(request.attachments, contents.files, strict=True)
        ),
        headers=request.headers,
        unsubscribe=Unsubscribe(wish.url, wish.mailto, wish.one_click) if wish else None,
        in_reply_to=earlier.message_id if earlier else None,
        references=(*earlier.references, earlier.message_id) if earlier else (),
    )


def require_earlier(request: SendRequested, earlier: Earlier | None) -> None:
    """A follow-up goes out in the thread of its own mailbox. Raises `InvalidField`."""
    if earlier is None:
        raise InvalidField(
            "reply_to_request_id", "names no message of this team", "Give the request_id of an earlier message."
        )
    if earlier.account != request.account_id:
        raise InvalidField(
            "reply_to_request_id",
            "names a message of another mailbox, whose thread this one cannot join",
            "Send from the same account_id, or leave reply_to_request_id out.",
        )


def _subject(request: SendRequested, earlier: Earlier | None) -> str:
    """A follow-up without a subject takes the thread's: providers join a thread only with the same one."""
    if request.subject or earlier is None:
        return request.subject
    return earlier.subject if earlier.subject[:3].lower() == "re:" else f"Re: {earlier.subject}".rstrip()


def _mailboxes(name: str, given: tuple[Address, ...]) -> tuple[Mailbox, ...]:
    return tuple(
        mailbox(each.email, each.name, field=f"{name}[{n}].email", name_field=f"{name}[{n}].name")
        for n, each in enumerate(given)
    )


def _require_times(request: SendRequested, now: datetime) -> None:
    if request.send_at is not None and request.send_at > now + FARTHEST_SEND_AT:
        raise InvalidField(
            "send_at", f"lies more than {FARTHEST_SEND_AT.days} days ahead", "Publish the request when it is nearer."
        )
    if request.expires_at is not None and request.expires_at <= (request.send_at or request.occurred_at):
        raise InvalidField("expires_at", "lies before the message may be sent", "Give a later time, or none.")


def _require_metadata(request: SendRequested) -> None:
    size = len(json.dumps(request.metadata, ensure_ascii=False).encode()) if request.metadata else 0
    if size > METADATA_BYTES:
        raise InvalidField(
            "metadata", f"holds {size} octets as JSON, the limit is {METADATA_BYTES}", "Keep your data, send its key."
        )
    if request.metadata and _levels(request.metadata) > METADATA_LEVELS:
        raise InvalidField("metadata", f"has more than {METADATA_LEVELS} levels", "Flatten it, or send its key.")


def _levels(value: object) -> int:
    """How deep lists and objects lie in each other; a flat object is 1. The contract's reader bounds the recursion."""
    if not isinstance(value, dict | list):
        return 0
    within = value.values() if isinstance(value, dict) else value
    return 1 + max(map(_levels, within), default=0)
