"""Which characters a text may have that people read on a screen.

`str.isprintable` follows the Unicode tables of the running Python and refuses characters of real
names: Han of newer extensions, the private-use characters that older Chinese systems put there, and
marks of Mongolian spelling.
"""

from __future__ import annotations

import unicodedata

_HAN_PLANES = range(0x20000, 0x3FFFE)  # supplementary and tertiary ideographic planes
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp", "Zs"})
# Letters by category that show nothing: Hangul fillers and the Braille blank.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")


_MONGOLIAN = range(0x1800, 0x18B0)
# Marks that Mongolian spelling needs behind a letter: vowel separator, narrow no-break space.
_MONGOLIAN_MARKS = frozenset("\u180e\u202f")


def is_showable(text: str) -> bool:
    """Whether every character shows itself: no controls, no bidi marks, no blank but the space."""
    if text.isascii():
        return text.isprintable()
    return showable(text) == text


def showable(text: str, *, instead: str = "\ufffd") -> str:
    """Give the text with `instead` for every character that does not show itself."""
    shown = []
    before = " "
    for character in text:
        mark = character in _MONGOLIAN_MARKS and ord(before) in _MONGOLIAN
        shown.append(character if mark or _shows(character) else instead)
        before = character
    return "".join(shown)


def _shows(character: str) -> bool:
    if character.isascii():
        return character.isprintable()
    if character in _BLANK:
        return False
    return unicodedata.category(character) not in _HIDDEN or ord(character) in _HAN_PLANES
