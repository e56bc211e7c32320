"""User-given hosts: what is refused, in which words, and which address is connected to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.providers import hosts
from services.providers.errors import Permanent, ProviderError, Transient
from services.providers.hosts import Purpose
from services.providers.protocols import ConnectPolicy

STRICT = ConnectPolicy()
PUBLIC = "93.184.215.14"


def resolving(*addresses: str) -> hosts.Resolve:
    async def resolve(name: str, port: int) -> Iterable[str]:
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return addresses

    return resolve


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.1.2",
        "168.63.129.16",
        "169.254.169.254",
        "172.31.0.9",
        "192.0.0.192",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.7",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "not an address",
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not hosts.address_allowed(address, STRICT)


@pytest.mark.parametrize(
    "address", [PUBLIC, "8.8.8.8", "2606:2800:21f:cb07::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2a00:1450::1"]
)
def test_a_public_address_is_allowed_also_when_wrapped(address: str) -> None:
    assert hosts.address_allowed(address, STRICT)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_however_it_is_wrapped(address: ipaddress.IPv4Address) -> None:
    verdicts = {
        hosts.address_allowed(form, STRICT)
        for form in (str(address), f"::ffff:{address}", str(ipaddress.IPv6Address((0x64FF9B << 96) | int(address))))
    }
    assert len(verdicts) == 1
    assert not (verdicts == {True} and (address.is_private or address.is_multicast or address.is_loopback))


@given(st.ip_addresses(v=6))
def test_no_ipv6_address_outside_the_public_internet_is_allowed(address: ipaddress.IPv6Address) -> None:
    if hosts.address_allowed(str(address), STRICT) and address.ipv4_mapped is None:
        assert address.is_global
        assert not address.is_multicast


def test_an_operator_can_allow_a_network_and_nothing_beside_it() -> None:
    policy = ConnectPolicy(allowed_networks=("10.1.0.0/16", "fd00:1::/32"))
    assert hosts.address_allowed("10.1.2.3", policy)
    assert hosts.address_allowed("::ffff:10.1.2.3", policy)
    assert hosts.address_allowed("fd00:1::5", policy)
    assert not hosts.address_allowed("10.2.0.1", policy)


@pytest.mark.parametrize(
    ("purpose", "port"),
    [(Purpose.SMTP, 993), (Purpose.SMTP, 22), (Purpose.IMAP, 143), (Purpose.IMAP, 25), (Purpose.IMAP, 6379)],
)
async def test_only_mail_ports_are_allowed(purpose: Purpose, port: int) -> None:
    with pytest.raises(Permanent) as refusal:
        await hosts.vet("mail.example.com", port, purpose, STRICT, resolve=resolving(PUBLIC))
    assert refusal.value.reason == "refused_host"


@pytest.mark.parametrize(
    ("purpose", "port"), [(Purpose.SMTP, 25), (Purpose.SMTP, 465), (Purpose.SMTP, 587), (Purpose.IMAP, 993)]
)
async def test_the_vetted_address_is_kept_with_the_name_to_verify(purpose: Purpose, port: int) -> None:
    vetted = await hosts.vet("Mail.Example.COM.", port, purpose, STRICT, resolve=resolving(PUBLIC))
    assert vetted == hosts.VettedHost("mail.example.com", port, (PUBLIC,))


async def test_imap_143_and_extra_ports_are_the_operators_to_allow() -> None:
    policy = ConnectPolicy(allow_imap_143=True, extra_ports=(2525,))
    assert (await hosts.vet("mail.example.com", 143, Purpose.IMAP, policy, resolve=resolving(PUBLIC))).port == 143
    assert (await hosts.vet("mail.example.com", 2525, Purpose.SMTP, policy, resolve=resolving(PUBLIC))).port == 2525
    with pytest.raises(Permanent):
        await hosts.vet("mail.example.com", 143, Purpose.SMTP, policy, resolve=resolving(PUBLIC))


async def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    with pytest.raises(Permanent):
        await hosts.vet("mail.example.com", 587, Purpose.SMTP, STRICT, resolve=resolving(PUBLIC, "10.0.0.1"))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "localhost", "[::1]", "::ffff:127.0.0.1", "fe80::1%lo"]
)
async def test_every_spelling_of_this_machine_is_refused(host: str) -> None:
    with pytest.raises(ProviderError):
        await hosts.vet(host, 587, Purpose.SMTP, STRICT)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a b",
        "a\r\nb",
        "mail..example.com",
        "user@example.com",
        "-a.example.com",
        "x" * 300,
        "http://example.com",
        "\x00",
    ],
)
async def test_what_is_no_host_name_is_never_resolved(host: str) -> None:
    async def never(name: str, port: int) -> Iterable[str]:
        raise AssertionError(name)

    with pytest.raises(Permanent):
        await hosts.vet(host, 587, Purpose.SMTP, STRICT, resolve=never)


async def test_all_refusals_use_the_same_words() -> None:
    async def slow(name: str, port: int) -> Iterable[str]:
        await asyncio.Event().wait()
        return ()

    said = set()
    for resolve in (resolving(), resolving("10.0.0.1"), resolving("127.0.0.1"), slow):
        with pytest.raises(ProviderError) as refusal:
            await hosts.vet("mail.example.com", 587, Purpose.SMTP, STRICT, resolve=resolve, timeout=0.05)
        said.add((refusal.value.words, refusal.value.remedy))
    assert len(said) == 1


async def test_a_name_that_does_not_resolve_now_may_resolve_later() -> None:
    with pytest.raises(Transient):
        await hosts.vet("mail.example.com", 587, Purpose.SMTP, STRICT, resolve=resolving())


async def test_an_international_host_is_resolved_by_its_a_labels() -> None:
    vetted = await hosts.vet("mail.bücher.example", 587, Purpose.SMTP, STRICT, resolve=resolving(PUBLIC))
    assert vetted.name == "mail.xn--bcher-kva.example"


async def test_the_second_address_is_tried_when_the_first_does_not_answer() -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        connected = await hosts.connect(
            hosts.VettedHost("mail.example.com", port, ("127.0.0.2", "127.0.0.1")), timeout=5
        )
        assert connected.getpeername() == ("127.0.0.1", port)
        connected.close()


async def test_refused_and_silent_ports_are_told_in_the_same_words() -> None:
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    silent = socket.socket()
    silent.bind(("127.0.0.3", port))
    silent.listen(0)
    fillers = []
    for _ in range(3):  # fill the backlog, so that the next connection hangs
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.3", port))
        fillers.append(filler)
    said = set()
    for address in ("127.0.0.1", "127.0.0.3"):
        with pytest.raises(Transient) as refusal:
            await hosts.connect(hosts.VettedHost("mail.example.com", port, (address,)), timeout=0.3)
        said.add(str(refusal.value))
    assert len(said) == 1
    for each in (closed, silent, *fillers):
        each.close()


def test_one_tls_context_is_shared_and_verifies() -> None:
    context = hosts.tls_context(None)
    assert context is hosts.tls_context(None)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
