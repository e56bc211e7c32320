"""From a page of header sets to the finds in it: judged in batches, looked into where it is a report, fetched where it
is a match. Whatever is not a match is let go of right here."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from replywire_contracts.v1.rpc import Verdict

from services.inbox_sync.domain.finds import Find
from services.inbox_sync.domain.identity import find_id
from services.inbox_sync.domain.kinship import answering, own_names
from services.inbox_sync.domain.mailboxes import Account
from services.inbox_sync.domain.packing import batches
from services.inbox_sync.engine.ahead import PAGES_AT_ONCE
from services.inbox_sync.engine.tools import Tools
from services.inbox_sync.ports import JudgeUnavailable
from services.providers.protocols import MailboxSession
from services.providers.types import HeaderSet, Page
from services.runtime.logging import get_logger

MATCH = "match"
LOOK_INSIDE = "look_inside"

_REPORT_LIMIT = 65536
"""Of a report's parts: what a judge request holds of one message."""
_MAX_TRIES = 3
_BULK = 100
"""A batch of so many is a backlog, and may wait for its turn."""

_log = get_logger(__name__)
Matched = tuple[HeaderSet, Verdict]


@dataclass(frozen=True, slots=True)
class Judged:
    """What is not unrelated: the matches, and the reports that must be looked into."""

    matched: list[Matched]
    reports: list[HeaderSet]


@dataclass(slots=True)
class Sieve:
    tools: Tools
    account: Account
    session: MailboxSession
    free: asyncio.Lock
    """Taken by whoever uses the session."""
    prefix: str
    found: deque[frozenset[bytes]] = field(default_factory=lambda: deque(maxlen=PAGES_AT_ONCE - 1))
    """The names of what was found in the pages before, as far as the next one may have been judged beside them."""

    async def judge_kin(self, headers: Sequence[HeaderSet], judged: Judged) -> None:
        """Add what answers a message that was found in the meantime, in this page or in one judged beside it."""
        fresh = own_names(header.block for header, _ in judged.matched)
        names = fresh.union(*self.found)
        known = {header.ref for header, _ in judged.matched}
        while kin := answering(headers, names, known):
            known.update(header.ref for header in kin)
            more = await self.judge(kin)
            judged.matched.extend(more.matched)
            names = own_names(header.block for header, _ in more.matched)
            fresh |= names
        self.found.append(fresh)

    async def finds(self, judged: Judged) -> AsyncIterator[Find]:
        """The matches among what `judge` was given, fetched one by one."""
        for header, verdict in (*judged.matched, *await self._inside(judged.reports)):
            yield await self._fetched(header, verdict)

    async def finds_carefully(self, headers: Sequence[HeaderSet]) -> AsyncIterator[Find]:
        """The same one message at a time, each counted durably before it is touched: one of them may be what stops the
        reading. After three tries it is set aside, or, where its headers matched, passed on without its body."""
        poison, account_id = self.tools.poison, self.account.account_id
        for header in headers:
            ref = self.prefix + header.ref.key
            tries, reached_body = await poison.count(account_id, ref)
            given_up = tries > _MAX_TRIES
            if given_up and not reached_body:
                await poison.set_aside(account_id, ref)
                _log.error("a message that stops the reading was set aside", account_id=account_id, ref=ref)
                continue
            for one, verdict in await self._judged_alone(header, ref):
                await poison.reached_body(account_id, ref)
                yield self._find(one, verdict, None) if given_up else await self._fetched(one, verdict)
            await poison.got_over(account_id, ref)

    async def _judged_alone(self, header: HeaderSet, ref: str) -> list[Matched]:
        try:
            judged = await self.judge((header,))
            return judged.matched or await self._inside(judged.reports)
        except JudgeUnavailable:
            if not await self.tools.judge.answers(self.account.account_id):
                await self.tools.poison.uncount(self.account.account_id, ref)
            raise

    async def judge(self, headers: Sequence[HeaderSet], *, inside: bool = False) -> Judged:
        """By their headers alone. Uses nothing of the session. Raises `JudgeUnavailable`, `JudgeRefused`."""
        packed = list(batches(headers))
        asked = [self._verdicts(batch, inside) for batch in packed]
        answers = [await asked[0]] if len(asked) == 1 else await asyncio.gather(*asked)
        judged = Judged([], [])
        for batch, verdicts in zip(packed, answers, strict=True):
            if not verdicts:
                continue
            by_ref = {self.prefix + header.ref.key: header for header in batch}
            for verdict in verdicts:
                header = by_ref.get(verdict.ref)
                if header is None:
                    continue
                if verdict.kind == MATCH:
                    judged.matched.append((header, verdict))
                elif verdict.kind == LOOK_INSIDE and not inside:
                    judged.reports.append(header)
        return judged

    async def judge_page(self, page: Page) -> Judged:
        return await self.judge(page.headers)

    async def _verdicts(self, batch: Sequence[HeaderSet], inside: bool) -> Sequence[Verdict]:
        judge = self.tools.judge.judge
        if len(batch) < _BULK:
            return await judge(self.account, self.prefix, batch, inside=inside)
        async with self.tools.bulk:
            return await judge(self.account, self.prefix, batch, inside=inside)

    async def _inside(self, reports: Sequence[HeaderSet]) -> list[Matched]:
        """Judge reports by their machine-readable parts. Those are in memory for as long as this takes."""
        opened: list[HeaderSet] = []
        for report in reports:
            async with self.free, asyncio.timeout(self.tools.rules.page_seconds):
                parts = await self.session.fetch_report(report.ref, _REPORT_LIMIT)
            if parts is not None:
                opened.append(replace(report, block=parts))
        if not opened:
            return []
        judged = await self.judge(opened, inside=True)
        outside = {report.ref: report for report in reports}
        return [(outside[header.ref], verdict) for header, verdict in judged.matched]

    async def _fetched(self, header: HeaderSet, verdict: Verdict) -> Find:
        limit = self.tools.rules.fetch_limit
        async with self.free, asyncio.timeout(self.tools.rules.page_seconds):
            raw = await self.session.fetch(header.ref, limit + 1)
        return self._find(header, verdict, raw)

    def _find(self, header: HeaderSet, verdict: Verdict, raw: bytes | None) -> Find:
        limit = self.tools.rules.fetch_limit
        thread = header.provider_thread_id
        return Find(
            id=find_id(self.account.account_id, header.block, raw),
            team_id=self.account.team_id,
            account_id=self.account.account_id,
            ref=self.prefix + header.ref.key,
            received_at=_whole_milliseconds(header.received_at),
            found_at=_whole_milliseconds(self.tools.now()),
            raw=None if raw is None else raw[:limit],
            block=header.block,
            thread=thread if thread is None or len(thread) <= 512 else None,
            truncated=raw is not None and len(raw) > limit,
            request_id=verdict.request_id,
        )


def _whole_milliseconds(moment: datetime) -> datetime:
    """What the database keeps of a time, so that an event says the same when it is told again."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
