"""Re-wrapping every account's key, and every team's OAuth app's, under the ring's current key; leases go on meanwhile.

Each is one compare-and-swap, so a run may be killed and begun again, or run twice at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from services.auth.ports import Boxes, Sealed
from services.runtime.envelopes import BoxUnopenable, rewrap
from services.runtime.failpoints import hit
from services.runtime.key_ring import KeyRing, KeyUnknown

_AT_ONCE = 32


@dataclass(slots=True)
class Rotation:
    """How far it is."""

    total: int
    done: int = 0
    changed_meanwhile: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    """Why, by the name of what was sealed."""


async def rotate_all(boxes: Boxes, ring: KeyRing, tell: Callable[[Rotation], None]) -> Rotation:
    """Until nothing is left but what cannot be opened. `tell` hears of every step."""
    rotation = Rotation(await boxes.count_left(ring.current))
    tell(rotation)
    while True:
        batch: list[Sealed] = []
        found = 0
        async for kept in boxes.left(ring.current):
            if kept.name in rotation.failed:
                continue
            found += 1
            batch.append(kept)
            if len(batch) == _AT_ONCE:
                await _rewrap(boxes, ring, batch, rotation)
                tell(rotation)
                batch = []
        if not found:
            return rotation
        # Then once more: what changed meanwhile was sealed anew, perhaps by a replica that still read the older ring.
        await _rewrap(boxes, ring, batch, rotation)
        tell(rotation)


async def _rewrap(boxes: Boxes, ring: KeyRing, batch: list[Sealed], rotation: Rotation) -> None:
    await asyncio.gather(*(_rewrap_one(boxes, ring, kept, rotation) for kept in batch))


async def _rewrap_one(boxes: Boxes, ring: KeyRing, kept: Sealed, rotation: Rotation) -> None:
    hit("auth.rotating")
    try:
        box = rewrap(ring, kept.owner, kept.box)
    except (KeyUnknown, BoxUnopenable) as closed:
        rotation.failed[kept.name] = str(closed)
        return
    if await boxes.rewrap(kept, box):
        rotation.done += 1
    else:
        rotation.changed_meanwhile += 1
