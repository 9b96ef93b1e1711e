"""Empty signature fields that wait for a later seal (预留签名域).

What is certified takes no new field that shows: whoever is to seal after the certifying signature
needs a field made before it (ISO 32000-1 section 12.8.2.2).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from pyhanko.pdf_utils.generic import NumberObject, pdf_name
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec

from msb_seal.pdf.fields import add_empty_field
from msb_seal.pdf.opening import open_update, reading, refuse_forbidden, refused
from msb_seal.pdf.pages import read_pages
from msb_seal.pdf.texts import find_text
from msb_seal.placement import MAX_MM, place_seal

if TYPE_CHECKING:
    from msb_seal.placement import At, AtKeyword


class Locked(Enum):
    """Which fields a signature locks (ISO 32000-1 table 233)."""

    ALL = "all"
    ONLY = "only"
    EXCEPT = "except"


_ACTIONS = {
    Locked.ALL: FieldMDPAction.ALL,
    Locked.ONLY: FieldMDPAction.INCLUDE,
    Locked.EXCEPT: FieldMDPAction.EXCLUDE,
}


@dataclass(frozen=True, slots=True)
class FieldLock:
    """What may not change any more once a field is signed: all fields, some, or all but some.

    final: nothing at all may change (/P 1, ISO 32000-2), as after `PdfOptions.final`.
    """

    locked: Locked = Locked.ALL
    fields: tuple[str, ...] = ()
    final: bool = False

    def __post_init__(self) -> None:
        """Refuse names where all are locked, and none where some are."""
        if (self.locked is Locked.ALL) == bool(self.fields) or (self.final and self.fields):
            raise refused("lock", "锁定的域有误", "a lock names fields unless it locks them all")


def reserve_field(
    data: bytes,
    *,
    name: str,
    place: At | AtKeyword,
    size_mm: tuple[float, float],
    lock: FieldLock | None = None,
) -> bytes:
    """Add an empty signature field to a PDF, in one more update.

    name: what it is called, without dots. place: where it stands, as a seal of that size would.
    lock: what its signature will lock.

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
        rectangle = page.to_user_space(placed[0].box)
        add_empty_field(writer, page, rectangle, name, lock=lock_dictionary(lock))
        output = io.BytesIO()
        writer.write(output)
    return output.getvalue()


def lock_dictionary(lock: FieldLock | None) -> Any:  # noqa: ANN401 - pyHanko has no types
    """Write a lock as pyHanko has it (SigFieldLock); None for none."""
    if lock is None:
        return None
    written = FieldMDPSpec(_ACTIONS[lock.locked], list(lock.fields)).as_sig_field_lock()
    if lock.final:
        written[pdf_name("/P")] = NumberObject(1)
    return written
