"""How a message is given out to the customer's own code: a work queue's item, with everybody who ever had it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.providers.types import Identities

SENT, FAILED, RELEASED = "sent", "failed", "released"
GIVEN_UP = "given_up"
"""Nothing was heard, and a person decided that nothing more is waited for."""


@dataclass(frozen=True, slots=True)
class Given:
    """One time that it was taken."""

    lease: str
    by: str
    """The API key's id, or the bus user's name."""
    at: datetime
    report: str | None = None
    """What its holder said became of it; None: nothing yet, so it may have left."""
    earlier: bool = False
    """A person has had it offered anew since: of what its holder still says, only that he sent it counts."""


@dataclass(frozen=True, slots=True)
class Offer:
    at: datetime | None = None
    """When it may be taken (again): while somebody has it, the end of the lease. None: it is closed."""
    ready: bool = False
    """Its names are registered: an answer may come the second after it is taken."""
    lease: str | None = None
    """The last one given out, as long as it was not given back."""
    given: tuple[Given, ...] = ()
    unheard: int = 0
    """How many of `given` nothing was heard of."""
    first_at: datetime | None = None
    resent: int = 0
    """How often the team's standing decision had it offered anew, since a person last decided."""
    test: bool = False
    """A set-up's proof: nobody asked for it over the bus, so nobody is told."""
    names: Identities | None = None
    """What it is known by since it was sent."""
    seen: str | None = None
    """The write it was read from: what is decided on it holds only while nobody has written since."""
