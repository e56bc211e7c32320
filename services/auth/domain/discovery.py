"""Which servers a mailbox probably has, from its domain alone: well-known providers, SRV records, MX. Pure.

SRV names are those of RFC 6186 and, for submission with TLS, RFC 8314. What is found is a suggestion: the person sees
it, may change it, and nothing is proved by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.auth.domain.well_known import PROVIDERS, Provider, Server


@dataclass(frozen=True, slots=True)
class Srv:
    """One SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str
    """Without the final dot; empty where the record says that there is no such service."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    imap: Server | None = None
    smtp: Server | None = None
    better: str = ""
    """The e-mail client that this mailbox is better connected as."""
    provider: str = ""
    """Whose servers these are, where that is known."""
    hint: str = ""
    """What people stumble over there."""


SRV_NAMES = ("_imaps._tcp", "_imap._tcp", "_submissions._tcp", "_submission._tcp")
_SECURITY = {"_imaps._tcp": "tls", "_imap._tcp": "starttls", "_submissions._tcp": "tls", "_submission._tcp": "starttls"}
_IMAP_PORTS, _SMTP_PORTS = frozenset({993, 143}), frozenset({465, 587, 25})


def of_domain(domain: str) -> Suggestion | None:
    """By the provider's own domains, without asking anybody."""
    return next((_of(provider) for provider in PROVIDERS if domain in provider.domains), None)


def of_srv(found: Mapping[str, Sequence[Srv]]) -> Suggestion | None:
    """By name of `SRV_NAMES`. TLS from the start comes before STARTTLS, as RFC 8314 asks."""
    imap = _best(found, ("_imaps._tcp", "_imap._tcp"), _IMAP_PORTS)
    smtp = _best(found, ("_submissions._tcp", "_submission._tcp"), _SMTP_PORTS)
    if imap is None and smtp is None:
        return None
    known = [_by_host(server.host) for server in (imap, smtp) if server is not None]
    provider = next((each for each in known if each is not None), None)
    if provider is not None and provider.better:
        return _of(provider)
    name, hint = (provider.name, provider.hint) if provider is not None else ("", "")
    return Suggestion(imap, smtp, provider=name, hint=hint)


def of_mx(hosts: Iterable[str]) -> Suggestion | None:
    """By who takes the domain's mail in; `hosts` in the order of their preference."""
    for host in hosts:
        for provider in PROVIDERS:
            if _belongs(host, provider.mx):
                return _of(provider)
    return None


def _of(provider: Provider) -> Suggestion:
    return Suggestion(provider.imap, provider.smtp, provider.better, provider.name, provider.hint)


def _best(found: Mapping[str, Sequence[Srv]], names: tuple[str, ...], ports: frozenset[int]) -> Server | None:
    for name in names:
        records = [record for record in found.get(name, ()) if record.target and record.port in ports]
        if records:
            record = min(records, key=lambda each: (each.priority, -each.weight))
            return Server(record.target.lower(), record.port, _SECURITY[name])
    return None


def _by_host(host: str) -> Provider | None:
    return next((each for each in PROVIDERS if host in {s.host for s in (each.imap, each.smtp) if s}), None)


def _belongs(host: str, suffixes: tuple[str, ...]) -> bool:
    name = host.lower().rstrip(".")
    return any(name == suffix or name.endswith(f".{suffix}") for suffix in suffixes)
