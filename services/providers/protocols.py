"""What a service asks of an e-mail client: three small faces, one per service that uses it.

Every method may raise the errors of `errors`: `Transient`, `ReauthRequired`, `Permanent`; others where it says so.
Time limits are the client's duty: no method waits for ever on a silent server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.providers.capabilities import Capabilities
from services.providers.types import (
    Credentials,
    Cursor,
    Folder,
    MessageRef,
    Outgoing,
    Page,
    Phase,
    Probe,
    Proof,
    SentCopy,
    Submitted,
)


class Connect(Protocol):
    """auth's face: is this mailbox really theirs, and does it work both ways?"""

    async def prove(self, address: str, settings: Mapping[str, Any], secret: Mapping[str, str]) -> Proof:
        """Log in for sending and for reading; nothing is sent. Raises `Permanent` (reason `refused_login`,
        `refused_host`, `invalid_settings`, `other_client`, ...) with which server said what, or `Transient`."""
        ...


class Checkpoint(Protocol):
    """send's durable note of how far a hand-over came; the provider awaits it before going on.

    `handle` is the provider's own name of what it prepared (a draft's id), needed to probe later."""

    def __call__(self, phase: Phase, handle: str | None = None) -> Awaitable[None]: ...


class Send(Protocol):
    """send's face. One object serves many accounts and keeps their connections; `close` ends them all."""

    async def submit(self, outgoing: Outgoing, credentials: Credentials, checkpoint: Checkpoint) -> Submitted:
        """Hand over once. Awaits `checkpoint(COMMITTING)` before the point of no return and `COMMITTED` directly after
        it. `Transient`/`Permanent`/`ReauthRequired` promise that nothing was sent; `OutcomeUnknown` that it may have
        been. All recipients refused is `Permanent` or `Transient`; some refused is a `Submitted` that says so."""
        ...

    async def probe(self, outgoing: Outgoing, credentials: Credentials, handle: str | None) -> Probe:
        """Was it sent? Never sends."""
        ...

    async def file_sent_copy(self, outgoing: Outgoing, credentials: Credentials, until: float) -> SentCopy:
        """See that the message is in the Sent folder exactly once. Raises `Permanent` where no folder is for that.

        Nothing leaves for the folder past `until` (`time.monotonic`, which goes on while a process sleeps): another may
        look into it from then on, and what was seen before holds no more. Then it raises `Transient`."""
        ...

    async def forget(self, account_id: str) -> None:
        """Close what is kept open for this account (its credentials changed or it was disconnected)."""
        ...

    async def close(self) -> None: ...


class MailboxSession(Protocol):
    """inbox_sync's open door to one mailbox, used by one task at a time but for `wait`, which runs beside the others.
    After `Transient` the session is closed and a new one must be opened."""

    async def folders(self) -> Sequence[Folder]: ...

    async def start(self, folder: Folder) -> Cursor:
        """The cursor of 'from now on': nothing older is news."""
        ...

    def changes(self, folder: Folder, cursor: Cursor) -> AsyncIterator[Page]:
        """Everything that came after the cursor, page by page; at least one page, the last with `more=False`.
        Raises `CursorVoid`."""
        ...

    def rescan(self, folder: Folder, since: datetime) -> AsyncIterator[Page]:
        """Headers of all that arrived since, page by page; its last cursor is a fresh one."""
        ...

    async def fetch(self, ref: MessageRef, limit: int) -> bytes | None:
        """The whole message, at most `limit` octets of it; None where it is gone. Never marks it as read."""
        ...

    async def fetch_report(self, ref: MessageRef, limit: int) -> bytes | None:
        """Of a report (DSN, ARF): its machine-readable part and the headers of the returned original, as one MIME
        message small enough to judge; None where it is gone or has no such parts."""
        ...

    async def wait(self, folders: Sequence[Folder], timeout: float) -> bool:
        """Until the server says that something changed (True) or `timeout` seconds passed (False). The caller re-reads
        by cursor either way. Raises `Transient` the moment the connection is lost."""
        ...

    async def close(self) -> None: ...


class Sync(Protocol):
    """inbox_sync's face."""

    async def open(self, credentials: Credentials) -> MailboxSession: ...


@dataclass(frozen=True, slots=True)
class Client:
    """One e-mail client's record: what it can do, and how each face is made. A face it lacks is None."""

    capabilities: Capabilities
    connect: Callable[[ConnectPolicy], Connect] | None = None
    send: Callable[[ConnectPolicy], Send] | None = None
    sync: Callable[[ConnectPolicy], Sync] | None = None


@dataclass(frozen=True, slots=True)
class ConnectPolicy:
    """What the operator allows of hosts that users name."""

    allowed_networks: tuple[str, ...] = ()
    """CIDR ranges outside the public Internet that may be connected to all the same (`10.1.0.0/16`)."""
    allow_imap_143: bool = False
    extra_ports: tuple[int, ...] = ()
    """Ports beyond 25, 465, 587, 993 (and 143): for sandboxes and tests."""
    ca_file: str | None = None
    """Certificates to trust besides the system's."""
    hosts: Mapping[str, Any] | None = None
    """Per-client endpoints that an operator redirects (sandboxes, sovereign clouds)."""
