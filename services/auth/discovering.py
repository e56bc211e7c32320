"""Suggests a mailbox's servers from its domain; nothing else of the address leaves this service, and no password."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from services.auth.domain import discovery, exchange_server
from services.auth.domain.addresses import read_address, same_mailbox_key
from services.auth.domain.discovery import SRV_NAMES, Suggestion
from services.auth.domain.exchange_server import ExchangeSuggestion
from services.auth.ports import MailRecords


@dataclass(frozen=True, slots=True)
class Discovering:
    records: MailRecords
    at_once: asyncio.Semaphore

    async def suggest(self, address: str) -> Suggestion | None:
        """None where nothing is known of the domain. Raises `Invalid` for what is no address."""
        domain = same_mailbox_key(read_address(address)).rpartition("@")[2]
        known = discovery.of_domain(domain)
        if known is not None:
            return known
        async with self.at_once:
            mx, found = await asyncio.gather(
                self.records.mx(domain),
                asyncio.gather(*(self.records.srv(f"{name}.{domain}") for name in SRV_NAMES)),
            )
        by_mx = discovery.of_mx(mx)
        if by_mx is not None and by_mx.better:
            return by_mx  # whatever old records say: that provider takes no passwords
        return discovery.of_srv(dict(zip(SRV_NAMES, found, strict=True))) or by_mx

    async def suggest_exchange(self, address: str) -> ExchangeSuggestion | None:
        """The same for an Exchange server that a company runs itself."""
        domain = same_mailbox_key(read_address(address)).rpartition("@")[2]
        async with self.at_once:
            mx, srv = await asyncio.gather(
                self.records.mx(domain), self.records.srv(f"{exchange_server.SRV_NAME}.{domain}")
            )
        return exchange_server.suggestion(domain, mx, srv)
