"""Pictures of seals with no signature behind them (没有签名的印章图片).

A red seal that is only drawn, or pasted as an image, looks like a sealed document and proves
nothing. Pages that can show red at all are drawn small; the places of signatures are left out; what
is red, as large as a seal and neither a line of text nor a red area is told.
"""

from __future__ import annotations

import re
import zlib
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
MAX_UNPACKED_BYTES = 100_000_000
"""Of all streams together of a file whose pages are drawn."""
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
MAX_THINGS = 200
_MIN_LETTER_CELLS = 3
_MAX_LETTERS_APART, _LINE_STRETCH = 0.6, 4
"""Of their height: how far letters of a heading stand apart, and how long their line is."""
# Reds as RGB and CMYK, and what names its colour elsewhere.
_RED_PAINT = re.compile(
    rb"(?<![\w.])(?:(?:0?\.[5-9]\d*|1(?:\.0*)?)(?:\s+(?:0?\.[0-4]\d*|0(?:\.0*)?)){2}\s+(?:rg|RG|sc|SC)"
    rb"|(?:0?\.[0-4]\d*|0(?:\.0*)?)(?:\s+(?:0?\.[4-9]\d*|1(?:\.0*)?)){2}\s+[\d.]+\s+[kK])\b"
    rb"|\b(?:scn|SCN|sh)\b"
)
_MARGIN_POINTS: Final = 2.0
_STREAM_START = re.compile(rb"(?<!end)stream\r?\n")
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page, in points of the page's own system."""

    left: float
    bottom: float
    right: float
    top: float


def find_red_seals(
    data: bytes, *, pages: Sequence[int], signed: Mapping[int, Collection[Box]], with_forms: bool
) -> list[str]:
    """Draw those pages (numbers from 0) and say where something looks like a seal.

    signed: per page, where signatures show themselves. with_forms: draw fields too. Raises
    PdfRefused if they cannot be drawn.
    """
    _refuse_bombs(data)
    found = []
    with one_at_a_time:
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            code = "unsupported"
            raise PdfRefused(code, "页面无法绘制", f"the pages cannot be drawn: {error}") from error
        try:
            if with_forms:
                document.init_forms()
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


def _refuse_bombs(data: bytes) -> None:
    """Refuse a file whose streams grow without measure: pdfium unpacks what it meets, unasked.

    What is packed twice cannot be measured from outside, and no honest writer does it.
    """
    left = MAX_UNPACKED_BYTES
    for start in _STREAM_START.finditer(data):
        unpacker, at = zlib.decompressobj(), start.end()
        first = b""
        try:
            while not unpacker.eof and (unpacker.unconsumed_tail or at < len(data)):
                given = unpacker.unconsumed_tail
                if not given:
                    given, at = data[at : at + _PIECE], at + _PIECE
                unpacked = unpacker.decompress(given, _PIECE)
                first = first or unpacked[:2]
                left -= len(unpacked)
                if left < 0 or _is_packed(first):
                    code = "limit"
                    raise PdfRefused(code, "解压后过大", "packed data grows beyond the limit")
        except zlib.error:
            continue  # packed in another way, or not at all


def _is_packed(start: bytes) -> bool:
    """Whether unpacked data begin like packed ones (RFC 1950 section 2.2)."""
    return len(start) > 1 and start[0] == 0x78 and int.from_bytes(start) % 31 == 0  # noqa: PLR2004


def _draw(document: pypdfium2.PdfDocument, number: int, signed: Collection[Box]) -> Image:
    """Draw a page with its annotations, and white where signatures are."""
    page = document[number]
    scale = _PIXELS_PER_MM / _POINTS_PER_MM
    width, height = page.get_size()
    if not 0 < width * height * scale * scale <= MAX_PAGE_PIXELS:
        code = "limit"
        raise PdfRefused(code, "页面过大", "a page is too large to be drawn")
    bitmap = page.render(scale=scale)
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


