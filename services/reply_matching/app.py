"""Wiring: which port is served by which adapter, and which subject by which handler."""

from __future__ import annotations

from replywire_contracts.streams import CONSUMERS
from replywire_contracts.v1.account import AccountConnected, AccountDisconnected
from replywire_contracts.v1.inbox import InboxMatched
from replywire_contracts.v1.rpc import AddIdentities, ConfirmHeld, Judge, Register

from services.reply_matching.adapters.own_addresses import MongoOwnAddresses
from services.reply_matching.adapters.replies import MongoReplies
from services.reply_matching.adapters.tracked import MongoTrackedMessages
from services.reply_matching.correcting import Correcting
from services.reply_matching.handlers import Handlers
from services.reply_matching.holding import Holding
from services.reply_matching.http import routes
from services.reply_matching.judging import Judging
from services.reply_matching.settings import Settings
from services.runtime.app import App
from services.runtime.consume import consume
from services.runtime.deliveries import Handler
from services.runtime.rpc import serve

_OWN = {consumer.durable: consumer for consumer in CONSUMERS if consumer.service == "reply_matching"}
MATCHED, ACCOUNTS = _OWN["reply_matching-matched"], _OWN["reply_matching-account"]


def build(settings: Settings) -> App:
    app = App(settings)
    tracked = MongoTrackedMessages(app.db)
    own_addresses = MongoOwnAddresses(app.db)
    replies = MongoReplies(app.db, lambda: app.publisher)
    judging = Judging(tracked, own_addresses)
    holding = Holding(tracked, replies, lambda: app.bodies, judging, settings.attachment_limit)
    handlers = Handlers(tracked, own_addresses, replies, judging, holding)

    serve(app, Register)(handlers.register)
    serve(app, AddIdentities)(handlers.add_identities)
    serve(app, Judge, concurrency=8)(handlers.judge)  # a batch is work for one core: more at once only holds memory
    serve(app, ConfirmHeld)(handlers.confirm_held)
    consume(app, MATCHED, InboxMatched, concurrency=16)(handlers.on_inbox_matched)
    told: dict[str, Handler] = {
        AccountConnected.kind(): handlers.on_account_connected,
        AccountDisconnected.kind(): handlers.on_account_disconnected,
    }
    consume(app, ACCOUNTS, told)

    app.http.include_router(routes(replies, Correcting(tracked, replies, lambda: app.bodies)))
    app.task(lambda: replies.owed.run_sweeper(), name="sweep owed replies")
    for store in (tracked, own_addresses, replies):
        app.on_stop(store.close)
    return app
