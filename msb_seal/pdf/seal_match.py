"""Step `seal-match`: whether what a seal signature shows is the picture of the seal that signed.

Whoever may use one seal could show another office's picture with it, and every check of numbers
would hold. Looks that only place images are compared by their pixels (placed_images.py); others are
drawn (drawn/looks.py). Reasons: docs/decisions/pdf-verification.md, "what a seal shows".
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from PIL import Image as Pillow

from msb_identity.errors import MsbError
from msb_seal.drawing.images import Image
from msb_seal.errors import DrawingRefused, PdfRefused
from msb_seal.pdf.coverings import corners
from msb_seal.pdf.drawn.asking import ask
from msb_seal.pdf.filters import Allowance, decode
from msb_seal.pdf.page_tree import pages_of
from msb_seal.pdf.placed_images import Look, read_look
from msb_seal.pdf.same_picture import Likeness, compare, on_white
from msb_seal.pdf.syntax import DUPLICATE_KEY, Ref, Stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from msb_identity.foundation.report import ReportBuilder
    from msb_seal.pdf.drawn.pages import Corners
    from msb_seal.pdf.found import FoundSignature
    from msb_seal.pdf.revisions import Revision
    from msb_seal.pdf.syntax import PdfValue
    from msb_seal.seals.model import SealPicture

STEP: Final = "seal-match"
MAX_WIDGETS = 20_000
MAX_DRAWN_LOOKS = 20
"""Of one document; each opens the file anew."""
MAX_PICTURE_BYTES = 8 * 1024 * 1024
MAX_PICTURE_PIXELS = 16_000_000
MAX_ALL_PIXELS = 64_000_000
"""Of all different images that one document's seals show."""
_WIDE = 0.98  # of a side: what a clip that is meant to show all of it leaves
_IMAGE_KEYS: Final = frozenset(
    {"Type", "Subtype", "Width", "Height", "ColorSpace", "BitsPerComponent", "Filter", "Length"}
    | {"SMask", "Name", "Interpolate", "DecodeParms"}
)
_MODES: Final = {"DeviceRGB": "RGB", "DeviceGray": "L"}
_DPI = 300
_MAX_KEPT = 1_000
_SPARE_BYTES = 1_024  # of samples that no row needs


@dataclass(slots=True)
class SealLooks:
    """What was found out of a document's seals and images already.

    drawn, pixels: how much of the bounds is used up.
    """

    revision: Revision
    drawn: int = 0
    pixels: int = 0
    likenesses: dict[tuple[int, SealPicture], Likeness | None] = field(default_factory=dict)
    annotations: dict[Ref, tuple[int, int]] | None = None


@dataclass(slots=True)
class _Found:
    """What the widgets of one signature show.

    to_draw: widgets, and whether what is drawn of them can prove another picture.
    """

    other: bool = False
    unsure: bool = False
    shown: bool = False
    parts: list[Corners] = field(default_factory=list)
    to_draw: list[tuple[PdfValue, bool]] = field(default_factory=list)


def tell_match(
    builder: ReportBuilder, found: FoundSignature, picture: SealPicture, looks: SealLooks
) -> None:
    """Take the step on one signature by a seal with that picture."""
    name = found.field.name
    try:
        seen = _look_at(found, picture, looks)
        if seen.to_draw and not seen.other:
            _draw(seen, picture, looks)
    except PdfRefused as error:
        builder.unknown(STEP, "uncompared", error.en)
        return
    if seen.other:
        builder.failed(STEP, "other-picture", name)
    elif seen.unsure:
        builder.unknown(STEP, "uncompared", name)
    elif not seen.shown:
        builder.skipped(STEP, "nothing-shown")
    elif not _make_up_all(seen.parts):
        builder.unknown(STEP, "part-shown", name)
    else:
        builder.ok(STEP)


def _look_at(found: FoundSignature, picture: SealPicture, looks: SealLooks) -> _Found:
    """Compare the images of looks that only place one; note the other looks, to be drawn."""
    seen = _Found()
    read: dict[Ref, Look] = {}
    widgets = found.field.widgets
    seen.unsure = len(widgets) > MAX_WIDGETS
    for widget in widgets[:MAX_WIDGETS]:
        for appearance, is_usual in _appearances(looks.revision, widget):
            if appearance not in read:
                read[appearance] = _read(looks.revision, appearance)
            # What shows in some states only, or in some readers, is not drawn.
            known = widget if is_usual else None
            _compare(seen, known, read[appearance], picture, looks)
    return seen


