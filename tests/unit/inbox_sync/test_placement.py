"""Placement: every account has one preferred replica, and a change moves no more than it must."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.inbox_sync.domain.placement import preferred, share

NAMES = st.sets(st.text(min_size=1, max_size=20), min_size=1, max_size=6)
ACCOUNTS = [f"account-{n}" for n in range(300)]


@given(NAMES, st.sets(st.text(min_size=1, max_size=12), max_size=40))
def test_the_shares_are_a_partition(replicas: set[str], accounts: set[str]) -> None:
    shares = [share(accounts, replicas, me) for me in replicas]
    assert set().union(*shares) == accounts
    assert sum(map(len, shares)) == len(accounts)


def test_a_replica_that_dies_moves_only_its_own_accounts() -> None:
    before = {a: preferred(a, ["one", "two", "three"]) for a in ACCOUNTS}
    after = {a: preferred(a, ["one", "three"]) for a in ACCOUNTS}
    assert all(after[a] == before[a] for a in ACCOUNTS if before[a] != "two")


def test_the_load_is_spread() -> None:
    sizes = [len(share(ACCOUNTS, ["one", "two", "three"], me)) for me in ("one", "two", "three")]
    assert min(sizes) > 60


def test_without_a_replica_nobody_is_preferred() -> None:
    assert preferred("account", []) is None
