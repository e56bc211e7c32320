"""Submits messages of many accounts over kept connections, once each."""

from __future__ import annotations

from services.providers.endpoint import Endpoint
from services.providers.protocols import Checkpoint, ConnectPolicy
from services.providers.smtp.connection import Connection
from services.providers.smtp.dial import dial
from services.providers.smtp.envelope import WentStale
from services.providers.smtp.handover import hand_over
from services.providers.smtp.pool import EndpointOf, Pool
from services.providers.smtp.timeouts import Timeouts
from services.providers.types import Credentials, Outgoing, Submitted


class Submission:
    """One for all accounts of a process. `connections` may be open for one account at once, `most_idle` are kept."""

    def __init__(
        self,
        policy: ConnectPolicy,
        endpoint_of: EndpointOf,
        *,
        connections: int,
        most_idle: int,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._policy = policy
        self._timeouts = timeouts or Timeouts()
        self._pool = Pool(self._dial, endpoint_of, self._timeouts, connections, most_idle)

    async def submit(self, outgoing: Outgoing, credentials: Credentials, checkpoint: Checkpoint) -> Submitted:
        """As `protocols.Send.submit`."""
        try:
            return await self._attempt(outgoing, credentials, checkpoint, fresh=False)
        except WentStale:
            # The server had closed a kept connection: nothing was sent, and a new one is never stale.
            return await self._attempt(outgoing, credentials, checkpoint, fresh=True)

    def forget(self, account_id: str) -> None:
        self._pool.forget(account_id)

    def close(self) -> None:
        self._pool.close()

    async def _attempt(
        self, outgoing: Outgoing, credentials: Credentials, checkpoint: Checkpoint, *, fresh: bool
    ) -> Submitted:
        async with self._pool.connection(credentials, fresh=fresh) as connection:
            return await hand_over(outgoing, connection, checkpoint, self._timeouts)

    async def _dial(self, endpoint: Endpoint, key: str) -> Connection:
        return await dial(endpoint, key, self._policy, self._timeouts)
