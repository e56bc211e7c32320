"""A key ring that cannot be used is refused with a sentence that names the fault and shows no key."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from services.auth.adapters.key_ring_file import KeyRingFile
from services.auth.commands import new_key_ring
from services.runtime.key_ring import KeyRingInvalid, read_key_ring
from tests.unit.auth.rings import ring_text

GOOD = base64.b64encode(b"s" * 32).decode()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("hunter2", "not JSON"),
        ("[]", "must look like"),
        ('{"current": "k1"}', "must look like"),
        ('{"current": 1, "keys": {}}', "must look like"),
        ('{"current": "k1", "keys": {}}', "names 'k1'"),
        (json.dumps({"current": "k2", "keys": {"k1": GOOD}}), "names 'k2'"),
        (json.dumps({"current": "k1", "keys": {"k1": GOOD[:-8]}}), "32 random octets"),
        (json.dumps({"current": "k1", "keys": {"k1": "hunter2!"}}), "32 random octets"),
        (json.dumps({"current": "k1", "keys": {"k1": 7}}), "32 random octets"),
        (json.dumps({"current": "k 1", "keys": {"k 1": GOOD}}), "only letters"),
        (json.dumps({"current": "k1", "keys": {"k1": GOOD, "k2": GOOD}}), "the same key"),
    ],
)
def test_a_bad_ring_is_refused_with_its_fault_and_without_its_keys(text: str, says: str) -> None:
    with pytest.raises(KeyRingInvalid) as refused:
        read_key_ring(text)
    assert says in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert GOOD not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("setting", [None, "", "  ", "/nowhere/ring.json"])
def test_no_ring_is_refused_with_what_to_do_or_which_file_is_missing(setting: str | None) -> None:
    with pytest.raises(KeyRingInvalid, match=r"new-key-ring|/nowhere/ring\.json cannot be read"):
        KeyRingFile(setting)


def test_the_ring_may_stand_in_the_setting_itself() -> None:
    assert KeyRingFile(ring_text("k1", "k1")).ring().current == "k1"


def test_a_changed_file_is_read_again_and_a_broken_one_leaves_the_last_good_ring(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    path.write_text(ring_text("k1", "k1"))
    rings = KeyRingFile(str(path))
    assert rings.ring().current == "k1"
    path.write_text(ring_text("k2", "k1", "k2"))
    assert rings.ring().current == "k2"
    path.write_text("{half a ri")
    assert rings.ring().current == "k2"
    path.unlink()
    assert rings.ring().current == "k2"
    path.write_text(ring_text("k3", "k3"))
    assert rings.ring().current == "k3"


def test_a_new_ring_is_for_its_owners_eyes_and_grows_by_one_key_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    said: list[str] = []
    new_key_ring(path, False, said.append)
    first = KeyRingFile(str(path)).ring()
    assert (first.current, set(first.keys)) == ("k1", {"k1"})
    assert os.stat(path).st_mode & 0o777 == 0o600
    new_key_ring(path, True, said.append)
    second = KeyRingFile(str(path)).ring()
    assert (second.current, set(second.keys)) == ("k1", {"k1", "k2"})
    new_key_ring(path, False, said.append)
    third = KeyRingFile(str(path)).ring()
    assert (third.current, set(third.keys), third.keys["k1"]) == ("k3", {"k1", "k2", "k3"}, first.keys["k1"])
    assert not any(base64.b64encode(key).decode() in line for key in third.keys.values() for line in said)


def test_a_broken_ring_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    path.write_text("precious")
    with pytest.raises(KeyRingInvalid):
        new_key_ring(path, False, lambda _: None)
    assert path.read_text() == "precious"


def test_a_ring_in_the_setting_itself_is_no_file_to_write_to() -> None:
    with pytest.raises(KeyRingInvalid, match="keep it in a file"):
        new_key_ring(Path(ring_text("k1", "k1")), False, lambda _: None)
