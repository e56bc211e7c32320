"""A port that nobody may call, at every address of this machine; it keeps whoever did."""

from __future__ import annotations

import socket
from types import TracebackType


class Trap:
    """Use as a context manager. Connections are made by the kernel before their caller goes on, and are never taken up
    here: what `callers` does not find when the caller is done has not been tried."""

    def __enter__(self) -> Trap:
        if socket.has_dualstack_ipv6():
            self._door = socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
        else:
            self._door = socket.create_server(("", 0), backlog=128)
        self._door.setblocking(False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._door.close()

    @property
    def port(self) -> int:
        return int(self._door.getsockname()[1])

    def callers(self) -> int:
        """How many came since the last time that this was asked."""
        count = 0
        while True:
            try:
                connection, _ = self._door.accept()
            except BlockingIOError:
                return count
            connection.close()
            count += 1
