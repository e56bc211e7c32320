"""When a token is renewed: ahead of its end, the same for every replica, and never again at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.oauth_app import Provider
from services.auth.domain.tokens import Tokens, expiry, must_renew, read_tokens, renew_at

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def tokens(life: timedelta = timedelta(hours=1), made_at: datetime = NOW) -> Tokens:
    return Tokens(Provider.GOOGLE, "app", "sub", ("a", "b"), "access", made_at, made_at + life, "renewal")


@given(st.integers(min_value=1, max_value=86400), st.text(min_size=1, max_size=30))
def test_a_token_is_renewed_in_its_last_fifth_and_at_most_ten_minutes_before_its_end(
    seconds: int, account: str
) -> None:
    life = timedelta(seconds=seconds)
    at = renew_at(tokens(life), account)
    ahead = NOW + life - at
    assert min(life / 10, timedelta(minutes=5)) <= ahead <= min(life / 5, timedelta(minutes=10))
    assert at == renew_at(tokens(life), account)


def test_mailboxes_connected_at_once_are_not_renewed_at_once() -> None:
    moments = {renew_at(tokens(), f"acc_{number}") for number in range(100)}
    assert len(moments) == 100
    assert max(moments) - min(moments) > timedelta(minutes=4)


def test_a_refused_token_is_renewed_unless_it_is_new() -> None:
    young, old = NOW + timedelta(seconds=59), NOW + timedelta(seconds=60)
    assert not must_renew(tokens(), "acc", refused=True, now=young)
    assert must_renew(tokens(), "acc", refused=True, now=old)
    assert not must_renew(tokens(), "acc", refused=False, now=old)
    assert must_renew(tokens(), "acc", refused=False, now=NOW + timedelta(minutes=56))


def test_what_is_sealed_is_read_back_and_a_password_is_no_token() -> None:
    assert read_tokens(tokens().sealable()) == tokens()
    assert read_tokens(b'{"password":"x"}') is None
    assert read_tokens(b"{}") is None


def test_what_is_leased_and_what_is_shown_hold_nothing_that_renews() -> None:
    assert tokens().secret() == {"access_token": "access"}
    assert "renewal'" not in repr(tokens())
    assert "access'" not in repr(tokens())


def test_a_lifetime_that_makes_no_sense_becomes_one_that_does() -> None:
    for said, seconds in ((3600, 3600), ("3599", 3599), (None, 3600), ("soon", 3600), (-5, 1), (10**12, 86400)):
        assert expiry(said, NOW) == NOW + timedelta(seconds=seconds)
