"""Whether the appearance of a field that was filled in shows just its value.

Decided only where it can be: plain text in a font that was there when the document was signed, or
in one of the standard fonts. Whatever else draws in there stays undecided. ISO 32000-1, 12.7.3.3.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from msb_seal.errors import PdfRefused
from msb_seal.pdf.found import as_text
from msb_seal.pdf.syntax import Name, Ref, Stream, read_value, skip_blank

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msb_seal.pdf.comparing import Comparison
    from msb_seal.pdf.found import Field
    from msb_seal.pdf.syntax import Dictionary, PdfValue

MAX_APPEARANCE_BYTES = 1_000_000
_QUIET: Final = frozenset(
    {
        *("q", "Q", "cm", "w", "re", "m", "l", "n", "W", "W*", "f", "f*", "S", "s", "h"),
        *("g", "rg", "k", "G", "RG", "K", "BT", "ET", "BMC", "BDC", "EMC"),
        *("Tf", "Tm", "Td", "TD", "T*", "TL", "Tc", "Tw", "Tz"),
    }
)
"""Operators that show nothing but boxes and lines of the field's ground, or set text up."""
_SHOWING: Final = frozenset({"Tj", "TJ", "'", '"'})
_STANDARD: Final = (
    *("Helvetica", "Helvetica-Bold", "Helvetica-Oblique", "Helvetica-BoldOblique"),
    *("Times-Roman", "Times-Bold", "Times-Italic", "Times-BoldItalic"),
    *("Courier", "Courier-Bold", "Courier-Oblique", "Courier-BoldOblique"),
)
_PLAIN_ENCODINGS: Final = ("WinAnsiEncoding", "StandardEncoding", "PDFDocEncoding")
_ENDS_WORD = b"\x00\t\n\x0c\r ()<>[]{}/%"


class Shown(Enum):
    """What an appearance shows."""

    VALUE = auto()
    OTHER = auto()
    UNKNOWN = auto()


def shows_value(comparison: Comparison, new: Field, *, old: PdfValue, widget: Dictionary) -> Shown:
    """Say whether a widget's normal appearance shows the field's value and nothing else.

    old: the widget as it was signed, whose fonts are known.
    """
    after = comparison.after
    value = after.resolve(new.value)
    appearances = after.dictionary(widget.get("AP"))
    stream = after.resolve(appearances.get("N"))
    if not isinstance(stream, Stream) or set(appearances) != {"N"} or not isinstance(value, bytes):
        return Shown.UNKNOWN
    try:
        content = after.file.decode(stream)
        if len(content) > MAX_APPEARANCE_BYTES:
            return Shown.UNKNOWN
        text, fonts = _shown_text(content)
    except PdfRefused:
        return Shown.UNKNOWN
    if text is None:
        return Shown.UNKNOWN
    resources = after.dictionary(stream.entries.get("Resources"))
    available = after.dictionary(resources.get("Font"))
    known = _known_fonts(comparison, old)
    if not all(_is_plain(comparison, available.get(font), known) for font in fonts):
        return Shown.UNKNOWN
    return Shown.VALUE if _bare(text) == _bare(as_text(value)) else Shown.OTHER


def _shown_text(content: bytes) -> tuple[str | None, set[str]]:
    """Give the text that is shown and the fonts of it; None where something else is drawn."""
    shown: list[bytes] = []
    fonts: set[str] = set()
    for operator, operands in _operations(content):
        if operator in _SHOWING:
            last = operands[-1] if operands else None
            parts = last if isinstance(last, list) else [last]
            shown += [part for part in parts if isinstance(part, bytes)]
        elif operator == "Tf":
            fonts |= {str(one) for one in operands if isinstance(one, Name)}
        elif operator not in _QUIET:
            return None, fonts
    text = b"".join(shown)
    # What is not ASCII depends on an encoding that is not looked into.
    return (text.decode("ascii") if text.isascii() else None), fonts


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


def _known_fonts(comparison: Comparison, old: PdfValue) -> set[Ref]:
    """Give the fonts that the form and the widget had when it was signed."""
    before = comparison.before
    form = before.dictionary(before.dictionary(before.catalog.get("AcroForm")).get("DR"))
    stream = before.dictionary(before.dictionary(before.dictionary(old).get("AP")).get("N"))
    found: set[Ref] = set()
    for resources in (form, before.dictionary(stream.get("Resources"))):
        fonts = before.dictionary(resources.get("Font")).values()
        found |= {font for font in fonts if isinstance(font, Ref)}
    return found


def _is_plain(comparison: Comparison, font: PdfValue, known: set[Ref]) -> bool:
    """Whether a font shows letters as what they are: one of the standard ones, or known before."""
    entries = comparison.after.dictionary(font)
    encoding = comparison.after.resolve(entries.get("Encoding"))
    if encoding is not None and encoding not in _PLAIN_ENCODINGS:
        return False
    if entries.get("Subtype") not in ("Type1", "TrueType"):
        return False
    if isinstance(font, Ref) and font in known and comparison.same(font, font):
        return True
    return entries.get("BaseFont") in _STANDARD and "FontDescriptor" not in entries


def _bare(text: str) -> str:
    return "".join(text.split())
