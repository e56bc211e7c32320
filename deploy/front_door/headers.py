"""Which headers pass the front door, and which it makes itself (RFC 9110 7.6.1: what is meant for one hop). Pure."""

from __future__ import annotations

from collections.abc import Iterable

Headers = list[tuple[bytes, bytes]]

_ONE_HOP = {
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"trailer",
    b"transfer-encoding", b"upgrade", b"http2-settings",
}  # fmt: skip
_OURS = {b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port",
         b"x-forwarded-prefix", b"x-real-ip", b"x-request-id", b"expect"}  # fmt: skip
"""A client that sends them would speak for the door: services believe what it says of where a request came from."""
_SERVERS_OWN = {b"date", b"server", b"x-request-id"}


def inward(
    headers: Iterable[tuple[bytes, bytes]], *, client: str, scheme: str, host: bytes, request_id: str
) -> Headers:
    given = list(headers)
    kept = [(name, value) for name, value in given if name not in _ONE_HOP | _OURS | _named(given)]
    return [
        *kept,
        (b"x-forwarded-for", client.encode()),
        (b"x-forwarded-proto", scheme.encode()),
        (b"x-forwarded-host", host),
        (b"x-request-id", request_id.encode()),
    ]


def outward(headers: Iterable[tuple[bytes, bytes]], request_id: str) -> Headers:
    given = [(name.lower(), value) for name, value in headers]
    kept = [(name, value) for name, value in given if name not in _ONE_HOP | _SERVERS_OWN | _named(given)]
    return [*kept, (b"x-request-id", request_id.encode())]


def value_of(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    return next((value for given, value in headers if given == name), b"")


def _named(headers: Headers) -> set[bytes]:
    """`Connection: x-this` means that header `x-this` is for one hop too."""
    return {
        token.strip().lower() for name, value in headers if name == b"connection" for token in value.split(b",")
    } - {b"close", b"keep-alive"}
