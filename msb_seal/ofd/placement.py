"""Where a seal goes on the pages: at millimetres, at a keyword, or over an edge (骑缝章).

Pure geometry: a place and the pages give the boxes of StampAnnot. The page's origin is its upper
left corner, y runs downwards (GB/T 33190-2016 7.1.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, Protocol

from msb_seal.errors import SealingRefused
from msb_seal.ofd.boxes import MAX_MM, Box
from msb_seal.ofd.signature_xml import MAX_STAMPS, Stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Edge = Literal["left", "right", "top", "bottom"]
LEAST_SLICE_MM = 1.0
"""A thinner slice of a straddling seal could not be told from a scratch."""


@dataclass(frozen=True, slots=True)
class PageFrame:
    """A page as placing needs it: its ID in Document.xml and its size."""

    id: str
    width_mm: float
    height_mm: float


class FoundText(Protocol):
    """Where a keyword stands: the page counted from 1, and the box of the words in mm."""

    @property
    def page(self) -> int:
        """The page, counted from 1."""

    @property
    def x_mm(self) -> float:
        """The left edge."""

    @property
    def y_mm(self) -> float:
        """The upper edge."""

    @property
    def width_mm(self) -> float:
        """The width."""

    @property
    def height_mm(self) -> float:
        """The height."""


@dataclass(frozen=True, slots=True)
class At:
    """On one page (counted from 1), the picture's upper left corner at x and y."""

    page: int
    x_mm: float
    y_mm: float


@dataclass(frozen=True, slots=True)
class AtKeyword:
    """Over the middle of a text: its nth occurrence from the front (1), or from the end (-1)."""

    text: str
    nth: int = 1


@dataclass(frozen=True, slots=True)
class Straddle:
    """Over an edge of all pages, each with a slice (骑缝章).

    offset_mm: from the page's upper (left) end to the picture; None puts it in the middle.
    margin_mm: between the slice and the edge. Pages too many for slices of LEAST_SLICE_MM are
    shared out evenly among several whole seals.
    """

    edge: Edge = "right"
    offset_mm: float | None = None
    margin_mm: float = 0.0


Place = At | AtKeyword | Straddle


def place_stamps(
    places: Sequence[Place],
    *,
    pages: Sequence[PageFrame],
    size_mm: tuple[float, float],
    find_text: Callable[[str], Sequence[FoundText]],
) -> tuple[Stamp, ...]:
    """Give the StampAnnots of a seal; their ids count from 1.

    size_mm: width and height of the seal's picture. find_text: where a keyword stands. Raises
    SealingRefused with the code `no-place`, `no-such-page`, `keyword-not-found`, `off-the-page`,
    `too-few-pages` or `too-many-stamps`.
    """
    if not places:
        raise _refused("no-place", "未指定盖章位置", "no place is named for the seal")
    found: list[tuple[PageFrame, Box, Box | None]] = []
    for place in places:
        if isinstance(place, Straddle):
            found += _straddle(place, pages, size_mm)
        else:
            found.append(_on_page(place, pages, size_mm, find_text))
    if len(found) > MAX_STAMPS:
        raise _refused("too-many-stamps", "盖章处过多", "too many places for one seal")
    return tuple(
        Stamp(str(number), page.id, box, clip) for number, (page, box, clip) in enumerate(found, 1)
    )


def _on_page(
    place: At | AtKeyword,
    pages: Sequence[PageFrame],
    size_mm: tuple[float, float],
    find_text: Callable[[str], Sequence[FoundText]],
) -> tuple[PageFrame, Box, None]:
    width, height = size_mm
    if isinstance(place, At):
        page, box = _page(pages, place.page), Box(place.x_mm, place.y_mm, width, height)
    else:
        text = _occurrence(place, find_text(place.text) if place.text else ())
        page = _page(pages, text.page)
        x = text.x_mm + (text.width_mm - width) / 2
        y = text.y_mm + (text.height_mm - height) / 2
        # A keyword near an edge would push half the seal off the paper.
        x = max(0.0, min(x, page.width_mm - width))
        y = max(0.0, min(y, page.height_mm - height))
        box = Box(x, y, width, height)
    if not (-width < box.x_mm < page.width_mm and -height < box.y_mm < page.height_mm):
        raise _refused("off-the-page", "印章不在页面上", "the seal would not touch the page")
    return page, box, None


def _occurrence(place: AtKeyword, found: Sequence[FoundText]) -> FoundText:
    index = place.nth - 1 if place.nth > 0 else place.nth
    if place.nth == 0 or not -len(found) <= index < len(found):
        raise _refused(
            "keyword-not-found",
            f"未找到关键字，或出现次数不足（{len(found)}处）",
            f"the keyword does not stand there, or not that often ({len(found)} found)",
        )
    return found[index]


def _page(pages: Sequence[PageFrame], number: int) -> PageFrame:
    if not 1 <= number <= len(pages):
        raise _refused(
            "no-such-page",
            f"没有第{number}页（共{len(pages)}页）",
            f"there is no page {number} of {len(pages)}",
        )
    return pages[number - 1]


def _straddle(
    place: Straddle, pages: Sequence[PageFrame], size_mm: tuple[float, float]
) -> list[tuple[PageFrame, Box, Box]]:
    if len(pages) < 2:  # noqa: PLR2004 - an edge that one page has with nobody
        raise _refused("too-few-pages", "骑缝章至少需要两页", "a straddling seal needs two pages")
    if not 0 <= place.margin_mm <= MAX_MM:
        raise _refused("off-the-page", "页边距有误", "the margin is negative or too large")
    along = 0 if place.edge in {"left", "right"} else 1
    most = max(2, int(size_mm[along] / LEAST_SLICE_MM))
    count = -(-len(pages) // most)
    bounds = [len(pages) * group // count for group in range(count + 1)]
    return [
        (page, *_slice(place, page, index, end - start, size_mm))
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


def _refused(code: str, zh: str, en: str) -> SealingRefused:
    return SealingRefused(code, zh, en)
