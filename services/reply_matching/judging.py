"""Judging a batch: candidates of all, one lookup, a verdict each. The rules are in `domain.judge`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from replywire_contracts.v1 import rpc
from replywire_contracts.v1.values import Evidence

from services.reply_matching.domain.addresses import address_of
from services.reply_matching.domain.judge import candidates, judge
from services.reply_matching.domain.judged import Candidates, JudgedMessage, Verdict, VerdictKind
from services.reply_matching.domain.report import look_inside
from services.reply_matching.ports import OwnAddresses, TrackedMessages


@dataclass(frozen=True, slots=True)
class Judging:
    tracked: TrackedMessages
    own_addresses: OwnAddresses

    async def verdicts(self, messages: Sequence[JudgedMessage], *, inside: bool) -> list[Verdict]:
        """The verdicts that are not plain `unrelated`, in the messages' order; all messages are of one team.

        A message's own id is looked up only where another name of it was found: it can turn a match into an own copy,
        never make one, and nearly every message of a mailbox would be asked about for nothing.
        """
        known = [look_inside(candidates(one), one.block) if inside else candidates(one) for one in messages]
        found = dict(await self.tracked.find(key for one in known for key in one.keys))
        names = found.keys()
        hits = [one for one in known if not names.isdisjoint(one.keys)] if found else []
        found |= await self.tracked.find(key for one in hits for key in one.own)
        own = await self._own_senders(hits)
        telling = [one for one in known if one.report_like or not names.isdisjoint(one.keys)]
        verdicts = [judge(one, found, own) for one in telling]
        for verdict in verdicts:
            if verdict.members and verdict.tracked is not None:
                await self.tracked.add_members(verdict.tracked.team_id, verdict.tracked.request_id, verdict.members)
        return [verdict for verdict in verdicts if verdict.kind is not VerdictKind.UNRELATED]

    async def _own_senders(self, hits: Sequence[Candidates]) -> frozenset[str]:
        senders = {address_of(one.headers.raw(b"from")) for one in hits} - {""}
        return await self.own_addresses.among(hits[0].message.team_id, senders) if senders else frozenset()


def answer(verdict: Verdict) -> rpc.Verdict:
    """As it travels back to inbox_sync."""
    if verdict.kind is VerdictKind.LOOK_INSIDE or verdict.tracked is None:
        return rpc.Verdict(ref=verdict.ref, kind=verdict.kind.value)
    return rpc.Verdict(
        ref=verdict.ref,
        kind=verdict.kind.value,
        request_id=verdict.tracked.request_id,
        matched_by=verdict.matched_by.value if verdict.matched_by else None,
        confidence=verdict.confidence.value if verdict.confidence else None,
        evidence=tuple(Evidence(rule=one.sign[:64], detail=one.seen[:500]) for one in verdict.evidence),
    )
