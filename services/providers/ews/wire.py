"""exchangelib's connection to one EWS service, for one login: at the vetted addresses alone, within a time, bounded.

What the library does by itself and must not here: keep credentials and connections of every login in a cache of the
process (`CachingProtocol`; so this is no `Protocol`), follow proxies and `.netrc` of the environment, add certifi's
authorities to ours, wait for a server as long as that likes (`FaultTolerance`; so `OneTry`), read answers without an
end, and keep a file of what autodiscovery found (so autodiscovery is never asked).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import requests
from exchangelib.configuration import Configuration
from exchangelib.credentials import Credentials
from exchangelib.protocol import BaseProtocol, FailFast
from exchangelib.transport import BASIC, DEFAULT_HEADERS
from exchangelib.util import is_xml
from exchangelib.version import Version
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import NewConnectionError

from services.providers.ews.settings import EwsServer, Login
from services.providers.hosts import VettedHost

_LARGEST_ANSWER = 1024 * 1024
_VERSION = "Exchange2010_SP2"
"""The version asked for first, which every later server answers too; an older one says so."""
OLDER_VERSIONS = ("Exchange2010_SP1", "Exchange2010", "Exchange2007_SP1")


class TooLarge(Exception):
    """An answer without an end in sight."""


class HttpRefused(Exception):
    """An answer that is no EWS: its status, where it points to, and the seconds it asks to wait."""

    def __init__(self, status: int, location: str, retry_after: str) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.location = location
        self.retry_after = retry_after


class OneTry(FailFast):  # type: ignore[misc]
    """The library's own policy takes a 401 for a busy server where the connection is closed after it, and puts whole
    answers into its exceptions."""

    def raise_response_errors(self, response: Any) -> None:
        # A fault is answered with 500, and says more itself.
        if response.status_code == 200 or (response.status_code == 500 and is_xml(response.content)):
            return
        told = response.headers
        raise HttpRefused(response.status_code, told.get("location", ""), told.get("retry-after", ""))


class Clock:
    """How long this login may go on, in seconds of this process."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def left(self) -> float:
        """Raises `TimeoutError`."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for this login is over")
        return left

    def at_least(self, seconds: float) -> None:
        """To clean up by."""
        self._until = max(self._until, time.monotonic() + seconds)


class Line:
    """The sockets of one login, which another thread may cut."""

    def __init__(self, vetted: VettedHost, clock: Clock) -> None:
        self._vetted = vetted
        self._clock = clock
        self._handles: list[socket.socket] = []
        self._is_cut = False

    def dial(self, connection: HTTPSConnection) -> socket.socket:
        """Connected to the first vetted address that answers within its share of the time left."""
        addresses = self._vetted.addresses
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            share = self._clock.left() / left
            with contextlib.suppress(OSError):
                dialled = socket.create_connection((address, self._vetted.port), timeout=share)
                # TLS takes the socket over under another name: a second handle still reaches it.
                self._handles.append(dialled.dup())
                if self._is_cut:
                    self.cut()
                dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return dialled
        raise NewConnectionError(connection, "no vetted address answers")

    def cut(self) -> None:
        """Whatever waits on these sockets fails at once, in whatever thread."""
        self._is_cut = True
        while self._handles:
            with contextlib.suppress(OSError), self._handles.pop() as handle:
                handle.shutdown(socket.SHUT_RDWR)


class _Bounded(Response):
    """An answer that is read up to a size and a time. It is not read before it is asked for: the NTLM login looks at
    the connection of an unread one, for the server's certificate."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def iter_content(self, chunk_size: int | None = 1, decode_unicode: Any = False) -> Iterator[Any]:
        if getattr(self, "_content_consumed", False):
            yield from super().iter_content(chunk_size, decode_unicode=decode_unicode)
            return
        read = 0
        for piece in super().iter_content(chunk_size, decode_unicode=decode_unicode):
            read += len(piece)
            if read > _LARGEST_ANSWER:
                self.close()
                raise TooLarge(f"more than {_LARGEST_ANSWER} octets")
            self._clock.left()
            yield piece


class _Adapter(HTTPAdapter):
    """Sends to one server over one connection at a time, and reads no more of its answers than is any use."""

    def __init__(self, vetted: VettedHost, line: Line, clock: Clock, trust: ssl.SSLContext) -> None:
        class Pinned(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return line.dial(self)

        super().__init__()
        self._clock = clock
        # NTLM vouches for the connection: one, and the same for all of a login.
        self._pool = HTTPSConnectionPool(vetted.name, vetted.port, maxsize=1, block=True, ssl_context=trust)
        self._pool.ConnectionCls = Pinned

    def get_connection_with_tls_context(self, request: Any, verify: Any, proxies: Any = None, cert: Any = None) -> Any:
        return self._pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """The pool's own context does, always."""

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> Response:
        return super().send(request, stream=stream, timeout=self._clock.left())

    def build_response(self, req: Any, resp: Any) -> Response:
        bounded = _Bounded(self._clock)
        bounded.__dict__ |= super().build_response(req, resp).__dict__
        return bounded

    def close(self) -> None:
        super().close()
        self._pool.close()


class Wire(BaseProtocol):  # type: ignore[misc]
    """What exchangelib's services speak through. One thread at a time."""

    USERAGENT = "Replywire"

    def __init__(
        self, server: EwsServer, vetted: VettedHost, login: Login, trust: ssl.SSLContext, *, seconds: float
    ) -> None:
        host = f"[{vetted.name}]" if ":" in vetted.name else vetted.name
        super().__init__(
            Configuration(
                service_endpoint=f"https://{host}:{vetted.port}{server.path}",
                credentials=Credentials(login.username, login.password),
                auth_type=BASIC,  # until the server has said which it wants
                version=Version(build=None, api_version=_VERSION),
                retry_policy=OneTry(),
                max_connections=1,
            )
        )
        self.where = server.where
        self.clock = Clock(seconds)
        self._vetted = vetted
        self._trust = trust
        self._line = Line(vetted, self.clock)

    def raw_session(self, prefix: str, *_: Any, **__: Any) -> requests.Session:
        """One that knows a way to this server alone, and sends no credentials by itself."""
        session = requests.Session()
        session.trust_env = False
        session.headers.update({**DEFAULT_HEADERS, "User-Agent": self.USERAGENT})
        session.adapters.clear()
        session.mount("https://", _Adapter(self._vetted, self._line, self.clock, self._trust))
        return session

    def create_session(self) -> requests.Session:
        session: requests.Session = super().create_session()
        if self.auth_type == BASIC:
            session.auth = HTTPBasicAuth(_octets(self.credentials.username), _octets(self.credentials.password))
        return session

    def cut(self) -> None:
        self._line.cut()


def _octets(text: str) -> bytes:
    """As servers have always read Basic logins, and as RFC 7617 lets them where that cannot be written."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()
