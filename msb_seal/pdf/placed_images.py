"""What an appearance shows, where all that it does is place images, as seals are shown.

The operators of ISO 32000-1 Annex A that only place (q, Q, cm, gs, re W n, Do), through nested
forms. Whatever else stands there makes the look one that must be drawn to be known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from msb_seal.pdf.syntax import DUPLICATE_KEY, Name, Stream
from msb_seal.pdf.written import operations

if TYPE_CHECKING:
    from msb_seal.pdf.revisions import Revision
    from msb_seal.pdf.syntax import Dictionary, PdfValue

MAX_OPERATIONS = 2_000
MAX_FORMS_DEEP = 8
_Box = tuple[float, float, float, float]
_Matrix = tuple[float, float, float, float, float, float]
_UNCHANGED: Final[_Matrix] = (1, 0, 0, 1, 0, 0)
_EVERYWHERE: Final[_Box] = (-1e9, -1e9, 1e9, 1e9)
_WHOLE: Final[_Box] = (0, 0, 1, 1)
_FLAT = 1e-6  # of the larger side: a matrix that turns by no right angle
_WITHOUT_EFFECT = frozenset(
    ("BMC", "EMC", "MP", "g", "G", "rg", "RG", "k", "K", "w", "i", "J", "j", "M", "d", "ri")
)
_VARIES: Final = frozenset({"OC", "Alternates", "OPI", "Ref", DUPLICATE_KEY})
_TEXT: Final = frozenset({"Tj", "TJ", "'", '"'})
_PLAIN_STATE: Final = {
    "Type": ("ExtGState",),
    "BM": ("Normal", "Compatible", "Multiply"),
    "CA": (1,),
    "ca": (1,),
    "AIS": (False,),
    "SMask": ("None",),
    "OP": (False,),
    "op": (False,),
}


@dataclass(frozen=True, slots=True)
class PlacedImage:
    """An image, and the part that shows: left, lower, right, upper edge in its unit square."""

    image: Stream
    part: _Box


@dataclass(slots=True)
class Look:
    """What an appearance does: is_plain where that is nothing but placing these images.

    varies: whether layers (可选内容), the printer or the reader decide what shows.
    """

    images: list[PlacedImage] = field(default_factory=list)
    is_plain: bool = True
    has_text: bool = False
    varies: bool = False


def read_look(revision: Revision, form: Stream) -> Look:
    """Read an appearance; PdfRefused beyond the caps of a file."""
    reader = _Reader(revision)
    try:
        reader.read(form, _UNCHANGED, _EVERYWHERE, outer={})
    except (_Odd, OverflowError):
        reader.look.is_plain = False
    return reader.look


class _Odd(Exception):
    """Something that is not known here."""


class _Reader:
    def __init__(self, revision: Revision) -> None:
        self.look = Look()
        self._revision = revision
        self._count = self._deep = 0

    def read(self, form: Stream, matrix: _Matrix, clip: _Box, *, outer: Dictionary) -> None:
        """Follow a form whose own system has that matrix."""
        entries, revision = form.entries, self._revision
        self.look.varies |= not _VARIES.isdisjoint(entries)
        if self._deep >= MAX_FORMS_DEEP:
            raise _Odd
        box = _numbers([revision.resolve(one) for one in revision.array(entries.get("BBox"))], 4)
        clip = _common(clip, _bounds(_moved(matrix, *_in_order(box))))
        if _is_askew(matrix):
            raise _Odd
        resources = revision.dictionary(entries.get("Resources")) or outer
        self._deep += 1
        _Content(self, resources, matrix, clip).follow(self._revision.file.decode(form))
        self._deep -= 1

    def count(self) -> None:
        """Count an operator; no seal needs so many."""
        self._count += 1
        if self._count > MAX_OPERATIONS:
            raise _Odd

    def show(self, value: PdfValue, matrix: _Matrix, clip: _Box, resources: Dictionary) -> None:
        """Place an image or a form (Do)."""
        found = self._revision.resolve(value)
        if not isinstance(found, Stream):
            raise _Odd
        if found.entries.get("Subtype") == "Form":
            given = self._revision.array(found.entries.get("Matrix"))
            own = [self._revision.resolve(one) for one in given] or list(_UNCHANGED)
            inner = _joined(_matrix(own), matrix)
            self.read(found, inner, clip, outer=resources)
            return
        if found.entries.get("Subtype") != "Image":
            raise _Odd
        self.look.varies |= not _VARIES.isdisjoint(found.entries)
        part = _part(matrix, clip)
        if part is not None:
            self.look.images.append(PlacedImage(found, part))

    def state(self, value: PdfValue) -> None:
        """Take a graphics state that changes no picture (8.4.5)."""
        for key, one in self._revision.dictionary(value).items():
            if self._revision.resolve(one) not in _PLAIN_STATE.get(key, ()):
                self.look.is_plain = False


class _Content:
    """One content stream on its way: matrix, clip, and a rectangle that may come to clip."""

    def __init__(self, reader: _Reader, resources: Dictionary, matrix: _Matrix, clip: _Box) -> None:
        self._reader, self._resources = reader, resources
        self._matrix, self._clip = matrix, clip
        self._kept: list[tuple[_Matrix, _Box]] = []
        self._path: _Box | None = None
        self._clips = False

    def follow(self, content: bytes) -> None:
        for operator, operands in operations(content):
            self._reader.count()
            self._take(operator, operands)

    def _take(self, operator: str, operands: list[PdfValue]) -> None:
        match operator:
            case "q":
                self._kept.append((self._matrix, self._clip))
            case "Q" if self._kept:
                self._matrix, self._clip = self._kept.pop()
            case "cm":
                self._matrix = _joined(_matrix(operands), self._matrix)
            case "re" | "W" | "W*" | "n":
                self._take_path(operator, operands)
            case "gs":
                self._reader.state(self._named("ExtGState", operands))
            case "Do":
                value = self._named("XObject", operands)
                self._reader.show(value, self._matrix, self._clip, self._resources)
            case _ if operator not in _WITHOUT_EFFECT:
                # Read on, for the images: what else is there must be drawn.
                self._reader.look.is_plain = False
                self._reader.look.has_text |= operator in _TEXT
                self._reader.look.varies |= operator == "BDC"

    def _take_path(self, operator: str, operands: list[PdfValue]) -> None:
        if operator == "re":
            x, y, width, height = _numbers(operands, 4)
            if self._path is not None or _is_askew(self._matrix):
                raise _Odd
            self._path = _bounds(_moved(self._matrix, *_in_order([x, y, x + width, y + height])))
        elif operator == "n":
            if self._clips and self._path is not None:
                self._clip = _common(self._clip, self._path)
            self._path, self._clips = None, False
        else:
            self._clips = True

    def _named(self, kind: str, operands: list[PdfValue]) -> PdfValue:
        revision = self._reader._revision  # noqa: SLF001 - of this very module
        listed = revision.dictionary(self._resources.get(kind))
        if len(operands) != 1 or not isinstance(operands[0], Name) or DUPLICATE_KEY in listed:
            raise _Odd
        return listed.get(operands[0])


def _part(matrix: _Matrix, clip: _Box) -> _Box | None:
    """Give what a clip leaves of the unit square under a matrix; None for nothing."""
    box = _bounds(_moved(matrix, *_WHOLE))
    left, lower, right, upper = _common(clip, box)
    width, height = box[2] - box[0], box[3] - box[1]
    if left >= right or lower >= upper:
        return None
    if _is_askew(matrix):
        if (left, lower, right, upper) != box:
            raise _Odd
        return _WHOLE
    edges = (left - box[0]) / width, (right - box[0]) / width
    across, along = edges, ((lower - box[1]) / height, (upper - box[1]) / height)
    a, b, c, d, _, _ = matrix
    if abs(a) < abs(b):  # turned by a right angle: its x lies along y
        across, along = along, across
        a, d = b, c
    across = across if a > 0 else (1 - across[1], 1 - across[0])
    along = along if d > 0 else (1 - along[1], 1 - along[0])
    return across[0], along[0], across[1], along[1]


def _is_askew(matrix: _Matrix) -> bool:
    a, b, c, d, _, _ = map(abs, matrix)
    return min(max(a, d), max(b, c)) > _FLAT * max(a, b, c, d)


def _moved(matrix: _Matrix, *box: float) -> list[tuple[float, float]]:
    a, b, c, d, e, f = matrix
    corners = [(x, y) for x in box[::2] for y in box[1::2]]
    return [(a * x + c * y + e, b * x + d * y + f) for x, y in corners]


def _bounds(points: list[tuple[float, float]]) -> _Box:
    across, along = zip(*points, strict=True)
    return min(across), min(along), max(across), max(along)


def _common(one: _Box, other: _Box) -> _Box:
    left, lower = max(one[0], other[0]), max(one[1], other[1])
    return left, lower, min(one[2], other[2]), min(one[3], other[3])


def _joined(first: _Matrix, then: _Matrix) -> _Matrix:
    a, b, c, d, e, f = then
    p, q, r, s, x, y = first
    return (
        p * a + q * c,
        p * b + q * d,
        r * a + s * c,
        r * b + s * d,
        x * a + y * c + e,
        x * b + y * d + f,
    )


def _matrix(operands: list[PdfValue]) -> _Matrix:
    a, b, c, d, e, f = _numbers(operands, 6)
    return a, b, c, d, e, f


def _in_order(box: list[float]) -> _Box:
    return min(box[::2]), min(box[1::2]), max(box[::2]), max(box[1::2])


def _numbers(operands: list[PdfValue], count: int) -> list[float]:
    found = [one for one in operands if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(found) != count or len(operands) != count:
        raise _Odd
    return [float(one) for one in found]
