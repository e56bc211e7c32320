"""One logged-in IMAP connection: every command under an absolute deadline, every answer within bounds.

A command that was cancelled or not answered in time ends the connection: nobody could tell whose the next answer is.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Mapping

from services.providers.endpoint import IMAP_PASSWORD, Endpoint, secret_of
from services.providers.errors import Transient
from services.providers.imap import errors
from services.providers.imap.dial import dial
from services.providers.imap.errors import Refused
from services.providers.imap.framing import Bounds
from services.providers.imap.login import log_in
from services.providers.imap.protocol import AUTH, SELECTED, Exchange, LinearProtocol
from services.providers.protocols import ConnectPolicy

OPEN_SECONDS = 30.0
COMMAND_SECONDS = 60.0
_GOODBYE_SECONDS = 2.0

_CAPABILITY = re.compile(rb"\[CAPABILITY ([^\]]*)\]", re.IGNORECASE)


class ImapConnection:
    """Speaks for one task at a time. After `Transient` from any method it is closed."""

    def __init__(self, protocol: LinearProtocol) -> None:
        self.protocol = protocol
        self.capabilities: frozenset[str] = frozenset()
        self.folder_id: str | None = None
        """The folder that is selected, always for reading only."""

    @property
    def closed(self) -> bool:
        return self.protocol.loss is not None

    async def run(
        self,
        name: str,
        *args: str,
        prefix: str = "",
        sends: tuple[bytes, ...] = (),
        bounds: Bounds | None = None,
        seconds: float | None = None,
        until: float = math.inf,
    ) -> Exchange:
        """`sends` not past `until`. Raises `Refused` for NO and BAD, `Transient` where the connection failed."""
        command = self.begin(name, *args, prefix=prefix, sends=sends, bounds=bounds, until=until)
        return await self.finish(command, seconds or COMMAND_SECONDS)

    def begin(
        self,
        name: str,
        *args: str,
        prefix: str = "",
        sends: tuple[bytes, ...] = (),
        bounds: Bounds | None = None,
        until: float = math.inf,
    ) -> Exchange:
        """Send a command; no other may be begun before it is finished."""
        command = Exchange(name, self.protocol.new_tag(), *args, prefix=prefix, sends=sends, until=until)
        self.protocol.begin(command, bounds or Bounds())
        return command

    async def finish(self, command: Exchange, seconds: float) -> Exchange:
        """Its answer. Raises `Refused` and `Transient`."""
        try:
            async with asyncio.timeout(seconds):
                await command.wait()
        except TimeoutError:
            lost = errors.silent(command.name, seconds)
            self.protocol.drop(lost)
            raise lost from None
        except asyncio.CancelledError:
            self.protocol.drop(errors.connection_lost())
            raise
        if command.result != "OK":
            raise Refused(command.name, command.result, command.text)
        return command

    async def learn_capabilities(self, *told: bytes) -> None:
        """From what the server told unasked (greeting, answer to the login), else by asking."""
        for text in told:
            if found := _CAPABILITY.search(text):
                self.capabilities = _names(found[1])
                return
        for response in (await self.run("CAPABILITY")).responses:
            if response[0][:13].upper() == b"* CAPABILITY ":
                self.capabilities = _names(response[0][13:])

    def authenticated(self) -> None:
        self.protocol.state = AUTH

    def selected(self, folder_id: str | None) -> None:
        self.folder_id = folder_id
        self.protocol.state = AUTH if folder_id is None else SELECTED

    async def close(self) -> None:
        """Say goodbye if the server listens; the socket is closed either way."""
        try:
            if not self.closed and self.protocol.pending_sync_command is None:
                await self.run("LOGOUT", seconds=_GOODBYE_SECONDS)
        except (Refused, Transient):
            pass  # it is ended below whatever the server thinks of it
        finally:
            self.protocol.drop(errors.connection_lost())


async def open_connection(
    endpoint: Endpoint, secret: Mapping[str, str], policy: ConnectPolicy, *, timeout: float | None = None
) -> ImapConnection:
    """Connect and log in, within `timeout` seconds (OPEN_SECONDS where None is given).

    Raises `Permanent`, `ReauthRequired` or `Transient`."""
    key = secret_of(endpoint, secret, IMAP_PASSWORD)
    timeout = timeout or OPEN_SECONDS
    started = asyncio.get_running_loop().time()
    protocol = await dial(endpoint, policy, timeout=timeout)
    connection = ImapConnection(protocol)
    left = timeout - (asyncio.get_running_loop().time() - started)
    try:
        async with asyncio.timeout(left):
            await log_in(connection, endpoint, key)
    except TimeoutError:
        protocol.drop(errors.connection_lost())
        raise errors.silent("the login", timeout) from None
    except BaseException:
        protocol.drop(errors.connection_lost())
        raise
    return connection


def _names(text: bytes) -> frozenset[str]:
    return frozenset(text.decode("ascii", "replace").upper().split())
