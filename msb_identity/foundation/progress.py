"""How far long work has come: a bar in place on a terminal, a line now and then elsewhere.

It goes to stderr, so that stdout stays the command's own.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

REDRAW_SECONDS = 0.1
LINE_SECONDS = 10.0
_WIDTH = 30


class Progress:
    """Counts what is done; `with` ends the bar's line.

    zh, en: what is counted, as 已盖章 and sealed. total: how many there are, where that is known.
    """

    def __init__(self, zh: str, en: str, *, total: int | None = None) -> None:
        """Begin with nothing done, and tell nothing yet."""
        self._zh, self._en, self._total = zh, en, total
        self._stream = sys.stderr
        self._on_terminal = self._stream is not None and self._stream.isatty()
        self._began = self._told = time.monotonic()
        self._is_drawn = False
        self.done = 0

    def advance(self, count: int = 1) -> None:
        """Count more of it, and tell where it is time to."""
        self.done += count
        now = time.monotonic()
        if now - self._told >= (REDRAW_SECONDS if self._on_terminal else LINE_SECONDS):
            self._told = now
            self._tell(now)

    def __enter__(self) -> Self:
        """Use it in a `with` statement."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Draw the bar as it ended, and leave its line."""
        if self._is_drawn and self._on_terminal:
            self._tell(time.monotonic())
            self._write("\n")

    def _tell(self, now: float) -> None:
        self._is_drawn = True
        rate = self.done / max(now - self._began, 1e-9)
        of = f"/{self._total}" if self._total else ""
        text = f"{self._zh} / {self._en} {self.done}{of}, {rate:.0f}/s"
        if not self._on_terminal:
            self._write(f"{text}\n")
            return
        bar = ""
        if self._total:
            filled = min(_WIDTH, _WIDTH * self.done // self._total)
            bar = f"[{'#' * filled}{'.' * (_WIDTH - filled)}] "
        self._write(f"\r{bar}{text}\x1b[K")  # and clear what a longer line left

    def _write(self, text: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        self._stream.flush()
