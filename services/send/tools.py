"""What every mailbox of one process works with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from services.send.domain.message import Message
from services.send.domain.moves import Move
from services.send.hand_over import HandOver
from services.send.ports import Mailboxes, Messages, Tracking
from services.send.resolver import Resolver
from services.send.routes import Routes
from services.send.settings import Settings


@dataclass(frozen=True, slots=True)
class Tools:
    """`on_sent` is told of every message that was sent and the move that made it so; `submissions` bounds how many
    hand-overs run at once, whatever the mailbox."""

    settings: Settings
    messages: Messages
    mailboxes: Mailboxes
    tracking: Tracking
    routes: Routes
    hand_over: HandOver
    resolver: Resolver
    on_sent: Callable[[Message, Move], None]
    submissions: asyncio.Semaphore
