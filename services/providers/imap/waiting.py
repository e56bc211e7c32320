"""Waits for news in one folder: by IDLE, begun anew below every server's patience, or by NOOP where there is none."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from services.providers.imap.connection import ImapConnection
from services.providers.imap.knowledge import Knowledge
from services.providers.imap.turns import Turns

if TYPE_CHECKING:
    from services.providers.imap.protocol import LinearProtocol

IDLE_SECONDS = 170.0
"""Yahoo drops an IDLE after three minutes, others after five; RFC 2177 allows 29."""
NOOP_SECONDS = 20.0


class Waiter:
    def __init__(self, connection: ImapConnection, turns: Turns, knowledge: Knowledge) -> None:
        self._connection = connection
        self._protocol: LinearProtocol = connection.protocol
        self._turns = turns
        self._knowledge = knowledge

    async def wait(self, folder_id: str, timeout: float) -> bool:
        """True as soon as the folder has grown, False after `timeout` seconds; `Transient` when the connection is lost.

        IDLE goes on after a False: whoever has a command ends it."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout
        asked = clock()
        while True:
            self._protocol.stirred.clear()
            if self._protocol.loss is not None:
                raise self._protocol.loss
            if self._protocol.news and self._connection.folder_id == folder_id:
                self._protocol.news = False
                self._turns.end_idle()  # the caller reads next: the server can answer DONE meanwhile
                return True
            now = clock()
            if now >= deadline:
                return False
            pause = deadline - now
            if not self._turns.wanted:
                if self._turns.can_idle:
                    if not self._turns.idling or self._connection.folder_id != folder_id or self._due():
                        await self._begin(folder_id)
                        continue
                    pause = min(pause, IDLE_SECONDS - self._turns.idle_age())
                else:
                    if now - asked >= NOOP_SECONDS or self._connection.folder_id != folder_id:
                        await self._ask(folder_id)
                        asked = clock()
                        continue
                    pause = min(pause, NOOP_SECONDS - (now - asked))
            await self._stirred(pause)

    def _due(self) -> bool:
        return self._turns.idle_age() >= IDLE_SECONDS or self._turns.idle_ended_unasked()

    async def _begin(self, folder_id: str) -> None:
        async with self._turns.command() as connection:
            if self._turns.can_idle and not await self._grown_meanwhile(connection, folder_id):
                self._turns.begin_idle()

    async def _ask(self, folder_id: str) -> None:
        async with self._turns.command() as connection:
            if not await self._grown_meanwhile(connection, folder_id):
                await connection.run("NOOP")

    async def _grown_meanwhile(self, connection: ImapConnection, folder_id: str) -> bool:
        """See that the folder is open; True where it grew since it was read, while another one was open."""
        if connection.folder_id != folder_id:
            state = await self._knowledge.open(connection, folder_id)
            read_to = self._knowledge.read_to(folder_id)
            if read_to is not None and state.uidnext > read_to:
                self._protocol.news = True
        return self._protocol.news

    async def _stirred(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await self._protocol.stirred.wait()
        except TimeoutError:
            return
