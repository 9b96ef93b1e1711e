"""The seals that show on the pages, for previews: pictures taken out of the signatures.

A picture shows here whether or not its signature is good: only verify.py says that. What cannot be
read shows nothing.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import ImageChops

from msb_identity.errors import MsbError
from msb_seal.drawing.images import Image
from msb_seal.drawing.paths import compose, moved, rectangle, scaled
from msb_seal.drawing.png import to_png
from msb_seal.drawing.scene import Group, Picture, Scene, Shape
from msb_seal.errors import DrawingRefused
from msb_seal.ofd.document import Budget, open_document
from msb_seal.ofd.package import OfdPackage
from msb_seal.ofd.rendering import PageRenderer
from msb_seal.ofd.signature_xml import SignatureType, read_signature, read_signature_list
from msb_seal.ofd.svg_pictures import read_svg
from msb_seal.seals.model import SealPicture
from msb_seal.seals.structure import parse_seal, parse_seal_signature

if TYPE_CHECKING:
    from collections.abc import Collection

    from msb_seal.drawing.paths import Path
    from msb_seal.drawing.scene import Item
    from msb_seal.ofd.document import Document, Page
    from msb_seal.ofd.signature_xml import SignatureDescription, Stamp
    from msb_seal.placement import Box

MAX_PICTURE_BYTES = 2 * 1024 * 1024
_BYTES_PER_UNIT = 8  # of vector pictures, against the document's budget


def stamped_items(document: Document, pages: Collection[Page]) -> dict[str, list[Item]]:
    """Give what the document's seals draw on these pages, by page ID, in mm; OfdRefused."""
    wanted = {page.id for page in pages}
    found: dict[str, list[Item]] = {}
    for name, description in _descriptions(document):
        stamps = [stamp for stamp in description.stamps if stamp.page_id in wanted]
        picture = _seal_picture(document.package, name, description) if stamps else None
        items = None if picture is None else picture_items(picture, document.budget)
        if items is None:
            continue
        weight = _weight(items)
        for stamp in stamps:
            document.budget.spend(weight)
            found.setdefault(stamp.page_id, []).append(_placed(items, stamp))
    return found


def picture_items(picture: SealPicture, budget: Budget) -> tuple[Item, ...] | None:
    """Give a seal's picture as items in the unit square; None where it cannot be drawn.

    PNG, JPEG, GIF, BMP, SVG, and OFD, whose first page it is.
    """
    kind, data = picture.type.casefold(), picture.data
    if len(data) > MAX_PICTURE_BYTES:
        return None
    try:
        if kind == "ofd":
            return _ofd_items(data, budget)
        if kind == "svg":
            budget.spend(len(data) // _BYTES_PER_UNIT)
            return read_svg(data, budget)
        image = Image.read(data)
        if not budget.has_room_for(image.width * image.height):
            return None
        return (Picture(_transparent(image), 0, 0, 1, 1),)
    except MsbError:
        return None


def picture_as_png(picture: SealPicture, *, dpi: int = 600) -> SealPicture:
    """Give a picture that is SVG or OFD as PNG, for what takes no other; others as they are.

    Raises DrawingRefused where it cannot be drawn.
    """
    if picture.type.casefold() not in {"svg", "ofd"}:
        return picture
    items = picture_items(picture, Budget())
    if items is None:
        message = f"a seal picture of type {picture.type!r} that cannot be drawn"
        raise DrawingRefused(message)
    width, height = picture.width_mm, picture.height_mm
    scene = Scene(width, height, (Group(items, matrix=scaled(width, height)),))
    return SealPicture("PNG", to_png(scene, dpi=dpi), width, height)


def _weight(items: tuple[Item, ...]) -> int:
    """Count what drawing the items once more costs."""
    weight = 1
    for item in items:
        if isinstance(item, Group):
            weight += _weight(item.items)
        elif isinstance(item, Shape):
            weight += 1 + len(item.path.segments) // 8
        else:
            weight += 1
    return weight


def _descriptions(document: Document) -> list[tuple[str, SignatureDescription]]:
    found: list[tuple[str, SignatureDescription]] = []
    package, list_name = document.package, document.source.signatures
    if list_name is None:
        return found
    try:
        records = read_signature_list(document.xml(list_name)).records
    except MsbError:
        return found
    for record in records:
        if record.type is not SignatureType.SEAL:
            continue
        try:
            name = package.resolve(list_name, record.location)
            found.append((name, read_signature(document.xml(name))))
        except MsbError:
            continue
    return found


def _seal_picture(
    package: OfdPackage, name: str, description: SignatureDescription
) -> SealPicture | None:
    try:
        value = package.entry(package.resolve(name, description.value_location))
        return parse_seal_signature(value).seal.picture
    except MsbError:
        pass
    try:
        location = description.seal_location
        seal = package.entry(package.resolve(name, location)) if location else b""
        return parse_seal(seal).picture
    except MsbError:
        return None


def _ofd_items(data: bytes, budget: Budget) -> tuple[Item, ...]:
    """Draw the first page of a picture that is itself an OFD; its own seals do not show."""
    document = open_document(OfdPackage.read(data), budget=budget)
    area, items = PageRenderer(document).page(document.page(1))
    return (Group(tuple(items), matrix=scaled(1 / area.width_mm, 1 / area.height_mm)),)


def _transparent(image: Image) -> Image:
    """Let white be transparent in a picture that has no transparency: a seal hides no text."""
    if image.pixels.mode == "RGBA":
        return image
    red, green, blue = image.pixels.split()
    darkest = ImageChops.darker(ImageChops.darker(red, green), blue)
    clear = image.pixels.copy()
    clear.putalpha(ImageChops.invert(darkest).point(_opaque))
    written = io.BytesIO()
    clear.save(written, "PNG")
    return Image.read(written.getvalue())


def _opaque(ink: int) -> int:
    """Make a pixel opaque with little ink already, so that the seal's colour stays strong."""
    return min(255, ink * 2)


def _placed(items: tuple[Item, ...], stamp: Stamp) -> Item:
    box, clip = stamp.box, stamp.clip
    group = Group(
        items,
        matrix=compose(moved(box.x_mm, box.y_mm), scaled(box.width_mm, box.height_mm)),
    )
    if clip is None:
        return group
    return Group((group,), clip=_rectangle(clip, box))


def _rectangle(clip: Box, box: Box) -> Path:
    return rectangle(box.x_mm + clip.x_mm, box.y_mm + clip.y_mm, clip.width_mm, clip.height_mm)
