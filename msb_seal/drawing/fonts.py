"""Fonts: outlines of characters and their widths (OpenType, ISO/IEC 14496-22).

Song (宋体, Noto Serif SC) and Hei (黑体, Noto Sans SC) are at hand by name, any other font by path.
fontTools reads the tables. A font that came inside a document is somebody else's: outlines are
capped, and whatever fontTools stumbles over is DrawingRefused.
"""

from __future__ import annotations

import io
import threading
from functools import lru_cache
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from fontTools.misc.psCharStrings import T2CharString, T2OutlineExtractor
from fontTools.pens.basePen import BasePen
from fontTools.ttLib import TTFont

from msb_seal.drawing.paths import Path, PathBuilder, scaled
from msb_seal.errors import DrawingRefused

if TYPE_CHECKING:
    from msb_seal.drawing.paths import Point

MAX_FONT_BYTES = 64 << 20
MAX_OUTLINE_SEGMENTS = 20_000
"""In one glyph; the busiest Han character of Noto Serif SC has some 700."""
MAX_OUTLINE_WORK = 200_000
"""Bytes or operators of a glyph's program, each call of a subroutine counted again."""
MAX_OUTLINE_PARTS = 256
_KEPT_OUTLINES = 4_096
_KEPT_FONTS = 16
_UNITS_PER_EM = range(16, 16_385)  # what "head" allows
_BUILT_IN = {"song": "serif_path", "hei": "sans_path"}


class Font:
    """One font. Lengths are in em, y points down, the base line is y = 0.

    Safe for several threads; outlines are kept once made. To embed it: PreparedFont.
    """

    def __init__(self, data: bytes, *, number: int = 0) -> None:
        """Read a font from its bytes; `number` picks one of a collection (TTC).

        Raises DrawingRefused for what is no OpenType font.
        """
        if len(data) > MAX_FONT_BYTES:
            message = f"a font of {len(data)} bytes; at most {MAX_FONT_BYTES} are read"
            raise DrawingRefused(message)
        self._data, self._number = data, number
        self._lock = threading.Lock()
        with _reading("the font cannot be read"):
            self._ttf = self._open()
            self.units_per_em = int(self._ttf["head"].unitsPerEm)
            self._characters: dict[int, str] = dict(self._ttf.getBestCmap() or {})
            self._glyphs = self._ttf.getGlyphSet()
            self._order: list[str] = self._ttf.getGlyphOrder()
            self.ascent = self._ttf["hhea"].ascent / self.units_per_em
            self.descent = -self._ttf["hhea"].descent / self.units_per_em
            names = self._ttf["name"]
            self.name = _postscript_name(names.getDebugName(6))
            self.family = names.getBestFamilyName() or self.name
        if self.units_per_em not in _UNITS_PER_EM:
            message = f"a font of {self.units_per_em} units per em"
            raise DrawingRefused(message)
        self._outline = lru_cache(_KEPT_OUTLINES)(self._make_outline)

    @classmethod
    def load(cls, source: str | FilePath = "song", *, number: int = 0) -> Font:
        """Give a built-in font ("song", "hei") or the one at a path; read once, then shared.

        Raises DrawingRefused for what is no font, OSError where the file cannot be had.
        """
        return _load(source if isinstance(source, str) else str(source), number)

    def has(self, character: str) -> bool:
        """Whether the font has a glyph for the character."""
        return ord(character) in self._characters

    def require(self, text: str) -> None:
        """Raise DrawingRefused naming the first character that the font lacks."""
        for character in text:
            self._name_of(character)

    def advance(self, text: str) -> float:
        """Give how far the text reaches, in em (no kerning)."""
        return sum(self._advance(self._name_of(character)) for character in text)

    def outline(self, character: str) -> Path:
        """Give a character's outline, in em, its origin on the base line at the left."""
        return self._outline(self._name_of(character))

    def glyph_outline(self, glyph: int) -> Path:
        """Give the outline of a glyph by its index, as documents name glyphs directly."""
        return self._outline(self._glyph_name(glyph))

    def glyph_advance(self, glyph: int) -> float:
        """Give how far a glyph reaches, in em."""
        return self._advance(self._glyph_name(glyph))

    def _open(self) -> TTFont:
        return TTFont(
            io.BytesIO(self._data), fontNumber=self._number, lazy=True, recalcTimestamp=False
        )

    def _name_of(self, character: str) -> str:
        name = self._characters.get(ord(character))
        if name is None:
            message = (
                f"字体没有这个字 / the font {self.name} has no glyph for"
                f" {character!r} (U+{ord(character):04X})"
            )
            raise DrawingRefused(message)
        return name

    def _glyph_name(self, glyph: int) -> str:
        if not 0 <= glyph < len(self._order):
            message = f"the font {self.name} has no glyph {glyph}"
            raise DrawingRefused(message)
        return self._order[glyph]

    def _advance(self, name: str) -> float:
        with self._lock, _reading(f"the font {self.name} has no widths"):
            return float(self._ttf["hmtx"][name][0]) / self.units_per_em

    def _make_outline(self, name: str) -> Path:
        pen = _CappedPen(self._glyphs)
        with self._lock, _reading(f"the font {self.name} has a broken outline"):
            if "CFF " in self._ttf:
                self._glyphs.charStrings[name].outlineExtractor = _CappedExtractor
            self._glyphs[name].draw(pen)
        return pen.builder.path().placed(scaled(1 / self.units_per_em, -1 / self.units_per_em))


