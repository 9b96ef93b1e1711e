"""Drawing: scenes in millimetres, rendered as SVG, PDF and PNG; fonts, paths, images.

scene = Scene(50, 20, (Text("张三", Font.load("song"), 5, 10, 12),))
to_svg(scene), to_pdf(scene), to_png(scene, dpi=300)
"""

from __future__ import annotations

from msb_seal.drawing.fonts import Font
from msb_seal.drawing.images import Image
from msb_seal.drawing.paths import (
    IDENTITY,
    Matrix,
    Path,
    PathBuilder,
    compose,
    ellipse,
    joined,
    moved,
    polygon,
    rectangle,
    scaled,
    turned,
)
from msb_seal.drawing.pdf import to_pdf
from msb_seal.drawing.png import to_pixels, to_png
from msb_seal.drawing.scene import (
    BLACK,
    WHITE,
    Color,
    Group,
    Item,
    Picture,
    Scene,
    Shape,
    Text,
)
from msb_seal.drawing.svg import to_svg

__all__ = [
    "BLACK",
    "IDENTITY",
    "WHITE",
    "Color",
    "Font",
    "Group",
    "Image",
    "Item",
    "Matrix",
    "Path",
    "PathBuilder",
    "Picture",
    "Scene",
    "Shape",
    "Text",
    "compose",
    "ellipse",
    "joined",
    "moved",
    "polygon",
    "rectangle",
    "scaled",
    "to_pdf",
    "to_pixels",
    "to_png",
    "to_svg",
    "turned",
]