def _appearances(revision: Revision, widget: PdfValue) -> Iterator[tuple[Ref, bool]]:
    """Give every look of a widget that takes any room, and whether it is the one for all times."""
    entries = revision.dictionary(widget)
    box = corners(revision, entries.get("Rect"))
    if box is not None and (box[0] == box[2] or box[1] == box[3]):
        return
    given = revision.dictionary(entries.get("AP"))
    odd = "OC" in entries or DUPLICATE_KEY in entries or DUPLICATE_KEY in given
    for key, value in given.items():
        found = revision.resolve(value)
        states = found if isinstance(found, dict) else None
        for one in [value] if states is None else states.values():
            if isinstance(one, Ref) and isinstance(revision.resolve(one), Stream):
                yield one, key == "N" and states is None and not odd


def _read(revision: Revision, appearance: Ref) -> Look:
    form = revision.resolve(appearance)
    try:
        return read_look(revision, form) if isinstance(form, Stream) else Look()
    except PdfRefused:
        return Look(is_plain=False)


def _compare(
    seen: _Found, widget: PdfValue, look: Look, picture: SealPicture, looks: SealLooks
) -> None:
    if look.is_plain and not look.images:
        return
    seen.shown = True
    if look.varies:
        seen.unsure = True
        return
    likenesses = {_likeness(one.image, picture, looks) for one in look.images}
    if look.is_plain and Likeness.OTHER in likenesses:
        seen.other = True
    elif look.is_plain and likenesses == {Likeness.SAME} and len(look.images) == 1:
        seen.parts.append(look.images[0].part)
    else:
        # With words or lines beside it, as some vendors have, the seal's own picture is in there.
        may_fail = not look.has_text and Likeness.SAME not in likenesses
        seen.to_draw.append((widget, may_fail))


def _likeness(image: Stream, picture: SealPicture, looks: SealLooks) -> Likeness | None:
    """Compare an image with the seal's picture; None where that cannot be done by pixels."""
    key = id(image), picture
    if key not in looks.likenesses:
        samples = _Samples.of(looks, image)
        mask = looks.revision.resolve(image.entries.get("SMask"))
        opacity = _Samples.of(looks, mask) if isinstance(mask, Stream) else None
        if samples is None or (mask is not None and opacity is None):
            looks.likenesses[key] = None
        else:
            looks.likenesses[key] = _compare_once(samples, opacity, picture)
    return looks.likenesses[key]


@dataclass(frozen=True, slots=True)
class _Samples:
    """An image that nothing but its samples decides: RGB or grey, 8 bits, Flate or JPEG."""

    mode: str
    size: tuple[int, int]
    is_jpeg: bool
    stream: Stream

    @classmethod
    def of(cls, looks: SealLooks, image: Stream) -> _Samples | None:
        """Take one out of a file; None for any other kind, and beyond the caps."""
        entries = {key: looks.revision.resolve(one) for key, one in image.entries.items()}
        mode = _MODES.get(str(entries.get("ColorSpace")))
        width, height, packed = (entries.get(key) for key in ("Width", "Height", "Filter"))
        if mode is None or not _IMAGE_KEYS.issuperset(entries) or entries.get("DecodeParms"):
            return None
        if entries.get("BitsPerComponent") != 8 or len(image.raw) > MAX_PICTURE_BYTES:  # noqa: PLR2004 - bits of a byte
            return None
        if not isinstance(width, int) or not isinstance(height, int) or min(width, height) < 1:
            return None
        looks.pixels += width * height
        if width * height > MAX_PICTURE_PIXELS or looks.pixels > MAX_ALL_PIXELS:
            return None
        is_jpeg = packed in ("DCTDecode", ["DCTDecode"])
        return cls(mode, (width, height), is_jpeg, Stream({"Filter": packed}, image.raw))

    @property
    def digest(self) -> bytes:
        """What tells it from all others."""
        head = f"{self.mode} {self.size} {self.stream.entries}".encode()
        return sha256(head).digest() + sha256(self.stream.raw).digest()

    def pixels(self) -> Pillow.Image:
        """Unpack it; PdfRefused or DrawingRefused where that fails."""
        if self.is_jpeg:
            jpeg = Image.read(self.stream.raw)
            if (jpeg.format, jpeg.mode, jpeg.width, jpeg.height) != ("JPEG", self.mode, *self.size):
                message = "a JPEG that is not what its dictionary says"
                raise DrawingRefused(message)
            return jpeg.pixels
        wanted = self.size[0] * self.size[1] * len(self.mode)
        samples = decode(self.stream, Allowance(size=wanted + _SPARE_BYTES, work=wanted))
        if len(samples) < wanted:
            message = "an image with too few samples"
            raise DrawingRefused(message)
        return Pillow.frombytes(self.mode, self.size, samples[:wanted])


