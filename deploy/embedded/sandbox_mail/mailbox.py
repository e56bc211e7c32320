"""pymap's in-memory mailboxes, kept in a folder as well: one file per message, named by its UID.

pymap's own Maildir backend is not used: it re-serialises each message, so its bytes change, and it notices news only
once a second.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymap.backend.dict.mailbox import MailboxData, MailboxSet, Message
from pymap.flags import FlagOp
from pymap.interfaces.message import CachedMessage
from pymap.listtree import ListEntry, ListTree
from pymap.mime import MessageContent
from pymap.parsing.message import AppendMessage
from pymap.parsing.specials import ObjectId
from pymap.parsing.specials.flag import Flag

SPECIAL_USE = {"Sent": b"Sent", "Junk": b"Junk", "Drafts": b"Drafts", "Trash": b"Trash"}
"""The folders every user has, and their RFC 6154 attributes."""


class StoredMailbox(MailboxData):
    """Its UIDs, UIDVALIDITY, flags and the exact bytes of its messages survive a restart."""

    def __init__(self, folder: Path, content_cache: Any, thread_cache: Any) -> None:
        super().__init__(content_cache, thread_cache)
        self._folder = folder
        self._state = folder / "state.json"
        folder.mkdir(parents=True, exist_ok=True)
        if self._state.exists():
            state = json.loads(self._state.read_text())
            self._uid_validity, self._max_uid = state["uid_validity"], state["max_uid"]
            for file in sorted(folder.glob("*.eml")):
                self._load(file)
            self._mod_sequences.update(self._messages)
        self._save_state()

    def _load(self, file: Path) -> None:
        uid = int(file.stem)
        content = MessageContent.parse(file.read_bytes())
        flags_file = file.with_suffix(".flags")
        flags = flags_file.read_bytes().split() if flags_file.exists() else []
        self._messages[uid] = Message(
            uid,
            datetime.fromtimestamp(int(file.stat().st_mtime), UTC),
            [Flag(flag) for flag in flags],
            email_id=self._content_cache.add(content),
            thread_id=self._thread_cache.add(content),
            content=content,
        )
        self._max_uid = max(self._max_uid, uid)  # a crash came between the message and the state

    def _save_state(self) -> None:
        new = self._state.with_suffix(".new")
        new.write_text(json.dumps({"uid_validity": self._uid_validity, "max_uid": self._max_uid}))
        new.replace(self._state)

    def _file(self, uid: int) -> Path:
        return self._folder / f"{uid:010}.eml"

    def _save(self, uid: int) -> None:
        message = self._messages[uid]
        content = message._content
        assert content is not None
        file = self._file(uid)
        new = file.with_suffix(".new")
        new.write_bytes(bytes(content))
        when = message.internal_date.timestamp()
        os.utime(new, (when, when))
        new.replace(file)
        self._save_flags(uid)
        self._save_state()

    def _save_flags(self, uid: int) -> None:
        flags = b" ".join(bytes(flag) for flag in self._messages[uid].permanent_flags)
        self._file(uid).with_suffix(".flags").write_bytes(flags)

    def _forget(self, uid: int) -> None:
        self._file(uid).unlink(missing_ok=True)
        self._file(uid).with_suffix(".flags").unlink(missing_ok=True)

    async def append(self, append_msg: AppendMessage, *, recent: bool = False) -> Message:
        when = (append_msg.when or datetime.now(UTC)).replace(microsecond=0)
        dated = AppendMessage(append_msg.literal, when, append_msg.flag_set, append_msg.options)
        message = await super().append(dated, recent=recent)
        self._save(message.uid)
        return message

    async def copy(self, uid: int, destination: MailboxData, *, recent: bool = False) -> int | None:
        copied = await super().copy(uid, destination, recent=recent)
        if copied is not None and isinstance(destination, StoredMailbox):
            destination._save(copied)
        return copied

    async def move(self, uid: int, destination: MailboxData, *, recent: bool = False) -> int | None:
        moved = await super().move(uid, destination, recent=recent)
        if moved is not None and isinstance(destination, StoredMailbox):
            destination._save(moved)
            self._forget(uid)
        return moved

    async def update(self, uid: int, cached_msg: CachedMessage, flag_set: frozenset[Flag], mode: FlagOp) -> Message:
        message = await super().update(uid, cached_msg, flag_set, mode)
        if uid in self._messages:
            self._save_flags(uid)
        return message

    async def delete(self, uids: Iterable[int]) -> None:
        gone = list(uids)
        await super().delete(gone)
        for uid in gone:
            self._forget(uid)


class StoredMailboxSet(MailboxSet):
    """One user's folders. Names are kept percent-encoded on disk."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._inbox = self._open("INBOX")
        kept = [_plain(entry.name) for entry in folder.iterdir() if entry.is_dir()]
        for name in [*SPECIAL_USE, *kept]:
            if name != "INBOX":
                self._set[name] = self._open(name)
                self._subscribed[name] = True

    def _open(self, name: str) -> StoredMailbox:
        encoded = "".join(c if c.isalnum() or c in " -_" else f"%{ord(c):06x}" for c in name)
        return StoredMailbox(self._folder / encoded, self._content_cache, self._thread_cache)

    async def add_mailbox(self, name: str) -> ObjectId:
        if name in self._set:
            raise ValueError(name)
        self._set[name] = opened = self._open(name)
        return opened.mailbox_id

    async def list_mailboxes(self) -> ListTree:
        return SpecialUseTree(self.delimiter).update("INBOX", *self._set)

    async def list_subscribed(self) -> ListTree:
        return SpecialUseTree(self.delimiter).update("INBOX", *(n for n in self._set if self._subscribed.get(n)))


def _plain(encoded: str) -> str:
    first, *rest = encoded.split("%")
    return first + "".join(chr(int(part[:6], 16)) + part[6:] for part in rest)


class SpecialUseEntry(ListEntry):
    @property
    def attributes(self) -> Sequence[bytes]:
        special = SPECIAL_USE.get(self.name)
        return [*super().attributes, *([special] if special else [])]


class SpecialUseTree(ListTree):
    """Marks Sent, Junk, Drafts and Trash in plain LIST answers, as RFC 6154 allows."""

    __slots__ = ()

    def list(self) -> Iterable[ListEntry]:
        for entry in super().list():
            yield SpecialUseEntry(entry.name, entry.exists, entry.marked, entry.has_children)
