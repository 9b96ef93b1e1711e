"""OpenType files of just the characters that a document shows, put together in microseconds.

Cutting a subset with fontTools takes half a second, and which characters a row of a batch needs is
known only when the row comes. So each glyph's program is made once, when its character is first
seen, and a font file is the programs of its characters in a row with the few tables around them:
smaller than one subset for a whole batch, and no character need be known beforehand. Fonts from
TrueType outlines become CFF as well. Sources: ISO/IEC 14496-22; Adobe Technical Notes 5176, 5177.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from fontTools.pens.t2CharStringPen import T2CharStringPen

from msb_seal.drawing.fonts import Font

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path as FilePath

_NO_GLYPH = b"\x0e"  # .notdef: `endchar` alone, of the default width
_LAST_OF_PLANE_0 = 0xFFFF
_OS2 = struct.Struct(">HhHHH11h10s4L4sHHHhhhHHLLhhHHH")
_HEAD = struct.Struct(">LLLLHHqqhhhhHHhhh")
_HHEA = struct.Struct(">HHhhhHhhhhhh4hhH")
_CHECKSUM_MAGIC = 0xB1B0AFBA
_HEAD_MAGIC = 0x5F0F3CF5
_FIXED_ONE = 0x00010000
_CHARSET, _SELECTION, _CHARSTRINGS, _FONTS = b"\x0f", b"\x0c\x25", b"\x11", b"\x0c\x24"
_KEPT_FONTS = 16
_MADE = 3_660_681_600  # 2020-01-01 in seconds since 1904: the same file every time


@dataclass(frozen=True, slots=True)
class _Glyph:
    """A Type 2 charstring without subroutines, and the advance in font units."""

    program: bytes = field(repr=False)
    advance: int


class PreparedFont:
    """One font whose glyphs are kept as they will stand in documents.

    name: what documents call it, which is what a reader looks for if it does not load the file.
    font: the whole one. ascent: from the top of a line to its base line, in em. Safe for several
    threads.
    """

    def __init__(self, font: Font, *, name: str = "") -> None:
        """Prepare a font; no glyph is made yet."""
        self.font = font
        self.name = name or font.family
        self._units = font.units_per_em
        self._glyphs, self._advances, self._fixed = _kept(font)

    @classmethod
    def load(cls, source: str | FilePath = "song", *, name: str = "") -> PreparedFont:
        """Load as Font.load does; "song" is called 宋体 and "hei" 黑体 where no name is given."""
        called = {"song": "宋体", "hei": "黑体"}.get(str(source), "")
        return cls(Font.load(source), name=name or called)

    def advances(self, text: str) -> list[float]:
        """Give each character's advance in em; DrawingRefused for one that the font lacks."""
        try:
            return [self._advances[character] for character in text]
        except KeyError:
            for character in text:
                self._glyph(character)
            return [self._advances[character] for character in text]

    def subset(self, characters: Iterable[str]) -> bytes:
        """Give an OpenType (CFF) file of these characters; equal sets give equal bytes."""
        ordered = sorted(set(characters))
        glyphs = [self._glyph(character) for character in ordered]
        codes = [ord(character) for character in ordered]
        fixed, count = self._fixed, len(glyphs) + 1
        widths = (self._units, *(glyph.advance for glyph in glyphs))
        return _sfnt(
            {
                b"CFF ": fixed.compact_font([_NO_GLYPH, *(glyph.program for glyph in glyphs)]),
                b"OS/2": fixed.os2(codes),
                b"cmap": _character_map(codes),
                b"head": fixed.head,
                b"hhea": fixed.horizontal_header(max(widths), count),
                b"hmtx": struct.pack(f">{2 * count}H", *(n for w in widths for n in (w, 0))),
                b"maxp": struct.pack(">LH", 0x00005000, count),
                b"name": fixed.name,
                b"post": struct.pack(">LLhhLLLLL", 0x00030000, 0, -75, 50, 0, 0, 0, 0, 0),
            }
        )

    def _glyph(self, character: str) -> _Glyph:
        glyph = self._glyphs.get(character)
        if glyph is None:
            advance = self.font.advance(character)
            glyph = _Glyph(self._program(character, advance), round(advance * self._units))
            self._glyphs[character] = glyph
            self._advances[character] = advance
        return glyph

    def _program(self, character: str, advance: float) -> bytes:
        # A width that is the font's default, one em, is left out; the nominal width is 0.
        width = None if advance == 1 else round(advance * self._units)
        pen, units = T2CharStringPen(width, None), self._units
        open_ = False
        for letter, numbers in self.font.outline(character).segments:
            scaled = [n * units for n in numbers]
            points = [(x, -y) for x, y in zip(scaled[::2], scaled[1::2], strict=True)]
            if letter == "M":
                if open_:
                    pen.closePath()
                pen.moveTo(points[0])
            elif letter == "L":
                pen.lineTo(points[0])
            elif letter == "C":
                pen.curveTo(*points)
            else:
                pen.closePath()
            open_ = letter != "Z"
        if open_:
            pen.closePath()
        program = pen.getCharString()
        program.compile()
        return bytes(program.bytecode)