_compared: dict[tuple[bytes, ...], Likeness | None] = {}
"""Documents come in batches that show one seal: nothing is unpacked twice."""


def _compare_once(
    samples: _Samples, opacity: _Samples | None, picture: SealPicture
) -> Likeness | None:
    own = f"{picture.type} {picture.width_mm} {picture.height_mm}".encode()
    parts = [samples.digest, opacity.digest if opacity else b""]
    key = (own, sha256(picture.data).digest(), *parts)
    if key not in _compared:
        if len(_compared) >= _MAX_KEPT:
            _compared.clear()
        _compared[key] = _compare_pixels(samples, opacity, picture)
    return _compared.get(key)


def _compare_pixels(
    samples: _Samples, opacity: _Samples | None, picture: SealPicture
) -> Likeness | None:
    own = _seal_pixels(picture)
    try:
        shown = samples.pixels()
        if opacity is not None:
            if opacity.mode != "L":
                return None
            shown = shown.convert("RGBA")
            clear = opacity.pixels()
            shown.putalpha(clear if clear.size == shown.size else clear.resize(shown.size))
    except (PdfRefused, DrawingRefused):
        return None
    if (shown.mode, shown.size) == (own.mode, own.size) and shown.tobytes() == own.tobytes():
        return Likeness.SAME  # as our own writer leaves it
    return compare(on_white(shown), on_white(own))


@lru_cache(maxsize=16)
def _seal_pixels(picture: SealPicture) -> Pillow.Image:
    """Give a seal's own picture; PdfRefused where nobody can draw it here."""
    from msb_seal.ofd.stamps import picture_as_png

    try:
        data = picture_as_png(picture, dpi=_DPI).data
        image = Image.read(data[: MAX_PICTURE_BYTES + 1])
        if image.width * image.height > MAX_PICTURE_PIXELS:
            message = "a seal's picture with too many pixels"
            raise DrawingRefused(message)
        pixels = image.pixels
    except MsbError as error:
        code = "unsupported"
        raise PdfRefused(code, "印模无法读取", f"the seal's picture: {error}") from error
    return pixels


def _draw(seen: _Found, picture: SealPicture, looks: SealLooks) -> None:
    """Draw what cannot be compared by pixels, and judge what is seen."""
    widgets: list[tuple[int, int, Corners]] = []
    for widget, _ in seen.to_draw:
        place = _places(looks).get(widget) if isinstance(widget, Ref) else None
        box = corners(looks.revision, looks.revision.dictionary(widget).get("Rect"))
        looks.drawn += 1
        if place is None or box is None or looks.drawn > MAX_DRAWN_LOOKS:
            seen.unsure = True
            return
        widgets.append((*place, box))
    written = io.BytesIO()
    on_white(_seal_pixels(picture)).save(written, "PNG")
    revision = looks.revision
    likenesses = ask(
        "looks",
        revision.file.data[: revision.end],
        picture=base64.b64encode(written.getvalue()).decode(),
        widgets=widgets,
    )
    for (_, may_fail), likeness in zip(seen.to_draw, map(Likeness, likenesses), strict=True):
        seen.other |= likeness is Likeness.OTHER and may_fail
        seen.unsure |= likeness is not Likeness.SAME
        seen.parts.append((0, 0, 1, 1))


def _places(looks: SealLooks) -> dict[Ref, tuple[int, int]]:
    """Give the page's number and the place in /Annots of every annotation."""
    if looks.annotations is None:
        revision = looks.revision
        looks.annotations = {
            value: (number, index)
            for ref, number in pages_of(revision).items()
            for index, value in enumerate(
                revision.array(revision.dictionary(ref).get("Annots"))[:MAX_WIDGETS]
            )
            if isinstance(value, Ref)
        }
    return looks.annotations


def _make_up_all(parts: Sequence[Corners]) -> bool:
    """Whether slices (骑缝) together, and every other part alone, show the whole picture."""
    slices = [one for one in parts if one[2] - one[0] < _WIDE or one[3] - one[1] < _WIDE]
    upright = [(x1, x2) for x1, y1, x2, y2 in slices if y2 - y1 >= _WIDE]
    level = [(y1, y2) for x1, y1, x2, y2 in slices if x2 - x1 >= _WIDE]
    if len(upright) + len(level) < len(slices):
        return False
    return all(_covers(edges) for edges in (upright, level) if edges)


def _covers(edges: list[tuple[float, float]]) -> bool:
    reached = 0.0
    for start, end in sorted(edges):
        if start > reached + 1 - _WIDE:
            return False
        reached = max(reached, end)
    return reached >= _WIDE
