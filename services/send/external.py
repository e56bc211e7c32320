"""Everything the External client is made of, put together: the queue, its reports, its rounds and its set-up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.send.bells import Bells
from services.send.domain.message import Message
from services.send.domain.moves import Move
from services.send.external_door import ExternalDoor
from services.send.lapsing import Lapsing
from services.send.offering import Offering
from services.send.ports import Accounts, Keys, Messages, Offers, Setups, Tracking
from services.send.reporting import Reporting
from services.send.setting_up import SettingUp
from services.send.settings import Settings
from services.send.taking import Taking


@dataclass(frozen=True, slots=True)
class Ground:
    """What it stands on."""

    settings: Settings
    offers: Offers
    setups: Setups
    keys: Keys
    messages: Messages
    accounts: Accounts
    tracking: Tracking
    hands_out: Callable[[str], bool]
    policy: Callable[[str], Awaitable[str]]
    on_sent: Callable[[Message, Move], None]
    tell_others: Callable[[str], None]


class External:
    def __init__(self, on: Ground) -> None:
        terms = on.settings.external_terms
        self.bells = Bells(on.tell_others)
        self.offering = Offering(on.offers, on.tracking, self.bells, on.hands_out)
        self.taking = Taking(on.offers, on.messages, on.accounts, self.bells, terms, on.settings.external_waiting)
        self.lapsing = Lapsing(on.offers, on.messages, self.bells, terms, on.policy, on.on_sent)
        self.setting_up = SettingUp(on.setups, on.keys, on.messages, self.bells)
        reporting = Reporting(on.offers, on.messages, self.bells, terms, on.on_sent)
        self.door = ExternalDoor(self.taking, reporting, self.setting_up, on.offers, on.messages)

    async def sweep(self) -> None:
        await self.offering.sweep()
        await self.lapsing.sweep()

    async def stop_waiting(self) -> None:
        """Who waits for messages is answered: the process ends."""
        self.taking.stop()
