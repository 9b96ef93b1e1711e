"""Whether the appearance of a field that was filled in shows just its value.

Decided only where it can be: lines of black text (written.py) in fonts that are only named
(known_fonts.py), within the field. Whatever else draws in there stays undecided. ISO 32000-1,
12.7.3.3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from msb_seal.errors import PdfRefused
from msb_seal.pdf.found import as_text
from msb_seal.pdf.known_fonts import read_codes
from msb_seal.pdf.syntax import DUPLICATE_KEY, Stream
from msb_seal.pdf.written import read_written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msb_seal.pdf.drawn.pages import Corners
    from msb_seal.pdf.found import Field
    from msb_seal.pdf.revisions import Revision
    from msb_seal.pdf.syntax import Dictionary, PdfValue
    from msb_seal.pdf.written import Line, Written

MAX_APPEARANCE_BYTES = 1_000_000
_CORNERS = 4
_FORM_ENTRIES: Final = frozenset(
    {"Type", "Subtype", "FormType", "BBox", "Matrix", "Resources", "Length", "Filter"}
)
_UPRIGHT: Final[tuple[list[float], ...]] = ([], [1, 0, 0, 1, 0, 0])
_ASCENT = 0.7
"""Of an em: how high letters rise."""
_UNDERLINED = 0.05
"""Of an em: so far above their foot a line to write on is none that they cover."""
_DRAWN_BY_READERS: Final = frozenset({"MK", "BS", "Border"})
"""Of a widget without a look: what readers draw all the same."""
_TOLERANCE = 0.5  # points
_LineOfText = tuple[str, float, float]
"""The text of a line, its width and its size at most, in points."""


class Shown(Enum):
    """What an appearance shows."""

    VALUE = auto()
    OTHER = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class Look:
    """What a widget's look shows of its field's value, and where: letters' boxes on the page."""

    shown: Shown
    letters: tuple[Corners, ...] = ()


def look_of(revision: Revision, field: Field, widget: Dictionary) -> Look:
    """Say whether a widget's normal appearance shows the field's value and nothing else."""
    appearances = revision.dictionary(widget.get("AP"))
    stream = revision.resolve(appearances.get("N"))
    wanted = _wanted(revision, field)
    if not isinstance(stream, Stream) or set(appearances) != {"N"} or wanted is None:
        return Look(Shown.UNKNOWN)
    try:
        content = revision.file.decode(stream)
        written = None if len(content) > MAX_APPEARANCE_BYTES else read_written(content)
        texts = None if written is None else _texts(revision, written, stream.entries)
    except PdfRefused:
        return Look(Shown.UNKNOWN)
    if written is None or texts is None:
        return Look(Shown.UNKNOWN)
    lines = [text for text, _, _ in texts]
    if not _says(lines, wanted):
        # The same letters with other gaps between them: nobody can tell what is meant.
        same = "".join("".join(lines).split()) == "".join(wanted.split())
        return Look(Shown.UNKNOWN if same else Shown.OTHER)
    if not lines:
        return Look(Shown.VALUE)
    if not _is_inside(revision, written, texts, stream.entries, widget):
        return Look(Shown.UNKNOWN)
    return Look(Shown.VALUE, tuple(_boxes(revision, written, texts, stream.entries, widget)))


def showed_value(before: Revision, field: Field, widget: Dictionary) -> Look:
    """Say whether a widget showed just its value before it was filled in, or nothing.

    What else it showed, or hid, would be changed with it.
    """
    value = before.resolve(field.value)
    if "AP" not in widget:
        bare = value in (None, b"") and not _DRAWN_BY_READERS & widget.keys()
        return Look(Shown.VALUE if bare else Shown.UNKNOWN)
    return look_of(before, replace(field, value=b"" if value is None else value), widget)


def _boxes(
    revision: Revision,
    written: Written,
    texts: list[_LineOfText],
    form: Dictionary,
    widget: Dictionary,
) -> Iterator[Corners]:
    """Give where on the page the letters of each line stand, above the line."""
    left, bottom = _numbers(revision, form.get("BBox"))[:2]
    across, up = _numbers(revision, widget.get("Rect"))[:2]
    for line, (text, width, size) in zip(written.lines, texts, strict=True):
        if text.strip():
            x, y = across + line.x - left, up + line.y - bottom
            yield x, y + size * _UNDERLINED, x + width, y + size * _ASCENT


def _wanted(after: Revision, new: Field) -> str | None:
    """Give the text that a field's value is to be shown as; of a choice, that of its option."""
    value = after.resolve(new.value)
    if not isinstance(value, bytes):
        return None
    for option in after.array(new.entries.get("Opt")):
        pair = [after.resolve(one) for one in after.array(option)]
        if len(pair) == 2 and pair[0] == value:  # noqa: PLR2004 - what is exported, and shown
            return as_text(pair[1])
    return as_text(value)


def _texts(after: Revision, written: Written, form: Dictionary) -> list[_LineOfText] | None:
    """Give what each line says; None where that is not certain."""
    resources = after.dictionary(form.get("Resources"))
    fonts = after.dictionary(resources.get("Font"))
    if resources.keys() - {"Font", "ProcSet"} or DUPLICATE_KEY in fonts:
        return None
    found = []
    for line in written.lines:
        text, width = "", 0.0
        for run in line.runs:
            read = read_codes(after, fonts.get(run.font), run.codes)
            if read is None:
                return None
            text, width = text + read[0], width + read[1] * run.size
        found.append((text, width + line.moved, max(run.size for run in line.runs)))
    return found


def _says(lines: list[str], wanted: str) -> bool:
    """Whether lines, one below the other, are the text; a line ends at a blank or a Han character.

    Another break could make two numbers of one.
    """
    left = wanted.replace("\r\n", "\n").strip()
    for index, line in enumerate(lines):
        text = line.strip()
        if not left.startswith(text):
            return False
        rest = left[len(text) :]
        left = rest.lstrip()
        is_cut = left and rest == left and index + 1 < len(lines)
        if is_cut and (text[-1:] + left[:1]).isascii():
            return False
    return not left


def _is_inside(
    after: Revision,
    written: Written,
    texts: list[_LineOfText],
    form: Dictionary,
    widget: Dictionary,
) -> bool:
    """Whether all lines are seen whole: in a form that fills the widget as it is."""
    if form.keys() - _FORM_ENTRIES or "OC" in widget:
        return False
    box, place = (_numbers(after, one) for one in (form.get("BBox"), widget.get("Rect")))
    if len(box) != _CORNERS or len(place) != _CORNERS:
        return False
    width, height = box[2] - box[0], box[3] - box[1]
    fills = abs(width - place[2] + place[0]) < 1 and abs(height - place[3] + place[1]) < 1
    upright = _numbers(after, form.get("Matrix")) in _UPRIGHT
    clip = written.clip or box
    seen = [*(max(one) for one in zip(box[:2], clip[:2], strict=True))]
    seen += (min(one) for one in zip(box[2:], clip[2:], strict=True))
    lines = zip(written.lines, texts, strict=True)
    return fills and upright and all(_fits(line, text, seen) for line, text in lines)


def _fits(line: Line, text: _LineOfText, seen: list[float]) -> bool:
    _, width, size = text
    return (
        seen[0] - _TOLERANCE <= line.x <= seen[2] + _TOLERANCE - width
        and seen[1] - _TOLERANCE <= line.y <= seen[3] + _TOLERANCE - size * _ASCENT
    )


def _numbers(after: Revision, value: PdfValue) -> list[float]:
    values = [after.resolve(one) for one in after.array(value)]
    return [one for one in values if isinstance(one, int | float)]
