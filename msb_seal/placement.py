"""Where a seal goes on the pages: at millimetres, at a keyword, or over an edge (骑缝章).

Pure geometry, the same for OFD and PDF: places and pages give boxes. The origin is the upper left
corner of a page as a reader sees it, y runs downwards (as GB/T 33190-2016 7.1.3 has it).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from msb_seal.errors import SealingRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Edge = Literal["left", "right", "top", "bottom"]
MAX_MM = 1_000_000.0
MAX_STAMPS = 5_000
"""So often one seal may show in one document."""
LEAST_SLICE_MM = 1.0
"""A thinner slice of a straddling seal could not be told from a scratch."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: its upper left corner, its width and its height, in mm."""

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float

    def __str__(self) -> str:
        """Write it as OFD does (ST_Box, 7.1.4): four numbers without needless zeros."""
        return " ".join(
            _number(value) for value in (self.x_mm, self.y_mm, self.width_mm, self.height_mm)
        )


@dataclass(frozen=True, slots=True)
class PageFrame:
    """A page as placing needs it: its ID in the document and its size as it is seen."""

    id: str
    width_mm: float
    height_mm: float


@dataclass(frozen=True, slots=True)
class TextPlace:
    """Where a text stands: the page counted from 1, and its box in mm as the page is seen."""

    page: int
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float


@dataclass(frozen=True, slots=True)
class At:
    """On one page, the picture's upper left corner at x and y.

    page: counted from 1, or from the end with a minus: -1 is the last one.
    """

    page: int
    x_mm: float
    y_mm: float


@dataclass(frozen=True, slots=True)
class OnEveryPage:
    """On every page, the picture's upper left corner at x and y."""

    x_mm: float
    y_mm: float


@dataclass(frozen=True, slots=True)
class AtKeyword:
    """Over the middle of a text: its nth occurrence from the front (1), or from the end (-1).

    nth: None for every occurrence. dx_mm, dy_mm: moved to the right and downwards by so much.
    """

    text: str
    nth: int | None = 1
    dx_mm: float = 0.0
    dy_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class Straddle:
    """Over an edge of all pages, each with a slice (骑缝章).

    offset_mm: from the page's upper (left) end to the picture; None puts it in the middle.
    margin_mm: between the slice and the edge. pages_per_seal: how many pages share one whole seal,
    at least 2; None for all of them. Pages too many for slices of LEAST_SLICE_MM are shared out
    evenly among several whole seals.
    """

    edge: Edge = "right"
    offset_mm: float | None = None
    margin_mm: float = 0.0
    pages_per_seal: int | None = None


Place = At | OnEveryPage | AtKeyword | Straddle


@dataclass(frozen=True, slots=True)
class Placed:
    """One showing of a seal: the page, the whole picture's box, and the part that shows.

    clip: relative to the box's own corner; None shows the whole picture.
    """

    page: PageFrame
    box: Box
    clip: Box | None = None


def place_seal(
    places: Sequence[Place],
    *,
    pages: Sequence[PageFrame],
    size_mm: tuple[float, float],
    find_text: Callable[[str], Sequence[TextPlace]],
) -> tuple[Placed, ...]:
    """Give where a seal shows.

    size_mm: width and height of the seal's picture. find_text: where a keyword stands. Raises
    SealingRefused with the code `no-place`, `no-such-page`, `keyword-not-found`, `off-the-page`,
    `too-few-pages` or `too-many-stamps`.
    """
    if not places:
        raise _refused("no-place", "未指定盖章位置", "no place is named for the seal")
    found: list[Placed] = []
    for place in places:
        match place:
            case Straddle():
                found += _straddle(place, pages, size_mm)
            case AtKeyword():
                found += _at_keyword(place, pages, size_mm, find_text)
            case OnEveryPage():
                box = Box(place.x_mm, place.y_mm, *size_mm)
                found += [_on(page, box) for page in pages]
            case At():
                found.append(_on(_page(pages, place.page), Box(place.x_mm, place.y_mm, *size_mm)))
    if len(found) > MAX_STAMPS:
        raise _refused("too-many-stamps", "盖章处过多", "too many places for one seal")
    return tuple(found)


def _on(page: PageFrame, box: Box) -> Placed:
    across = -box.width_mm < box.x_mm < page.width_mm
    if not (across and -box.height_mm < box.y_mm < page.height_mm):
        raise _refused("off-the-page", "印章不在页面上", "the seal would not touch the page")
    return Placed(page, box)


