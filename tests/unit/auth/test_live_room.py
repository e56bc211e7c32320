"""Whoever opens many live pages leaves room for others."""

from __future__ import annotations

from services.auth.domain.links import Purpose, Role
from services.auth.domain.visitor import Visitor
from services.auth.pages import live


def visitor(session: str) -> Visitor:
    return Visitor(session, "acme", "ada", Role.ADMIN, Purpose.CONNECT, None, "")


def test_one_session_takes_its_share_and_gets_it_back() -> None:
    one, other = visitor("one"), visitor("other")
    for _ in range(20):
        assert live.room(one)
        live._streams.begin("one")
    assert not live.room(one)
    assert live.room(other)
    for _ in range(20):
        live._streams.end("one")
    assert live.room(one)
    assert not live._streams.by_session
