"""What tests of sending share: an account at a server on this machine, a message, and a recording checkpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from services.providers.protocols import ConnectPolicy
from services.providers.smtp.timeouts import Timeouts
from services.providers.smtp_imap.send import SmtpImapSend
from services.providers.types import Credentials, Envelope, Outgoing, Phase

PATIENT = Timeouts(connect=20, reply=20, body=20, final=20, verify=20)
"""For servers that answer, on a machine as busy as it may be."""
HASTY = Timeouts(connect=5, reply=1.0, body=1.0, final=1.0, verify=1.0)
"""For servers that do not: short enough to see it pass."""

OUTGOING = Outgoing(
    envelope=Envelope("ada@example.com", ("bob@example.org",)),
    mime=b"From: ada@example.com\r\nMessage-ID: <1@example.com>\r\nSubject: Hi\r\n\r\nHello\r\n.dot\r\n",
    message_id="<1@example.com>",
    marker="m1",
)


def outgoing(**changes: Any) -> Outgoing:
    return replace(OUTGOING, **changes)


def to(*recipients: str) -> Outgoing:
    return outgoing(envelope=Envelope("ada@example.com", recipients))


def numbered(number: int) -> Outgoing:
    own = f"<{number}@example.com>"
    return outgoing(message_id=own, mime=OUTGOING.mime.replace(b"<1@example.com>", own.encode()))


def policy(*ports: int, ca_file: str | None = None) -> ConnectPolicy:
    return ConnectPolicy(allowed_networks=("127.0.0.0/8",), extra_ports=ports, ca_file=ca_file)


def credentials(
    port: int,
    *,
    host: str = "127.0.0.1",
    security: str = "plain",
    auth: str = "password",
    password: str = "secret",
    account: str = "a1",
) -> Credentials:
    smtp = {"host": host, "port": port, "security": security, "username": "ada@example.com", "auth": auth}
    return Credentials(
        account_id=account,
        team_id="t1",
        client="smtp_imap",
        address="ada@example.com",
        settings={"smtp": smtp, "imap": {**smtp, "security": "tls"}},
        secret={"smtp_password": password, "imap_password": password, "access_token": password},
    )


@dataclass(slots=True)
class Noted:
    """A checkpoint that remembers the phases, and can do something at one of them."""

    phases: list[Phase] = field(default_factory=list)
    at: dict[Phase, Callable[[], Awaitable[None] | None]] = field(default_factory=dict)

    async def __call__(self, phase: Phase, handle: str | None = None) -> None:
        self.phases.append(phase)
        if phase in self.at and (doing := self.at[phase]()) is not None:
            await doing

    @property
    def committed(self) -> bool:
        return Phase.COMMITTING in self.phases


def sender(
    *ports: int, timeouts: Timeouts = PATIENT, ca_file: str | None = None, connections: int = 4, most_idle: int = 500
) -> SmtpImapSend:
    return SmtpImapSend(
        policy(*ports, ca_file=ca_file), timeouts=timeouts, connections=connections, most_idle=most_idle
    )
