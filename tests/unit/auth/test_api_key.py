"""API keys: kept as hashes, rotated with an overlap, and never handing on more than they have."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.auth.domain import api_key
from services.auth.domain.refusals import Conflict, Invalid
from services.auth.domain.scopes import SCOPES, read_scopes, require_within

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def made() -> tuple[api_key.ApiKey, str]:
    return api_key.make_key("acme", "crm", ("accounts:read",), "operator", NOW)


def test_a_key_names_its_id_and_is_kept_as_a_hash_alone() -> None:
    key, text = made()
    assert re.fullmatch(r"rw_[A-Za-z0-9]{12}_[A-Za-z0-9]{43}", text)
    assert text.split("_")[1] == key.key_id
    assert key.key_hash == api_key.hash_key(text)
    assert text.split("_")[2] not in repr(key)
    assert made()[1] != text


def test_a_rotated_key_works_until_the_overlap_is_over_and_its_successor_from_now_on() -> None:
    old, _ = made()
    ended, successor, text = api_key.rotate(old, timedelta(hours=1), "key:x", NOW)
    assert api_key.works(ended, NOW + timedelta(minutes=59))
    assert not api_key.works(ended, NOW + timedelta(hours=1))
    assert api_key.works(successor, NOW + timedelta(days=1000))
    assert (successor.scopes, successor.team_id, successor.name) == (old.scopes, old.team_id, old.name)
    assert successor.key_hash == api_key.hash_key(text) != old.key_hash
    assert ended.successor == successor.key_id


def test_no_overlap_ends_the_old_key_at_once() -> None:
    ended, _, _ = api_key.rotate(made()[0], timedelta(0), "key:x", NOW)
    assert not api_key.works(ended, NOW)


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=31)])
def test_an_overlap_out_of_bounds_is_refused(overlap: timedelta) -> None:
    with pytest.raises(Invalid, match="that long"):
        api_key.rotate(made()[0], overlap, "key:x", NOW)


def test_a_key_has_one_successor() -> None:
    ended, _, _ = api_key.rotate(made()[0], timedelta(hours=1), "key:x", NOW)
    with pytest.raises(Conflict):
        api_key.rotate(ended, timedelta(hours=1), "key:x", NOW)


def test_use_is_noted_at_most_once_a_minute() -> None:
    key = made()[0]
    assert api_key.use_is_news(key, NOW)
    used = replace(key, last_used_at=NOW)
    assert not api_key.use_is_news(used, NOW + timedelta(seconds=59))
    assert api_key.use_is_news(used, NOW + timedelta(seconds=60))


def test_scopes_are_known_ones_each_once() -> None:
    assert read_scopes(["audit:read", "accounts:read", "audit:read"]) == ("accounts:read", "audit:read")
    assert read_scopes(SCOPES) == tuple(SCOPES)
    for wrong in ([], ["accounts:*"], ["accounts:read", "root"]):
        with pytest.raises(Invalid) as refused:
            read_scopes(wrong)
        assert refused.value.field == "scopes"


def test_a_key_hands_on_no_scope_that_it_lacks() -> None:
    require_within(("accounts:read",), ("accounts:read", "keys:manage"))
    with pytest.raises(Invalid, match="accounts:write"):
        require_within(("accounts:read", "accounts:write"), ("accounts:read", "keys:manage"))