@lru_cache(_KEPT_FONTS)
def _load(source: str, number: int) -> Font:
    if source in _BUILT_IN:
        import pylopdf_fonts_zh_cn as built_in

        path = FilePath(getattr(built_in, _BUILT_IN[source])())
    else:
        path = FilePath(source)
    with path.open("rb") as file:
        return Font(file.read(MAX_FONT_BYTES + 1), number=number)


def _postscript_name(name: str | None) -> str:
    """Keep what a PostScript name may hold (OpenType "name", id 6): it becomes a name in a PDF."""
    return "".join(c for c in name or "" if c.isascii() and (c.isalnum() or c in "-_")) or "Font"


class _reading:  # noqa: N801 - used like contextlib.suppress
    """Turn whatever fontTools raises over a broken font into DrawingRefused."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, DrawingRefused):
            message = f"字体已损坏或不受支持 / {self._what}"
            raise DrawingRefused(message) from error


class _CappedPen(BasePen):  # type: ignore[misc] # fontTools has no types
    """Collects an outline in font units, up to the caps."""

    def __init__(self, glyphs: object) -> None:
        super().__init__(glyphs)
        self.builder = PathBuilder()
        self._parts = 0

    def _moveTo(self, pt: Point) -> None:  # noqa: N802 - fontTools' name
        self._count()
        self.builder.move_to(*pt)

    def _lineTo(self, pt: Point) -> None:  # noqa: N802 - fontTools' name
        self._count()
        self.builder.line_to(*pt)

    def _curveToOne(self, pt1: Point, pt2: Point, pt3: Point) -> None:  # noqa: N802 - fontTools'
        self._count()
        self.builder.curve_to(pt1, pt2, pt3)

    def _closePath(self) -> None:  # noqa: N802 - fontTools' name
        self.builder.close()

    def addComponent(self, *arguments: object, **named: object) -> None:  # noqa: N802 - fontTools' name
        """Draw a part, which is a glyph of its own and may have parts again, or itself."""
        self._parts += 1
        if self._parts > MAX_OUTLINE_PARTS:
            message = f"a glyph of more than {MAX_OUTLINE_PARTS} parts"
            raise DrawingRefused(message)
        super().addComponent(*arguments, **named)

    def _count(self) -> None:
        if len(self.builder.segments) >= MAX_OUTLINE_SEGMENTS:
            message = f"a glyph of more than {MAX_OUTLINE_SEGMENTS} segments"
            raise DrawingRefused(message)


class _CappedExtractor(T2OutlineExtractor):  # type: ignore[misc] # fontTools has no types
    """Runs a glyph's program (Type 2 charstring), up to the cap.

    Subroutines call one another freely, so a few bytes can ask for years of work.
    """

    work = 0

    def execute(self, charString: T2CharString, **named: object) -> None:  # noqa: N803 - its name
        """Run one program or subroutine."""
        self.work += len(charString.bytecode or charString.program or ()) + 1
        if self.work > MAX_OUTLINE_WORK:
            message = "a glyph's program asks for too much work"
            raise DrawingRefused(message)
        super().execute(charString, **named)
