"""Time is passed in, aware, and read from the clock only where nobody passed it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

CHINA_TIME = timezone(timedelta(hours=8), "UTC+08:00")
"""Dates on Chinese licences are days of this zone, all over the country."""


def aware(now: datetime | None) -> datetime:
    """Give `now` in UTC, or the clock's time.

    ValueError for a time without a zone, or one that lies outside UTC's years 1 to 9999.
    """
    if now is None:
        return datetime.now(UTC)
    if now.tzinfo is None:
        message = "now= must carry a time zone"
        raise ValueError(message)
    try:
        return now.astimezone(UTC)
    except OverflowError as error:
        message = "now= must lie within the years 1 to 9999 of UTC"
        raise ValueError(message) from error


def seconds(moment: datetime) -> int:
    """Give whole seconds since 1970 (NumericDate, RFC 7519 section 2), rounded down."""
    return int(moment.timestamp() // 1)


def from_seconds(value: int) -> datetime:
    """Give the UTC time of a NumericDate; ValueError where it is outside years 1970 to 9999."""
    try:
        if value < 0:
            raise ValueError
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError) as error:
        message = "time outside the years 1970 to 9999"
        raise ValueError(message) from error
