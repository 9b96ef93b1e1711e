"""Whether the appearance of a field that was filled in shows just its value.

Decided only where it can be: one line of black text in one of the standard fonts, within the field.
Whatever else draws in there stays undecided. ISO 32000-1, 12.7.3.3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice
from typing import TYPE_CHECKING, Final

from msb_seal.errors import PdfRefused
from msb_seal.pdf.found import as_text
from msb_seal.pdf.syntax import DUPLICATE_KEY, Name, Stream, read_value, skip_blank

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msb_seal.pdf.found import Field
    from msb_seal.pdf.revisions import Revision
    from msb_seal.pdf.syntax import Dictionary, PdfValue

MAX_APPEARANCE_BYTES = 1_000_000
_MAX_OPERATIONS = 20
_CORNERS = 4
_AROUND: Final = re.compile(
    r"(?:BMC )?(?:q )?(?:r?g )?BT (?:r?g )?Tf (?:r?g )?Td Tj ET (?:Q )?(?:EMC )?"
)
"""The operators of one line of text; whatever else is drawn could cover it or show more."""
_FORM_ENTRIES: Final = frozenset(
    {"Type", "Subtype", "FormType", "BBox", "Matrix", "Resources", "Length", "Filter"}
)
_FONT_ENTRIES: Final = frozenset({"Type", "Subtype", "BaseFont", "Encoding", "Name"})
_UPRIGHT: Final[tuple[list[int], ...]] = ([], [1, 0, 0, 1, 0, 0])
_SIZES: Final = (4, 24)
"""In points: smaller text may not be seen, larger may be cut off."""
_NARROW: Final = frozenset("0123456789abcdefghijklnopqrstuvxyz .,-")
_NARROW_EM, _WIDE_EM = 0.62, 1.02
"""No letter of the standard fonts is wider."""
_STANDARD: Final = (
    *("Helvetica", "Helvetica-Bold", "Helvetica-Oblique", "Helvetica-BoldOblique"),
    *("Times-Roman", "Times-Bold", "Times-Italic", "Times-BoldItalic"),
    *("Courier", "Courier-Bold", "Courier-Oblique", "Courier-BoldOblique"),
)
_PLAIN_ENCODINGS: Final = (None, "WinAnsiEncoding", "StandardEncoding")
_ENDS_WORD = b"\x00\t\n\x0c\r ()<>[]{}/%"


class Shown(Enum):
    """What an appearance shows."""

    VALUE = auto()
    OTHER = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of black text: its font's name, its size and where it begins, in points."""

    text: str
    font: str
    size: float
    x: float
    y: float


def shows_value(after: Revision, new: Field, widget: Dictionary) -> Shown:
    """Say whether a widget's normal appearance shows the field's value and nothing else."""
    value = after.resolve(new.value)
    appearances = after.dictionary(widget.get("AP"))
    stream = after.resolve(appearances.get("N"))
    if not isinstance(stream, Stream) or set(appearances) != {"N"} or not isinstance(value, bytes):
        return Shown.UNKNOWN
    try:
        content = after.file.decode(stream)
        line = None if len(content) > MAX_APPEARANCE_BYTES else _one_line(content)
    except PdfRefused:
        return Shown.UNKNOWN
    if line is None:
        return Shown.UNKNOWN
    if line.text.strip() != as_text(value).strip():
        return Shown.OTHER
    resources = after.dictionary(stream.entries.get("Resources"))
    fonts = after.dictionary(resources.get("Font"))
    plain = resources.keys() <= {"Font", "ProcSet"} and _is_plain(after, fonts.get(line.font))
    seen = plain and _is_inside(after, line, stream.entries, widget)
    return Shown.VALUE if seen and DUPLICATE_KEY not in fonts else Shown.UNKNOWN


def _one_line(content: bytes) -> _Line | None:
    """Read an appearance that is one line of black text; None where it is anything else."""
    operations = list(islice(_operations(content), _MAX_OPERATIONS))
    by_name = dict(operations)
    if not _AROUND.fullmatch("".join(f"{operator} " for operator, _ in operations)):
        return None
    if any(any(values) for operator, values in operations if operator in ("g", "rg")):
        return None
    match (by_name["Tf"], by_name["Td"], by_name["Tj"]):
        case (
            [Name() as font, int() | float() as size],
            [int() | float() as x, int() | float() as y],
            [bytes() as text],
        ) if text.isascii():
            # What is not ASCII depends on an encoding that is not looked into.
            return _Line(text.decode("ascii"), str(font), size, x, y)
    return None


def _is_inside(after: Revision, line: _Line, form: Dictionary, widget: Dictionary) -> bool:
    """Whether a line is seen whole: of common size, in a form that fills the widget as it is."""
    if form.keys() - _FORM_ENTRIES or "OC" in widget:
        return False
    box, place = (_numbers(after, one) for one in (form.get("BBox"), widget.get("Rect")))
    if len(box) != _CORNERS or len(place) != _CORNERS:
        return False
    width, height = box[2] - box[0], box[3] - box[1]
    fills = abs(width - place[2] + place[0]) < 1 and abs(height - place[3] + place[1]) < 1
    upright = _numbers(after, form.get("Matrix")) in _UPRIGHT
    em = sum(_NARROW_EM if one in _NARROW else _WIDE_EM for one in line.text)
    return (
        fills
        and upright
        and _SIZES[0] <= line.size <= _SIZES[1]
        and box[0] <= line.x <= box[2] - em * line.size
        and box[1] <= line.y <= box[3] - line.size * 0.7
    )


def _numbers(after: Revision, value: PdfValue) -> list[float]:
    values = [after.resolve(one) for one in after.array(value)]
    return [one for one in values if isinstance(one, int | float)]


def _operations(content: bytes) -> Iterator[tuple[str, list[PdfValue]]]:
    operands: list[PdfValue] = []
    position = skip_blank(content, 0)
    while position < len(content):
        first = content[position : position + 1]
        if first.isalpha() or first in (b"'", b'"'):
            end = position
            while end < len(content) and content[end] not in _ENDS_WORD:
                end += 1
            word = content[position:end].decode("latin-1")
            position = end
            if word in ("true", "false", "null"):
                operands.append(None)
            else:
                yield word, operands
                operands = []
        else:
            value, position = read_value(content, position)
            operands.append(value)
        position = skip_blank(content, position)


def _is_plain(after: Revision, font: PdfValue) -> bool:
    """Whether a font is a standard one, which shows letters as what they are."""
    entries = after.dictionary(font)
    return (
        not entries.keys() - _FONT_ENTRIES
        and entries.get("Subtype") in ("Type1", "TrueType")
        and entries.get("BaseFont") in _STANDARD
        and after.resolve(entries.get("Encoding")) in _PLAIN_ENCODINGS
    )
