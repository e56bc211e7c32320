"""Is this a reply, and to what? Two pure steps around one batch lookup that the caller makes.

`candidates` lists every key a message could be known by; the caller finds the tracked messages behind all keys of a
batch in one query; `judge` decides, in the order of the design: In-Reply-To, References, our own marker, the
provider's thread in the same mailbox, Thread-Index, and last - only as *probable* - subject and correspondent within
a window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import timedelta

from services.reply_matching.domain.addresses import address_of
from services.reply_matching.domain.encoded_words import decode_words
from services.reply_matching.domain.headers import MAX_IDS, Headers, message_ids, parse_block
from services.reply_matching.domain.judged import (
    SUBJECT_WINDOW,
    Candidates,
    Confidence,
    Evidence,
    JudgedMessage,
    MatchedBy,
    Tracked,
    Verdict,
    VerdictKind,
)
from services.reply_matching.domain.keys import (
    marker_key,
    message_id_keys,
    subject_key,
    thread_index_keys,
    thread_key,
)
from services.reply_matching.domain.report_signs import looks_like_report
from services.reply_matching.domain.subjects import COLON, normal_subject, split_subject

Found = Mapping[bytes, Sequence[Tracked]]

LOOKUP_IDS = 50
_ROOTS = 5  # of a longer chain the first ones are looked up too: trimmed threads keep their root
_CLOCK_SKEW = timedelta(minutes=10)


def candidates(message: JudgedMessage, window: timedelta = SUBJECT_WINDOW) -> Candidates:
    """Every key this message could be found under, from its headers alone."""
    headers = parse_block(message.block)
    field, team = headers.fields.get, message.team_id
    found = Candidates(message, headers, report_like=looks_like_report(headers))
    answered: tuple[str, ...] = ()
    if field(b"in-reply-to"):
        answered = _ids(headers, b"in-reply-to")[:LOOKUP_IDS]
        found.in_reply_to = message_id_keys(team, answered)
    if field(b"references"):
        chain = nearest_first(_ids(headers, b"references"))
        if chain and chain[:1] == answered:  # as nearly all name it: once more, as the last of the chain
            found.references = found.in_reply_to + message_id_keys(team, chain[1:])
        else:
            found.references = message_id_keys(team, chain)
    marker = field(b"x-replywire-id")
    if marker:
        found.marker = (marker_key(team, marker.decode("utf-8", "replace")),)
    if message.provider_thread_id:
        found.thread = (thread_key(team, message.account_id, message.provider_thread_id),)
    thread_index = field(b"thread-index")
    if thread_index:
        found.thread_index = thread_index_keys(team, thread_index)
    subject = field(b"subject")
    if subject and (b":" in subject or b"=?" in subject or not subject.isascii()):  # else no mark of a reply is in it
        words = decode_words(subject)
        about, marked = split_subject(words) if COLON.search(words) else ("", False)
        if marked and about:
            sender = address_of(field(b"from", b""))
            if sender:
                found.subject = (subject_key(team, message.account_id, about, sender),)
    return found


def nearest_first(ids: tuple[str, ...]) -> tuple[str, ...]:
    """The ids to look up of a References chain: from the last, with the roots of a long one."""
    if len(ids) <= LOOKUP_IDS:
        return ids[::-1]
    return ids[: -(LOOKUP_IDS - _ROOTS) - 1 : -1] + ids[_ROOTS - 1 :: -1]


def _ids(headers: Headers, name: bytes) -> tuple[str, ...]:
    values = headers.values(name)
    return message_ids(values[0] if len(values) == 1 else b" ".join(values))[-MAX_IDS:]


def judge(found_for: Candidates, found: Found, own_addresses: Set[str] = frozenset()) -> Verdict:
    """Decide. `found` gives the tracked messages behind each key that is known; `own_addresses` are the lower-case
    addresses of the account and of all accounts of its team."""
    message = found_for.message
    hit = _first_hit(found_for, found)
    if hit is None:
        kind = (
            VerdictKind.LOOK_INSIDE if found_for.report_like and not found_for.looked_inside else VerdictKind.UNRELATED
        )
        return Verdict(kind, message.ref)
    matched_by, confidence, tracked, others, evidence = hit
    headers = found_for.headers
    sender = address_of(headers.raw(b"from"))
    members = _members(found_for, found)
    own_copy = _is_own_copy(found_for, found)
    if own_copy or ((message.by_owner or sender in own_addresses) and not found_for.report_like):
        own_members = members if confidence is Confidence.CERTAIN else ()
        if own_copy and tracked.account_id == message.account_id:
            # What we sent tells here in which conversation its provider has put it.
            own_members += tuple(key for key in found_for.thread if not found.get(key))
        return Verdict(VerdictKind.UNRELATED, message.ref, tracked=tracked, own=True, members=own_members)
    return Verdict(
        VerdictKind.MATCH,
        message.ref,
        tracked=tracked,
        others=others,
        matched_by=matched_by,
        confidence=confidence,
        evidence=evidence,
        sender=sender,
        sender_matches=sender in tracked.recipients,
        subject_changed=normal_subject(headers.text(b"subject")) != tracked.subject_key,
        other_account=tracked.account_id != message.account_id,
        members=members if confidence is Confidence.CERTAIN else (),
    )


_Hit = tuple[MatchedBy, Confidence, Tracked, tuple[Tracked, ...], tuple[Evidence, ...]]


def _first_hit(found_for: Candidates, found: Found) -> _Hit | None:
    """The best of what was found: names in the order in which they prove something."""
    if not found:
        return None
    message = found_for.message
    hits: list[tuple[MatchedBy, Tracked]] = []
    for matched_by, keys in (
        (MatchedBy.IN_REPLY_TO, found_for.in_reply_to),
        (MatchedBy.REFERENCES, found_for.references),
        (MatchedBy.MARKER, found_for.marker),
        (MatchedBy.EMBEDDED, found_for.embedded),
        (MatchedBy.PROVIDER_THREAD, found_for.thread),
        (MatchedBy.THREAD_INDEX, found_for.thread_index),
    ):
        for key in keys:
            for tracked in _nearest(found.get(key, ()), message):
                if tracked.team_id != message.team_id:
                    continue  # the keys hold the team; this only guards against a store that does not
                if matched_by in _TIMED and message.received_at < tracked.sent_at - _CLOCK_SKEW:
                    continue  # the conversation is older than our message: what came before it does not answer it
                if matched_by is MatchedBy.PROVIDER_THREAD and tracked.account_id != message.account_id:
                    continue
                hits.append((matched_by, tracked))
    if hits:
        matched_by, tracked = hits[0]
        others = _others(tracked, (other for _, other in hits))
        return matched_by, Confidence.CERTAIN, tracked, others, _evidence(hits)
    return _probable_hit(found_for, found)


_TIMED = frozenset({MatchedBy.PROVIDER_THREAD, MatchedBy.THREAD_INDEX})


def _probable_hit(found_for: Candidates, found: Found) -> _Hit | None:
    message = found_for.message
    for sign, keys in (
        ("subject_and_correspondent", found_for.subject),
        ("embedded_subject", found_for.embedded_subject),
    ):
        for key in keys:
            near = [
                tracked
                for tracked in _nearest(found.get(key, ()), message)
                if tracked.account_id == message.account_id
                and -_CLOCK_SKEW <= message.received_at - tracked.sent_at <= SUBJECT_WINDOW
            ]
            if near:
                age = message.received_at - near[0].sent_at
                evidence = [Evidence(sign, f"{max(age.days, 0)} days after sending")]
                if found_for.in_reply_to or found_for.references:
                    evidence.append(Evidence("answers_an_unknown_id"))
                return MatchedBy.SUBJECT, Confidence.PROBABLE, near[0], _others(near[0], near), tuple(evidence)
    return None


def _nearest(tracked: Sequence[Tracked], message: JudgedMessage) -> Sequence[Tracked]:
    """Of several messages behind one key the latest one sent before this arrived comes first."""
    if len(tracked) < 2:
        return tracked
    return sorted(
        tracked,
        key=lambda one: (one.sent_at > message.received_at + _CLOCK_SKEW, -one.sent_at.timestamp(), one.request_id),
    )


def _others(first: Tracked, rest: Iterable[Tracked]) -> tuple[Tracked, ...]:
    others: dict[str, Tracked] = {}
    for tracked in rest:
        if tracked.request_id != first.request_id:
            others.setdefault(tracked.request_id, tracked)
    return tuple(others.values())


def _evidence(hits: list[tuple[MatchedBy, Tracked]]) -> tuple[Evidence, ...]:
    seen: dict[Evidence, None] = {}
    for matched_by, tracked in hits:
        what = "a later message of the thread of " if tracked.member else ""
        seen[Evidence(matched_by.value, what + tracked.request_id)] = None
    return tuple(seen)


def _is_own_copy(found_for: Candidates, found: Found) -> bool:
    """Its own Message-ID is a tracked message's: a Sent copy, a cc to oneself, a mailing list's echo."""
    return any(not tracked.member for key in found_for.own for tracked in found.get(key, ()))


def _members(found_for: Candidates, found: Found) -> tuple[bytes, ...]:
    """Ids that stand below a tracked message: its own, what it directly answers, and what follows in References.

    What stands above the tracked message in References belongs to a conversation that was there before us, where others
    may still talk to each other: an answer to that is no answer to us."""
    below = []
    for key in found_for.references:  # nearest first: all before the first known one are below it
        if found.get(key):
            break
        below.append(key)
    else:
        below = []  # matched otherwise: nothing tells which of them are below
    parent = [key for key in found_for.in_reply_to if found_for.references and not found.get(key)]
    keys = dict.fromkeys((*found_for.own, *(parent if len(below) < len(found_for.references) else ()), *below))
    return tuple(key for key in keys if not found.get(key))
