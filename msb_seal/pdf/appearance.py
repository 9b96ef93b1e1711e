"""How a seal shows in a PDF: its picture in true size, multiplied over the page so that text stays.

One image for all showings of a seal, and a form around it for each slice and each way a page is
turned. Multiplied (ISO 32000-1 section 11.3.5), a white ground lets the page through as well as a
transparent one.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name

from msb_seal.drawing.images import Image
from msb_seal.drawing.numbers import shortest
from msb_seal.errors import DrawingRefused
from msb_seal.pdf.opening import refused
from msb_seal.pdf.pages import POINTS_PER_MM
from msb_seal.placement import Box

if TYPE_CHECKING:
    from msb_seal.pdf.pages import PdfPage, Rectangle
    from msb_seal.placement import Placed
    from msb_seal.seals.model import SealPicture

MAX_PICTURE_BYTES = 8 * 1024 * 1024
MAX_PICTURE_PIXELS = 16_000_000
# 12.5.5: the form is turned against the page, so that the picture stands upright as it is seen.
_MATRICES = {
    0: (1, 0, 0, 1, 0, 0),
    90: (0, 1, -1, 0, 0, 0),
    180: (-1, 0, 0, -1, 0, 0),
    270: (0, -1, 1, 0, 0, 0),
}


@dataclass(frozen=True, slots=True)
class PreparedPicture:
    """A seal's picture as PDF takes it, made once for any number of documents.

    colours: the stream of RGB samples, deflated, or a JPEG as it was. opacity: deflated, or None.
    """

    size: tuple[int, int]
    size_mm: tuple[float, float]
    filter: str
    space: str
    colours: bytes = field(repr=False)
    opacity: bytes | None = field(repr=False)

    @property
    def points(self) -> tuple[float, float]:
        """Its size in points of 1/72 inch."""
        width, height = self.size_mm
        return width * POINTS_PER_MM, height * POINTS_PER_MM

    @classmethod
    def of(cls, picture: SealPicture) -> PreparedPicture:
        """Prepare a picture; SealingRefused where it is none that can be shown in a PDF."""
        size_mm = float(picture.width_mm), float(picture.height_mm)
        if min(size_mm) <= 0 or len(picture.data) > MAX_PICTURE_BYTES:
            raise refused("picture", "印模大小有误", "the seal's picture has an impossible size")
        try:
            image = Image.read(picture.data)
            if image.width * image.height > MAX_PICTURE_PIXELS:
                raise refused("picture", "印模像素过多", "the seal's picture has too many pixels")
            if image.format == "JPEG" and image.mode in {"RGB", "L"}:
                space = "/DeviceRGB" if image.mode == "RGB" else "/DeviceGray"
                size = image.width, image.height
                return cls(size, size_mm, "/DCTDecode", space, image.data, None)
            pixels = image.pixels
        except DrawingRefused as error:
            zh = f"印模（{picture.type}）不是 PNG、JPEG、GIF 或 BMP，不能显示在 PDF 中"
            en = f"a seal picture of type {picture.type!r} cannot be shown in a PDF: {error}"
            raise refused("picture", zh, en) from error
        opacity = None
        if pixels.mode == "RGBA":
            opacity = zlib.compress(pixels.getchannel("A").tobytes())
        colours = zlib.compress(pixels.convert("RGB").tobytes())
        return cls(pixels.size, size_mm, "/FlateDecode", "/DeviceRGB", colours, opacity)


@lru_cache(maxsize=16)
def prepare_picture(picture: SealPicture) -> PreparedPicture:
    """Prepare a picture once for many documents; raises as PreparedPicture.of does."""
    return PreparedPicture.of(picture)


@dataclass(frozen=True, slots=True)
class SealForm:
    """How a form draws the picture, in points: its box, the picture's width, height, x, y in it.

    rotation: how the page is turned on which it stands upright.
    """

    box: tuple[float, float, float, float]
    place: tuple[float, float, float, float]
    rotation: int

    @classmethod
    def whole(cls, picture: PreparedPicture, rotation: int) -> SealForm:
        """Give the form that shows the whole picture on a page turned by so much."""
        width, height = picture.points
        return cls((0, 0, width, height), (width, height, 0, 0), rotation)

    @classmethod
    def part(cls, picture: PreparedPicture, clip: Box, rotation: int) -> SealForm:
        """Give the form that shows a part of the picture, measured from its upper left corner."""
        width, height = picture.points
        left, top = clip.x_mm * POINTS_PER_MM, height - clip.y_mm * POINTS_PER_MM
        right, bottom = left + clip.width_mm * POINTS_PER_MM, top - clip.height_mm * POINTS_PER_MM
        return cls((left, bottom, right, top), (width, height, 0, 0), rotation)

    @classmethod
    def fitted(cls, picture: PreparedPicture, room: tuple[float, float], rotation: int) -> SealForm:
        """Give the form for a field of so many points: in true size, or smaller where it must."""
        width, height = room
        own_width, own_height = picture.points
        scale = min(1.0, width / own_width, height / own_height)
        shown = own_width * scale, own_height * scale
        middle = (width - shown[0]) / 2, (height - shown[1]) / 2
        return cls((0, 0, width, height), (*shown, *middle), rotation)

    @property
    def matrix(self) -> tuple[float, ...]:
        """The entry /Matrix."""
        return _MATRICES[self.rotation]

    @property
    def content(self) -> bytes:
        """The form's drawing operators; /G and /I are its resources."""
        width, height, x, y = (shortest(number, 4) for number in self.place)
        return f"q /G gs {width} 0 0 {height} {x} {y} cm /I Do Q".encode()