@lru_cache(_KEPT_FONTS)
def _kept(font: Font) -> tuple[dict[str, _Glyph], dict[str, float], _FixedTables]:
    """Give where a font's glyphs and advances are kept, whoever prepares it, and its tables."""
    return {}, {}, _FixedTables.of(font)


@dataclass(frozen=True, slots=True)
class _FixedTables:
    """What is the same in every subset of one font."""

    units: int
    ascent: int
    descent: int
    postscript_name: bytes
    head: bytes = field(repr=False)
    name: bytes = field(repr=False)

    @classmethod
    def of(cls, font: Font) -> _FixedTables:
        units = font.units_per_em
        ascent, descent = round(font.ascent * units), round(font.descent * units)
        box = (0, -descent, units, ascent)
        # Revision 1.0; flags: base line at y = 0; 8 px is the least legible size.
        head = _HEAD.pack(
            *(_FIXED_ONE, _FIXED_ONE, 0, _HEAD_MAGIC, 1, units, _MADE, _MADE, *box), 0, 8, 2, 0, 0
        )
        return cls(units, ascent, descent, font.name.encode(), head, _name_table(font))

    def os2(self, codes: Sequence[int]) -> bytes:
        first, last = (min(code, _LAST_OF_PLANE_0) for code in (codes[0], codes[-1]))
        half, small = self.units // 2, self.units // 20
        return _OS2.pack(
            *(3, self.units, 400, 5, 0),  # version, average width, weight, width, may be embedded
            *(*(half,) * 8, small, half, 0),
            b"\0",
            *(0, 0, 0, 0, b"MSB ", 0x40, first, last),
            *(self.ascent, -self.descent, 0, self.ascent, self.descent),
            *(1, 0, half, self.ascent, 0, 0x20, 1),
        )

    def horizontal_header(self, widest: int, count: int) -> bytes:
        measures = (self.ascent, -self.descent, 0, widest, 0, 0, self.units)
        return _HHEA.pack(1, 0, *measures, 1, *(0,) * 7, count)

    def compact_font(self, programs: Sequence[bytes]) -> bytes:
        """Write the CFF: a CID-keyed font whose character n is glyph n, with one Private DICT."""
        count = len(programs)
        private = _integer(self.units) + b"\x14"  # defaultWidthX
        parts = {
            _CHARSET: struct.pack(">BHH", 2, 1, count - 2),
            _SELECTION: struct.pack(">BHHBH", 3, 1, 0, 0, count),
            _CHARSTRINGS: _index(programs),
        }
        head = b"\1\0\4\4" + _index([self.postscript_name])
        strings = _index([b"Adobe", b"Identity"]) + b"\0\0"  # and no global subroutines
        at = len(head) + len(_index([self._top_dictionary({}, count)])) + len(strings)
        offsets = {}
        for operator, part in parts.items():
            offsets[operator] = at
            at += len(part)
        offsets[_FONTS] = at + len(private)
        fonts = _index([_integer(len(private)) + _integer(at) + b"\x12"])
        top = _index([self._top_dictionary(offsets, count)])
        return b"".join((head, top, strings, *parts.values(), private, fonts))

    def _top_dictionary(self, offsets: dict[bytes, int], count: int) -> bytes:
        """Write the Top DICT (5176, clause 9); its length is the same whatever the offsets are."""
        box = (0, -self.descent, self.units, self.ascent)
        entries = [
            _integer(391) + _integer(392) + _integer(0) + b"\x0c\x1e",  # Adobe-Identity-0
            b"".join(_integer(number) for number in box) + b"\x05",
            _integer(count) + b"\x0c\x22",
        ]
        entries += [
            _integer(offsets.get(operator, 0)) + operator
            for operator in (_CHARSET, _SELECTION, _CHARSTRINGS, _FONTS)
        ]
        return b"".join(entries)


