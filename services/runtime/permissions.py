"""What each user of the bus may publish and read, derived from the catalogue: its own subjects and nothing else. Pure.

Replies go to a private inbox per user, so that nobody reads another's answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from replywire_contracts.catalogue import EVENTS, stream_of
from replywire_contracts.event import TEAM_PATTERN, Event, Request
from replywire_contracts.streams import (
    ADVISORIES,
    BODIES,
    CONSUMERS,
    DEAD_LETTERS,
    Consumer,
    Stream,
)
from replywire_contracts.v1 import engine, rpc, sending
from replywire_contracts.v1.account import AccountConnected, AccountDisconnected, AccountNeedsReauth
from replywire_contracts.v1.mailbox import MailboxGapRepaired, MailboxStalled, MailboxSynced
from replywire_contracts.v1.send import SendDeferred

SERVICES = ("auth", "send", "inbox_sync", "reply_matching")
PRODUCT = "product"
PROVISION = "provision"
USERS = (*SERVICES, PRODUCT, PROVISION)

WATCHERS: Mapping[type[Event], tuple[str, ...]] = {
    MailboxSynced: ("auth",),
    MailboxStalled: ("auth",),
    MailboxGapRepaired: ("auth",),
    AccountConnected: ("auth",),
    AccountNeedsReauth: ("auth",),
    AccountDisconnected: ("auth",),
    SendDeferred: ("auth",),
}
"""Who may hear an event as it passes, on every replica and without a place in its stream: to wake a page that shows
it. What must not be missed takes a consumer instead."""

ASKERS: Mapping[type[Request], tuple[str, ...]] = {
    rpc.LeaseCredentials: ("send", "inbox_sync"),
    rpc.ReportRejected: ("send", "inbox_sync"),
    rpc.ListAccounts: ("send", "inbox_sync"),
    rpc.VerifyKey: SERVICES,
    rpc.ListKeys: ("send",),
    rpc.ExternalSetup: ("auth",),
    rpc.ChooseExternalDelivery: ("auth",),
    rpc.ProveExternal: ("auth",),
    rpc.Register: ("send",),
    rpc.AddIdentities: ("send",),
    rpc.Judge: ("inbox_sync",),
    rpc.ConfirmHeld: ("inbox_sync",),
    rpc.MailboxStatus: ("auth",),
    sending.SendingStatus: ("auth",),
    engine.EngineKey: ("auth",),
    engine.EngineOpenAccount: ("auth",),
    engine.EngineCloseAccount: ("auth",),
    engine.EngineSend: ("send",),
    engine.EngineCalendar: ("auth",),
}
"""Who may ask what. A request of the catalogue that is missing here can be asked by nobody."""

EXTERNAL_PREFIX = "external_"
EXTERNAL_VERBS: Mapping[str, str] = {
    "take": "send",
    "extend": "send",
    "reports": "send",
    "octets": "send",
    "headers": "inbox_sync",
    "raw": "inbox_sync",
}
"""What a team's own code may ask over the bus, and who answers."""

KEY_HINTS = "hint.v1.auth.key.*"
"""auth tells every service that an API key has changed."""
MAX_DELIVERIES = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES"


@dataclass(frozen=True, slots=True)
class Rights:
    """Subjects a user may publish to and read; both are allow lists."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    allow_responses: bool = False
    """It may answer, once, whoever asked it."""


def consumers_of(service: str) -> tuple[Consumer, ...]:
    """The service's consumers, and the one that tells it what the server gave up delivering to them."""
    own = tuple(consumer for consumer in CONSUMERS if consumer.service == service)
    return (*own, advisories_of(service)) if own else ()


def advisories_of(service: str) -> Consumer:
    watched = (c for c in CONSUMERS if c.service == service)
    return Consumer(
        durable=f"{service}-advisories",
        stream=ADVISORIES,
        subjects=tuple(f"{MAX_DELIVERIES}.{c.stream.name}.{c.durable}" for c in watched),
        service=service,
        max_deliver=1000,
    )


def published_streams(user: str) -> tuple[str, ...]:
    """The streams this user's events are kept in."""
    own = {stream_of(event).name for event in EVENTS if user == event.OWNER}
    return tuple(sorted(own | ({DEAD_LETTERS.name} if user in SERVICES else set())))


def dead_lettered() -> frozenset[str]:
    """The subjects that a dead letter can have: what services consume."""
    return frozenset(subject for consumer in CONSUMERS for subject in consumer.subjects)


