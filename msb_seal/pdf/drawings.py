"""What is asked about a file's pages as they are drawn, within bounds for the whole file."""

from __future__ import annotations

import time
from typing import Any

from msb_seal.errors import PdfRefused
from msb_seal.pdf.drawn.asking import ask

MAX_SECONDS = 30
"""For all that verification asks of one file, by the clock; what is left stays undecided."""


class Drawings:
    """Asks the process that draws (drawn/asking.py), each question once."""

    def __init__(self) -> None:
        """Begin to count the time."""
        self._until = time.monotonic() + MAX_SECONDS
        self._known: dict[str, list[str]] = {}

    def ask(self, task: str, data: bytes, **given: Any) -> list[str]:  # noqa: ANN401 - as there
        """Have a task done on the beginning of the file that `data` is, as `asking.ask` does.

        PdfRefused where that takes too much, or has done so before.
        """
        key = repr((task, len(data), given))
        if key not in self._known:
            if time.monotonic() >= self._until:
                code = "limit"
                raise PdfRefused(code, "耗时过长", f"drawing took more than {MAX_SECONDS} s")
            self._known[key] = ask(task, data, **given)
        return self._known[key]
