"""Scenes and fonts: the three renderings agree, are the same every time, and refuse what breaks."""

from __future__ import annotations

import io
import threading
import zlib

import pypdfium2
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.misc.psCharStrings import T2CharString
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from lxml import etree
from PIL import Image as Pillow

from msb_seal.drawing import (
    BLACK,
    WHITE,
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
from msb_seal.drawing.fontfile import PreparedFont
from msb_seal.errors import DrawingRefused

RED = (255, 0, 0)


def painted(mode: str, form: str, color: object) -> Image:
    written = io.BytesIO()
    Pillow.new(mode, (40, 20), color).save(written, form)  # type: ignore[arg-type]
    return Image.read(written.getvalue())


def photo() -> Image:
    return painted("RGB", "PNG", (0, 0, 255))


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


@pytest.mark.parametrize("colors", [[RED], [RED, BLACK]])
def test_a_png_shows_each_pixel_as_it_was_drawn(colors: list[tuple[int, int, int]]) -> None:
    rings = tuple(Shape(ellipse((5 + n, 5), 4), fill=color) for n, color in enumerate(colors))
    scene = Scene(10, 10, (*rings, Group((Shape(rectangle(0, 0, 9, 2), RED),), opacity=0.3)))
    drawn = to_pixels(scene, dpi=100)
    written = Pillow.open(io.BytesIO(to_png(scene, dpi=100)))
    assert written.mode == ("P" if colors == [RED] else "RGBA")
    shown = [picture.convert("RGBA").convert("RGBa") for picture in (written, drawn)]
    assert shown[0].tobytes() == shown[1].tobytes()


def test_a_png_has_its_size_resolution_and_a_clear_ground() -> None:
    opened = Pillow.open(io.BytesIO(to_png(Scene(42, 21, ()), dpi=300)))
    assert opened.size == (496, 248)
    assert opened.mode == "RGBA"
    assert not any(opened.getchannel("A").tobytes())
    assert round(opened.info["dpi"][0]) == 300
    assert to_pixels(Scene(1, 1, ()), ground=(1, 2, 3)).convert("RGB").tobytes()[:3] == bytes(
        (1, 2, 3)
    )


def test_a_character_that_a_font_lacks_is_named() -> None:
    for use in (
        lambda font: font.require("好\U0001f600"),
        lambda font: PreparedFont(font).subset("\U0001f600"),
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

    cut, chance = PreparedFont.load("song").subset("证照"), random.Random(7)
    for _ in range(150):
        spoiled = bytearray(cut)
        for _ in range(chance.randint(1, 8)):
            spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
        try:
            font = Font(bytes(spoiled))
            for character in "证照":
                if font.has(character):
                    font.outline(character)
                    PreparedFont(font).subset(character)
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


def made_font(*, parts: int = 0) -> bytes:
    """A TrueType font of one square, "A", and "B" that is built of `parts` of itself."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for point in ((0, 500), (500, 500), (500, 0)):
        pen.lineTo(point)
    pen.closePath()
    square = pen.glyph()
    pen = TTGlyphPen({"A": square})
    for _ in range(parts or 1):
        pen.addComponent("A", (1, 0, 0, 1, 0, 0))
    composite = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "A", "B"])
    builder.setupCharacterMap({65: "A", 66: "B"})
    builder.setupGlyf({".notdef": square, "A": square, "B": composite})
    builder.setupHorizontalMetrics(dict.fromkeys((".notdef", "A", "B"), (600, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Squares", "styleName": "Regular", "psName": "Sq) /x"})
    builder.setupOS2()
    builder.setupPost()
    builder.font.recalcBBoxes = False  # a glyph that contains itself has none
    for part in composite.components:
        part.glyphName = "B" if parts else "A"
    written = io.BytesIO()
    builder.save(written)
    return written.getvalue()


@pytest.mark.parametrize("parts", [1, 2])
def test_a_glyph_that_contains_itself_is_refused(parts: int) -> None:
    font = Font(made_font(parts=parts))
    assert len(font.outline("A").segments) == 5
    with pytest.raises(DrawingRefused):
        font.outline("B")


def test_a_glyph_program_that_multiplies_is_refused() -> None:
    """Ten subroutines, each calling the next one fifty times, would run for ages."""
    ttf = TTFont(io.BytesIO(PreparedFont.load("song").subset("国")))
    top = ttf["CFF "].cff.topDictIndex[0]
    charstrings, subroutines = top.CharStrings, top.GlobalSubrs
    first = len(subroutines) - 107  # numbers of subroutines start there
    for n in range(10):
        calls: list[object] = [first + n + 1, "callgsubr"] * 50 if n < 9 else []
        subroutines.append(T2CharString(program=[*calls, "return"]))
    program = charstrings[ttf.getBestCmap()[ord("国")]]
    program.bytecode, program.program = None, [first, "callgsubr", "endchar"]
    ttf.recalcBBoxes = False
    written = io.BytesIO()
    ttf.save(written)
    with pytest.raises(DrawingRefused, match="work"):
        Font(written.getvalue()).outline("国")


def test_text_in_a_pdf_can_be_searched_in_fonts_of_each_kind() -> None:
    fonts = [Font.load("song"), Font.load("hei"), Font(made_font())]
    texts = ["鄂尔多斯市2024", "公安局（分局）", "ABBA"]
    lines = [
        Text(t, f, 5, 5, 10 + n * 10) for n, (t, f) in enumerate(zip(texts, fonts, strict=True))
    ]
    made = to_pdf([Scene(60, 40, tuple(lines[:2]), title="标题"), Scene(60, 40, tuple(lines[2:]))])
    opened = pypdfium2.PdfDocument(made)
    pages = [page.get_textpage().get_text_range().split() for page in opened]
    assert pages == [texts[:2], texts[2:]]
    assert opened.get_metadata_dict()["Title"] == "标题"
    opened.close()


def test_text_and_its_outlines_look_alike() -> None:
    song = Font.load("song")
    text = Text("印章 2024", song, 6, 3.2, 9.1, condense=0.8, advances_mm=(8, 5, 2.5, 4, 4, 4, 4))
    as_text = to_pixels(Scene(40, 12, (text,)), ground=WHITE).convert("L")
    as_shape = to_pixels(Scene(40, 12, (Shape(text.outlines(), (0, 0, 0)),)), ground=WHITE)
    pairs = zip(as_text.tobytes(), as_shape.convert("L").tobytes(), strict=True)
    assert sum(abs(a - b) for a, b in pairs) / (as_text.width * as_text.height) < 1.5


@pytest.mark.parametrize(
    ("mode", "form", "color"),
    [
        ("RGBA", "PNG", (0, 0, 255, 255)),
        ("RGB", "JPEG", (0, 0, 255)),
        ("L", "JPEG", 40),
        ("CMYK", "JPEG", (200, 200, 0, 0)),
        ("P", "GIF", 2),
        ("RGB", "BMP", (0, 0, 255)),
        ("1", "PNG", 0),
    ],
)
def test_pictures_of_each_kind_look_alike_in_pdf(mode: str, form: str, color: object) -> None:
    image = painted(mode, form, color)
    scene = Scene(10, 10, (Picture(image, 0, 0, 10, 10),))
    wanted = image.pixels.convert("RGB").getpixel((4, 4))
    got = to_pixels(scene, dpi=72).convert("RGB").getpixel((14, 14))
    assert isinstance(got, tuple)
    assert isinstance(wanted, tuple)
    assert max(abs(a - b) for a, b in zip(got, wanted, strict=True)) <= 2


def test_a_picture_of_too_many_pixels_is_refused() -> None:
    data = photo().data
    head = b"IHDR" + b"\0\0\x20\0" * 2 + data[24:29]
    enlarged = data[:12] + head + zlib.crc32(head).to_bytes(4, "big") + data[33:]
    with pytest.raises(DrawingRefused, match="pixels"):
        Image.read(enlarged)


@pytest.mark.parametrize("dpi", [0, 1, 1e6, float("nan"), float("inf"), -300])
def test_a_senseless_resolution_is_refused(dpi: float) -> None:
    with pytest.raises(DrawingRefused):
        to_png(Scene(10, 10, ()), dpi=dpi)


def test_threads_may_draw_at_once() -> None:
    scene = Scene(
        30, 20, (Text("印章", Font.load("song"), 9, 2, 12), Picture(photo(), 20, 0, 8, 8))
    )
    made: list[bytes] = []
    threads = [threading.Thread(target=lambda: made.append(to_png(scene))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 6
    assert len(set(made)) == 1
