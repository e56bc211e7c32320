"""DNS records of mail domains, asked of the operator's resolver or the system's; what does not answer is not there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver

from services.auth.domain.discovery import Srv

_SECONDS = 2.5


class MailRecords:
    """`servers`: `address` or `address:port`; the system's where there are none."""

    def __init__(self, servers: Sequence[str]) -> None:
        """Raises `ValueError` for what is no address."""
        self._resolver: dns.asyncresolver.Resolver | None
        if not servers:
            try:
                self._resolver = dns.asyncresolver.Resolver()
            except dns.resolver.NoResolverConfiguration:
                self._resolver = None  # a machine without DNS suggests well-known providers alone
        else:
            self._resolver = dns.asyncresolver.Resolver(configure=False)
            ports: dict[str, int] = {}
            for server in servers:
                address, _, port = server.rpartition(":") if server.count(":") == 1 else (server, "", "53")
                ports[address] = int(port)
            self._resolver.nameservers = list(ports)
            self._resolver.nameserver_ports = ports
        if self._resolver is not None:
            self._resolver.lifetime = _SECONDS

    async def srv(self, name: str) -> Sequence[Srv]:
        return [
            Srv(record.priority, record.weight, record.port, record.target.to_text(omit_final_dot=True).strip("."))
            for record in await self._ask(name, "SRV")
        ]

    async def mx(self, domain: str) -> Sequence[str]:
        """The hosts, the preferred first."""
        found = sorted(await self._ask(domain, "MX"), key=lambda record: int(record.preference))
        return [record.exchange.to_text(omit_final_dot=True) for record in found]

    async def _ask(self, name: str, kind: str) -> Sequence[Any]:
        if self._resolver is None:
            return ()
        try:
            return list(await self._resolver.resolve(dns.name.from_text(name), kind))
        except (dns.exception.DNSException, OSError):
            return ()
