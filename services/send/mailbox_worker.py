"""Works off one mailbox while holding its lease: takes what is due, hands over as many at once as its client allows,
and rests when nothing is due or the whole mailbox must wait."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta

from replywire_contracts.v1.values import Failure

from services.runtime.failpoints import hit
from services.runtime.leases import Lease
from services.runtime.logging import get_logger
from services.runtime.outcomes import Outage
from services.runtime.rpc import RpcBroken, RpcRefused
from services.send.domain import moves
from services.send.domain.failures import failure
from services.send.domain.mailbox import DISCONNECTED, NEEDS_REAUTH, Mailbox
from services.send.domain.message import Message
from services.send.domain.outcome import Pause, Verdict
from services.send.domain.state import State
from services.send.domain.triage import before_hand_over
from services.send.hand_over import outgoing_of
from services.send.pace import Pace
from services.send.routes import Route
from services.send.tools import Tools

_OUR_OUTAGE = timedelta(seconds=2)
_LOOKS_IN_VAIN = 2
_ASK_OPERATOR = (
    "It is tried again by itself, and no other message waits for it. Should it stay so, reply_matching's log names the "
    "fault: tell whoever runs this installation."
)
_BY_ITSELF = "Nothing needs to be done: it goes on by itself."
_log = get_logger(__name__)


class MailboxWorker:
    def __init__(self, lease: Lease, mailbox: Mailbox, tools: Tools) -> None:
        self._lease = lease
        self._mailbox = mailbox
        self._tools = tools
        self._capabilities = tools.routes.capabilities(mailbox)
        self._slots = asyncio.Semaphore(self._capabilities.connections_per_account)
        self._window = max(1, self._capabilities.connections_per_account * tools.settings.look_ahead)
        self._pace = Pace(lease, mailbox, tools.mailboxes, self._capabilities, tools.settings.per_minute)
        self._pause: Pause | None = None
        self._out_of_rate: Pause | None = None
        """Stops the next look, not what was taken from the bucket already."""
        self._running: dict[str, asyncio.Task[None]] = {}
        self._stirred = asyncio.Event()
        self._woken = True
        self._looked_at = 0.0
        self._page_was_full = False
        self._in_vain = 0
        self._stopping = False
        self.resting = False
        """True during its last look: a wake-up must then be written down."""

    def stir(self) -> None:
        """Something new is there."""
        self._woken = True
        self._stirred.set()

    def stop(self) -> None:
        """Begin nothing more; what is under way ends by itself."""
        self._stopping = True
        self._stirred.set()

    async def run(self) -> None:
        """Until nothing is due for a while, the lease is lost, or the whole mailbox must wait."""
        try:
            while not (self._stopping or self._pause or self._out_of_rate or self._lease.lost.is_set()):
                if await self._turn():
                    break
        finally:
            while self._running:
                await asyncio.wait(list(self._running.values()))
        pause = self._pause or self._out_of_rate
        if pause is not None:
            await self._tools.mailboxes.pause(self._lease, pause.until, pause.failure)

    # -- one turn ----------------------------------------------------------------------------------------------------

    async def _turn(self) -> bool:
        """True where the mailbox is at rest."""
        if self._mailbox.account_state == NEEDS_REAUTH:
            return await self._rest(None)
        if self._mailbox.paused_until is not None and self._mailbox.paused_until > _now():
            return await self._rest(self._mailbox.paused_until)
        self._stirred.clear()
        if self._should_look():
            due = await self._look()
            if due:
                self._in_vain = 0
                await self._take(due)
                return False
        if self._running:
            await self._until_stirred(self._tools.settings.poll_seconds)
            return False
        next_due = await self._tools.messages.next_due(self._mailbox.account)
        if (next_due is None or next_due > _now()) and await self._until_stirred(self._linger(next_due)):
            return False
        if next_due is not None and next_due <= _now():
            return self._look_again()
        return await self._rest(next_due)

    def _look_again(self) -> bool:
        """True where what is due does not show: a write whose answer was lost took it; the next number will see it."""
        self._in_vain += 1
        self._woken = True
        return self._in_vain > _LOOKS_IN_VAIN

    def _should_look(self) -> bool:
        """Not for every message that comes or ends: half a window of room is worth a question."""
        if len(self._running) > self._window // 2:
            return False
        passed = asyncio.get_running_loop().time() - self._looked_at
        return self._woken or self._page_was_full or passed >= self._tools.settings.poll_seconds

    async def _look(self) -> list[Message]:
        self._woken = False
        self._looked_at = asyncio.get_running_loop().time()
        limit, account = self._window, self._mailbox.account
        if self._mailbox.account_state == DISCONNECTED:  # whatever its time, it ends now
            found = await self._tools.messages.open_of(account, limit)
        else:
            found = await self._tools.messages.due(account, self._lease.token, _now(), limit)
        self._page_was_full = len(found) == limit
        room = self._window - len(self._running)
        return [message for message in found if message.id not in self._running][:room]

    def _linger(self, next_due: datetime | None) -> float:
        linger = self._tools.settings.linger_seconds
        return linger if next_due is None else min(linger, max(0.0, (next_due - _now()).total_seconds()))

    async def _until_stirred(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        except TimeoutError:
            return False
        return True

    async def _rest(self, next_due: datetime | None) -> bool:
        """False where somebody woke it since it was read: look once more."""
        self.resting = True
        if await self._tools.mailboxes.rest(self._lease, self._mailbox.wakes, next_due):
            return True
        self.resting = False
        self._woken = True
        fresh = await self._tools.mailboxes.find(self._mailbox.account)
        if fresh is None or self._lease.lost.is_set():
            return True
        self._mailbox = fresh
        return False

    # -- what was found ----------------------------------------------------------------------------------------------

    async def _take(self, due: list[Message]) -> None:
        """Most of it is begun in one write and handed over; some ends here, and of some it must be learnt whether
        it was sent."""
        settle = self._tools.routes.settle(self._capabilities)
        fresh: list[Message] = []
        unknown: list[Message] = []
        for message in due:
            move = before_hand_over(message, self._mailbox, _now(), settle)
            if move is not None:
                await self._tools.messages.apply(move)
            else:
                (unknown if message.state is State.UNKNOWN else fresh).append(message)
        if not fresh and not unknown:
            return
        try:
            route = await self._tools.routes.of(self._mailbox.account)
        except LookupError as missing:
            await self._cannot_send(fresh, str(missing))
            return
        if isinstance(route, Pause):
            self._pause = route
            return
        for message in unknown:
            self._start(message, self._resolve(message, route))
        self._pace.heed(route.credentials.settings)
        allowed, self._out_of_rate = await self._pace.allow(len(fresh))
        if allowed:
            await self._begin(fresh[:allowed], route)

    async def _begin(self, fresh: list[Message], route: Route) -> None:
        """The claim and the intent are one write. An answer may come the second after: a message's names are known
        before it leaves, or it does not leave."""
        named = await asyncio.gather(*map(self._registered, fresh))
        hit("send.after_registering")
        known = [message for message, is_known in zip(fresh, named, strict=True) if is_known]
        begun = [] if self._holds_back() else await self._tools.messages.begin(known, self._lease.token, _now())
        hit("send.after_intent")
        for message in begun:
            self._start(message, self._carry(message, route))

    async def _cannot_send(self, fresh: list[Message], words: str) -> None:
        why = failure("client_cannot_send", words, "Connect the mailbox by another e-mail client.")
        for message in fresh:
            await self._tools.messages.apply(moves.dropped(message, why, _now()))

    # -- one message -------------------------------------------------------------------------------------------------

    def _start(self, message: Message, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name=f"send {message.request_id}")
        self._running[message.id] = task
        task.add_done_callback(lambda done: self._ended(message, done))

    def _ended(self, message: Message, task: asyncio.Task[None]) -> None:
        self._running.pop(message.id, None)
        self._stirred.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("message left to the next look", request_id=message.request_id, exc_info=error)
            self._rest_for_us(failure("internal_error", type(error).__name__, _BY_ITSELF))

    async def _carry(self, message: Message, route: Route) -> None:
        try:
            outgoing = await outgoing_of(message, self._tools.messages)
        except LookupError as missing:
            await self._tools.messages.apply(moves.failed(message, failure("content_lost", str(missing)), _now()))
            return
        async with self._slots, self._tools.submissions:
            answer = None if self._holds_back() else await self._tools.hand_over.submit(message, outgoing, route)
        # The writes before and after are not made while a connection is held: it has others to serve.
        if answer is None:
            await self._give_back(message)
            return
        if isinstance(answer, Verdict):
            self._pause = await self._tools.routes.after(route, answer) or self._pause
        else:
            self._tools.routes.worked(route)
        sent = await self._tools.hand_over.settle(message, answer, route)
        if sent is not None:
            self._tools.on_sent(message, sent)

    def _holds_back(self) -> bool:
        return self._pause is not None or self._stopping

    async def _give_back(self, message: Message) -> None:
        """Nothing left: it keeps its place. Nothing happens where it is not ours any more."""
        await self._tools.messages.apply(moves.released(message, message.due or _now(), _now()))

    async def _registered(self, message: Message) -> bool:
        try:
            await self._tools.tracking.register(message)
        except (RpcBroken, RpcRefused) as error:
            _log.error("cannot be registered, so put off alone", request_id=message.request_id, error=str(error))
            again = _now() + self._tools.settings.backoff().pause(message.attempts + 1)
            why = failure("cannot_be_tracked", str(error), _ASK_OPERATOR)
            await self._tools.messages.apply(moves.put_off(message, why, again, _now()))
            return False
        except Outage as error:
            _log.warning("not registered, so not handed over", request_id=message.request_id, error=str(error))
            self._rest_for_us(failure("waiting_for_reply_matching", remedy=_BY_ITSELF))
            return False
        return True

    async def _resolve(self, message: Message, route: Route) -> None:
        found = await self._tools.resolver.look(message, route)
        if found is not None:
            self._tools.on_sent(message, found)

    def _rest_for_us(self, why: Failure) -> None:
        self._pause = Pause(_now() + _OUR_OUTAGE, why)
        self._stirred.set()


def _now() -> datetime:
    return datetime.now(UTC)