@dataclass(frozen=True, slots=True)
class _Thing:
    """Something red and connected: where it is and how large, in cells, and how full of red."""

    left: int
    top: int
    width: int
    height: int
    full: float

    def is_seal(self) -> bool:
        """Whether it has the size and the shape of a seal."""
        across, down = self.width * _MM_PER_CELL, self.height * _MM_PER_CELL
        return (
            _MIN_MM <= min(across, down) <= max(across, down) <= _MAX_MM
            and max(across, down) <= _MAX_STRETCH * min(across, down)
            and _MIN_FULL <= self.full <= _MAX_FULL
        )

    def is_in_line_with(self, other: _Thing) -> bool:
        """Whether both might be letters of one line."""
        apart = max(self.left, other.left) - min(self.left + self.width, other.left + other.width)
        return (
            abs(self.top + self.height / 2 - other.top - other.height / 2) < self.height / 4
            and abs(self.height - other.height) < self.height / 3
            and apart < _MAX_LETTERS_APART * self.height
        )


def _seals(picture: Image) -> Iterator[str]:
    """Find connected red things as large as seals; give their sizes."""
    things = [one for one in _things(picture) if one.height >= _MIN_LETTER_CELLS]
    for thing in things[:MAX_THINGS]:
        if thing.is_seal() and not _is_in_heading(thing, things[:MAX_THINGS]):
            yield f"{thing.width * _MM_PER_CELL:.0f} × {thing.height * _MM_PER_CELL:.0f} mm"


def _is_in_heading(thing: _Thing, things: Sequence[_Thing]) -> bool:
    """Whether it is part of a long line of red letters (红头)."""
    line, waiting = {thing}, [thing]
    while waiting:
        here = waiting.pop()
        beside = [one for one in things if one not in line and one.is_in_line_with(here)]
        line.update(beside)
        waiting += beside
    width = max(one.left + one.width for one in line) - min(one.left for one in line)
    return width >= _LINE_STRETCH * max(one.height for one in line)


def _things(picture: Image) -> Iterator[_Thing]:
    red, green, blue = picture.split()
    stands_out = ImageChops.subtract(red, ImageChops.lighter(green, blue))
    mask = stands_out.point(lambda value: 255 if value > _REDNESS else 0)
    cells = mask.reduce(_CELL_PIXELS)
    columns, values = cells.size[0], cells.tobytes()
    left = {index for index, value in enumerate(values) if value >= _CELL_RED}
    while left:
        blob = _take_blob(left, columns)
        x, y = [one % columns for one in blob], [one // columns for one in blob]
        width, height = max(x) - min(x) + 1, max(y) - min(y) + 1
        full = sum(values[one] for one in blob) / (width * height * 255)
        yield _Thing(min(x), min(y), width, height, full)


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


def can_show_red(revision: Revision, page: Dictionary, *, signed: Collection[Ref]) -> bool:
    """Whether a page paints with red or with images at all, by what its streams say.

    signed: the widgets of signatures, which are not looked at. True also where that cannot be read.
    PdfRefused where its images are too large to be drawn.
    """
    contents = page.get("Contents")
    listed = revision.resolve(contents)
    streams: list[PdfValue] = list(listed) if isinstance(listed, list) else [contents]
    streams += _appearances(revision, page, signed)
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


def _appearances(revision: Revision, page: Dictionary, signed: Collection[Ref]) -> list[PdfValue]:
    """Give what annotations show, but for those of signatures; a button has several looks."""
    found: list[PdfValue] = []
    for value in revision.array(page.get("Annots"))[:MAX_RESOURCES]:
        if not isinstance(value, Ref) or value not in signed:
            look = revision.dictionary(revision.dictionary(value).get("AP")).get("N")
            states = revision.resolve(look)
            found += states.values() if isinstance(states, dict) else [look]
    return found


def has_fields(revision: Revision, page: Dictionary, *, signed: Collection[Ref]) -> bool:
    """Whether fields other than those of signatures show something on a page."""
    annotations = [
        revision.dictionary(value)
        for value in revision.array(page.get("Annots"))[:MAX_RESOURCES]
        if not isinstance(value, Ref) or value not in signed
    ]
    return any(one.get("Subtype") == "Widget" and "AP" in one for one in annotations)


def _inherited(revision: Revision, page: Dictionary, key: str) -> PdfValue:
    node = page
    for _ in range(64):
        if key in node:
            return node[key]
        node = revision.dictionary(node.get("Parent"))
    return None
