"""How fast one mailbox may send: the bucket its replicas share, written down before what was taken from it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from services.providers.capabilities import Capabilities
from services.runtime.leases import Lease
from services.send.domain.failures import failure
from services.send.domain.mailbox import Mailbox
from services.send.domain.outcome import Pause
from services.send.domain.rate import Bucket, lowest
from services.send.ports import Mailboxes


class Pace:
    """`per_minute` counts where the provider states no limit; 0 is none."""

    def __init__(
        self, lease: Lease, mailbox: Mailbox, mailboxes: Mailboxes, capabilities: Capabilities, per_minute: int
    ) -> None:
        self._lease = lease
        self._mailboxes = mailboxes
        self._stated = self._per_minute = capabilities.sends_per_minute or per_minute
        self._bucket = Bucket.full(self._per_minute, datetime.now(UTC))
        if mailbox.bucket_tokens is not None and mailbox.bucket_at is not None:
            self._bucket = Bucket(self._per_minute, mailbox.bucket_tokens, mailbox.bucket_at)

    def heed(self, settings: Mapping[str, Any]) -> None:
        """The team's own limit travels with the leased credentials: a change holds as soon as they are leased anew."""
        self._per_minute = lowest(self._stated, settings.get("sends_per_minute"))
        self._bucket = self._bucket.at_rate(self._per_minute, datetime.now(UTC))

    async def allow(self, wanted: int) -> tuple[int, Pause | None]:
        """How many may leave now, and until when the others must wait. None may where the lease is another's."""
        if not self._per_minute or not wanted:
            return wanted, None
        now = datetime.now(UTC)
        taken, self._bucket = self._bucket.take(wanted, now)
        pause = None
        if taken < wanted:
            words = f"{self._per_minute} messages a minute"
            remedy = "Nothing needs to be done: it goes on by itself."
            pause = Pause(self._bucket.next_at(now), failure("rate_limited", words, remedy))
        if taken and not await self._mailboxes.save_bucket(self._lease, self._bucket):
            return 0, None
        return taken, pause
