"""Lookup keys: every name a tracked message goes by, as 16 bytes, so that one `$in` over one collection finds them all.

A message id, a marker and a Thread-Index are unique in the world and looked up per team (a reply may reach a
colleague's mailbox); a provider's thread id and a subject mean something in one mailbox only, so the account is part
of the key.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

from services.reply_matching.domain.addresses import normal_address
from services.reply_matching.domain.headers import normal_id
from services.reply_matching.domain.subjects import normal_subject

KEY_BYTES = 16
THREAD_INDEX_ROOT = 22  # Exchange: 6 bytes of time and a GUID; each answer adds 5 bytes
THREAD_INDEX_STEP = 5
_MAX_THREAD_INDEX_KEYS = 12


@lru_cache(maxsize=4096)
def _scope(kind: str, *scope: str) -> blake2b:
    """The hash begun with what the name means something in: to copy it is twice as fast as to begin again."""
    return blake2b("\x00".join((kind, *scope, "")).encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES)


def _key(scope: blake2b, value: str) -> bytes:
    begun = scope.copy()
    begun.update(value.encode("utf-8", "surrogatepass"))
    return begun.digest()


def message_id_key(team_id: str, message_id: str) -> bytes:
    """For a message id, with or without brackets."""
    return _key(_scope("id", team_id), normal_id(message_id))


def message_id_keys(team_id: str, normal_ids: Iterable[str]) -> tuple[bytes, ...]:
    """For many ids already made normal by `message_ids`."""
    scope = _scope("id", team_id)
    return tuple([_key(scope, name) for name in normal_ids])


def marker_key(team_id: str, marker: str) -> bytes:
    """For the value of our own X-Replywire-Id."""
    return _key(_scope("marker", team_id), marker.strip().strip("<>").lower())


def thread_key(team_id: str, account_id: str, thread_id: str) -> bytes:
    """For a provider's thread or conversation id, in this mailbox only. Such ids are case-sensitive."""
    return _key(_scope("thread", team_id, account_id), thread_id)


def subject_key(team_id: str, account_id: str, subject: str, correspondent: str) -> bytes:
    """For a subject already made normal and the other side's address."""
    return _key(_scope("subject", team_id, account_id), subject + "\x00" + correspondent)


def thread_index_keys(team_id: str, value: bytes | str) -> tuple[bytes, ...]:
    """For the conversation a Thread-Index names and each answer on the way to this message, the nearest first."""
    data = _thread_index_bytes(value)
    if data is None:
        return ()
    ends = range(len(data), THREAD_INDEX_ROOT - 1, -THREAD_INDEX_STEP)
    scope = _scope("index", team_id)
    keys = [_key(scope, data[:end].hex()) for end in ends[:_MAX_THREAD_INDEX_KEYS]]
    if len(ends) > _MAX_THREAD_INDEX_KEYS:
        keys.append(_key(scope, data[:THREAD_INDEX_ROOT].hex()))
    return tuple(keys)


def _thread_index_bytes(value: bytes | str) -> bytes | None:
    text = value.encode("ascii", "replace") if isinstance(value, str) else value
    text = b"".join(text.split())[:1024].rstrip(b"=")
    if len(text) % 4 == 1:
        text = text[:-1]
    try:
        data = binascii.a2b_base64(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        return None
    if len(data) < THREAD_INDEX_ROOT:
        return None
    return data[: len(data) - (len(data) - THREAD_INDEX_ROOT) % THREAD_INDEX_STEP]


def registration_keys(
    team_id: str,
    account_id: str,
    *,
    message_ids: Iterable[str] = (),
    marker: str | None = None,
    provider_thread_id: str | None = None,
    thread_index: str | None = None,
    subject: str = "",
    recipients: Iterable[str] = (),
) -> tuple[bytes, ...]:
    """Every key under which a message that we sent must be found; each once."""
    keys = [message_id_key(team_id, name) for name in message_ids if normal_id(name)]
    if marker:
        keys.append(marker_key(team_id, marker))
    if provider_thread_id:
        keys.append(thread_key(team_id, account_id, provider_thread_id))
    if thread_index:
        keys.extend(thread_index_keys(team_id, thread_index)[:1])  # its own place: what stands above it is not ours
    about = normal_subject(subject)
    if about:
        keys.extend(subject_key(team_id, account_id, about, normal_address(to)) for to in recipients)
    return tuple(dict.fromkeys(keys))
