"""An Exchange server for tests: EWS over TLS with state, behind Basic or real NTLM, which misbehaves when told to."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import os
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import spnego
import spnego.channel_bindings
import spnego.exceptions
import trustme

from tests.servers.exchange_soap import Mailbox, Soap

PATH = "/EWS/Exchange.asmx"
_USERS = "NTLM_USER_FILE"


@dataclass
class Knobs:
    ways: tuple[str, ...] = ("Negotiate", "NTLM", 'Basic realm="exchange.example.com"')
    """What a request without a login is told to log in by."""
    status: int | None = None
    """Answered to everything, by no EWS at all."""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """Answered with 200 to whoever is logged in, whatever was asked."""
    body_status: int = 200
    """Answered with `body` instead."""
    hang_at: str | None = None
    """The operation that is never answered; `login`: not even the first request is."""
    lose_at: str | None = None
    """The operation after which the connection is cut, though it was carried out."""
    close_after_401: bool = False


class Exchange:
    """Use as a context manager: it listens from `start` to `stop`, in threads of its own."""

    def __init__(self, *, expired: bool = False) -> None:
        self.knobs = Knobs()
        self.soap = Soap()
        self.logins: list[str] = []
        """Names that were let in."""
        self.refusals = 0
        self.authority = trustme.CA()
        over = datetime.now(UTC) - timedelta(days=1) if expired else None
        self._certificate = self.authority.issue_cert("localhost", "127.0.0.1", not_after=over)
        self._released = threading.Event()
        self._folder = tempfile.TemporaryDirectory(prefix="exchange-")
        folder = Path(self._folder.name)
        self.ca_file = str(folder / "authority.pem")
        self.authority.cert_pem.write_to_path(self.ca_file)
        self._users = folder / "users"
        self._server: ThreadingHTTPServer | None = None
        self._other_users: str | None = None
        self._connections: set[socket.socket] = set()

    def mailbox(self, address: str, password: str, **more: Any) -> Mailbox:
        made = Mailbox(address, password, **more)
        self.soap.mailboxes.append(made)
        lines = [f"{box.domain}:{box.account}:{box.password}" for box in self.soap.mailboxes]
        lines += [f":{box.address}:{box.password}" for box in self.soap.mailboxes]
        self._users.write_text("\n".join(lines) + "\n")
        return made

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}{PATH}"

    @property
    def binding(self) -> spnego.channel_bindings.GssChannelBindings:
        """Of this server's certificate (RFC 5929): a login relayed from elsewhere does not have it."""
        pem = self._certificate.cert_chain_pems[0].bytes().decode()
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest()
        return spnego.channel_bindings.GssChannelBindings(application_data=b"tls-server-end-point:" + digest)

    def __enter__(self) -> Exchange:
        # spnego's acceptor finds its users by the environment alone.
        self._other_users = os.environ.get(_USERS)
        os.environ[_USERS] = str(self._users)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._certificate.configure_cert(context)
        exchange = self

        class Door(_Door):
            server_side = exchange

        class Threads(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def get_request(self) -> tuple[socket.socket, Any]:
                accepted, address = super().get_request()
                accepted.settimeout(30)
                # The handshake is the connection's own thread's: a peer that is slow in it holds nobody up.
                wrapped = context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
                exchange._connections.add(wrapped)
                return wrapped, address

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A peer that does not trust the certificate, or has had enough, is what tests are about."""

        self._server = Threads(("127.0.0.1", 0), Door)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.close()
        os.environ.pop(_USERS, None)
        if self._other_users is not None:
            os.environ[_USERS] = self._other_users
        self._folder.cleanup()

    def wait_released(self) -> None:
        """What a server that hangs does."""
        self._released.wait(60)

    def by_name(self, name: str, password: str) -> Mailbox | None:
        for box in self.soap.mailboxes:
            names = {box.address.casefold(), f"{box.domain}\\{box.account}".casefold()}
            if name.casefold() in names and password == box.password:
                return box
        return None


class _Door(BaseHTTPRequestHandler):
    """One connection: NTLM vouches for all that comes over it, Basic for one request."""

    server_side: Exchange
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in two writes waits for the first one's acknowledgement
    _ntlm: spnego.ContextProxy | None = None
    _whose: Mailbox | None = None

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Tests are quiet."""

    def do_GET(self) -> None:
        self._say(404, b"")

    def do_POST(self) -> None:
        exchange, knobs = self.server_side, self.server_side.knobs
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if knobs.hang_at == "login":
            return exchange.wait_released()
        if knobs.status is not None:
            return self._say(knobs.status, b"<html>not EWS</html>", knobs.headers, kind="text/html")
        if self.path != PATH:
            return self._say(404, b"<html>nothing here</html>", kind="text/html")
        mailbox = self._logged_in()
        if mailbox is None:
            return None
        if knobs.body is not None:
            return self._say(knobs.body_status, knobs.body, knobs.headers)
        if knobs.hang_at is not None and f":{knobs.hang_at}".encode() in body:
            return exchange.wait_released()
        status, answer = exchange.soap.answer(body, mailbox)
        if knobs.lose_at is not None and exchange.soap.asked[-1] == knobs.lose_at:
            knobs.lose_at = None
            self.close_connection = True
            return None
        return self._say(status, answer)

    def _logged_in(self) -> Mailbox | None:
        """None where the answer has been given already."""
        if self._whose is not None:
            return self._whose
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        offered = {way.partition(" ")[0] for way in self.server_side.knobs.ways}
        if scheme == "Basic" and scheme in offered:
            name, _, password = base64.b64decode(token).decode().partition(":")
            found = self.server_side.by_name(name, password)
            if found is not None:
                self.server_side.logins.append(name)
                return found
            self.server_side.refusals += 1
        elif scheme in ("NTLM", "Negotiate") and scheme in offered:
            return self._by_ntlm(scheme, base64.b64decode(token))
        self._challenge(list(self.server_side.knobs.ways))
        return None

    def _by_ntlm(self, scheme: str, token: bytes) -> Mailbox | None:
        exchange = self.server_side
        if self._ntlm is None:
            options = spnego.NegotiateOptions.use_ntlm
            self._ntlm = spnego.server(protocol="ntlm", options=options, channel_bindings=exchange.binding)
        try:
            answer = self._ntlm.step(token)
        except spnego.exceptions.SpnegoError:
            self._ntlm = None
            exchange.refusals += 1
            self._challenge(list(exchange.knobs.ways))
            return None
        if not self._ntlm.complete:
            self._challenge([f"{scheme} {base64.b64encode(answer or b'').decode()}"])
            return None
        name = (self._ntlm.client_principal or "").casefold()
        for box in exchange.soap.mailboxes:
            if name.lstrip("\\") in {box.address.casefold(), f"{box.domain}\\{box.account}".casefold()}:
                self._whose = box
        assert self._whose is not None, f"nobody is called {name}"
        exchange.logins.append(name)
        return self._whose

    def _challenge(self, ways: list[str]) -> None:
        self.send_response(401)
        for way in ways:
            self.send_header("WWW-Authenticate", way)
        self.send_header("Content-Length", "0")
        if self.server_side.knobs.close_after_401:
            self.send_header("Connection", "close")
        self.end_headers()

    def _say(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, kind: str = "text/xml; charset=utf-8"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def bomb() -> bytes:
    """64 MiB of blanks, in 64 KiB."""
    return gzip.compress(b" " * (64 * 1024 * 1024))


@contextlib.contextmanager
def running(*, expired: bool = False) -> Iterator[Exchange]:
    """With the mailboxes of Ada, who has an alias, and of Grace, into which Ada may look."""
    with Exchange(expired=expired) as exchange:
        exchange.mailbox("ada@example.com", "lovelace-1815", aliases=("countess@example.com",))
        exchange.mailbox("grace@example.com", "hopper-1906", readers=("ada@example.com",))
        yield exchange
        assert exchange.soap.invalid == []  # by Microsoft's schemas
