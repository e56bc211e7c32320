"""The way out of each mailbox: its credentials, its client and its host, or the reason to wait."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.providers.capabilities import Capabilities
from services.providers.errors import ReauthRequired
from services.providers.protocols import Send
from services.providers.types import Credentials
from services.runtime.logging import get_logger
from services.runtime.outcomes import Outage
from services.runtime.rpc import RpcRefused
from services.send.domain.breaker import Breakers
from services.send.domain.failures import failure, failure_of
from services.send.domain.mailbox import Mailbox
from services.send.domain.outcome import Pause, Verdict
from services.send.ports import CredentialsSource
from services.send.senders import Senders, host_of
from services.send.settings import Settings

_OUR_OUTAGE = timedelta(seconds=2)
_NOT_LEASED = timedelta(seconds=60)
_ONE_REFRESH_IN = timedelta(minutes=10)
_BY_ITSELF = "Nothing needs to be done: it goes on by itself."
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """Where the attempts of one mailbox go, for now."""

    sender: Send
    credentials: Credentials
    revision: int
    capabilities: Capabilities
    host: str
    settle: timedelta
    """How long after an unknown outcome the provider's own answer is waited for."""
    copy_hold: timedelta | None
    """How long this process keeps the sent copy to itself; None where there is none to file."""


class Routes:
    def __init__(self, credentials: CredentialsSource, senders: Senders, settings: Settings) -> None:
        self._credentials = credentials
        self._senders = senders
        self._settings = settings
        self._breakers = Breakers(settings.host_rests)
        self._refreshed: dict[str, datetime] = {}

    def capabilities(self, mailbox: Mailbox) -> Capabilities:
        try:
            return self._senders.capabilities(mailbox.client)
        except LookupError:
            return Capabilities(mailbox.client, mailbox.client, sends=False, connections_per_account=1)

    def settle(self, capabilities: Capabilities) -> timedelta:
        seconds = max(capabilities.probe_settle_seconds, self._settings.settle_seconds)
        most = self._settings.settle_most_seconds
        return timedelta(seconds=seconds if most is None else min(seconds, most))

    async def of(self, account: str) -> Route | Pause:
        """Raises `LookupError` where this account's client cannot send at all."""
        try:
            credentials, revision = await self._credentials.lease(account)
        except RpcRefused as refused:
            known = refused.code if refused.code in ("needs_reauth", "disconnected") else "account_unavailable"
            return _pause(_NOT_LEASED, known, refused.detail)
        except Outage as outage:
            _log.warning("credentials not leased", account_id=account, error=str(outage))
            return _pause(_OUR_OUTAGE, "waiting_for_auth")
        host = host_of(credentials.client, credentials.settings)
        closed_until = self._breakers.closed_until(host, _now())
        if closed_until is not None:
            return Pause(closed_until, failure("host_unavailable", host, _BY_ITSELF))
        capabilities = self._senders.capabilities(credentials.client)
        # A person who wants no copy said so in the account's settings, under this name whatever the client.
        files = not capabilities.files_sent_copy and credentials.settings.get("sent_copy") is not False
        hold = timedelta(seconds=self._settings.copy_hold_seconds) if files else None
        sender = await self._senders.of_revision(credentials.client, account, revision)
        return Route(sender, credentials, revision, capabilities, host, self.settle(capabilities), hold)

    async def refreshed(self, route: Route) -> bool:
        """True where the refused credentials were only stale: the next route has fresh ones. Once in a while only, or
        a provider that refuses every token would be asked for ever."""
        account, now = route.credentials.account_id, _now()
        if not route.capabilities.oauth:
            return False
        try:
            _, revision = await self._credentials.lease(account)
            if revision == route.revision:
                if now - self._refreshed.get(account, _LONG_AGO) < _ONE_REFRESH_IN:
                    return False
                _, revision = await self._credentials.lease(account, refresh_rejected=route.revision)
        except (RpcRefused, Outage) as error:
            _log.warning("refused credentials not refreshed", account_id=account, error=str(error))
            return False
        self._refreshed[account] = now
        return revision != route.revision

    async def after(self, route: Route, judged: Verdict) -> Pause | None:
        """What one message's error means for the others of its mailbox."""
        if judged.reauth is not None:
            return await self._reported(route, judged.reauth)
        if judged.host and judged.pause is not None:
            return Pause(self._breakers.failed(route.host, _now(), judged.retry_after), judged.pause.failure)
        return judged.pause

    def worked(self, route: Route) -> None:
        self._breakers.worked(route.host)

    async def _reported(self, route: Route, error: ReauthRequired) -> Pause:
        """auth decides what it means for the account; until its event comes the mailbox rests."""
        account = route.credentials.account_id
        try:
            await self._credentials.rejected(account, route.revision, error)
        except (RpcRefused, Outage) as unheard:
            _log.warning("refused credentials not reported", account_id=account, error=str(unheard))
        return Pause(_now() + _NOT_LEASED, failure_of(error))


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def _pause(rest: timedelta, reason: str, words: str = "") -> Pause:
    return Pause(_now() + rest, failure(reason, words) if words else failure(reason, remedy=_BY_ITSELF))


def _now() -> datetime:
    return datetime.now(UTC)
