"""Pictures of seals on pages."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from msb_seal.drawing import Scene, Shape, ellipse, to_svg
from msb_seal.drawing.fontfile import PreparedFont
from msb_seal.ofd.compose import OfdBuilder, PageTemplate
from msb_seal.ofd.document import Budget
from msb_seal.ofd.sign import seal_ofd
from msb_seal.ofd.stamps import picture_items
from msb_seal.ofd.svg_pictures import read_svg
from msb_seal.pictures import draw, round_seal
from msb_seal.placement import AtKeyword, Straddle
from msb_seal.seals.model import SealPicture
from tests.identity.authorities import NOW
from tests.seal.archives import MINIMAL, archive
from tests.seal.makers import world
from tests.seal.ofd_pages import DOTS, RED, WHITE, at, png, reds, seen
from tests.seal.ofd_schema import require_valid

if TYPE_CHECKING:
    from msb_seal.placement import Place


def test_a_document_sealed_twice_fits_the_schema_and_shows_both_seals() -> None:
    fonts = {"song": PreparedFont.load("song")}
    template = PageTemplate.make(
        fonts,
        lambda canvas: canvas.line(0, 5, to_x_mm=100, to_y_mm=5, line_mm=2),
        width_mm=100,
        height_mm=100,
    )
    builder = OfdBuilder(fonts, template=template)
    builder.page().text("发证机关", x_mm=40, y_mm=50, size_mm=4)
    builder.page(plain=True)
    data = builder.to_bytes()
    drawing = draw(round_seal("organ-department", "测试单位"))
    places: dict[str, Place] = {"PNG": AtKeyword("发证机关"), "SVG": Straddle()}
    for kind, place in places.items():
        sealer = world().sealer(picture=drawing.as_seal_picture(kind, dpi=150))
        data = seal_ofd(data, sealer=sealer, places=(place,), now=NOW)
    package = require_valid(data)
    first, second = seen(package), seen(package, 2)
    assert 0.1 < reds(first, (48 - 21, 52 - 21, 48 + 21, 52 + 21)) < 0.5
    assert reds(first, (48 - 1, 52 - 1, 48 + 1, 52 + 1)) > 0.9  # the star
    assert (at(first, 50, 5), at(second, 50, 5)) == ((0, 0, 0), WHITE)
    assert reds(second, (0, 0, 78, 100)) == 0
    for image in (first, second):
        assert reds(image, (79, 29, 100, 71)) > 0.05


# --- pictures of seals ---------------------------------------------------------------------------


def drawn(kind: str, data: bytes) -> Image.Image:
    from msb_seal.drawing.paths import scaled
    from msb_seal.drawing.png import to_pixels
    from msb_seal.drawing.scene import Group, Scene

    items = picture_items(SealPicture(kind, data, 40, 40), Budget())
    assert items is not None
    scene = Scene(40, 40, (Group(items, scaled(40, 40)),))
    return to_pixels(scene, dpi=25.4 * DOTS, ground=(255, 255, 0)).convert("RGB")


def test_a_seal_without_transparency_hides_no_text() -> None:
    buffer = io.BytesIO()
    image = Image.new("RGB", (40, 40), WHITE)
    image.paste(RED, (0, 0, 20, 40))
    image.save(buffer, "BMP")
    shown = drawn("bmp", buffer.getvalue())
    assert (at(shown, 10, 20), at(shown, 30, 20)) == (RED, (255, 255, 0))
    assert at(drawn("PNG", png((4, 4), (255, 0, 0, 255))), 20, 20) == RED


@pytest.mark.parametrize(
    ("shape", "inside", "outside"),
    [
        ('<rect x="10" y="10" width="10" height="10" fill="red"/>', (15, 15), (25, 15)),
        ('<circle cx="20" cy="20" r="8" fill="#f00"/>', (25, 20), (27, 27)),
        ('<ellipse cx="20" cy="20" rx="15" ry="5" style="fill:rgb(255,0,0)"/>', (33, 20), (20, 27)),
        ('<polygon points="0,0 20,0 0,20" fill="#ff0000"/>', (5, 5), (15, 15)),
        ('<path d="M10 10h10v10h-10z" fill="red"/>', (15, 15), (25, 15)),
        ('<path d="M10,20a10,10 0 0 1 20,0z" fill="red"/>', (20, 15), (20, 25)),
        ('<path d="M10 20q10-20 20 0t10 0" fill="red"/>', (20, 15), (20, 25)),
        (
            '<g transform="translate(20 0) scale(2)" fill="red"><rect width="5" height="5"/></g>',
            (25, 5),
            (35, 5),
        ),
        (
            '<line x1="0" y1="20" x2="40" y2="20" stroke="red" stroke-width="4"/>',
            (20, 21),
            (20, 24),
        ),
        (
            (
                '<clipPath id="c"><rect width="10" height="40"/></clipPath>'
                '<g clip-path="url(#c)"><rect width="40" height="40" fill="red"/></g>'
            ),
            (5, 5),
            (15, 5),
        ),
        (
            '<path fill="red" fill-rule="evenodd" d="M0 0h40v40h-40zM10 10h20v20h-20z"/>',
            (5, 20),
            (20, 20),
        ),
    ],
)
def test_an_svg_picture_is_drawn(
    shape: str, inside: tuple[int, int], outside: tuple[int, int]
) -> None:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40">{shape}</svg>'
    image = drawn("svg", svg.encode())
    assert at(image, *inside) == RED
    assert at(image, *outside) == (255, 255, 0)


def test_an_svg_of_our_own_is_read_back() -> None:

    scene = Scene(40, 40, (Shape(ellipse((20, 20), 15), stroke=RED, stroke_width_mm=2),))
    image = drawn("SVG", to_svg(scene))
    assert (at(image, 5, 20), at(image, 20, 20)) == (RED, (255, 255, 0))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("svg", b"<svg/>"),
        ("svg", b'<!DOCTYPE svg [<!ENTITY a "b">]><svg width="1" height="1"/>'),
        ("svg", b'<svg viewBox="0 0 nan 1"/>'),
        ("svg", b"<svg viewBox='0 0 1 1'>" + b"<g>" * 100 + b"</g>" * 100 + b"</svg>"),
        ("PNG", b"\x89PNG\r\n\x1a\n"),
        ("ofd", b"PK"),
        ("ofd", archive(MINIMAL)[:-1]),
        ("tiff", b"II*\0"),
    ],
)
def test_a_picture_that_cannot_be_drawn_shows_nothing(kind: str, data: bytes) -> None:
    assert picture_items(SealPicture(kind, data, 40, 40), Budget()) is None


def test_svg_numbers_out_of_reach_end_the_path() -> None:
    group = read_svg(b'<svg viewBox="0 0 9 9"><path d="M0 0L1 1L1e99 0L2 2"/></svg>', Budget())
    assert "1e+99" not in repr(group)
