"""Facts about calendars, of the clients that have one (Microsoft EWS)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from replywire_contracts.event import Event
from replywire_contracts.v1.values import AccountId


class CalendarChanged(Event):
    """An event of a connected calendar was created, changed or cancelled; read it through the calendar API."""

    NOUN: ClassVar[str] = "calendar"
    VERB: ClassVar[str] = "changed"
    OWNER: ClassVar[str] = "inbox_sync"

    account_id: AccountId
    calendar_event_id: str = Field(max_length=512)
    change: str = Field(description="created, updated, cancelled")
