"""Whether two pictures of seals show the same, though one was made smaller or packed as JPEG.

Both are put on white and into one square, then held against each other in small cells: seals of one
design differ in a few letters only, which a mean over the whole picture would not show.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from PIL import Image as Pillow
from PIL import ImageChops

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE_PIXELS: Final = 384
_CELL_PIXELS = 8  # 0.9 mm of a seal of 42 mm
_SAME, _OTHER = 40, 90  # of 255: the mean difference of a cell, most of it and clearly more
_INK = 48  # of 255: how far from white
_OTHER_INK = 150  # of 255: the same strokes, a pixel aside, differ by less


class Likeness(Enum):
    """What two pictures are to each other."""

    SAME = "same"
    OTHER = "other"
    UNSURE = "unsure"


def on_white(picture: Image) -> Image:
    """Give a picture as readers show it on paper, in the one size that is compared."""
    if picture.mode == "RGBA":
        paper = Pillow.new("RGB", picture.size, "white")
        paper.paste(picture, mask=picture.getchannel("A"))
        picture = paper
    # Bilinear: smooth where it grows and where it shrinks, so that a smaller copy stays alike.
    return picture.convert("RGB").resize((SIDE_PIXELS, SIDE_PIXELS), Pillow.Resampling.BILINEAR)


def compare(one: Image, other: Image) -> Likeness:
    """Hold two pictures from `on_white` against each other, margins aside where need be."""
    apart = _apart(one, other)
    if apart > _SAME:
        apart = min(apart, _apart(trimmed(one), trimmed(other)))
    if apart <= _SAME:
        return Likeness.SAME
    return Likeness.OTHER if apart >= _OTHER else Likeness.UNSURE


def compare_drawn(one: Image, other: Image) -> Likeness:
    """Hold what was drawn, in whatever place, against a picture from `on_white`.

    Drawing moves edges and changes shades: another picture is one whose ink lies elsewhere.
    """
    first, second = trimmed(one), trimmed(other)
    if _ink(one).getbbox() is None:
        return Likeness.UNSURE
    if _apart(first, second) <= _SAME:
        return Likeness.SAME
    inks = ImageChops.difference(_ink(first), _ink(second))
    return Likeness.OTHER if _highest(inks) >= _OTHER_INK else Likeness.UNSURE


def trimmed(picture: Image) -> Image:
    """Give what has ink, without margins, in the one size."""
    box = _ink(picture).getbbox()
    size = SIDE_PIXELS, SIDE_PIXELS
    return picture.resize(size, Pillow.Resampling.BILINEAR, box=box) if box else picture


def _apart(one: Image, other: Image) -> int:
    """Give the mean difference of the cell that differs most."""
    red, green, blue = ImageChops.difference(one, other).split()
    most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return _highest(most)


def _highest(difference: Image) -> int:
    _, highest = difference.reduce(_CELL_PIXELS).getextrema()
    return int(highest)  # type: ignore[arg-type] # one band has one pair


def _ink(picture: Image) -> Image:
    red, green, blue = picture.split()
    darkest = ImageChops.darker(ImageChops.darker(red, green), blue)
    return darkest.point(lambda value: 255 if value < 255 - _INK else 0)
