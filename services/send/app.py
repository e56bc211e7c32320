"""send's wiring: which adapter stands behind which port, and which handler behind which event."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import cached_property

from replywire_contracts.streams import CONSUMERS
from replywire_contracts.v1.account import AccountConnected, AccountDisconnected, AccountNeedsReauth
from replywire_contracts.v1.rpc import ChooseExternalDelivery, ExternalSetup, ProveExternal
from replywire_contracts.v1.send import SendCancelRequested, SendRequested
from replywire_contracts.v1.sending import SendingStatus

from services.runtime.app import App
from services.runtime.consume import consume
from services.runtime.credentials import CredentialsCache
from services.runtime.group_commit import GroupCommit
from services.runtime.owed import OwedEvents
from services.runtime.rpc import serve
from services.runtime.signals import Signals
from services.runtime.taking_off import TakingOff
from services.send import external_http, setup_http
from services.send.adapters.accounts import Accounts
from services.send.adapters.announcements import Announcements
from services.send.adapters.cancels import Cancels
from services.send.adapters.copy_jobs import CopyJobs
from services.send.adapters.mailboxes import Mailboxes
from services.send.adapters.messages import Messages
from services.send.adapters.offers import Offers
from services.send.adapters.pieces import Pieces
from services.send.adapters.reading import Reading
from services.send.adapters.setups import SetupRows
from services.send.adapters.teams import Teams
from services.send.adapters.working_keys import WorkingKeys
from services.send.cancelling import Cancelling
from services.send.dispatcher import Dispatcher
from services.send.domain.copy import CopyPlan
from services.send.domain.limits import Limits
from services.send.domain.message import Message
from services.send.domain.moves import Move
from services.send.external import External, Ground
from services.send.external_bus import ExternalBus, serve_external
from services.send.hand_over import HandOver
from services.send.handlers import Handlers
from services.send.http import Doors, routes
from services.send.intake import Intake
from services.send.registrar import Registrar
from services.send.resolver import Resolver
from services.send.rounds import Rounds, every
from services.send.routes import Routes
from services.send.senders import Senders
from services.send.sent_copies import SentCopies
from services.send.settings import Settings
from services.send.status import StatusHandler
from services.send.tools import Tools

_OWN = {consumer.durable: consumer for consumer in CONSUMERS if consumer.service == "send"}
REQUESTED, CANCEL_REQUESTED, ACCOUNT = _OWN["send-requested"], _OWN["send-cancel-requested"], _OWN["send-account"]


class Parts:
    """Everything one process is made of. Each part is made when first asked for: many need the bus to be there."""

    def __init__(self, app: App, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        self.copy_hold = timedelta(seconds=settings.copy_hold_seconds)
        messages = app.db["messages"]
        self.writes = GroupCommit(messages)
        self.taken_off = TakingOff(messages)
        self.pieces = Pieces(app.db["pieces"])
        self.mailboxes = Mailboxes(app.db["mailboxes"])
        self.reading = Reading(messages, self.pieces)
        self.cancels = Cancels(app.db["cancels"])
        self.teams = Teams(app.db["teams"])
        self.announcements = Announcements(messages, self.writes)
        self.senders = Senders(settings.connect_policy)

    @cached_property
    def owed(self) -> OwedEvents:
        return OwedEvents(self.app.db["messages"], self.app.publisher, self.taken_off)

    @cached_property
    def messages(self) -> Messages:
        return Messages(self.app.db["messages"], self.pieces, self.writes, self.owed)

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(self.mailboxes, self.app.rpc)

    @cached_property
    def credentials(self) -> CredentialsCache:
        return CredentialsCache(self.app.rpc)

    @cached_property
    def registrar(self) -> Registrar:
        return Registrar(self.app.rpc)

    @cached_property
    def routes(self) -> Routes:
        return Routes(self.credentials, self.senders, self.settings)

    @cached_property
    def rounds(self) -> Rounds:
        return Rounds(self.messages, self.mailboxes, self.announcements, self.registrar)

    @cached_property
    def copies(self) -> SentCopies:
        settings = self.settings
        plan = CopyPlan(tuple(timedelta(seconds=s) for s in settings.copy_backoff_seconds), settings.copy_attempts)
        jobs = CopyJobs(self.app.db["messages"], self.writes)
        return SentCopies(jobs, self.messages, self.routes, plan, self.copy_hold, settings.copies_at_once)

    @cached_property
    def dispatcher(self) -> Dispatcher:
        settings = self.settings
        backoff = settings.backoff()
        tools = Tools(
            settings=settings,
            messages=self.messages,
            mailboxes=self.mailboxes,
            tracking=self.registrar,
            routes=self.routes,
            hand_over=HandOver(self.messages, self.routes, backoff),
            resolver=Resolver(self.messages, backoff, settings.probes, self.teams.unconfirmed_policy),
            on_sent=self.on_sent,
            submissions=asyncio.Semaphore(settings.submissions_at_once),
        )
        leases = self.app.leases("mailboxes", timedelta(seconds=settings.mailbox_lease_seconds))
        return Dispatcher(leases, self.mailboxes, tools)

    @cached_property
    def signals(self) -> Signals:
        return Signals(self.app.nc, "send", "external")

    @cached_property
    def external(self) -> External:
        ground = Ground(
            settings=self.settings,
            offers=Offers(self.app.db["messages"]),
            setups=SetupRows(self.app.db["external_setups"]),
            keys=WorkingKeys(self.app.rpc),
            messages=self.messages,
            accounts=self.accounts,
            tracking=self.registrar,
            hands_out=self.senders.hands_out,
            policy=self.teams.unconfirmed_policy,
            on_sent=self.on_sent,
            tell_others=self.signals.give,
        )
        return External(ground)

    @cached_property
    def intake(self) -> Intake:
        limits = Limits(message_bytes=self.settings.message_bytes)
        wake, offering = self.dispatcher.wake, self.external.offering
        return Intake(self.messages, self.pieces, self.accounts, self.app.bodies, self.cancels, wake, offering, limits)

    @cached_property
    def cancelling(self) -> Cancelling:
        offered = self.external.bells.ring
        return Cancelling(self.messages, self.cancels, self.dispatcher.wake, offered, self.on_sent, self.copy_hold)

    @cached_property
    def handlers(self) -> Handlers:
        withdraw = self.external.taking.withdraw
        return Handlers(self.intake, self.cancelling, self.accounts, self.app.publisher, self.forget, withdraw)

    def on_sent(self, message: Message, move: Move) -> None:
        """The two jobs that may follow a send and never change it."""
        if move.unannounced is not None:
            self.rounds.announce(message, move.unannounced)
        if move.copy_held_until is not None:
            self.copies.start(message.account, message.id, move.copy_held_until)

    async def forget(self, account: str) -> None:
        self.credentials.forget(account)
        await self.senders.forget(account)

    async def drain(self) -> None:
        """What is under way ends by itself, in time; the rest is found in the state it is in."""
        try:
            async with asyncio.timeout(self.settings.graceful_timeout):
                await self.dispatcher.drain()
                await self.copies.drain()
                await self.rounds.drain()
                await self.external.taking.drain()
                await self.messages.drain()
        except TimeoutError:
            self.app.log.warning("stopped before everything under way had ended")
            self.dispatcher.abandon()
        await self.senders.close()
        await self.taken_off.close()
        await self.writes.close()


def build(settings: Settings) -> App:
    app = App(settings)
    parts = Parts(app, settings)
    _consume(app, parts, settings)
    doors = Doors(
        lambda: parts.intake,
        lambda: parts.cancelling,
        parts.reading,
        parts.mailboxes,
        parts.teams,
        largest_request=settings.message_bytes * 3 // 2,
    )
    app.http.include_router(routes(doors))
    _external(app, parts)
    _rounds(app, parts, settings)
    serve(app, SendingStatus)(StatusHandler(lambda: parts.mailboxes).sending_status)
    app.on_stop(parts.drain)
    return app


def _consume(app: App, parts: Parts, settings: Settings) -> None:
    async def on_send_requested(event: SendRequested) -> None:
        await parts.handlers.on_send_requested(event)

    async def on_cancel_requested(event: SendCancelRequested) -> None:
        await parts.handlers.on_cancel_requested(event)

    consume(
        app,
        REQUESTED,
        SendRequested,
        concurrency=settings.consume_concurrency,
        on_malformed=lambda payload, error, headers: parts.handlers.on_malformed(payload, error, headers),
    )(on_send_requested)
    consume(app, CANCEL_REQUESTED, SendCancelRequested)(on_cancel_requested)
    told = {
        AccountConnected.kind(): lambda event: parts.handlers.on_account_connected(event),
        AccountNeedsReauth.kind(): lambda event: parts.handlers.on_account_needs_reauth(event),
        AccountDisconnected.kind(): lambda event: parts.handlers.on_account_disconnected(event),
    }
    consume(app, ACCOUNT, told)


def _external(app: App, parts: Parts) -> None:
    app.http.include_router(external_http.routes(lambda: parts.external.door))
    app.http.include_router(setup_http.routes(lambda: parts.external.setting_up))
    answers = setup_http.SetupAnswers(lambda: parts.external.setting_up)
    serve_external(app, ExternalBus(lambda: parts.external.door), parts.settings.external_waiting)
    serve(app, ExternalSetup)(answers.state)
    serve(app, ChooseExternalDelivery)(answers.choose)
    serve(app, ProveExternal)(answers.prove)
    app.on_start(lambda: parts.signals.hear(parts.external.bells.ring_here))
    app.on_stopping(lambda: parts.external.stop_waiting())
    app.task(lambda: parts.external.offering.run(), name="make available what is given out")


def _rounds(app: App, parts: Parts, settings: Settings) -> None:
    app.task(lambda: parts.dispatcher.run(), name="dispatch")
    sweep = timedelta(seconds=settings.sweep_seconds)
    app.task(lambda: parts.owed.run_sweeper(sweep), name="sweep owed events")
    for what, seconds, work in (
        ("given out", settings.sweep_seconds, lambda: parts.external.sweep()),
        ("expire", settings.sweep_seconds, lambda: parts.rounds.expire()),
        ("sent copies", settings.sweep_seconds, lambda: parts.copies.sweep()),
        ("identities", settings.sweep_seconds, lambda: parts.rounds.announce_waiting()),
        ("swallowed wake-ups", settings.heal_seconds, lambda: parts.rounds.heal_wakes()),
        ("accounts", settings.accounts_heal_seconds, lambda: parts.accounts.heal()),
    ):
        app.task(lambda seconds=seconds, work=work, what=what: every(seconds, work, what), name=what)  # type: ignore[misc]
