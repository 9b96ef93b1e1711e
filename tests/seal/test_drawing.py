"""Scenes and fonts: the three renderings agree, are the same every time, and refuse what breaks."""

from __future__ import annotations

import io

import pypdfium2
import pytest
from fontTools.ttLib import TTFont
from lxml import etree
from PIL import Image as Pillow

from msb_seal.drawing import (
    BLACK,
    Font,
    Group,
    Image,
    Picture,
    Scene,
    Shape,
    Text,
    ellipse,
    moved,
    rectangle,
    to_pdf,
    to_pixels,
    to_png,
    to_svg,
)
from msb_seal.errors import DrawingRefused

RED = (255, 0, 0)


def photo(mode: str = "RGB", size: tuple[int, int] = (40, 20), kind: str = "PNG") -> Image:
    colors: dict[str, int | tuple[int, ...]] = {
        "RGB": (0, 0, 255),
        "RGBA": (0, 0, 255, 128),
        "L": 128,
    }
    written = io.BytesIO()
    Pillow.new(mode, size, colors[mode]).save(written, kind)
    return Image.read(written.getvalue())


def pixel(scene: Scene, x_mm: float, y_mm: float) -> tuple[int, ...]:
    drawn = to_pixels(scene, dpi=254)
    at = (round(y_mm * 10) * drawn.width + round(x_mm * 10)) * 4
    return tuple(drawn.tobytes()[at : at + 4])


def test_items_stand_where_they_are_put() -> None:
    scene = Scene(
        30,
        20,
        (
            Shape(rectangle(0, 0, 10, 10), fill=RED),
            Group((Shape(rectangle(0, 0, 4, 4), fill=BLACK),), matrix=moved(20, 10)),
            Group((Shape(rectangle(10, 0, 10, 10), fill=BLACK),), clip=ellipse((15, 5), 3)),
            Picture(photo(), 0, 12, 8, 8),
        ),
    )
    assert pixel(scene, 5, 5) == (*RED, 255)
    assert pixel(scene, 22, 12) == (*BLACK, 255)
    assert pixel(scene, 18, 12)[3] == 0
    assert pixel(scene, 15, 5) == (*BLACK, 255)
    assert pixel(scene, 11, 1)[3] == 0
    assert pixel(scene, 4, 16) == (0, 0, 255, 255)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_images_of_every_mode_are_placed(kind: str) -> None:
    for mode in ("RGB", "L") if kind == "JPEG" else ("RGB", "RGBA", "L"):
        scene = Scene(10, 10, (Picture(photo(mode, kind=kind), 0, 0, 10, 10),))
        assert pixel(scene, 5, 5)[3] == (128 if mode == "RGBA" else 255)


def test_text_in_a_pdf_can_be_found_and_in_an_svg_needs_no_font() -> None:
    font = Font.load("song")
    scene = Scene(60, 20, (Text("特种作业操作证 No.7", font, 5, 3, 12),), "标题")
    document = pypdfium2.PdfDocument(to_pdf(scene))
    assert document[0].get_textpage().get_text_bounded() == "特种作业操作证 No.7"
    assert document.get_metadata_dict()["Title"] == "标题"
    svg = etree.fromstring(to_svg(scene))
    assert {etree.QName(element).localname for element in svg.iter()} == {"svg", "title", "path"}


def test_the_same_scene_gives_the_same_bytes() -> None:
    def scene() -> Scene:
        return Scene(
            40, 20, (Text("呼和浩特", Font.load("song"), 5, 3, 12), Picture(photo(), 0, 0, 5, 5))
        )

    assert to_svg(scene()) == to_svg(scene())
    assert to_pdf(scene()) == to_pdf(scene())
    assert to_png(scene(), dpi=150) == to_png(scene(), dpi=150)


def test_a_png_has_its_size_resolution_and_a_clear_ground() -> None:
    opened = Pillow.open(io.BytesIO(to_png(Scene(42, 21, ()), dpi=300)))
    assert opened.size == (496, 248)
    assert opened.mode == "RGBA"
    assert not any(opened.getchannel("A").tobytes())
    assert round(opened.info["dpi"][0]) == 300
    assert to_pixels(Scene(1, 1, ()), ground=(1, 2, 3)).convert("RGB").tobytes()[:3] == bytes(
        (1, 2, 3)
    )


def test_a_subset_holds_just_its_characters_and_draws_them_alike() -> None:
    font = Font.load("song")
    cut = font.subset("证照证")
    assert cut == font.subset("照证")
    assert set(TTFont(io.BytesIO(cut)).getBestCmap()) == {ord("证"), ord("照")}
    assert len(cut) < 10_000
    again = Font(cut)
    assert again.outline("证") == font.outline("证")
    assert again.advance("照") == font.advance("照") == 1


def test_a_character_that_a_font_lacks_is_named() -> None:
    for use in (
        lambda font: font.require("好\U0001f600"),
        lambda font: font.subset("\U0001f600"),
        lambda font: Text("\U0001f600", font, 5, 0, 5),
    ):
        with pytest.raises(DrawingRefused, match="U\\+1F600"):
            use(Font.load("song"))


@pytest.mark.parametrize("data", [b"", b"OTTO", b"\0\1\0\0" + bytes(200), b"ttcf" + bytes(40)])
def test_what_is_no_font_is_refused(data: bytes) -> None:
    with pytest.raises(DrawingRefused):
        Font(data)


def test_a_spoiled_font_raises_nothing_else() -> None:
    import random

    cut, chance = Font.load("song").subset("证照"), random.Random(7)
    for _ in range(150):
        spoiled = bytearray(cut)
        for _ in range(chance.randint(1, 8)):
            spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
        try:
            font = Font(bytes(spoiled))
            for character in "证照":
                if font.has(character):
                    font.outline(character)
                    font.subset(character)
        except DrawingRefused:
            pass


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"<svg/>"])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(DrawingRefused):
        _ = Image.read(data).pixels


def test_pictures_beyond_what_can_be_drawn_are_refused() -> None:
    with pytest.raises(DrawingRefused):
        to_png(Scene(5000, 5000, ()), dpi=1200)
    for side in (0, -1, 5001, float("nan")):
        with pytest.raises(DrawingRefused):
            Scene(side, 10, ())
