"""Every event and request there is, and the stream each event is kept in."""

from __future__ import annotations

from replywire_contracts.event import Event, Request
from replywire_contracts.streams import STREAMS, Stream
from replywire_contracts.v1 import account, calendar, engine, inbox, mailbox, reply, rpc, send, sending

EVENTS: tuple[type[Event], ...] = (
    send.SendRequested,
    send.SendCancelRequested,
    send.SendAccepted,
    send.SendSent,
    send.SendDeferred,
    send.SendFailed,
    send.SendUnconfirmed,
    send.SendCancelled,
    account.AccountConnected,
    account.AccountNeedsReauth,
    account.AccountDisconnected,
    inbox.InboxMatched,
    mailbox.MailboxSynced,
    mailbox.MailboxStalled,
    mailbox.MailboxGapRepaired,
    reply.ReplyDetected,
    reply.AutoReplyDetected,
    reply.BounceDetected,
    reply.ComplaintDetected,
    calendar.CalendarChanged,
)

REQUESTS: tuple[type[Request], ...] = (
    rpc.LeaseCredentials,
    rpc.ReportRejected,
    rpc.ListAccounts,
    rpc.VerifyKey,
    rpc.ListKeys,
    rpc.ExternalSetup,
    rpc.ChooseExternalDelivery,
    rpc.ProveExternal,
    rpc.Register,
    rpc.AddIdentities,
    rpc.Judge,
    rpc.ConfirmHeld,
    rpc.MailboxStatus,
    sending.SendingStatus,
    engine.EngineKey,
    engine.EngineOpenAccount,
    engine.EngineCloseAccount,
    engine.EngineSend,
    engine.EngineCalendar,
)

_BY_KIND = {event.kind(): event for event in EVENTS}


def event_type(kind: str) -> type[Event]:
    """The model of `mail.v1.send.sent`. Raises `LookupError` naming the unknown kind."""
    try:
        return _BY_KIND[kind]
    except KeyError:
        raise LookupError(f"no event is called {kind!r}; see the catalogue for the known ones") from None


def stream_of(event: type[Event]) -> Stream:
    """The one stream whose subjects cover the event's."""
    pattern = event.kind().split(".")
    for stream in STREAMS:
        for subject in stream.subjects:
            tokens = subject.split(".")
            if len(tokens) == len(pattern) + 1 and all(t in ("*", p) for t, p in zip(tokens, pattern, strict=False)):
                return stream
    raise LookupError(f"no stream keeps {event.kind()}")