def rights(user: str, team: str = "*") -> Rights:
    """Of a service, of `product` (which may be cut to one team), of `external_<team>`, or of `provision`.

    `provision` is the operator's: it administers every stream, and may publish what can have been dead-lettered, so
    that it can be carried out after all. That is no new power - who may change a stream can fill it from another, under
    other subjects - and less than every event: nothing that only products are told, no answer, no question."""
    if user == PRODUCT:
        return _product(team)
    if user.startswith(EXTERNAL_PREFIX):
        return _external(user.removeprefix(EXTERNAL_PREFIX))
    if user == PROVISION:
        return Rights(publish=_sorted(["$JS.API.>"], dead_lettered()), subscribe=(f"_INBOX_{PROVISION}.>",))
    if user not in SERVICES:
        raise LookupError(f"the bus has no user {user!r}; it has {', '.join(USERS)}")
    events = [f"{event.kind()}.*" for event in EVENTS if user == event.OWNER]
    asked = [request.SUBJECT for request, askers in ASKERS.items() if user in askers]
    answered = [request.SUBJECT for request in ASKERS if request.SUBJECT.split(".")[2] == user]
    answered += [team_subject(verb, "*") for verb, service in EXTERNAL_VERBS.items() if service == user]
    watched = [f"{event.kind()}.*" for event, watchers in WATCHERS.items() if user in watchers]
    consumers = consumers_of(user)
    swept = {consumer.stream.name for consumer in consumers if consumer.stream is not ADVISORIES}
    return Rights(
        publish=_sorted(
            events,
            asked,
            [f"dead.v1.{user}.>", "$JS.API.INFO"],
            [f"$JS.API.STREAM.INFO.{name}" for name in published_streams(user)],
            *(_pull(consumer.stream, consumer.durable) for consumer in consumers),
            *((f"$JS.API.STREAM.MSG.GET.{name}", f"$JS.API.STREAM.MSG.DELETE.{name}") for name in swept),
            _object_store(BODIES.name),
            [hints(user)],
        ),
        subscribe=_sorted(answered, watched, [f"_INBOX_{user}.>", hints(user), KEY_HINTS]),
        allow_responses=bool(answered),
    )


def external_user(team: str) -> str:
    """The name of the bus user that a team's own code works as."""
    return EXTERNAL_PREFIX + team


def team_subject(verb: str, team: str) -> str:
    """Where a team's own code asks over the bus: the team is the last token, so that rights can be cut to it."""
    return f"rpc.v1.external.{verb}.{team}"


def _external(team: str) -> Rights:
    """Asks in its team's name and reads the answers; no stream, no event, no other team's subject."""
    if not re.fullmatch(TEAM_PATTERN, team):
        raise LookupError(f"no team is called {team!r}")
    asked = tuple(sorted(team_subject(verb, team) for verb in EXTERNAL_VERBS))
    return Rights(publish=asked, subscribe=(f"_INBOX_{external_user(team)}.>",))


def hints(service: str) -> str:
    """What a service's replicas tell each other by `services.runtime.signals`."""
    return f"hint.v1.{service}.>"


def _product(team: str) -> Rights:
    """Publishes what is to be sent, reads what became of it by consumers of its own making."""
    asked = [f"{event.kind()}.{team}" for event in EVENTS if event.OWNER == PRODUCT]
    told = {stream_of(event).name: stream_of(event) for event in EVENTS if event.OWNER in SERVICES}
    read = [stream for stream in told.values() if stream.retention == "limits"]
    api: list[str] = ["$JS.API.INFO"]
    for stream in read:
        created = f"$JS.API.CONSUMER.CREATE.{stream.name}"
        if team == "*":
            api += [f"{created}.>", f"$JS.API.CONSUMER.DURABLE.CREATE.{stream.name}.*"]
        else:  # the filter is part of the subject: consumers of another team's events cannot be made
            api += [f"{created}.*.{subject[:-1]}{team}" for subject in stream.subjects]
        api += [f"$JS.API.CONSUMER.DELETE.{stream.name}.*", f"$JS.API.STREAM.INFO.{stream.name}"]
        api += _pull(stream, "*")
    return Rights(
        publish=_sorted(asked, api, _object_store(BODIES.name)),
        subscribe=(f"_INBOX_{PRODUCT}.>", "_INBOX.>"),  # the second is every NATS client's default
    )


def _pull(stream: Stream, durable: str) -> tuple[str, ...]:
    return (
        f"$JS.API.CONSUMER.INFO.{stream.name}.{durable}",
        f"$JS.API.CONSUMER.MSG.NEXT.{stream.name}.{durable}",
        f"$JS.ACK.{stream.name}.{durable}.>",
        f"$JS.ACK.*.*.{stream.name}.{durable}.>",  # the longer form, with domain and account
    )


def _object_store(bucket: str) -> tuple[str, ...]:
    stream = f"OBJ_{bucket}"
    return (
        f"$O.{bucket}.>",
        "$JS.API.STREAM.NAMES",  # nats-py asks for the stream of a chunk's subject
        f"$JS.API.STREAM.INFO.{stream}",
        f"$JS.API.STREAM.MSG.GET.{stream}",
        f"$JS.API.DIRECT.GET.{stream}.>",
        f"$JS.API.DIRECT.GET.{stream}",
        f"$JS.API.STREAM.PURGE.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}.>",
        f"$JS.API.CONSUMER.DELETE.{stream}.*",
        f"$JS.FC.{stream}.>",
    )


def _sorted(*groups: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({subject for group in groups for subject in group}))


def render_users(passwords: Mapping[str, str], products: Mapping[str, str] | None = None) -> str:
    """The `authorization` block of a nats-server's configuration, for the users that have a password here.

    `products`: further users that are a product of one team alone, by name (`{"crm_of_acme": "acme"}`)."""
    teams = products or {}
    lines = ["authorization {", "  users = ["]
    for user, password in passwords.items():
        given = rights(PRODUCT, teams[user]) if user in teams else rights(user)
        responses = ", allow_responses: { max: 1, expires: 60s }" if given.allow_responses else ""
        lines.append(
            f"    {{ user: {json.dumps(user)}, password: {json.dumps(password)}, permissions: {{ "
            f"publish: {{ allow: {json.dumps(list(given.publish))} }}, "
            f"subscribe: {{ allow: {json.dumps(list(given.subscribe))} }}{responses} }} }}"
        )
    return "\n".join([*lines, "  ]", "}", ""])