def _integer(number: int) -> bytes:
    return struct.pack(">Bi", 29, number)


def _index(items: Sequence[bytes]) -> bytes:
    """Write an INDEX (5176, clause 5) with offsets of four bytes."""
    offsets = [1, *accumulate(map(len, items), initial=1)][1:]
    return b"".join(
        (struct.pack(f">HB{len(offsets)}L", len(items), 4, *offsets), *items),
    )


def _character_map(codes: Sequence[int]) -> bytes:
    """Write "cmap": glyph n + 1 is the nth code; format 4, and 12 where a code needs it."""
    basic = [code for code in codes if code < _LAST_OF_PLANE_0]
    format4 = _format4(basic)
    if len(basic) == len(codes):
        return struct.pack(">HH HHL", 0, 1, 3, 1, 12) + format4
    full = b"".join(struct.pack(">LLL", code, code, n) for n, code in enumerate(codes, 1))
    format12 = struct.pack(">HHLLL", 12, 0, 16 + len(full), 0, len(codes)) + full
    directory = struct.pack(">HH HHL HHL", 0, 2, 3, 1, 20, 3, 10, 20 + len(format4))
    return directory + format4 + format12


def _format4(codes: Sequence[int]) -> bytes:
    """Write a segment for each run of codes; the last segment must be U+FFFF."""
    starts: list[int] = []
    ends: list[int] = []
    deltas: list[int] = []
    for glyph, code in enumerate(codes, 1):
        if ends and code == ends[-1] + 1:
            ends[-1] = code
        else:
            starts.append(code)
            ends.append(code)
            deltas.append((glyph - code) & 0xFFFF)
    starts.append(_LAST_OF_PLANE_0)
    ends.append(_LAST_OF_PLANE_0)
    deltas.append(1)
    count = len(starts)
    power = 1 << (count.bit_length() - 1)
    search = (count * 2, power * 2, power.bit_length() - 1, (count - power) * 2)
    segments = f"{count}H"
    return struct.pack(
        f">7H{segments}H{segments}{segments}{segments}",
        *(4, 16 + count * 8, 0, *search),
        *(*ends, 0, *starts, *deltas, *(0,) * count),
    )


def _name_table(font: Font) -> bytes:
    values = {1: font.family, 2: "Regular", 4: font.family, 6: font.name}
    records, texts = [], b""
    for name_id, value in values.items():
        text = value.encode("utf-16-be")
        records.append(struct.pack(">6H", 3, 1, 0x409, name_id, len(text), len(texts)))
        texts += text
    return struct.pack(">HHH", 0, len(records), 6 + 12 * len(records)) + b"".join(records) + texts


def _sfnt(tables: dict[bytes, bytes]) -> bytes:
    """Put the tables, named in ascending order, into one file with its sums."""
    count = len(tables)
    power = 1 << (count.bit_length() - 1)
    start = struct.pack(
        ">4sHHHH", b"OTTO", count, power * 16, power.bit_length() - 1, (count - power) * 16
    )
    offset = len(start) + 16 * count
    directory, padded, total = [start], [], 0
    for tag, table in tables.items():
        whole = table + bytes(-len(table) % 4)
        check = _sum(whole)
        directory.append(struct.pack(">4sLLL", tag, check, offset, len(table)))
        padded.append(whole)
        total += check
        offset += len(whole)
    top = b"".join(directory)
    adjustment = (_CHECKSUM_MAGIC - total - _sum(top)) & 0xFFFFFFFF
    head = list(tables).index(b"head")
    padded[head] = padded[head][:8] + struct.pack(">L", adjustment) + padded[head][12:]
    return top + b"".join(padded)


def _sum(data: bytes) -> int:
    """Add the 32-bit words, modulo 2^32: as one long number, far faster than word by word.

    Every other word makes a number of 64-bit digits; the sum of digits is the rest modulo 2^64 - 1.
    """
    words = int.from_bytes(data, "big")
    mask = _every_other_word(len(data).bit_length())
    return ((words & mask) + ((words >> 32) & mask)) % (2**64 - 1) & 0xFFFFFFFF


@lru_cache(None)
def _every_other_word(bits: int) -> int:
    """Give a mask for at least 2^bits bytes; a longer one serves as well."""
    return int.from_bytes(b"\0\0\0\0\xff\xff\xff\xff" * ((1 << bits) // 8 + 1), "big")
