"""Key rings and owners that the tests share."""

from __future__ import annotations

import base64
import json

from services.runtime.envelopes import Owner
from services.runtime.key_ring import KeyRing, read_key_ring

ADA = Owner("acme", "acc_ada")


def ring_text(current: str, *key_ids: str) -> str:
    """A ring whose keys are told apart by their ids, always the same."""
    keys = {key_id: base64.b64encode(key_id.encode().ljust(32, b"*")).decode() for key_id in key_ids}
    return json.dumps({"current": current, "keys": keys})


def ring_of(current: str, *key_ids: str) -> KeyRing:
    return read_key_ring(ring_text(current, *key_ids))
