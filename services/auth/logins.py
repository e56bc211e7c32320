"""A real login to the mailbox that somebody wants to connect, and the secret to keep of it: what was typed in, or the
token of the sync engine, which then holds it alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from services.auth.domain.account import ENGINE_TOKEN, ProvedMailbox
from services.auth.domain.addresses import same_mailbox_key
from services.auth.domain.connect_request import Candidate
from services.auth.domain.proving import refusal_of
from services.auth.domain.refusals import NotProved
from services.auth.ports import Provers, SyncEngine
from services.providers.errors import ProviderError
from services.providers.types import Proof
from services.runtime.envelopes import Owner


@dataclass(frozen=True, slots=True)
class Proved:
    mailbox: ProvedMailbox
    sealable: bytes = field(repr=False)
    """The secret as it goes into the account's box, and out to whoever leases it: a JSON object of texts."""
    held_for: Owner | None = None
    """The account that the engine holds it for, and no other; None where the box holds it itself."""


@dataclass(frozen=True, slots=True)
class Logins:
    provers: Provers
    engine: SyncEngine
    engine_holds: Callable[[str], bool]
    """Whether an e-mail client's credentials are the engine's alone."""
    at_once: asyncio.Semaphore
    """Bounds the logins under way: each may wait a minute for a server that somebody named."""
    within: float
    """Seconds for one proof of both logins."""

    @asynccontextmanager
    async def proved(self, candidate: Candidate, owner: Owner, person: str) -> AsyncIterator[Proved]:
        """Both logins worked. `owner`: the account it will be, should an engine hold it. Whatever goes wrong before the
        end of the block takes back what the engine has opened. Raises `Refused`, `Outage`."""
        proof, token = await self._login(candidate, owner)
        try:
            if same_mailbox_key(proof.address) != same_mailbox_key(candidate.address):
                raise NotProved(
                    "other_mailbox",
                    "The login works, but it opens another mailbox than the one asked for.",
                    remedy="Give that mailbox's own address, or sign in to the mailbox asked for.",
                    field="address",
                )
            mailbox = ProvedMailbox(
                candidate.client, candidate.address, candidate.display_name, proof.settings, proof.abilities, person
            )
            if token is None:
                yield Proved(mailbox, candidate.sealable())
            else:
                yield Proved(mailbox, json.dumps({ENGINE_TOKEN: token}).encode(), owner)
        except BaseException:
            if token is not None:
                await self.engine.close(owner, token)
            raise

    async def _login(self, candidate: Candidate, owner: Owner) -> tuple[Proof, str | None]:
        try:
            async with asyncio.timeout(self.within), self.at_once:
                if self.engine_holds(candidate.client):
                    return await self.engine.open(owner, candidate)
                proving = self.provers(candidate.client).prove(candidate.address, candidate.settings, candidate.secret)
                return await proving, None
        except ProviderError as error:
            raise refusal_of(error, candidate.form, candidate.settings) from error
        except TimeoutError:
            raise NotProved(
                "timeout", "The mail servers did not answer in time.", remedy="Try again in a minute.", again=True
            ) from None
