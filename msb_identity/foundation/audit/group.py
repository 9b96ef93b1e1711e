"""Group commit: while one thread writes, what the others bring gathers for the next write.

Whoever finds nobody writing writes for all that wait. Where several have been at it lately it first
gives them a moment to come, since one commit for all costs little more than one commit for one.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from msb_identity.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_GROUP = 1_000
GATHER_SECONDS = 0.002

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(slots=True)
class _Waiting(Generic[Item, Result]):
    """What a thread brought, and what became of it."""

    item: Item
    result: Result | None = None
    error: BaseException | None = None

    def is_done(self) -> bool:
        return self.result is not None or self.error is not None


class GroupCommit(Generic[Item, Result]):
    """Writes what many threads bring in few transactions; each returns when its own is on disk."""

    def __init__(self, write: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        """write: write all items in one transaction, and give one result for each."""
        self._write = write
        lock = threading.Lock()
        self._arrived, self._finished = threading.Condition(lock), threading.Condition(lock)
        self._waiting: list[_Waiting[Item, Result]] = []
        self._is_writing = False
        self._expected = 1

    @property
    def waiting(self) -> int:
        """How many wait for the next write."""
        return len(self._waiting)

    def append(self, item: Item) -> Result:
        """Return when the item is written; StoreError where its whole group was not."""
        mine: _Waiting[Item, Result] = _Waiting(item)
        with self._finished:
            self._waiting.append(mine)
            self._arrived.notify()
            while self._is_writing and not mine.is_done():
                self._finished.wait()
            if not mine.is_done():
                self._is_writing = True
        while not mine.is_done():  # so that it is ours to write
            self._write_group(mine)
        if mine.result is None:
            reason = mine.error if isinstance(mine.error, StoreError) else type(mine.error).__name__
            message = f"not written: {reason}"
            raise StoreError(message) from mine.error
        return mine.result

    def _write_group(self, mine: _Waiting[Item, Result]) -> None:
        group = [mine]
        try:
            group = self._gather()
            results = self._write([waiting.item for waiting in group])
            for waiting, result in zip(group, results, strict=True):
                waiting.result = result
        except BaseException as error:
            for waiting in group:
                waiting.error = error
            if not isinstance(error, Exception):  # an interrupt is this thread's own
                mine.error = error  # it goes, and another writes, though its own turn had not come
                raise
        finally:
            with self._finished:
                # Those who come again, and those who have come in the meantime.
                self._expected = len(group) + len(self._waiting)
                self._is_writing = not mine.is_done()
                self._finished.notify_all()

    def _gather(self) -> list[_Waiting[Item, Result]]:
        with self._arrived:
            if len(self._waiting) < self._expected:
                self._arrived.wait_for(
                    lambda: len(self._waiting) >= self._expected, timeout=GATHER_SECONDS
                )
            group = self._waiting[:MAX_GROUP]
            del self._waiting[:MAX_GROUP]
            return group
