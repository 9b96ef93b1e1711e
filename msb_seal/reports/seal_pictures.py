"""The pictures of the seals in a file, small and as PNG, whatever they were: nothing of them acts.

Taken from the signed seal data in the signatures and not from the pages, where anybody can draw. A
picture is there whether or not its seal is good: reports say that beside it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from msb_identity.errors import MsbError
from msb_seal.documents import is_pdf
from msb_seal.drawing.images import Image
from msb_seal.drawing.paths import scaled
from msb_seal.drawing.png import to_pixels
from msb_seal.drawing.scene import Group, Scene
from msb_seal.errors import SealRefused
from msb_seal.ofd.budget import Budget
from msb_seal.ofd.document import Budget as DrawingBudget
from msb_seal.ofd.found import find_signatures as find_ofd_signatures
from msb_seal.ofd.package import OfdPackage
from msb_seal.ofd.stamps import MAX_PICTURE_BYTES, picture_items
from msb_seal.seals.structure import kind_of, parse_seal, parse_seal_signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image as Pixels

    from msb_seal.seals.model import ElectronicSeal, SealPicture

MAX_PICTURES = 50
"""Of different seals in one file."""
MAX_PIXELS = 16_000_000
SIDE_PIXELS = 240
_SIDE_MM = 40.0
_MAX_RATIO = 10.0
_VECTORS = frozenset({"svg", "ofd"})


def find_seal_pictures(data: bytes) -> dict[str, bytes]:
    """Give a small PNG of each seal in a file, by the seal's fingerprint.

    Never raises on a bad file: what cannot be read, or drawn, is left out.
    """
    found: dict[str, bytes] = {}
    for seal in _seals(data):
        if len(found) == MAX_PICTURES:
            break
        if seal.fingerprint in found:
            continue
        drawn = _drawn(seal.picture)
        if drawn is not None:
            found[seal.fingerprint] = drawn
    return found


def _seals(data: bytes) -> Iterator[ElectronicSeal]:
    try:
        kind = kind_of(data)
        if kind == "seal":
            yield parse_seal(data)
            return
        if kind is not None:
            values = iter((data,))
        else:
            values = _values_in_pdf(data) if is_pdf(data) else _values_in_ofd(data)
        for value in values:
            try:
                yield parse_seal_signature(value).seal
            except SealRefused:  # a CMS, or a broken one
                continue
    except MsbError:
        return


def _values_in_pdf(data: bytes) -> Iterator[bytes]:
    from msb_seal.pdf.found import find_signatures
    from msb_seal.pdf.judged import cut_padding
    from msb_seal.pdf.revisions import PdfBytes, Revision

    for found in find_signatures(Revision(PdfBytes(data), len(data))):
        contents = found.entries.get("Contents")
        if isinstance(contents, bytes):
            yield cut_padding(contents)[0]


def _values_in_ofd(data: bytes) -> Iterator[bytes]:
    package, budget = OfdPackage.read(data), Budget()
    for document in package.documents:
        for found in find_ofd_signatures(package, document, budget):
            if found.value_name is not None:
                yield package.entry(found.value_name)


def _drawn(picture: SealPicture) -> bytes | None:
    try:
        vectors = picture.type.casefold() in _VECTORS
        pixels = _from_vectors(picture) if vectors else _from_pixels(picture)
    except MsbError:
        return None
    if pixels is None:
        return None
    pixels.thumbnail((SIDE_PIXELS, SIDE_PIXELS))
    written = io.BytesIO()
    pixels.save(written, "PNG", optimize=True)
    return written.getvalue()


def _from_pixels(picture: SealPicture) -> Pixels | None:
    if len(picture.data) > MAX_PICTURE_BYTES:
        return None
    image = Image.read(picture.data)
    if image.width * image.height > MAX_PIXELS:
        return None
    return image.pixels.copy()


def _from_vectors(picture: SealPicture) -> Pixels | None:
    """Draw SVG or OFD by our own reader, which knows shapes and nothing that acts."""
    items = picture_items(picture, DrawingBudget())
    if items is None:
        return None
    ratio = picture.height_mm / picture.width_mm if picture.width_mm > 0 else 0.0
    height = _SIDE_MM * min(_MAX_RATIO, max(1 / _MAX_RATIO, ratio))
    scene = Scene(_SIDE_MM, height, (Group(items, matrix=scaled(_SIDE_MM, height)),))
    return to_pixels(scene, dpi=25.4 * SIDE_PIXELS / _SIDE_MM)
