"""ByteRange: which bytes a signature is over, by strict rules (docs/security.md, "verdicts").

Exactly two ranges, from the first byte to the end of the signature's own revision, and between them
nothing but the /Contents of this very signature. ISO 32000-1, 12.8.1; ETSI EN 319 142-1, 5.5.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msb_seal.errors import PdfRefused
from msb_seal.pdf.revisions import Revision
from msb_seal.pdf.syntax import DUPLICATE_KEY

if TYPE_CHECKING:
    from msb_seal.pdf.found import FoundSignature
    from msb_seal.pdf.revisions import PdfBytes

_ENDING = re.compile(rb"startxref[\x00\t\n\x0c\r ]+\d{1,12}[\x00\t\n\x0c\r ]+%%EOF[\t\r\n ]*\Z")
_ENDING_BYTES = 128
_BEFORE = re.compile(rb"/Contents[\x00\t\n\x0c\r ]*\Z")
_BEFORE_BYTES = 64
_STRING = re.compile(rb"<[0-9A-Fa-f\x00\t\n\x0c\r ]*>\Z")
_RANGES = 4


@dataclass(frozen=True, slots=True)
class SignedRange:
    """What a signature is over.

    signed: its bytes, None where no ranges can be read. end: where its revision ends. problem: the
    code of what is wrong, empty if nothing is. revision: the file as it was signed, None where that
    cannot be read. has_blanks: whether blanks stand within the value's hexadecimal digits.
    """

    signed: bytes | None = field(repr=False)
    end: int
    problem: str = ""
    detail: str = ""
    revision: Revision | None = field(default=None, repr=False)
    has_blanks: bool = False


def read_range(file: PdfBytes, found: FoundSignature) -> SignedRange:
    """Find what a signature is over, and hold it against the rules."""
    data, given = file.data, found.entries.get("ByteRange")
    numbers = [one for one in given if isinstance(one, int)] if isinstance(given, list) else []
    shown = " ".join(str(one) for one in numbers[:8])
    pairs = list(zip(numbers[::2], numbers[1::2], strict=False))
    inside = all(0 <= start <= start + size <= len(data) for start, size in pairs)
    if not isinstance(given, list) or len(numbers) != len(given) or not pairs or not inside:
        return SignedRange(None, 0, "byte-range", shown)
    if sum(size for _, size in pairs) > len(data):
        return SignedRange(None, 0, "byte-range", shown)
    signed = b"".join(data[start : start + size] for start, size in pairs)
    end = sum(pairs[-1])
    if len(numbers) != _RANGES or numbers[0] or numbers[1] >= numbers[2]:
        return SignedRange(signed, end, "byte-range", shown)
    if not _is_contents(data, numbers[1], numbers[2], found):
        return SignedRange(signed, end, "gap", shown)
    if _ENDING.search(data, max(0, end - _ENDING_BYTES), end) is None:
        return SignedRange(signed, end, "not-to-end", f"{end} of {len(data)}")
    gap = data[numbers[1] + 1 : numbers[2] - 1]
    return _with_revision(file, found, signed, end, gap)


def _is_contents(data: bytes, start: int, end: int, found: FoundSignature) -> bool:
    """Whether the gap is the string /Contents of this signature's dictionary, and only that."""
    if found.extent is None or not found.extent[0] < start < end <= found.extent[1]:
        return False
    if DUPLICATE_KEY in found.entries or _STRING.match(data, start, end) is None:
        return False
    if _BEFORE.search(data, max(0, start - _BEFORE_BYTES), start) is None:
        return False
    digits = bytes(data[start + 1 : end - 1]).translate(None, b"\x00\t\n\x0c\r ")
    return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode()) == found.entries.get(
        "Contents"
    )


def _with_revision(
    file: PdfBytes, found: FoundSignature, signed: bytes, end: int, gap: bytes
) -> SignedRange:
    """Read the file as it was signed; the signature must already stand in it, where it is now."""
    try:
        revision = Revision(file, end)
        there = found.holder is not None and revision.extent(found.holder) == found.extent
    except PdfRefused as error:
        return SignedRange(signed, end, "revision-unreadable", error.en)
    if not there:
        return SignedRange(signed, end, "not-in-revision", f"{end}")
    has_blanks = len(gap) % 2 == 1 or not gap.isalnum()
    return SignedRange(signed, end, revision=revision, has_blanks=has_blanks)
