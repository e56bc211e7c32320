"""The operator's key ring, from a file or straight from the setting; a changed file is noticed without a restart."""

from __future__ import annotations

import os
from pathlib import Path

import structlog

from services.runtime.key_ring import KeyRing, KeyRingInvalid, read_key_ring

_log = structlog.get_logger("auth.key_ring")
_SETTING = "REPLYWIRE_KEY_RING"


class KeyRingFile:
    """`setting` is the ring's JSON itself, or the path of a file that holds it.

    Making it reads the ring: without a good one there is no start."""

    def __init__(self, setting: str | None) -> None:
        """Raises `KeyRingInvalid`."""
        if not setting or not setting.strip():
            raise KeyRingInvalid(
                f"no key ring: auth keeps nothing without one. Set {_SETTING} to a file made by "
                "`python -m services.auth new-key-ring FILE`"
            )
        self._path = None if setting.lstrip().startswith("{") else Path(setting)
        self._mark = self._stat()
        self._ring = self._read(setting)

    def ring(self) -> KeyRing:
        """The ring as the file now has it; the last good one while the file is missing or wrong."""
        if self._path is None:
            return self._ring
        try:
            mark = self._stat()
            if mark != self._mark:
                self._ring, self._mark = self._read(str(self._path)), mark
        except KeyRingInvalid as wrong:
            _log.warning("key_ring_unusable", why=str(wrong), going_on_with=self._ring.current)
        return self._ring

    def _stat(self) -> tuple[int, int, int] | None:
        if self._path is None:
            return None
        try:
            found = os.stat(self._path)
        except OSError as error:
            raise KeyRingInvalid(f"the key ring {self._path} cannot be read: {error.strerror}") from None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _read(self, setting: str) -> KeyRing:
        if self._path is None:
            return read_key_ring(setting)
        try:
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise KeyRingInvalid(f"the key ring {self._path} cannot be read: {reason}") from None
        return read_key_ring(text)
