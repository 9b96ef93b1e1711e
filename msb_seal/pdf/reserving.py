"""Empty signature fields that wait for a later seal (预留签名域).

What is certified takes no new field that shows: whoever is to seal after the certifying signature
needs a field made before it (ISO 32000-1 section 12.8.2.2).
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from msb_seal.pdf.fields import add_empty_field
from msb_seal.pdf.opening import open_update, reading, refuse_forbidden, refused
from msb_seal.pdf.pages import read_pages
from msb_seal.pdf.texts import find_text
from msb_seal.placement import MAX_MM, place_seal

if TYPE_CHECKING:
    from msb_seal.placement import At, AtKeyword


def reserve_field(
    data: bytes, *, name: str, place: At | AtKeyword, size_mm: tuple[float, float]
) -> bytes:
    """Add an empty signature field to a PDF, in one more update.

    name: what it is called, without dots. place: where it stands, as a seal of that size would.

    SealingRefused as `prepare_pdf` does; `field-name` for a name that is taken, or is none.
    """
    if not all(0 < length <= MAX_MM for length in size_mm):
        raise refused("off-the-page", "大小有误", "a field needs a size")
    writer = open_update(data)
    with reading():
        refuse_forbidden(writer, adds_to_pages=True)
        pages = read_pages(writer)
        placed = place_seal(
            [place],
            pages=[page.frame(index) for index, page in enumerate(pages)],
            size_mm=size_mm,
            find_text=lambda text: find_text(data, text, pages),
        )
        if len(placed) != 1:
            raise refused("no-place", "签名域只有一个位置", "a field stands at one place")
        page = pages[int(placed[0].page.id)]
        add_empty_field(writer, page, page.to_user_space(placed[0].box), name)
        output = io.BytesIO()
        writer.write(output)
    return output.getvalue()
