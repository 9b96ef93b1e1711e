"""A value from elsewhere, kept fresh: one fetch at a time, in the background, nobody held up.

Whoever asks is given what there is. A value that is no longer young is fetched again while the old
one goes on serving; one that is stale serves no more. Only who has nothing to go on with waits, and
no longer than `patience`: everybody while there is no value at all, and the one who started the
fetch where the value lacks what was asked for.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from msb_identity.errors import FetchRefused, MsbError

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")
_OVERDUE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often something is fetched, and how long it serves.

    refresh_after: when a value is fetched again. stale_after: when it serves no more.
    cool_down: the least time between a fetch that brought something and the next one.
    retry_after: the least time between one that failed and the next one.
    patience: how long one who has nothing to go on with waits.
    """

    refresh_after: timedelta
    stale_after: timedelta
    cool_down: timedelta
    retry_after: timedelta = timedelta(seconds=5)
    patience: timedelta = timedelta(seconds=2)


class Refreshed(Generic[_T]):
    """One value and its fetches; safe to share between threads, and to fork."""

    def __init__(
        self,
        fetch: Callable[[_T | None], _T],
        *,
        pace: Pace,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Fetch nothing yet.

        fetch: given the last value, gives the next or raises an MsbError; it ends by itself.
        """
        self._fetch, self._clock, self._pace = fetch, clock, pace
        self._lock = threading.Lock()
        self._value: _T | None = None
        self._fetched_at = float("-inf")
        self._not_before = float("-inf")
        self._flight: _Flight | None = None

    def get(self, has: Callable[[_T], bool] | None = None) -> _T:
        """Give a value that is not stale; FetchRefused where there is none.

        has: whether a value has what is asked for; where it has not, another is fetched if the last
        fetch is long enough ago, and whatever there is then is given.
        """
        age = self._clock() - self._fetched_at
        value = self._value if age <= self._pace.stale_after.total_seconds() else None
        if value is not None and (has is None or has(value)):
            if age > self._pace.refresh_after.total_seconds():
                self._start()
            return value
        flight, mine = self._start()
        if flight is not None and (mine or value is None):
            flight.landed.wait(self._pace.patience.total_seconds())
        age = self._clock() - self._fetched_at
        found = self._value
        if found is None or age > self._pace.stale_after.total_seconds():
            message = "what is needed could not be fetched"
            raise FetchRefused(message)
        return found

    def _start(self) -> tuple[_Flight | None, bool]:
        """Begin a fetch unless one is under way or was a moment ago; whether it is the caller's."""
        with self._lock:
            now = self._clock()
            if self._flight is not None and now - self._flight.began < _OVERDUE.total_seconds():
                return self._flight, False
            if now < self._not_before:
                return None, False
            flight = self._flight = _Flight(now, threading.Event())
            self._not_before = now + self._pace.retry_after.total_seconds()
        thread = threading.Thread(target=self._run, args=(flight,), daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no more threads here
            self._land(flight)
        return flight, True

    def _run(self, flight: _Flight) -> None:
        try:
            value = self._fetch(self._value)
        except MsbError:
            pass  # the old value serves until it is stale
        else:
            with self._lock:
                self._value, self._fetched_at = value, self._clock()
                self._not_before = flight.began + self._pace.cool_down.total_seconds()
        finally:
            self._land(flight)

    def _land(self, flight: _Flight) -> None:
        with self._lock:
            if self._flight is flight:
                self._flight = None
        flight.landed.set()


@dataclass(frozen=True, slots=True)
class _Flight:
    began: float
    landed: threading.Event
