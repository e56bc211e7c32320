"""A double of Gmail: Dovecot and Postfix, each behind a small front that adds what Google adds.

Dovecot decides every login, Postfix's too, by asking an OpenID provider about the token (RFC 7662). What Postfix takes
goes straight to smtp-sink, whose ledger then tells what was sent. Knobs of the fronts make it misbehave.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Any

from tests.servers.dovecot import Dovecot
from tests.servers.gmail_imap import ImapFront, number
from tests.servers.gmail_smtp import SmtpFront
from tests.servers.gmail_threads import OwnLoop
from tests.servers.google_oidc import GoogleOidc
from tests.servers.postfix import Postfix
from tests.servers.smtp_sink import SmtpSink

ALL, SENT, SPAM, TRASH, DRAFTS = (f"[Gmail]/{name}" for name in ("All Mail", "Sent Mail", "Spam", "Trash", "Drafts"))
FOLDERS = {ALL: "\\All", SENT: "\\Sent", SPAM: "\\Junk", TRASH: "\\Trash", DRAFTS: "\\Drafts"}
_CALLED = {"Junk": SPAM, "Sent": SENT}
_LABELS = {"INBOX": "Inbox", SENT: "Sent", DRAFTS: "Draft"}
_OWN_NAME = re.compile(rb"^message-id:\s*(<[^<>\s]+>)", re.IGNORECASE | re.MULTILINE)


class GmailDovecot(Dovecot):
    """The mailboxes. What is delivered lies in All Mail too, under its label, unless it is spam or in the bin."""

    def __init__(self, introspection_url: str) -> None:
        super().__init__(FOLDERS, passdb="  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = OAUTH2")
        self.auth_socket = self.root / "submission-auth"
        self.labels: dict[tuple[str, str], set[str]] = {}
        oauth2 = self.root / "oauth2.conf"
        oauth2.write_text(
            f"introspection_url = {introspection_url}\nintrospection_mode = post\nusername_attribute = email\n"
            "active_attribute = active\nactive_value = true\n"
        )
        configuration = self.root / "dovecot.conf"
        text = configuration.read_text().replace("args = OAUTH2", f"args = {oauth2}")
        text = text.replace("auth_mechanisms = plain login xoauth2", "auth_mechanisms = xoauth2")
        listener = f"unix_listener {self.auth_socket} {{\n    mode = 0666\n  }}"
        configuration.write_text(f"{text}service auth {{\n  {listener}\n}}\n")

    def maildir(self, user: str, folder: str = "INBOX") -> Path:
        return super().maildir(user, _CALLED.get(folder, folder))

    def deliver(self, user: str, *messages: bytes, folder: str = "INBOX", received: float | None = None) -> None:
        folder = _CALLED.get(folder, folder)
        label = _LABELS.get(folder)
        for message in messages if label else ():
            if own := _OWN_NAME.search(message):
                self.labels.setdefault((user, own[1].decode()), set()).add(label or "")
        super().deliver(user, *messages, folder=folder, received=received)
        if folder not in (SPAM, TRASH, ALL):
            super().deliver(user, *messages, folder=ALL, received=received)


class Gmail:
    """`google` says which access token opens which mailbox; it must be running before a login."""

    host = "localhost"

    def __init__(self, folder: Path, google: GoogleOidc) -> None:
        self.sink = SmtpSink(folder / "sink")
        self._google = google
        self._loop = OwnLoop()

    async def start(self) -> None:
        self._loop.start()
        self.dovecot = GmailDovecot(self._google.introspection_url)
        await self.dovecot.start()
        await self.sink.start()
        self.postfix = Postfix(self.dovecot.auth_socket, self.sink.port)
        await self.postfix.start()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.dovecot.root / "server.pem")
        self.imap = ImapFront(self.dovecot.imap_port, tls, self.dovecot.labels)
        self.smtp = SmtpFront(self.postfix.port, tls, self._file, self._took)
        self._loop.run(self.imap.start())
        self._loop.run(self.smtp.start())

    async def stop(self) -> None:
        for server in (self.imap, self.smtp):
            self._loop.run(server.stop())
        self._loop.stop()
        await self.postfix.stop()
        self.postfix.remove()
        await self.sink.stop()
        await self.dovecot.stop()
        self.dovecot.remove()

    @property
    def ports(self) -> tuple[int, ...]:
        return (self.imap.port, *self.smtp.ports.values())

    def hosts(self, smtp: str = "tls") -> dict[str, Any]:
        """What redirects the client here: `ConnectPolicy.hosts`, REPLYWIRE_PROVIDER_HOSTS."""
        return {
            "gmail": {
                "smtp": {"host": self.host, "port": self.smtp.ports[smtp], "security": smtp},
                "imap": {"host": self.host, "port": self.imap.port, "security": "tls"},
            }
        }

    def token(self, address: str) -> str:
        """A new one that opens this mailbox, as if its person had signed in."""
        return self._loop.run(self._google.mint(address))

    def expire(self, token: str) -> int:
        """The token opens nothing more, and the sessions it had opened are told so: how many there were."""
        self._loop.run(self._google.end_access_token(token))
        return self._loop.run(self.imap.say_bye(token))

    def tokens_in_use(self) -> frozenset[str]:
        """By which sessions are open."""
        return self.imap.tokens_in_use

    def thread_of(self, address: str, message_id: str) -> str:
        """The conversation that this message begins."""
        return str(number(address, message_id.encode()))

    def _took(self, message: bytes) -> bool:
        own = _OWN_NAME.search(message)
        return own is not None and own[1].decode() in self.sink.message_ids()

    def _file(self, address: str, message: bytes) -> None:
        self.dovecot.deliver(address, message, folder=SENT)
