"""Whether what was put on a page hides what it showed before.

A seal may lie over text: it must stay legible. Judged by contrast in small cells: where ink stood
out from paper before, it must still do so after, in some colour. A seal multiplied over the page
leaves black text as it was; an opaque box leaves nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import ImageChops, ImageStat

from msb_seal.pdf.drawn.pages import Corners, draw, in_picture, opened, remove_annotations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL.Image import Image

MAX_PAGES = 200
_PIXELS_PER_MM, _CELL_PIXELS = 3, 6
_MIN_CONTRAST = 40  # of 255, in any colour: what can be read
_KEPT = 0.3
_MIN_INK = 3  # pixels of a cell
_PAPER = 150  # of 255: how light what black letters are read on is
_COLORED, _ALIKE = 128, 60
"""Of 255: how bright ink of a colour is in it, and how far two that are alike may differ."""
_Edges = tuple[int, int, int, int]


def find_hidden(
    data: bytes,
    *,
    before: int,
    places: Mapping[str, Sequence[Corners]],
    seals: Mapping[str, Sequence[Corners]],
) -> list[str]:
    """Say of which pages something can no longer be read, as "page: hidden cells of all".

    before: how many of the bytes were the earlier file. places: by a page's number, from 0, the
    rectangles that something new is in; seals: those where earlier signatures show themselves.
    Raises PdfRefused if the pages cannot be drawn.
    """
    found = []
    with opened(data[:before]) as first, opened(data) as second:
        for number, boxes in list(places.items())[:MAX_PAGES]:
            if int(number) >= min(len(first), len(second)):
                continue
            old, where = draw(first, int(number), _PIXELS_PER_MM)
            new, _ = draw(second, int(number), _PIXELS_PER_MM)
            cells = {cell for box in boxes for cell in _cells(in_picture(where, box), old)}
            inked = [cell for cell in sorted(cells) if _inks(old.crop(cell))]
            sealed = [in_picture(where, box) for box in seals.get(number, ())]
            hidden = [
                cell
                for cell in inked
                if _is_hidden(old.crop(cell), new.crop(cell), may_merge=_meets(cell, sealed))
            ]
            if hidden:
                found.append(f"{int(number) + 1}:{len(hidden)}:{len(inked)}")
    return found


def find_overwritten(
    data: bytes,
    *,
    before: int,
    counts: Mapping[str, int],
    asked: Mapping[str, Sequence[tuple[int, bool, Corners]]],
) -> list[str]:
    """Say which pages show something under what was filled in.

    before: as for find_hidden. counts: how many annotations pages have. asked: by a page's number,
    from 0: the place of a widget among the page's annotations, whether it shows a mark, and the
    rectangle of its letters or mark.
    Raises PdfRefused if the pages cannot be drawn.
    """
    found = []
    pages = list(asked.items())[:MAX_PAGES]
    without = opened(data, with_forms=False)
    with opened(data[:before]) as first, opened(data) as second, without as third:
        for key, filled in pages:
            places = sorted({index for index, _, _ in filled})
            remove_annotations(third, int(key), counts[key], places)
        third.init_forms()
        for key, filled in pages:
            number = int(key)
            bare, where = draw(third, number, _PIXELS_PER_MM)
            letters = [in_picture(where, box) for _, is_mark, box in filled if not is_mark]
            marks = [in_picture(where, box) for _, is_mark, box in filled if is_mark]
            inside = [(x1 + 3, y1 + 3, x2 - 3, y2 - 3) for x1, y1, x2, y2 in marks]
            cells = {cell for box in marks for cell in _cells(box, bare)}
            inked = [cell for cell in cells if _inks(bare.crop(cell))]
            looks = [draw(one, number, _PIXELS_PER_MM)[0] for one in (first, second) if inked]
            if not all(_is_bare(bare, box) for box in (*letters, *inside)) or any(
                _is_hidden(bare.crop(cell), look.crop(cell), may_merge=False)
                for look in looks
                for cell in inked
            ):
                found.append(str(number + 1))
    return found


def _is_bare(picture: Image, box: Sequence[int]) -> bool:
    """Whether a place is light paper with nothing on it."""
    left, top, right, bottom = box
    part = picture.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
    return _ends(part.convert("L").histogram())[0] >= _PAPER and not _inks(part)


def _cells(box: _Edges, picture: Image) -> list[_Edges]:
    left, top, right, bottom = box
    side = _CELL_PIXELS
    return [
        (x, y, x + side, y + side)
        for x in range(max(0, left // side * side), min(right + 1, picture.width), side)
        for y in range(max(0, top // side * side), min(bottom + 1, picture.height), side)
    ]


def _inks(cell: Image) -> list[Image]:
    """Give the colours (red, green, blue) in which something stands out."""
    return [one for one in cell.split() if _stands_out(one)]


def _stands_out(color: Image) -> bool:
    """Whether there is something dark on something light, or the other way round."""
    counts = color.histogram()
    low, high = _ends(counts)
    return high - low >= _MIN_CONTRAST and sum(counts[: (low + high) // 2 + 1]) >= _MIN_INK


def _meets(cell: _Edges, boxes: Sequence[_Edges]) -> bool:
    left, top, right, bottom = cell
    return any(left < x2 and x1 < right and top < y2 and y1 < bottom for x1, y1, x2, y2 in boxes)


def _is_hidden(old: Image, new: Image, *, may_merge: bool) -> bool:
    """Whether ink of a cell no longer stands out in any colour.

    may_merge: red over red leaves nothing to tell apart, and is what seals over seals do: there,
    coloured ink may be lost in its own colour. Black ink stands out from coloured too.
    """
    if may_merge and _has_black(old) and not _is_kept(_brightest(old), new):
        return True
    return any(
        not _is_kept(one, new) and not (may_merge and _has_merged(one, old, new))
        for one in _inks(old)
    )


def _has_black(cell: Image) -> bool:
    """Whether ink stands out that is dark in every colour."""
    bright = _brightest(cell)
    ink = _parts(bright)[0]
    return _stands_out(bright) and max(ImageStat.Stat(cell, ink).mean) < _COLORED - _ALIKE / 2


def _brightest(cell: Image) -> Image:
    """Give for each pixel the most that it has of any colour: little for black, much for red."""
    red, green, blue = cell.split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)


def _parts(color: Image) -> tuple[Image, Image]:
    """Give masks of what is ink in one colour and of what is paper."""
    middle = sum(_ends(color.histogram())) // 2
    ink = color.point(lambda value: 255 if value <= middle else 0)
    return ink, ImageChops.invert(ink)


def _is_kept(color: Image, new: Image) -> bool:
    """Whether what was ink in one colour can be told from its paper in some colour."""
    ink, paper = _parts(color)
    stood_out = ImageStat.Stat(color, paper).mean[0] - ImageStat.Stat(color, ink).mean[0]
    wanted = max(_MIN_CONTRAST / 2, _KEPT * stood_out)
    on_ink, on_paper = (ImageStat.Stat(new, part).mean for part in (ink, paper))
    return max(abs(two - one) for one, two in zip(on_ink, on_paper, strict=True)) >= wanted


def _has_merged(color: Image, old: Image, new: Image) -> bool:
    """Whether ink of some colour, and the paper around it, now have that colour."""
    ink, paper = _parts(color)
    was = ImageStat.Stat(old, ink).mean
    ends = (was.index(max(was)), was.index(min(was)))
    return max(was) >= _COLORED and all(
        abs(ImageStat.Stat(new, part).mean[band] - was[band]) <= _ALIKE
        for part in (ink, paper)
        for band in ends
    )


def _ends(counts: list[int]) -> tuple[int, int]:
    """Give the darkest and the lightest grey that there is."""
    found = [grey for grey, count in enumerate(counts) if count]
    return min(found), max(found)