def show_on(page: PdfPage, placed: Placed, picture: PreparedPicture) -> tuple[Rectangle, SealForm]:
    """Give the rectangle of a showing on its page, in user space, and what draws in it."""
    box, clip = placed.box, placed.clip
    if clip is None:
        return page.to_user_space(box), SealForm.whole(picture, page.rotation)
    shown = Box(box.x_mm + clip.x_mm, box.y_mm + clip.y_mm, clip.width_mm, clip.height_mm)
    return page.to_user_space(shown), SealForm.part(picture, clip, page.rotation)


class SealAppearances:
    """The appearance streams of one seal in one document; equal ones are written once."""

    def __init__(self, writer: Any, picture: PreparedPicture) -> None:  # noqa: ANN401 - no types
        """Begin with none."""
        self._writer, self._picture = writer, picture
        self._image: Any = None
        self._forms: dict[SealForm, Any] = {}

    def add(self, form: SealForm) -> Any:  # noqa: ANN401 - pyHanko has no types
        """Give the object of a form."""
        if form not in self._forms:
            state = {"/Type": "/ExtGState", "/BM": "/Multiply"}
            resources = generic.DictionaryObject(
                {
                    pdf_name("/ExtGState"): _dictionary({"/G": _names(state)}),
                    pdf_name("/XObject"): _dictionary({"/I": self._shared_image()}),
                }
            )
            head = _names({"/Type": "/XObject", "/Subtype": "/Form"})
            head[pdf_name("/BBox")] = numbers(form.box)
            head[pdf_name("/Matrix")] = numbers(form.matrix)
            head[pdf_name("/Resources")] = resources
            made = generic.StreamObject(head, stream_data=form.content)
            self._forms[form] = self._writer.add_object(made)
        return self._forms[form]

    def _shared_image(self) -> Any:  # noqa: ANN401 - as above
        if self._image is None:
            made, mask = self._picture, None
            if made.opacity is not None:
                mask = self._add_image("/DeviceGray", "/FlateDecode", made.opacity, None)
            self._image = self._add_image(made.space, made.filter, made.colours, mask)
        return self._image

    def _add_image(self, space: str, packed: str, data: bytes, mask: Any) -> Any:  # noqa: ANN401 - as above
        head = _names({"/Type": "/XObject", "/Subtype": "/Image", "/ColorSpace": space})
        width, height = self._picture.size
        for name, value in (("/Width", width), ("/Height", height), ("/BitsPerComponent", 8)):
            head[pdf_name(name)] = generic.NumberObject(value)
        head[pdf_name("/Filter")] = pdf_name(packed)
        if mask is not None:
            head[pdf_name("/SMask")] = mask
        return self._writer.add_object(generic.StreamObject(head, encoded_data=data))


def numbers(values: tuple[float, ...]) -> Any:  # noqa: ANN401 - as above
    """Write numbers as an array, with a precision far below what can be seen."""
    return generic.ArrayObject(generic.FloatObject(shortest(value, 4)) for value in values)


def _dictionary(values: dict[str, Any]) -> Any:  # noqa: ANN401 - as above
    return generic.DictionaryObject({pdf_name(name): value for name, value in values.items()})


def _names(values: dict[str, str]) -> Any:  # noqa: ANN401 - as above
    return _dictionary({name: pdf_name(value) for name, value in values.items()})
