"""Pictures of seals with no signature behind them (没有签名的印章图片).

A red seal that is only drawn, or pasted as an image, looks like a sealed document and proves
nothing. Pages that can show red at all are drawn small; the places of signatures are left out; what
is red, as large as a seal and neither a line of text nor a red area is told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pypdfium2
from PIL import ImageChops, ImageDraw

from msb_seal.drawing.png import one_at_a_time
from msb_seal.errors import PdfRefused
from msb_seal.pdf.syntax import Ref, Stream

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from PIL.Image import Image

    from msb_seal.pdf.revisions import Revision
    from msb_seal.pdf.syntax import Dictionary, PdfValue

MAX_DRAWN_PAGES = 20
MAX_RESOURCES = 2_000
MAX_IMAGE_PIXELS = 60_000_000
MAX_PAGE_PIXELS = 4_000_000
_POINTS_PER_MM = 72 / 25.4
_PIXELS_PER_MM, _CELL_PIXELS = 2, 4
_MM_PER_CELL = _CELL_PIXELS / _PIXELS_PER_MM
_REDNESS = 60  # of 255: how far red stands out over green and blue
_CELL_RED = 13  # of 255: a stroke of 0.2 mm through a cell of 2 mm
_MIN_MM, _MAX_MM, _MAX_STRETCH = 14, 66, 2.2
_MIN_FULL, _MAX_FULL = 0.04, 0.9
# Reds as RGB and CMYK, and what names its colour elsewhere.
_RED_PAINT = re.compile(
    rb"(?<![\w.])(?:(?:0?\.[5-9]\d*|1(?:\.0*)?)(?:\s+(?:0?\.[0-4]\d*|0(?:\.0*)?)){2}\s+(?:rg|RG|sc|SC)"
    rb"|(?:0?\.[0-4]\d*|0(?:\.0*)?)(?:\s+(?:0?\.[4-9]\d*|1(?:\.0*)?)){2}\s+[\d.]+\s+[kK])\b"
    rb"|\b(?:scn|SCN|sh)\b"
)
_MARGIN_POINTS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page, in points of the page's own system."""

    left: float
    bottom: float
    right: float
    top: float


def find_red_seals(
    data: bytes, *, pages: Sequence[int], signed: Mapping[int, Collection[Box]]
) -> list[str]:
    """Draw those pages (numbers from 0) and say where something looks like a seal.

    signed: per page, where signatures show themselves. Raises PdfRefused if they cannot be drawn.
    """
    found = []
    with one_at_a_time:
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            code = "unsupported"
            raise PdfRefused(code, "页面无法绘制", f"the pages cannot be drawn: {error}") from error
        try:
            count = len(document)
            for number in pages[:MAX_DRAWN_PAGES]:
                if number < count:
                    picture = _draw(document, number, signed.get(number, ()))
                    found += [f"page {number + 1}: {one}" for one in _seals(picture)]
        except pypdfium2.PdfiumError as error:
            code = "unsupported"
            raise PdfRefused(code, "页面无法绘制", f"a page cannot be drawn: {error}") from error
        finally:
            document.close()
    return found


