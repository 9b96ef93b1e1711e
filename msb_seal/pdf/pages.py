"""The pages of a PDF as they are seen: CropBox, /Rotate and /UserUnit taken into account.

A seen page has its origin in the upper left corner and is measured in mm; user space is in points
with y upwards (ISO 32000-1 sections 7.7.3, 8.3.2 and 14.11.2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from msb_seal.pdf.opening import entry, refused
from msb_seal.placement import Box, PageFrame

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_PAGES = 10_000
MAX_TREE_NODES = 4 * MAX_PAGES
POINTS_PER_MM = 72 / 25.4
_LETTER = (0.0, 0.0, 612.0, 792.0)
_INHERITED = ("/MediaBox", "/CropBox", "/Rotate")
_CORNERS = 4

Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class PdfPage:
    """One page: its object, the visible rectangle in user space, and how it is turned.

    rotation: 0, 90, 180 or 270 degrees clockwise. unit: points of 1/72 inch per user space unit.
    """

    reference: Any = field(repr=False)
    visible: Rectangle
    rotation: int
    unit: float

    @property
    def scale(self) -> float:
        """User space units per mm."""
        return POINTS_PER_MM / self.unit

    def frame(self, index: int) -> PageFrame:
        """Give the page as placing needs it."""
        left, bottom, right, top = self.visible
        width, height = (right - left) / self.scale, (top - bottom) / self.scale
        if self.rotation % 180:
            width, height = height, width
        return PageFrame(str(index), width, height)

    def to_user_space(self, box: Box) -> Rectangle:
        """Give a seen box as a rectangle of user space: left, bottom, right, top."""
        x0, y0 = self._user(box.x_mm, box.y_mm)
        x1, y1 = self._user(box.x_mm + box.width_mm, box.y_mm + box.height_mm)
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)

    def to_seen(self, rectangle: Rectangle) -> Box:
        """Give a rectangle of user space as a seen box."""
        x0, y0 = self._seen(*rectangle[:2])
        x1, y1 = self._seen(*rectangle[2:])
        return Box(min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0))

    def _user(self, x_mm: float, y_mm: float) -> tuple[float, float]:
        left, bottom, right, top = self.visible
        x, y = x_mm * self.scale, y_mm * self.scale
        return {
            0: (left + x, top - y),
            90: (left + y, bottom + x),
            180: (right - x, bottom + y),
            270: (right - y, top - x),
        }[self.rotation]

    def _seen(self, x: float, y: float) -> tuple[float, float]:
        left, bottom, right, top = self.visible
        across, down = {
            0: (x - left, top - y),
            90: (y - bottom, x - left),
            180: (right - x, y - bottom),
            270: (top - y, right - x),
        }[self.rotation]
        return across / self.scale, down / self.scale


def read_pages(handler: Any) -> list[PdfPage]:  # noqa: ANN401 - pyHanko has no types
    """Give the pages in their order; `handler` is pyHanko's reader or writer.

    SealingRefused for more than MAX_PAGES; a page tree with a circle in it, too.
    """
    pages: list[PdfPage] = []
    waiting: list[tuple[Any, dict[str, Any]]] = [(handler.root.raw_get("/Pages"), {})]
    seen = set()
    while waiting:
        reference, inherited = waiting.pop()
        if reference.reference in seen:
            zh, en = "页面树有误", "the page tree names a node twice"
            raise refused("unreadable-pdf", zh, en)
        seen.add(reference.reference)
        if len(pages) >= MAX_PAGES or len(seen) > MAX_TREE_NODES:
            raise refused("too-many-pages", "页数过多", f"more than {MAX_PAGES} pages")
        node = reference.get_object()
        known = {**inherited, **{name: node[name] for name in _INHERITED if name in node}}
        if "/Kids" in node:
            waiting += [(kid, known) for kid in reversed(list(node["/Kids"]))]
        else:
            pages.append(_page(reference, node, known))
    return pages


def _page(reference: Any, node: Any, known: dict[str, Any]) -> PdfPage:  # noqa: ANN401 - as above
    return make_page(
        reference,
        media=_corners(known.get("/MediaBox")),
        crop=_corners(known.get("/CropBox")),
        rotation=int(known.get("/Rotate", 0)),
        unit=float(entry(node, "/UserUnit", 1)),
    )


def make_page(
    reference: Any,  # noqa: ANN401 - as above
    *,
    media: Sequence[float],
    crop: Sequence[float],
    rotation: int,
    unit: float,
) -> PdfPage:
    """Make a page of what its entries say; boxes that are none are passed over."""
    whole = _rectangle(media) or _LETTER
    shown = _rectangle(crop) or whole
    visible = (*map(max, whole[:2], shown[:2]), *map(min, whole[2:], shown[2:]))
    if not (visible[0] < visible[2] and visible[1] < visible[3]):
        visible = whole
    return PdfPage(
        reference,
        (visible[0], visible[1], visible[2], visible[3]),
        rotation // 90 * 90 % 360,
        unit if math.isfinite(unit) and unit > 0 else 1.0,
    )


def _corners(value: Any) -> list[float]:  # noqa: ANN401 - as above
    """Read the numbers of a rectangle; none for anything else."""
    try:
        return [float(number.get_object()) for number in value]
    except (AttributeError, TypeError, ValueError):
        return []


def _rectangle(found: Sequence[float]) -> Rectangle | None:
    """Read a rectangle, whose corners may be any two opposite ones; None for anything else."""
    if len(found) != _CORNERS or not all(map(math.isfinite, found)):
        return None
    x0, y0, x1, y1 = found
    rectangle = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
    return rectangle if rectangle[0] < rectangle[2] and rectangle[1] < rectangle[3] else None
