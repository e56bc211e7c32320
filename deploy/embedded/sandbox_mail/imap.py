"""The IMAP side: pymap's server over mailboxes that live in a folder."""

from __future__ import annotations

import asyncio
import ssl
from argparse import Namespace
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from proxyprotocol.noop import ProxyProtocolNoop
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import Config, Login
from pymap.backend.dict.filter import FilterSet
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage
from pymap.user import UserMetadata
from pysasl.hashing import Cleartext

from deploy.embedded.sandbox_mail.mailbox import StoredMailboxSet


class _Config(Config):
    @property
    def greeting(self) -> bytes:
        return b"Replywire sandbox ready"  # pymap's own asks the DNS for this host's name


class Imap:
    """Users, their mailboxes, and the way mail gets in besides IMAP's own APPEND. Made inside a running loop."""

    def __init__(self, folder: Path, users: Mapping[str, str], max_message: int) -> None:
        self._config = _Config(
            Namespace(passlib_cfg=None, proxy_protocol="noop"),
            host=None,
            port=0,
            demo_data=False,
            demo_user="",
            demo_password="",
            tls_enabled=False,  # means STARTTLS; the listener itself is TLS
            invalid_user_sleep=0.0,
            reject_dnsbl=False,
            max_append_len=max_message,
            hash_context=Cleartext(),
        )
        self._config.apply_context()
        self._login = Login(self._config)
        self._mailboxes: dict[str, StoredMailboxSet] = {}
        for address, password in users.items():
            self._login.users_dict[address] = UserMetadata(self._config, address, password=password)
            self._mailboxes[address] = mailboxes = StoredMailboxSet(folder / address)
            self._config.set_cache[address] = (mailboxes, FilterSet())

    async def listen(self, host: str, port: int, context: ssl.SSLContext | None) -> asyncio.Server:
        server = IMAPServer(self._login, self._config)
        callback = ProxyProtocolReader(ProxyProtocolNoop()).get_callback(server)
        return await asyncio.start_server(callback, host, port, ssl=context)

    def owner_of(self, address: str) -> str | None:
        """Whose mailbox an address leads to: itself, or itself with a `+detail`."""
        local, _, domain = address.rpartition("@")
        owner = f"{local.partition('+')[0]}@{domain}".lower()
        return owner if owner in self._mailboxes else None

    async def deliver(self, owner: str, message: bytes) -> int:
        """Put a message into the INBOX, on disk when this returns: its UID. Waiting IDLEs are told at once."""
        inbox = await self._mailboxes[owner].get_mailbox("INBOX")
        recent = inbox.selected_set.any_selected is None
        stored = await inbox.append(AppendMessage(message, datetime.now(UTC)), recent=recent)
        return stored.uid
