"""Whether a look of a box or button is a mark: lines, or one sign of the font of signs.

A look that writes could say anything, however long it was there before. ISO 32000-1, 12.7.4.2.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msb_seal.errors import PdfRefused
from msb_seal.pdf.syntax import DUPLICATE_KEY, Stream
from msb_seal.pdf.written import operations_of

if TYPE_CHECKING:
    from msb_seal.pdf.revisions import Revision
    from msb_seal.pdf.syntax import Dictionary, PdfValue

MAX_TICK_POINTS = 36
"""Half an inch: how large a box is that is ticked, at most."""
MAX_LOOK_BYTES = 10_000
MAX_STEPS = 60
"""So many operators a mark takes, at most; one drawn round takes some twenty."""
_SIGNS: Final = frozenset(b"345678HNlnquo")
"""Of ZapfDingbats: ticks, crosses, stars, dots, squares and diamonds."""
_DRAWING: Final = frozenset(
    {
        *("q", "Q", "cm", "w", "J", "j", "M", "d", "ri", "i", "m", "l", "c", "v", "y", "h", "re"),
        *("S", "s", "f", "F", "f*", "B", "B*", "b", "b*", "n", "W", "W*", "BMC", "EMC"),
        *("g", "G", "rg", "RG", "k", "K", "BT", "ET", "Td", "TD", "Tm", "TL", "T*"),
    }
)
_SIMPLE: Final = frozenset({"Type", "Subtype", "BaseFont", "Name"})


def is_mark(revision: Revision, look: PdfValue) -> bool:
    """Whether a look, None for one that is not there, shows nothing or a mark."""
    stream = revision.resolve(look)
    if stream is None:
        return True
    if not isinstance(stream, Stream) or "OC" in stream.entries:
        return False
    try:
        content = revision.file.decode(stream)
        steps = operations_of(content, most=MAX_STEPS) if len(content) <= MAX_LOOK_BYTES else None
        return steps is not None and _is_mark(revision, stream.entries, steps)
    except PdfRefused:
        return False


def _is_mark(revision: Revision, form: Dictionary, steps: list[tuple[str, list[PdfValue]]]) -> bool:
    resources = revision.dictionary(form.get("Resources"))
    fonts = revision.dictionary(resources.get("Font"))
    if DUPLICATE_KEY in fonts:
        return False
    signs, in_signs = b"", False
    for operator, operands in steps:
        if operator == "Tf":
            font = revision.dictionary(fonts.get(str(operands[0]))) if operands else {}
            in_signs = font.get("BaseFont") == "ZapfDingbats" and not font.keys() - _SIMPLE
        elif operator == "Tj":
            shown = b"".join(one for one in operands if isinstance(one, bytes)).strip()
            if shown and not in_signs:
                return False
            signs += shown
        elif operator not in _DRAWING:
            return False
    return len(signs) <= 1 and not set(signs) - _SIGNS
