"""The sync engine's face of the EWS client for connecting: is this mailbox really theirs, and does it work both ways?

Reading is proved by opening Inbox and Sent Items; that the mailbox is the login's own, by opening the Inbox once more
by the address: both ways lead to one folder id, or it is somebody else's. That it can send, by all of a hand-over but
the sending: an empty draft is saved as a hand-over saves it and deleted for good at once, so that a mailbox that is
full, read-only or closed to EWS is told now. It is in Drafts for the moment between two requests; where the connection
dies just then, it stays, and its subject says that it can be deleted.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from exchangelib.transport import BASIC, NTLM

from services.providers.errors import Permanent, Transient
from services.providers.ews import errors
from services.providers.ews.calls import DeleteForGood, GetFolderIds, SaveDraft
from services.providers.ews.settings import read_login, read_settings
from services.providers.ews.wire import HttpRefused, Wire
from services.providers.hosts import Purpose, own_tls_context, refused, vet
from services.providers.protocols import ConnectPolicy
from services.providers.types import Proof

_THREADS = 8
_CLEANING = 5.0
"""Seconds kept for deleting the draft, whatever came before."""
_SCHEME = re.compile(r"(?:^|,)\s*(ntlm|negotiate|basic)(?=[\s,]|$)", re.IGNORECASE)


class EwsConnect:
    """Conforms to `protocols.Connect`. `budget`: seconds for the whole proof, but for tidying up after it.

    exchangelib is synchronous: a proof runs in a thread, of which there are few. One that outlives its time has its
    connection cut, so that a silent server holds no thread for longer."""

    def __init__(self, policy: ConnectPolicy, *, budget: float = 20.0) -> None:
        self._policy = policy
        self._budget = budget
        self._trust = own_tls_context(policy.ca_file)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="ews")

    async def prove(self, address: str, settings: Mapping[str, Any], secret: Mapping[str, str]) -> Proof:
        """Of `secret`: `password`, and `username` where that is not the address."""
        server = read_settings(settings).ews
        login = read_login(address, secret)
        try:
            vetted = await vet(server.host, server.port, Purpose.EWS, self._policy)
        except Transient:
            raise refused(server.host, server.port) from None  # a name that is not known, in the words of all refusals
        wire = Wire(server, vetted, login, self._trust, seconds=self._budget)
        try:
            async with asyncio.timeout(self._budget + _CLEANING):
                proven = await asyncio.get_running_loop().run_in_executor(self._threads, prove, wire, address)
        except TimeoutError:
            raise errors.timed_out(server.where) from None
        finally:
            wire.cut()
        told = {**settings, "ews": server.model_dump(mode="json"), "version": proven.version}
        return Proof(address, told, (proven.way_in, *(("ews_" + proven.version,) if proven.version else ())))


@dataclass(frozen=True, slots=True)
class Proven:
    way_in: str
    """ntlm or basic."""
    version: str
    """Of the schema that the server speaks, as it says itself: `Exchange2016`; empty where it does not say."""


def prove(wire: Wire, address: str) -> Proven:
    """Raises `ProviderError`. Blocks."""
    try:
        wire.config.auth_type = _way_in(wire)
        folders = GetFolderIds(wire, address)
        inbox, _ = folders.of(("inbox", "sentitems"))
        _require_own(wire, folders, inbox, address)
        draft = SaveDraft(wire, address).marked(secrets.token_hex(16))
        _tidied(wire, address, draft)
    except Exception as error:
        raise errors.mapped(error, wire.where) from error
    finally:
        wire.close()
    return Proven(wire.config.auth_type.lower(), str(wire.config.version.api_version or ""))


def _way_in(wire: Wire) -> str:
    """How the server wants to be logged in to: asked without credentials. NTLM, which does not show the password, goes
    before Basic."""
    session = wire.raw_session(wire.service_endpoint)
    try:
        answer = session.post(wire.service_endpoint, data=b"", allow_redirects=False)
    finally:
        session.close()
    told = answer.headers
    if answer.status_code == 200:
        raise errors.not_ews(wire.where)  # EWS lets nobody in without a login
    if answer.status_code != 401:
        raise HttpRefused(answer.status_code, told.get("location", ""), told.get("retry-after", ""))
    offered = told.get("www-authenticate", "")
    ways = {found.lower() for found in _SCHEME.findall(offered)}
    if not ways:
        raise errors.no_password_login(wire.where, offered[:100])
    return str(BASIC if ways == {"basic"} else NTLM)  # which Negotiate (RFC 4559) carries as well


def _require_own(wire: Wire, folders: GetFolderIds, inbox: str, address: str) -> None:
    """Ids are made of the mailbox's and the folder's own (since Exchange 2007 SP1), so however a folder was found it
    has one id. Who may look into a colleague's mailbox finds another than their own."""
    try:
        [theirs] = folders.of(("inbox",), mailbox=address)
    except Exception as error:
        if errors.code_of(error) in errors.NO_MAILBOX | errors.NO_ACCESS:
            raise errors.other_mailbox(wire.where, address) from error
        raise
    if not inbox or theirs != inbox:
        raise errors.other_mailbox(wire.where, address)


def _tidied(wire: Wire, address: str, draft: str) -> None:
    """The draft is deleted, at the second try if need be; what cannot be deleted is nobody's way to send."""
    wire.clock.at_least(_CLEANING)
    delete = DeleteForGood(wire, address)
    try:
        delete.item(draft)
    except Exception as error:
        if isinstance(errors.mapped(error, wire.where), Permanent):
            raise
        delete.item(draft)
