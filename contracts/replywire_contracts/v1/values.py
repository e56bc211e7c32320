"""Values that several events share. Sets that may grow are open strings with their documented values."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, WithJsonSchema

from replywire_contracts.event import Model, Moment

RequestId = Annotated[
    str,
    Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$", description="The caller's id: one e-mail"),
]
AccountId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
MessageIdText = Annotated[str, Field(max_length=998, description="An RFC 5322 Message-ID with its angle brackets")]


def _base64(alphabet: str) -> str:
    """RFC 4648 with padding or without. The last character of a shorter group carries no bits of its own."""
    return f"(?:[{alphabet}]{{4}})*(?:[{alphabet}][AQgw]={{0,2}}|[{alphabet}]{{2}}[AEIMQUYcgkosw048]=?)?"


BASE64 = f"^(?:{_base64('A-Za-z0-9_-')}|{_base64('A-Za-z0-9+/')})$"
Octets = Annotated[bytes, WithJsonSchema({"type": "string", "format": "base64url", "pattern": BASE64})]
"""Octets, which JSON carries as base64url or base64."""

CLIENTS = ("gmail", "smtp_imap", "microsoft365", "ews", "external")
"""Documented values of `client`."""


class Address(Model):
    """A mailbox: `email` as in RFC 5321 (international forms allowed), `name` as people read it."""

    email: str = Field(min_length=3, max_length=320, examples=["ada@example.org"])
    name: str | None = Field(default=None, max_length=256)


class Attachment(Model):
    """A file: small ones inline as base64, larger ones by `object_ref` in the object store."""

    filename: str = Field(min_length=1, max_length=255)
    content_type: str = Field(default="application/octet-stream", max_length=255)
    content: Octets | None = Field(default=None, description="Octets; base64 or base64url; at most 256 KiB inline")
    object_ref: str | None = Field(default=None, max_length=255, description="Name in the store `replywire-bodies`")
    content_id: str | None = Field(default=None, max_length=255, description="Set: shown inline, by `cid:` in the HTML")


class Unsubscribe(Model):
    """List-Unsubscribe (RFC 2369); `one_click` adds List-Unsubscribe-Post (RFC 8058) and needs `url`."""

    url: str | None = Field(default=None, max_length=2000, description="https only")
    mailto: str | None = Field(default=None, max_length=320)
    one_click: bool = False


class Identities(Model):
    """Every name one message is known by; matching accepts any of them."""

    message_ids: tuple[MessageIdText, ...] = Field(default=(), max_length=16)
    marker: str | None = Field(default=None, max_length=128)
    provider_message_id: str | None = Field(default=None, max_length=512)
    provider_thread_id: str | None = Field(default=None, max_length=512)
    thread_index: str | None = Field(default=None, max_length=512)


class Failure(Model):
    """Why, for machines and for people."""

    reason: str = Field(description="Stable slug: refused_recipient, needs_reauth, too_large, expired, …")
    code: str = Field(default="", max_length=64, description="The server's code, e.g. `550 5.1.1`")
    words: str = Field(default="", max_length=2000, description="The server's own words")
    remedy: str = Field(default="", max_length=2000, description="What a person can do")


class RecipientOutcome(Model):
    email: str = Field(max_length=320)
    accepted: bool
    code: str = Field(default="", max_length=64)
    words: str = Field(default="", max_length=2000)


class Evidence(Model):
    """One fact a verdict rests on."""

    rule: str = Field(max_length=64, description="Which rule spoke, e.g. `in_reply_to`, `auto_submitted`")
    detail: str = Field(default="", max_length=500)


class AttachmentInfo(Model):
    filename: str = Field(max_length=255)
    content_type: str = Field(max_length=255)
    size: int = Field(ge=0, description="Octets")
    object_ref: str | None = Field(default=None, max_length=255, description="Where its octets are kept for a few days")


class Body(Model):
    """A text, inline up to 256 KiB of UTF-8, else by reference."""

    text: str | None = None
    object_ref: str | None = Field(default=None, max_length=255)


class Progress(Model):
    """A first sync or a repair, under way."""

    done: int = Field(ge=0, description="Messages judged so far")
    remaining: int | None = Field(default=None, ge=0, description="Messages still to come, where the provider tells")
    since: Moment | None = None