def _at_keyword(
    place: AtKeyword,
    pages: Sequence[PageFrame],
    size_mm: tuple[float, float],
    find_text: Callable[[str], Sequence[TextPlace]],
) -> list[Placed]:
    if not (math.isfinite(place.dx_mm) and math.isfinite(place.dy_mm)):
        raise _refused("off-the-page", "偏移有误", "the offset is no number")
    width, height = size_mm
    found = []
    for text in _occurrences(place, find_text(place.text) if place.text else ()):
        page = _page(pages, text.page)
        x = text.x_mm + (text.width_mm - width) / 2 + place.dx_mm
        y = text.y_mm + (text.height_mm - height) / 2 + place.dy_mm
        # A keyword near an edge would push half the seal off the paper.
        x = max(0.0, min(x, page.width_mm - width))
        y = max(0.0, min(y, page.height_mm - height))
        found.append(_on(page, Box(x, y, width, height)))
    return found


def _occurrences(place: AtKeyword, found: Sequence[TextPlace]) -> Sequence[TextPlace]:
    if place.nth is None and found:
        return found
    nth = place.nth or 0
    index = nth - 1 if nth > 0 else nth
    if nth == 0 or not -len(found) <= index < len(found):
        raise _refused(
            "keyword-not-found",
            f"未找到关键字，或出现次数不足（{len(found)}处）",
            f"the keyword does not stand there, or not that often ({len(found)} found)",
        )
    return [found[index]]


def _page(pages: Sequence[PageFrame], number: int) -> PageFrame:
    try:
        if number:
            # Without asking how many there are: a batch finds one page without reading all.
            return pages[number - 1 if number > 0 else number]
    except IndexError:
        pass
    raise _refused(
        "no-such-page",
        f"没有第{number}页（共{len(pages)}页）",
        f"there is no page {number} of {len(pages)}",
    )


def _straddle(
    place: Straddle, pages: Sequence[PageFrame], size_mm: tuple[float, float]
) -> list[Placed]:
    if len(pages) < 2:  # noqa: PLR2004 - an edge that one page has with nobody
        raise _refused("too-few-pages", "骑缝章至少需要两页", "a straddling seal needs two pages")
    if not 0 <= place.margin_mm <= MAX_MM:
        raise _refused("off-the-page", "页边距有误", "the margin is negative or too large")
    if place.pages_per_seal is not None and place.pages_per_seal < 2:  # noqa: PLR2004 - as above
        raise _refused("too-few-pages", "每枚骑缝章至少跨两页", "each seal straddles two pages")
    along = 0 if place.edge in {"left", "right"} else 1
    most = min(max(2, int(size_mm[along] / LEAST_SLICE_MM)), place.pages_per_seal or len(pages))
    # Evenly, so that no last page is left with a whole seal of its own.
    count = min(-(-len(pages) // most), len(pages) // 2)
    bounds = [len(pages) * group // count for group in range(count + 1)]
    return [
        Placed(page, *_slice(place, page, index, end - start, size_mm))
        for start, end in pairwise(bounds)
        for index, page in enumerate(pages[start:end])
    ]


def _slice(
    place: Straddle, page: PageFrame, index: int, count: int, size_mm: tuple[float, float]
) -> tuple[Box, Box]:
    """Give the whole picture's box on this page, and the part of it that shows.

    Fanned out over the right or lower edge, the first page lies to the left or above and so takes
    the picture's first slice; over the left or upper edge it takes the last one.
    """
    width, height = size_mm
    across = place.edge in {"left", "right"}
    length, page_length = (width, page.width_mm) if across else (height, page.height_mm)
    part = length / count
    if place.edge in {"right", "bottom"}:
        number = index
        start = page_length - place.margin_mm - part * (number + 1)
    else:
        number = count - 1 - index
        start = place.margin_mm - part * number
    room, side = (page.height_mm, height) if across else (page.width_mm, width)
    other = (room - side) / 2 if place.offset_mm is None else place.offset_mm
    if not -side < other < room:
        raise _refused("off-the-page", "印章不在页面上", "the seal would not touch the page")
    if across:
        return Box(start, other, width, height), Box(part * number, 0, part, height)
    return Box(other, start, width, height), Box(0, part * number, width, part)


def _number(value: float) -> str:
    written = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if written == "-0" else written


def _refused(code: str, zh: str, en: str) -> SealingRefused:
    return SealingRefused(code, zh, en)
