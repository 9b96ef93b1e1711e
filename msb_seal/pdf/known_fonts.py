"""What codes show in fonts that are not embedded, where that is certain.

Of an embedded font nothing is: its program, its own table of characters (cmap) and /ToUnicode are
the word of whoever filled the form in, and glyph "1" may draw a nine. A font that is only named is
drawn by the reader's own, so that the encoding decides: the standard fonts (ISO 32000-1, 9.6.2.2),
and Chinese ones whose encoding is Unicode itself (9.7.5.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msb_seal.pdf.syntax import Stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msb_seal.pdf.revisions import Revision
    from msb_seal.pdf.syntax import Dictionary, PdfValue

_SIMPLE: Final = frozenset({"Type", "Subtype", "BaseFont", "Encoding", "Name"})
_PLAIN_ENCODINGS: Final = (None, "WinAnsiEncoding", "StandardEncoding")
_COMPOSITE: Final = frozenset(
    {"Type", "Subtype", "BaseFont", "Encoding", "Name", "DescendantFonts"}
)
_DESCENDANT: Final = frozenset(
    {"Type", "Subtype", "BaseFont", "CIDSystemInfo", "FontDescriptor", "DW", "W"}
)
_PROGRAMS: Final = frozenset({"FontFile", "FontFile2", "FontFile3", "CIDSet"})
_UNICODE: Final = frozenset({"UniGB-UCS2-H", "UniGB-UTF16-H"})
"""Predefined CMaps for Adobe-GB1 whose codes are UTF-16."""
_CHINESE: Final = frozenset(
    {
        *("STSong-Light", "STSongStd-Light", "AdobeSongStd-Light", "AdobeHeitiStd-Regular"),
        *("AdobeKaitiStd-Regular", "AdobeFangsongStd-Regular", "STSong", "STHeiti", "STKaiti"),
        *(
            "STFangsong",
            "STXihei",
            "SimSun",
            "NSimSun",
            "SimHei",
            "KaiTi",
            "FangSong",
            "KaiTi_GB2312",
        ),
        *("FangSong_GB2312", "MicrosoftYaHei", "SimSun-ExtB"),
    }
)
_MIN_WIDTH, _MAX_WIDTH = 200, 1_000
"""Thousandths of an em: narrower letters would lie over each other."""
_FAMILIES: Final[Mapping[str, float]] = {"Helvetica": 1, "Times": 1.16}
_COURIER_EM = 0.6
_STANDARD: Final = frozenset(
    {
        *("Helvetica", "Helvetica-Bold", "Helvetica-Oblique", "Helvetica-BoldOblique"),
        *("Times-Roman", "Times-Bold", "Times-Italic", "Times-BoldItalic"),
        *("Courier", "Courier-Bold", "Courier-Oblique", "Courier-BoldOblique"),
    }
)
_EM: Final[Mapping[str, int]] = {
    letter: width
    for width, letters in (
        (278, " ,./\\Iijl|'"),
        (333, "!()-:;[]`ft"),
        (389, "*r{}"),
        (556, "#$0123456789Jacekosvxy_"),
        (611, '?FLTZbdghnpquz"^~+<=>'),
        (667, "EPSVXY"),
        (722, "&ABCDHKNRU"),
        (778, "GOQw"),
        (833, "M"),
        (889, "%m"),
        (975, "@W"),
    )
    for letter in letters
}
"""No letter of Helvetica-Bold is wider (Adobe's metrics); of Times by a sixth."""


def read_codes(after: Revision, font: PdfValue, codes: bytes) -> tuple[str, float] | None:
    """Give what codes show in a font, and how many em wide at most; None where it is not certain.

    PdfRefused where the font cannot be read.
    """
    entries = after.dictionary(font)
    if entries.get("Subtype") == "Type0":
        return _chinese(codes) if _is_named_chinese(after, entries) else None
    if not _is_standard(after, entries) or not codes.isascii():
        return None  # what is not ASCII depends on an encoding that is not looked into
    text = codes.decode("ascii")
    if any(letter not in _EM for letter in text):
        return None
    family = str(entries["BaseFont"]).partition("-")[0]
    if family == "Courier":
        return text, _COURIER_EM * len(text)
    return text, _FAMILIES[family] * sum(_EM[letter] for letter in text) / 1000


def _is_standard(after: Revision, entries: Dictionary) -> bool:
    return (
        not entries.keys() - _SIMPLE
        and entries.get("Subtype") in ("Type1", "TrueType")
        and entries.get("BaseFont") in _STANDARD
        and after.resolve(entries.get("Encoding")) in _PLAIN_ENCODINGS
    )


def _chinese(codes: bytes) -> tuple[str, float] | None:
    try:
        text = codes.decode("utf-16-be")
    except UnicodeDecodeError:
        return None
    if not all(letter.isprintable() for letter in text):
        return None
    return text, float(len(text))


def _is_named_chinese(after: Revision, entries: Dictionary) -> bool:
    """Whether a composite font is a Chinese one that is only named, and read as Unicode."""
    encoding = after.resolve(entries.get("Encoding"))
    below = after.array(entries.get("DescendantFonts"))
    if entries.keys() - _COMPOSITE or encoding not in _UNICODE or len(below) != 1:
        return False
    font = after.dictionary(below[0])
    system = after.dictionary(font.get("CIDSystemInfo"))
    descriptor = after.resolve(font.get("FontDescriptor"))
    return (
        not font.keys() - _DESCENDANT
        and font.get("Subtype") in ("CIDFontType0", "CIDFontType2")
        and font.get("BaseFont") in _CHINESE
        and (system.get("Registry"), system.get("Ordering")) == (b"Adobe", b"GB1")
        and not isinstance(descriptor, Stream)
        and not after.dictionary(descriptor).keys() & _PROGRAMS
        and _are_common(after, [font.get("DW", _MAX_WIDTH)], least=450)
        and _are_common(after, _widths(after, font.get("W")), least=_MIN_WIDTH)
    )


def _widths(after: Revision, value: PdfValue) -> list[PdfValue]:
    """Give the widths out of /W (9.7.4.3): `c [w …]` and `first last w`."""
    found: list[PdfValue] = []
    left = [after.resolve(one) for one in reversed(after.array(value))]
    while left:
        left.pop()
        second = left.pop() if left else None
        if isinstance(second, list):
            found += second
        else:
            found.append(left.pop() if left else None)
    return found


def _are_common(after: Revision, widths: list[PdfValue], *, least: int) -> bool:
    values = [after.resolve(one) for one in widths]
    return all(isinstance(one, int | float) and least <= one <= _MAX_WIDTH for one in values)