def _draw(document: pypdfium2.PdfDocument, number: int, signed: Collection[Box]) -> Image:
    """Draw a page with its annotations, and white where signatures are."""
    page = document[number]
    scale = _PIXELS_PER_MM / _POINTS_PER_MM
    width, height = page.get_size()
    if not 0 < width * height * scale * scale <= MAX_PAGE_PIXELS:
        code = "limit"
        raise PdfRefused(code, "页面过大", "a page is too large to be drawn")
    bitmap = page.render(scale=scale, may_draw_forms=False)
    picture: Image = bitmap.to_pil().convert("RGB")
    places = bitmap.get_posconv(page)
    for box in signed:
        corners = [
            places.to_bitmap(x, y)
            for x, y in (
                (box.left - _MARGIN_POINTS, box.bottom - _MARGIN_POINTS),
                (box.right + _MARGIN_POINTS, box.top + _MARGIN_POINTS),
            )
        ]
        (x1, y1), (x2, y2) = corners
        whole = (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
        ImageDraw.Draw(picture).rectangle(whole, fill="white")
    page.close()
    return picture


def _seals(picture: Image) -> Iterator[str]:
    """Find connected red things as large as seals; give their sizes."""
    red, green, blue = picture.split()
    stands_out = ImageChops.subtract(red, ImageChops.lighter(green, blue))
    mask = stands_out.point(lambda value: 255 if value > _REDNESS else 0)
    cells = mask.reduce(_CELL_PIXELS)
    width, _ = cells.size
    values = cells.tobytes()
    left = {index for index, value in enumerate(values) if value >= _CELL_RED}
    while left:
        blob = _take_blob(left, width)
        columns, rows = [one % width for one in blob], [one // width for one in blob]
        across = (max(columns) - min(columns) + 1) * _MM_PER_CELL
        down = (max(rows) - min(rows) + 1) * _MM_PER_CELL
        if min(across, down) < _MIN_MM or max(across, down) > _MAX_MM:
            continue
        area = across * down / _MM_PER_CELL**2 * 255
        full = sum(values[one] for one in blob) / area
        if max(across, down) <= _MAX_STRETCH * min(across, down) and _MIN_FULL <= full <= _MAX_FULL:
            yield f"{across:.0f} × {down:.0f} mm"


def _take_blob(left: set[int], width: int) -> list[int]:
    """Take one connected group of cells out of those that are left."""
    waiting, blob = [left.pop()], []
    while waiting:
        cell = waiting.pop()
        blob.append(cell)
        for row in (-width, 0, width):
            for column in (-1, 0, 1):
                beside = cell + row + column
                if beside in left and abs(beside % width - cell % width) <= 1:
                    left.discard(beside)
                    waiting.append(beside)
    return blob


def can_show_red(revision: Revision, page: Dictionary) -> bool:
    """Whether a page paints with red or with images at all, by what its streams say.

    True also where that cannot be read. PdfRefused where its images are too large to be drawn.
    """
    contents = page.get("Contents")
    listed = revision.resolve(contents)
    streams: list[PdfValue] = list(listed) if isinstance(listed, list) else [contents]
    streams += _appearances(revision, page)
    seen: set[Ref] = set()
    resources: list[PdfValue] = [_inherited(revision, page, "Resources")]
    for _ in range(MAX_RESOURCES):
        if streams:
            stream = revision.resolve(streams.pop())
            if isinstance(stream, Stream) and _paints_red(revision, stream):
                return True
            if isinstance(stream, Stream):
                resources.append(stream.entries.get("Resources"))
        elif resources:
            given = revision.dictionary(resources.pop())
            for value in revision.dictionary(given.get("XObject")).values():
                if isinstance(value, Ref) and value not in seen:
                    seen.add(value)
                    streams.append(value)
            if given.get("Pattern") or given.get("Shading"):
                return True
        else:
            return False
    return True


def _paints_red(revision: Revision, stream: Stream) -> bool:
    entries = stream.entries
    if entries.get("Subtype") == "Image":
        sides = [revision.resolve(entries.get(key)) for key in ("Width", "Height")]
        pixels = [side for side in sides if isinstance(side, int)]
        if len(pixels) == 2 and pixels[0] * pixels[1] > MAX_IMAGE_PIXELS:  # noqa: PLR2004 - both sides
            code = "limit"
            raise PdfRefused(code, "图片过大", "an image is too large to be drawn")
        return entries.get("ColorSpace") not in ("DeviceGray", "G")
    try:
        return _RED_PAINT.search(revision.file.decode(stream)) is not None
    except PdfRefused:
        return True


def _appearances(revision: Revision, page: Dictionary) -> list[PdfValue]:
    """Give what annotations show that are no form's."""
    found: list[PdfValue] = []
    for value in revision.array(page.get("Annots"))[:MAX_RESOURCES]:
        annotation = revision.dictionary(value)
        if annotation.get("Subtype") != "Widget":
            found.append(revision.dictionary(annotation.get("AP")).get("N"))
    return found


def _inherited(revision: Revision, page: Dictionary, key: str) -> PdfValue:
    node = page
    for _ in range(64):
        if key in node:
            return node[key]
        node = revision.dictionary(node.get("Parent"))
    return None
