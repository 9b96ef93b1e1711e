"""TimestampSource: whatever gives a time-stamp for some bytes.

A time-stamp authority over HTTP (http.py), or one at hand (authority.py).
"""

from __future__ import annotations

from typing import Protocol


class TimestampSource(Protocol):
    """Gives time-stamp tokens."""

    def stamp(self, data: bytes) -> bytes:
        """Give the DER of a token over `data`; TimestampRefused where none can be had."""
