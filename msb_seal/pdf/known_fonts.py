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
    from collections.abc import Iterator, Mapping

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
_EM_WIDTH = 1_000
_MIN_NARROW, _MIN_WIDTH = 200, 400
"""Thousandths of an em: letters of less would lie over each other. Han characters fill it."""
_NARROW: Final = " !\"'()*,-./:;<=>?I[\\]`fijlrst{|}"
_LATIN: Final = range(1, 96)
"""Of Adobe-GB1: the glyphs of ASCII from the blank on, as wide as each font has them."""
_HALF_WIDE: Final = range(814, 940)
_MARKS: Final = frozenset("·×°—–…‘’“”\u3000、。〃々〇〈〉《》「」『』【】〔〕〖〗￥")
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
    if not all(map(_is_common, text)):
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
        and after.resolve(font.get("DW", _EM_WIDTH)) == _EM_WIDTH
        and all(map(_is_wide_enough, _widths(after, font.get("W"))))
    )


def _is_common(letter: str) -> bool:
    """Whether it is a letter, digit, mark or Han character that every such font draws as itself.

    Not what strikes out or covers others: combining marks, blocks and lines; nor what is drawn
    elsewhere than it is read, or not at all.
    """
    is_latin = " " <= letter <= "~" or "\uff01" <= letter <= "\uff5e"
    is_han = "\u3400" <= letter <= "\u4db5" or "\u4e00" <= letter <= "\u9fa5"
    return is_latin or is_han or letter in _MARKS


def _widths(after: Revision, value: PdfValue) -> Iterator[tuple[range, PdfValue]]:
    """Give what /W says of which glyphs (9.7.4.3): `c [w …]` and `first last w`."""
    left = [after.resolve(one) for one in reversed(after.array(value))]
    while left:
        first, second = left.pop(), left.pop() if left else None
        if not isinstance(first, int):
            yield range(0), None
        elif isinstance(second, list):
            for glyph, width in enumerate(second, first):
                yield range(glyph, glyph + 1), after.resolve(width)
        else:
            last = second if isinstance(second, int) else first
            yield range(first, last + 1), left.pop() if left else None


def _is_wide_enough(given: tuple[range, PdfValue]) -> bool:
    """Whether glyphs have a width at which they stand beside each other, and not far apart."""
    glyphs, width = given
    if isinstance(width, bool) or not isinstance(width, int | float) or not glyphs:
        return False
    if glyphs[0] in _LATIN and glyphs[-1] in _LATIN:
        letters = [chr(glyph - _LATIN[0] + ord(" ")) for glyph in glyphs]
        least = _MIN_NARROW if all(one in _NARROW for one in letters) else _MIN_WIDTH
    else:
        is_half = glyphs[0] in _HALF_WIDE and glyphs[-1] in _HALF_WIDE
        least = _EM_WIDTH // 2 if is_half else _EM_WIDTH
    return least <= width <= _EM_WIDTH
