"""A small front to Dovecot that adds what Gmail's IMAP adds: X-GM-EXT-1, fifteen connections, tokens that run out.

Nothing is kept of what passes. An id is a hash of the Message-ID, a conversation that of the first message it names.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import ssl
from base64 import b64decode
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.servers.gmail_threads import Listener

MOST_CONNECTIONS = 15
_ASKED = b"BODY[HEADER.FIELDS (MESSAGE-ID IN-REPLY-TO REFERENCES X-GM-DOUBLE)]"
_PEEK = _ASKED.replace(b"BODY[", b"BODY.PEEK[").decode()
_ITEM = re.compile(r"X-GM-(?:MSGID|THRID|LABELS) ?", re.IGNORECASE)
_RAW = re.compile(r'X-GM-RAW "rfc822msgid:([^"]*)"', re.IGNORECASE)
_LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n$")
_NAMES = re.compile(rb"<[^<>\s]+>")
_LISTED = re.compile(rb'^\* (?:LIST|LSUB) \([^)]*\) "[^"]*" "?([^"]*)"?\r\n$', re.IGNORECASE)


@dataclass
class ImapFront:
    """`say_bye` and the knobs may be used from any thread; they are looked at when the next thing happens."""

    dovecot_port: int
    tls: ssl.SSLContext
    labels: Mapping[tuple[str, str], set[str]]
    """By address and Message-ID: what All Mail shows, `\\Inbox`, `\\Sent`, `\\Draft`."""
    port: int = 0
    opened: int = 0
    most_at_once: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    search_is_behind: bool = False
    """`rfc822msgid:` finds nothing: the index has not come to it."""
    search_is_down: bool = False
    hidden: set[str] = field(default_factory=set)
    """Folders that the person shows to no mail program: no list has them."""
    pages: dict[str, int] = field(default_factory=dict)
    """By address: how many more times headers are fetched; who asks again waits until it is more."""
    refusal: bytes = b""
    """Instead of a login, `NO …`."""
    _sessions: set[_Session] = field(default_factory=set)
    _listener: Listener = field(init=False)

    def __post_init__(self) -> None:
        self._listener = Listener(self._serve)

    async def start(self) -> None:
        self.port = await self._listener.start(self.port, self.tls)

    async def stop(self) -> None:
        await self._listener.stop()

    async def say_bye(self, token: str) -> int:
        """To every session that was opened with this token, as Google does when it has run out."""
        told = [session for session in self._sessions if session.token == token]
        for session in told:
            session.client_out.write(b"* BYE Session invalidated - AccessTokenExpired\r\n")
            session.cut()
        return len(told)

    @property
    def tokens_in_use(self) -> frozenset[str]:
        return frozenset(session.token for session in tuple(self._sessions) if session.token)

    def open_for(self, user: str) -> int:
        return sum(session.user == user for session in self._sessions)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        dovecot_in, dovecot_out = await asyncio.open_connection("127.0.0.1", self.dovecot_port, limit=2**20)
        session = _Session(self, reader, writer, dovecot_in, dovecot_out)
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)


class _Session:
    def __init__(
        self,
        front: ImapFront,
        client_in: asyncio.StreamReader,
        client_out: asyncio.StreamWriter,
        dovecot_in: asyncio.StreamReader,
        dovecot_out: asyncio.StreamWriter,
    ) -> None:
        self._front = front
        self._client_in, self.client_out = client_in, client_out
        self._dovecot_in, self._dovecot_out = dovecot_in, dovecot_out
        self.user = self.token = ""
        self._fetching: tuple[bytes, tuple[str, ...]] | None = None
        self._sasl_follows = False

    async def run(self) -> None:
        ways = [asyncio.create_task(self._commands()), asyncio.create_task(self._answers())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for how in await asyncio.gather(*ways, return_exceptions=True):
                if isinstance(how, Exception) and not isinstance(how, OSError | asyncio.IncompleteReadError):
                    raise how
            self.cut()

    def cut(self) -> None:
        for writer in (self.client_out, self._dovecot_out):
            with contextlib.suppress(RuntimeError):
                writer.close()

    # -- to Dovecot ----------------------------------------------------------------------------------------------------

    async def _commands(self) -> None:
        while line := await self._client_in.readline():
            passed = self._command(line)
            if passed is None:
                return
            if self._fetching is not None and line.startswith(self._fetching[0] + b" "):
                await self._let_fetch()
            self._dovecot_out.write(passed)
            if literal := _LITERAL.search(line):
                self._dovecot_out.write(await self._client_in.readexactly(int(literal[1])))
            await self._dovecot_out.drain()

    async def _let_fetch(self) -> None:
        pages = self._front.pages
        while self.user in pages and pages[self.user] <= 0:
            await asyncio.sleep(0.02)  # set from another thread
        if self.user in pages:
            pages[self.user] -= 1

    def _command(self, line: bytes) -> bytes | None:
        """As Dovecot is to read it; None where it ends here."""
        if self._sasl_follows:
            self._sasl_follows = False
            return self._logging_in(b"*", line.strip(), line)
        words = line.split()
        name = words[1].upper() if len(words) > 1 else b""
        if name == b"AUTHENTICATE":
            if len(words) < 4:
                self._sasl_follows = True
                return line
            return self._logging_in(words[0], words[3], line)
        if name == b"LOGIN":
            self.client_out.write(words[0] + b" NO [ALERT] Application-specific password required (Failure)\r\n")
            return b""
        text = line.decode()
        items = tuple(found.strip().upper() for found in _ITEM.findall(text))
        if b"FETCH" in (name, *(word.upper() for word in words[2:3])) and items:
            self._fetching = (words[0], items)
            return _ITEM.sub("", text).replace("(UID", f"(UID {_PEEK}", 1).encode()
        if raw := _RAW.search(text):
            if self._front.search_is_down:
                self.client_out.write(words[0] + b" NO [UNAVAILABLE] Temporary problem (Failure)\r\n")
                return b""
            own = "nothing is called this" if self._front.search_is_behind else f"<{raw[1]}>"
            return text.replace(raw[0], f'HEADER Message-ID "{own}"').encode()
        return line

    def _logging_in(self, tag: bytes, answer: bytes, line: bytes) -> bytes | None:
        parts = dict(part.split("=", 1) for part in b64decode(answer).decode().split("\1") if "=" in part)
        user, token = parts.get("user", ""), parts.get("auth", "").removeprefix("Bearer ")
        refusal = self._front.refusal
        if not refusal and self._front.open_for(user) >= MOST_CONNECTIONS:
            refusal = b"NO [ALERT] Too many simultaneous connections. (Failure)"
        if refusal:
            self.client_out.write(tag + b" " + refusal + b"\r\n")
            return None
        self.user, self.token = user, token
        most = self._front.most_at_once
        most[user] = max(most[user], self._front.open_for(user))
        return line

    # -- to the client -------------------------------------------------------------------------------------------------

    async def _answers(self) -> None:
        while parts := await self._answer():
            first = parts[0]
            if (listed := _LISTED.match(first)) and listed[1].decode() in self._front.hidden:
                continue
            if self._fetching is not None:
                if first.startswith(self._fetching[0] + b" "):
                    self._fetching = None
                elif b" FETCH (" in first[:30]:
                    parts = self._with_google(parts)
            if b"CAPABILITY IMAP4rev1" in first:
                parts[0] = first.replace(b"CAPABILITY IMAP4rev1", b"CAPABILITY IMAP4rev1 X-GM-EXT-1", 1)
            self.client_out.write(b"".join(parts))
            await self.client_out.drain()

    async def _answer(self) -> list[bytes]:
        """One response: text, literal, text, ... Empty at the end of the connection."""
        parts = [await self._dovecot_in.readline()]
        while literal := _LITERAL.search(parts[-1]):
            parts.append(await self._dovecot_in.readexactly(int(literal[1])))
            parts.append(await self._dovecot_in.readline())
        return parts if parts[0] else []

    def _with_google(self, parts: list[bytes]) -> list[bytes]:
        """Without the header that was asked for on the way, and with what it tells."""
        assert self._fetching is not None
        at = next((number for number, part in enumerate(parts) if _ASKED in part), None)
        if at is None:
            return parts
        told = self._told(parts[at + 1])
        shown = b" ".join(f"{item} {told[item]}".encode() for item in self._fetching[1])
        before = parts[at][: parts[at].index(_ASKED)]
        whole = [*parts[:at], before + parts[at + 2].lstrip(b" "), *parts[at + 3 :]]
        return [whole[0].replace(b"FETCH (", b"FETCH (" + shown + b" ", 1), *whole[1:]]

    def _told(self, block: bytes) -> Mapping[str, str]:
        fields = dict(_fields(block))
        own = next(iter(_NAMES.findall(fields.get(b"message-id", b""))), b"") or block
        named = _NAMES.findall(fields.get(b"references", b"") + fields.get(b"in-reply-to", b""))
        root = fields.get(b"x-gm-double", b"").strip() or (named[0] if named else own)
        known = self._front.labels.get((self.user, own.decode("latin-1")), ())
        labels = " ".join(f'"\\\\{label}"' for label in sorted(known))
        return {
            "X-GM-MSGID": str(number(self.user, own)),
            "X-GM-THRID": str(number(self.user, root)),
            "X-GM-LABELS": f"({labels})",
        }


def number(user: str, name: bytes) -> int:
    """63 bits, other in every mailbox."""
    return int.from_bytes(hashlib.blake2b(user.encode() + b"\0" + name, digest_size=8).digest(), "big") >> 1


def _fields(block: bytes) -> list[tuple[bytes, bytes]]:
    unfolded = re.sub(rb"\r?\n[ \t]+", b" ", block)
    return [(name.lower(), value) for line in unfolded.splitlines() for name, _, value in [line.partition(b":")]]
