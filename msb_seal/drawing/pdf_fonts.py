"""A font of a PDF: a subset embedded as a composite font (ISO 32000-1 section 9.7)."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fontTools.ttLib import TTFont

from msb_seal.drawing.fontfile import PreparedFont
from msb_seal.drawing.numbers import shortest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msb_seal.drawing.fonts import Font

_RANGES_AT_ONCE = 100  # 9.10.3 with the CMap specification's limit for one bfchar section
_STEM_WEIGHT = 80  # asked for, used only where a font is replaced; ours is embedded
_SYMBOLIC = 4  # Table 123, bit 3: its characters are beyond Latin


@dataclass(frozen=True, slots=True)
class FontObjects:
    """The parts of one font in a PDF; `codes` and `widths` (thousandths of em) by character."""

    base_name: str
    descriptor: str = field(repr=False)
    descendant: str = field(repr=False)
    program: bytes = field(repr=False)
    to_unicode: bytes = field(repr=False)
    codes: Mapping[str, int] = field(repr=False)
    widths: Mapping[str, float] = field(repr=False)


def font_objects(font: Font, text: str) -> FontObjects:
    """Prepare a font for the characters of a text; DrawingRefused where it lacks one."""
    characters = sorted(set(text))
    data = PreparedFont(font).subset(characters)
    # A CID-keyed font whose nth character, in their order, is glyph and CID n (9.7.4.2).
    codes = {character: code for code, character in enumerate(characters, 1)}
    widths = {character: font.advance(character) * 1000 for character in codes}
    tag = "".join(chr(65 + byte % 26) for byte in hashlib.sha256(data).digest()[:6])
    name = f"{tag}+{font.name}"
    array = " ".join(f"{code} [{shortest(widths[one])}]" for one, code in codes.items())
    return FontObjects(
        base_name=name,
        descriptor=_descriptor(font, name),
        descendant=(
            f"/Type /Font /Subtype /CIDFontType0 /BaseFont /{name} /CIDSystemInfo"
            f" << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>"
            f" /DW 1000 /W [{array}]"
        ),
        program=TTFont(io.BytesIO(data), lazy=True).getTableData("CFF "),
        to_unicode=_to_unicode(codes),
        codes=codes,
        widths=widths,
    )


def _descriptor(font: Font, name: str) -> str:
    ascent, descent = shortest(font.ascent * 1000), shortest(-font.descent * 1000)
    return (
        f"/Type /FontDescriptor /FontName /{name} /Flags {_SYMBOLIC} /ItalicAngle 0"
        f" /FontBBox [-1000 {descent} 2000 {ascent}] /Ascent {ascent} /Descent {descent}"
        f" /CapHeight {ascent} /StemV {_STEM_WEIGHT}"
    )


def _to_unicode(codes: Mapping[str, int]) -> bytes:
    lines = [
        f"<{code:04X}> <{character.encode('utf-16-be').hex().upper()}>"
        for character, code in sorted(codes.items(), key=lambda item: item[1])
    ]
    sections = []
    for start in range(0, len(lines), _RANGES_AT_ONCE):
        some = lines[start : start + _RANGES_AT_ONCE]
        sections.append(f"{len(some)} beginbfchar\n" + "\n".join(some) + "\nendbfchar\n")
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
        f"{''.join(sections)}"
        "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    ).encode()
