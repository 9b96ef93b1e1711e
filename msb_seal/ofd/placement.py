"""Where a seal goes on the pages of an OFD: places as StampAnnots (GB/T 33190-2016, clause 18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_seal.ofd.signature_xml import Stamp
from msb_seal.placement import place_seal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from msb_seal.placement import PageFrame, Place, TextPlace


def place_stamps(
    places: Sequence[Place],
    *,
    pages: Sequence[PageFrame],
    size_mm: tuple[float, float],
    find_text: Callable[[str], Sequence[TextPlace]],
) -> tuple[Stamp, ...]:
    """Give the StampAnnots of a seal; their ids count from 1. Raises as `place_seal` does."""
    found = place_seal(places, pages=pages, size_mm=size_mm, find_text=find_text)
    return tuple(
        Stamp(str(number), placed.page.id, placed.box, placed.clip)
        for number, placed in enumerate(found, 1)
    )
