"""Where events are kept: plain data. One provisioning step creates it; no service declares anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class Stream:
    name: str
    subjects: tuple[str, ...]
    retention: Literal["limits", "workqueue"]
    max_age: timedelta
    description: str
    duplicate_window: timedelta = timedelta(minutes=10)
    max_bytes: int = 10 * 2**30
    max_message_size: int = 2**20
    discard: Literal["new", "old"] = "old"
    """`new`: a full stream refuses the publisher, so that nothing accepted is dropped."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """An object store."""

    name: str
    ttl: timedelta
    description: str


SEND_REQUESTS = Stream(
    name="SEND_REQUESTS",
    subjects=("mail.v1.send.requested.*", "mail.v1.send.cancel_requested.*"),
    retention="workqueue",
    max_age=timedelta(days=30),
    discard="new",
    description="What products ask; gone once `send` has stored it",
)
SENDS = Stream(
    name="SENDS",
    subjects=tuple(
        f"mail.v1.send.{verb}.*" for verb in ("accepted", "sent", "deferred", "failed", "unconfirmed", "cancelled")
    ),
    retention="limits",
    max_age=timedelta(days=14),
    description="What became of each request",
)
ACCOUNTS = Stream(
    name="ACCOUNTS",
    subjects=("mail.v1.account.*.*",),
    retention="limits",
    max_age=timedelta(days=90),
    description="Mailboxes connected, refused by their provider, disconnected",
)
INBOX = Stream(
    name="INBOX",
    subjects=("mail.v1.inbox.matched.*",),
    retention="workqueue",
    max_age=timedelta(days=7),
    discard="new",
    description="Matched messages on their way to reply_matching; gone once it holds them",
)
MAILBOXES = Stream(
    name="MAILBOXES",
    subjects=("mail.v1.mailbox.*.*", "mail.v1.calendar.*.*"),
    retention="limits",
    max_age=timedelta(days=14),
    description="Progress, stalls and repaired gaps of mailboxes",
)
REPLIES = Stream(
    name="REPLIES",
    subjects=tuple(f"mail.v1.{noun}.detected.*" for noun in ("reply", "auto_reply", "bounce", "complaint")),
    retention="limits",
    max_age=timedelta(days=30),
    description="Who answered what",
)
DEAD_LETTERS = Stream(
    name="DEAD_LETTERS",
    subjects=("dead.v1.>",),
    retention="limits",
    max_age=timedelta(days=30),
    description="What a service could not carry out, with the reason: `dead.v1.<service>.<original subject>`",
)
ADVISORIES = Stream(
    name="ADVISORIES",
    subjects=("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>", "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>"),
    retention="limits",
    max_age=timedelta(days=7),
    description="The server's own notes of messages it stopped delivering",
)

STREAMS: tuple[Stream, ...] = (
    SEND_REQUESTS, SENDS, ACCOUNTS, INBOX, MAILBOXES, REPLIES, DEAD_LETTERS, ADVISORIES,
)  # fmt: skip

BODIES = Bucket("replywire-bodies", timedelta(days=7), "Bodies and attachments over 256 KiB, on their way")
BUCKETS: tuple[Bucket, ...] = (BODIES,)


@dataclass(frozen=True, slots=True)
class Consumer:
    """A service's durable place in a stream, shared by its replicas."""

    durable: str
    stream: Stream
    subjects: tuple[str, ...]
    service: str
    ack_wait: timedelta = timedelta(seconds=30)
    max_deliver: int = 10
    max_ack_pending: int = 1000


CONSUMERS: tuple[Consumer, ...] = (
    Consumer("send-requested", SEND_REQUESTS, ("mail.v1.send.requested.*",), "send"),
    Consumer("send-cancel-requested", SEND_REQUESTS, ("mail.v1.send.cancel_requested.*",), "send"),
    Consumer("send-account", ACCOUNTS, ("mail.v1.account.*.*",), "send"),
    Consumer("inbox_sync-account", ACCOUNTS, ("mail.v1.account.*.*",), "inbox_sync"),
    Consumer("reply_matching-account", ACCOUNTS, ("mail.v1.account.*.*",), "reply_matching"),
    Consumer("reply_matching-matched", INBOX, ("mail.v1.inbox.matched.*",), "reply_matching"),
)
