"""Vets hosts that users name before anything connects to them (SSRF), and connects to the very address it vetted.

Special-purpose ranges are those of the IANA registries (RFC 6890 and its updates) and the clouds' metadata services.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import idna

from services.providers.errors import Permanent, Scope, Transient
from services.providers.protocols import ConnectPolicy

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[Iterable[str]]]
"""A name and a port to addresses as text; raises `OSError` where there are none."""


class Purpose(StrEnum):
    """What a host is wanted for: it decides the ports."""

    SMTP = "smtp"
    IMAP = "imap"
    EWS = "ews"


_PORTS: dict[Purpose, frozenset[int]] = {
    Purpose.SMTP: frozenset({25, 465, 587}),
    Purpose.IMAP: frozenset({993}),
    Purpose.EWS: frozenset({443}),
}

_REFUSED_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata service lives here too
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's wire server: a public number that is only reachable from inside
        "169.254.0.0/16",  # link-local, with most clouds' metadata service
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")  # all that IANA has given out as global unicast
_REFUSED_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")  # Teredo, documentation, 6to4
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAME = re.compile(r"(?=.{1,253}\Z)(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\Z")
_REMEDY = (
    "Check the host's name and port: a public mail server is needed, on SMTP 25, 465 or 587, IMAP 993, or EWS 443."
)


@dataclass(frozen=True, slots=True)
class VettedHost:
    """A host that may be connected to, at these addresses and no others."""

    name: str
    """For SNI and for verifying the certificate."""
    port: int
    addresses: tuple[str, ...]


async def vet(
    host: str,
    port: int,
    purpose: Purpose,
    policy: ConnectPolicy,
    *,
    timeout: float = 10.0,
    resolve: Resolve | None = None,
) -> VettedHost:
    """Resolve `host` and check every address. `timeout` in seconds.

    Raises `Permanent` (`refused_host`) or, where the name could not be resolved now, `Transient` (`unknown_host`). Both
    carry the same words: which of the rules refused, and whether a private name exists, is nobody's business.
    """
    name = _name(host)
    if name is None or not port_allowed(port, purpose, policy):
        raise refused(host, port)
    try:
        async with asyncio.timeout(timeout):
            found = tuple(dict.fromkeys(await (resolve or _resolve)(name, port)))
    except (OSError, TimeoutError, UnicodeError):
        raise _unknown(host, port) from None
    if not found:
        raise _unknown(host, port)
    if not all(address_allowed(address, policy) for address in found):
        raise refused(host, port)
    return VettedHost(name, port, found)


async def connect(vetted: VettedHost, *, timeout: float) -> socket.socket:
    """A connected, non-blocking socket to the first vetted address that answers within its share of `timeout` seconds.

    Raises `Transient` (`host_unavailable`, of the whole host)."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    for left, address in zip(range(len(vetted.addresses), 0, -1), vetted.addresses, strict=True):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            connecting = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            continue  # this machine does not speak the address's family
        try:
            connecting.setblocking(False)
            connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout((deadline - loop.time()) / left):
                await loop.sock_connect(connecting, (address, vetted.port))
        except (OSError, TimeoutError):
            connecting.close()
        except BaseException:
            connecting.close()
            raise
        else:
            return connecting
    raise Transient(
        "host_unavailable",
        words=f"{vetted.name}:{vetted.port} does not answer",
        remedy="Check that the server is up and that the host's name and port are right.",
        scope=Scope.HOST,
    )


@lru_cache(maxsize=16)
def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """The one TLS context of a policy (`policy.ca_file`), shared: making it costs 20 ms. Always verifies."""
    return own_tls_context(ca_file)


def own_tls_context(ca_file: str | None) -> ssl.SSLContext:
    """The same, for a library that changes what it is given."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def port_allowed(port: int, purpose: Purpose, policy: ConnectPolicy) -> bool:
    if purpose is Purpose.IMAP and port == 143:
        return policy.allow_imap_143 or port in policy.extra_ports
    return port in _PORTS[purpose] or port in policy.extra_ports


def address_allowed(text: str, policy: ConnectPolicy) -> bool:
    """False for whatever is not a public unicast address, unless the operator allowed its network."""
    try:
        address: Address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return False
    address = _unwrapped(address)
    if any(address in network for network in _networks(policy.allowed_networks)):
        return True
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    return address in _GLOBAL_V6 and not any(address in network for network in _REFUSED_V6)


def refused(host: str, port: int) -> Permanent:
    """The one answer to every refusal."""
    return Permanent("refused_host", words=_words(host, port), remedy=_REMEDY)


def _unknown(host: str, port: int) -> Transient:
    return Transient("unknown_host", words=_words(host, port), remedy=_REMEDY, scope=Scope.HOST)


def _words(host: str, port: int) -> str:
    shown = "".join(character for character in host[:253] if character.isprintable())
    return f"{shown}:{port} cannot be used as a mail server"


def _name(host: str) -> str | None:
    """The host as it is resolved and verified: an address, or a name in A-labels; None where it is neither."""
    host = host.strip().rstrip(".").lower()
    literal = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return str(ipaddress.ip_address(literal))
    except ValueError:
        pass
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError:
            return None
    return host if _NAME.match(host) else None


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one (mapped, or NAT64's well-known prefix): that is where packets end up."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


@lru_cache(maxsize=16)
def _networks(allowed: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(network) for network in allowed)


async def _resolve(name: str, port: int) -> Iterable[str]:
    found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
