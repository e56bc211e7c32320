"""INTERNALDATE (RFC 3501 `date-time`) to aware UTC, by hand: it is read once per message of a scan."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

_MONTHS = {
    name: number
    for number, name in enumerate(
        (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"), start=1
    )
}
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS_KEPT = 4096

_midnights: dict[bytes, datetime] = {}
"""Day and zone as written, to that day's midnight in UTC: mailboxes hold many messages of few days."""


def parse(text: bytes) -> datetime:
    """`17-Jul-1996 02:44:25 -0700`, the day padded with a blank or a zero. Raises `ValueError`."""
    if len(text) != 26:
        raise ValueError("not an IMAP date")
    day = text[:11] + text[20:]
    midnight = _midnights.get(day)
    if midnight is None:
        midnight = _midnight(day)
        if len(_midnights) >= _DAYS_KEPT:
            _midnights.clear()
        _midnights[day] = midnight
    try:
        seconds = int(text[12:14]) * 3600 + int(text[15:17]) * 60 + int(text[18:20])
        return midnight + timedelta(0, seconds)
    except OverflowError:
        raise ValueError("not a date that Python can hold") from None


def criterion(day: date) -> str:
    """A day as SEARCH wants it, whatever the locale."""
    return f"{day.day}-{_MONTH_NAMES[day.month - 1]}-{day.year:04d}"


def _midnight(day: bytes) -> datetime:
    zone = day[11:].strip()
    if len(zone) != 5 or zone[:1] not in b"+-" or not zone[1:].isdigit():
        raise ValueError("not an IMAP time zone")
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
    month = _MONTHS.get(day[3:6].lower())
    if month is None:
        raise ValueError("not an IMAP month")
    local = datetime(int(day[7:11]), month, int(day[:2]), tzinfo=UTC)
    try:
        return local - offset if zone[:1] == b"+" else local + offset
    except OverflowError:
        raise ValueError("not a date that Python can hold") from None
