"""What each e-mail client can do, as data that is asked before anything is tried."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capabilities:
    client: str
    """The client's name in events and settings: `smtp_imap`, `gmail`, `microsoft365`, `ews`, `external`."""
    title: str
    """The name people read."""
    sends: bool = True
    syncs: bool = True
    """False where no inbox is connected."""
    files_sent_copy: bool = False
    """True where the provider puts sent mail into the Sent folder itself: an append would double it."""
    indexes_mailbox: bool = False
    """True where every folder is walked and the engine keeps keyed hashes."""
    engine: bool = False
    """True where the sync engine holds the credentials and sends."""
    calendars: bool = False
    oauth: bool = False
    handed_out: bool = False
    """True where the customer's own code takes the messages, sends them and reports: nothing is submitted from here."""
    connections_per_account: int = 4
    """How many hand-overs may run at once for one mailbox."""
    probe_settle_seconds: float = 0.0
    """How long after an unknown outcome the provider's own answer can be believed."""
    sends_per_minute: int = 0
    """The provider's own limit; 0 where it states none."""
