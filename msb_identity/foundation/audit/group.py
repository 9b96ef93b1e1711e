"""Group commit: while one thread writes, what the others bring gathers for the next write."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from msb_identity.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_GROUP = 1_000

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(slots=True)
class _Waiting(Generic[Item, Result]):
    """What a thread brought, and what became of it."""

    item: Item
    result: Result | None = None
    error: BaseException | None = None


class GroupCommit(Generic[Item, Result]):
    """Writes what many threads bring in few transactions; each returns when its own is on disk."""

    def __init__(self, write: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        """write: write all items in one transaction, and give one result for each."""
        self._write = write
        self._gathering = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: list[_Waiting[Item, Result]] = []

    @property
    def waiting(self) -> int:
        """How many wait for the next write."""
        return len(self._waiting)

    def append(self, item: Item) -> Result:
        """Return when the item is written; StoreError where its whole group was not."""
        mine: _Waiting[Item, Result] = _Waiting(item)
        with self._gathering:
            self._waiting.append(mine)
        with self._writing:
            # Whoever held this before us has often written ours too.
            while mine.result is None and mine.error is None:
                self._write_group()
        if mine.result is None:
            reason = mine.error if isinstance(mine.error, StoreError) else type(mine.error).__name__
            message = f"not written: {reason}"
            raise StoreError(message) from mine.error
        return mine.result

    def _write_group(self) -> None:
        with self._gathering:
            group = self._waiting[:MAX_GROUP]
            del self._waiting[:MAX_GROUP]
        try:
            results = self._write([waiting.item for waiting in group])
        except BaseException as error:
            for waiting in group:
                waiting.error = error
            if not isinstance(error, Exception):  # an interrupt is this thread's own
                raise
            return
        for waiting, result in zip(group, results, strict=True):
            waiting.result = result
