"""From a page of header sets to the finds in it: judged in batches, looked into where it is a report, fetched where it
is a match. Whatever is not a match is let go of right here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from replywire_contracts.v1.rpc import Verdict

from services.inbox_sync.domain.finds import Find
from services.inbox_sync.domain.identity import find_id
from services.inbox_sync.domain.mailboxes import Account
from services.inbox_sync.domain.packing import batches
from services.inbox_sync.engine.ahead import Ahead
from services.inbox_sync.engine.tools import Tools
from services.inbox_sync.ports import JudgeUnavailable
from services.providers.protocols import MailboxSession
from services.providers.types import HeaderSet
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


@dataclass(slots=True)
class Sieve:
    tools: Tools
    account: Account
    session: MailboxSession
    prefix: str

    async def finds(self, headers: Sequence[HeaderSet], pages: Ahead) -> AsyncIterator[Find]:
        """The matches among them, fetched one by one. `pages` is what else reads from the session."""
        matched, reports = await self._judged(headers)
        if matched or reports:
            await pages.settled()
        if reports:
            matched.extend(await self._inside(reports))
        for header, verdict in matched:
            yield await self._fetched(header, verdict)

    async def finds_carefully(self, headers: Sequence[HeaderSet], pages: Ahead) -> AsyncIterator[Find]:
        """The same one message at a time, each counted durably before it is touched: one of them may be what stops the
        reading. After three tries it is set aside, or, where its headers matched, passed on without its body."""
        await pages.settled()
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
            matched, reports = await self._judged((header,))
            return matched or await self._inside(reports)
        except JudgeUnavailable:
            if not await self.tools.judge.answers(self.account.account_id):
                await self.tools.poison.uncount(self.account.account_id, ref)
            raise

    async def _judged(
        self, headers: Sequence[HeaderSet], inside: bool = False
    ) -> tuple[list[Matched], list[HeaderSet]]:
        """The matches, and the reports to look into."""
        packed = list(batches(headers))
        asked = [self._verdicts(batch, inside) for batch in packed]
        answers = [await asked[0]] if len(asked) == 1 else await asyncio.gather(*asked)
        matched: list[Matched] = []
        reports: list[HeaderSet] = []
        for batch, verdicts in zip(packed, answers, strict=True):
            if not verdicts:
                continue
            by_ref = {self.prefix + header.ref.key: header for header in batch}
            for verdict in verdicts:
                header = by_ref.get(verdict.ref)
                if header is None:
                    continue
                if verdict.kind == MATCH:
                    matched.append((header, verdict))
                elif verdict.kind == LOOK_INSIDE and not inside:
                    reports.append(header)
        return matched, reports

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
            parts = await self.session.fetch_report(report.ref, _REPORT_LIMIT)
            if parts is not None:
                opened.append(replace(report, block=parts))
        if not opened:
            return []
        matched, _ = await self._judged(opened, inside=True)
        outside = {report.ref: report for report in reports}
        return [(outside[header.ref], verdict) for header, verdict in matched]

    async def _fetched(self, header: HeaderSet, verdict: Verdict) -> Find:
        limit = self.tools.rules.fetch_limit
        async with asyncio.timeout(self.tools.rules.page_seconds):
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
