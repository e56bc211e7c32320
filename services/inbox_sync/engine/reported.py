"""What the customer's own code reports as come in: judged like any mailbox's mail, and let go of where it is no match.

There is no cursor here: the reporter is answered only once a match is stored, so what was not answered is reported
again, which is harmless.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from replywire_contracts.v1.rpc import Verdict

from services.inbox_sync.domain import words
from services.inbox_sync.domain.blocks import head_of, judged_block
from services.inbox_sync.domain.finds import Find
from services.inbox_sync.domain.identity import find_id
from services.inbox_sync.domain.kinship import answering, own_names
from services.inbox_sync.domain.mailboxes import Account
from services.inbox_sync.domain.packing import batches
from services.inbox_sync.engine.sifting import LOOK_INSIDE, MATCH
from services.inbox_sync.ports import Bus, Clock, Finds, Judge
from services.providers.types import HeaderSet, MessageRef
from services.runtime.failpoints import hit
from services.runtime.logging import get_logger

PLACE = "external"
_PREFIX = f"{PLACE}/"
_REPORT_OCTETS = 65_536
"""Of a report: what a judge request holds of one message."""
_log = get_logger(__name__)


class Taken(StrEnum):
    """What became of a whole message."""

    STORED = "stored"
    """It matches, and is on its way to be announced."""
    KNOWN = "known"
    """It matches, and was reported before."""
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Reported:
    judge: Judge
    finds: Finds
    bus: Bus
    now: Clock
    fetch_limit: int

    async def headers(self, account: Account, sets: Sequence[HeaderSet]) -> Mapping[MessageRef, Verdict]:
        """Which of them are to be sent whole, with why; the others are forgotten here. Each set has a ref of its own.

        Raises `JudgeUnavailable`, `JudgeRefused`."""
        found = await self._wanted(account, sets)
        names = own_names(header.block for header in sets if header.ref in found)
        while kin := answering(sets, names, found.keys()):
            more = await self._wanted(account, kin)
            found |= more
            names = own_names(header.block for header in kin if header.ref in more)
            sets = [header for header in sets if header not in kin]
        return found

    async def whole(
        self, account: Account, raw: bytes, received_at: datetime, thread: str | None, *, cut: bool = False
    ) -> tuple[Taken, Verdict | None]:
        """Durable once this returns. `cut`: only the message's start is here. Raises `JudgeUnavailable`,
        `JudgeRefused`."""
        header = HeaderSet(MessageRef(PLACE, "0"), judged_block(head_of(raw)), received_at, thread)
        verdict = await self._matching(account, header, raw)
        if verdict is None:
            return Taken.DISCARDED, None
        find = self._find(account, header, raw, verdict, cut)
        new = await self.finds.add(find)
        hit("inbox_sync.external_after_store")
        if new:
            await self._announce(find)
        return (Taken.STORED if new else Taken.KNOWN), verdict

    async def _wanted(self, account: Account, sets: Sequence[HeaderSet]) -> dict[MessageRef, Verdict]:
        """Matches, and reports that must be looked into."""
        by_ref = {_PREFIX + header.ref.key: header.ref for header in sets}
        found: dict[MessageRef, Verdict] = {}
        for batch in batches(sets):
            for verdict in await self.judge.judge(account, _PREFIX, batch):
                if verdict.kind in (MATCH, LOOK_INSIDE) and verdict.ref in by_ref:
                    found[by_ref[verdict.ref]] = verdict
        return found

    async def _matching(self, account: Account, header: HeaderSet, raw: bytes) -> Verdict | None:
        verdict = (await self._wanted(account, (header,))).get(header.ref)
        if verdict is not None and verdict.kind == LOOK_INSIDE:
            opened = replace(header, block=raw[:_REPORT_OCTETS])
            inside = await self.judge.judge(account, _PREFIX, (opened,), inside=True)
            verdict = next((one for one in inside if one.kind == MATCH), None)
        return verdict

    def _find(self, account: Account, header: HeaderSet, raw: bytes, verdict: Verdict, cut: bool) -> Find:
        # The find's own name is its place: however often, and under whatever name, they report it.
        name = find_id(account.account_id, header.block, raw)
        return Find(
            id=name,
            team_id=account.team_id,
            account_id=account.account_id,
            ref=_PREFIX + name,
            received_at=header.received_at,
            found_at=self.now(),
            raw=raw[: self.fetch_limit],
            block=header.block,
            thread=header.provider_thread_id,
            truncated=cut or len(raw) > self.fetch_limit,
            request_id=verdict.request_id,
        )

    async def _announce(self, find: Find) -> None:
        try:
            await self.bus.announce(find)
        except Exception as error:  # noqa: BLE001 - it is stored and owed: the sweeper announces it
            _log.warning(
                "a find is left to the sweeper", account_id=find.account_id, find_id=find.id, at=words.origin(error)
            )


def whole_milliseconds(moment: datetime) -> datetime:
    """What the database keeps of a time, so that an event says the same when it is told again."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
