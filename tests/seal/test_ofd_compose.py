from __future__ import annotations

import io
import math
from datetime import date
from typing import TYPE_CHECKING

import pytest
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from lxml import etree
from PIL import Image, ImageDraw, ImageFont
from pylopdf_fonts_zh_cn import sans_path

from msb_seal.drawing.fontfile import PreparedFont
from msb_seal.drawing.fonts import Font
from msb_seal.errors import OfdRefused
from msb_seal.ofd.archive import Packed
from msb_seal.ofd.compose import OfdBuilder, PageTemplate
from msb_seal.ofd.document import page_frames
from msb_seal.ofd.package import OFD_NAMESPACE, OfdPackage
from msb_seal.ofd.reading import find_text, render_page
from tests.seal.ofd_schema import require_valid, schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msb_seal.ofd.canvas import Canvas

RED = (200, 0, 0)
DOC_ID = "0123456789abcdef0123456789abcdef"
N = {"o": OFD_NAMESPACE}


@pytest.fixture(scope="module")
def fonts() -> Mapping[str, PreparedFont]:
    return {"song": PreparedFont.load("song"), "hei": PreparedFont.load("hei")}


def picture(kind: str = "PNG", color: tuple[int, int, int] = (0, 0, 255)) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (30, 40), color).save(written, kind)
    return written.getvalue()


def seen(package: OfdPackage, page: int = 1, dpi: float = 25.4 * 4) -> Image.Image:
    """The page at four pixels a millimetre."""
    return Image.open(io.BytesIO(render_page(package, page, dpi=dpi))).convert("RGB")


def ink(image: Image.Image, box: tuple[float, float, float, float]) -> float:
    """How much of a box (mm) is not white."""
    part = image.crop(tuple(round(n * 4) for n in box))  # type: ignore[arg-type] # four numbers
    pixels = part.convert("L").tobytes()
    return sum(p < 200 for p in pixels) / len(pixels)


def licence(fonts: Mapping[str, PreparedFont], template: PageTemplate, holder: str) -> OfdBuilder:
    builder = OfdBuilder(
        fonts,
        title="特种作业操作证",
        author="示例市应急管理局",
        created=date(2026, 3, 2),
        custom={"持证主体": holder, "a<b": '"&'},
        doc_id=DOC_ID,
        template=template,
    )
    page = builder.page()
    page.text(holder, x_mm=50, y_mm=40, size_mm=5)
    page.text("2026-03-02 至 2032-03-01 <&>", x_mm=50, y_mm=50, size_mm=4)
    page.image(picture("JPEG"), x_mm=140, y_mm=40, width_mm=30, height_mm=40)
    page.table(
        [["项目", "结果"], ["低压电工", "合格"]],
        x_mm=20,
        y_mm=90,
        widths_mm=[40, 30],
        row_mm=8,
        size_mm=4,
    )
    page.rectangle(20, 120, width_mm=20, height_mm=10, stroke=None, fill=RED)
    builder.attach("licence", b"<licence/>", extension="xml")
    return builder


@pytest.fixture(scope="module")
def template(fonts: Mapping[str, PreparedFont]) -> PageTemplate:
    def draw(canvas: Canvas) -> None:
        canvas.rectangle(5, 5, width_mm=canvas.width_mm - 10, height_mm=canvas.height_mm - 10)
        canvas.text(
            "特种作业操作证",
            x_mm=0,
            y_mm=15,
            width_mm=canvas.width_mm,
            size_mm=9,
            align="center",
            font="hei",
            color=RED,
        )
        canvas.image(picture(), x_mm=10, y_mm=10, width_mm=10, height_mm=10)

    return PageTemplate.make(fonts, draw, width_mm=200, height_mm=150)


def test_a_licence_fits_the_schema_and_names_only_what_is_there(
    fonts: Mapping[str, PreparedFont], template: PageTemplate
) -> None:
    package = require_valid(licence(fonts, template, "张三").to_bytes())
    assert page_frames(package)[0].width_mm == 200
    custom = package.xml("/OFD.xml").xpath("//o:CustomData", namespaces=N)
    assert {e.get("Name"): e.text for e in custom} == {"持证主体": "张三", "a<b": '"&'}
    assert package.entry("/Doc_0/Attachs/0.xml") == b"<licence/>"


def test_an_empty_document_and_one_without_template_fit_the_schema_too(
    fonts: Mapping[str, PreparedFont],
) -> None:
    require_valid(OfdBuilder(fonts).to_bytes())
    builder = OfdBuilder(fonts, page_width_mm=85.6, page_height_mm=54)
    for name in ("song", "hei"):
        builder.page().text("第一页", x_mm=10, y_mm=10, size_mm=4, font=name)
    package = require_valid(builder.to_bytes())
    assert [(p.width_mm, p.height_mm) for p in page_frames(package)] == [(85.6, 54)] * 2


def test_the_schema_refuses_what_the_standard_does_not_have() -> None:
    page = f'<Page xmlns="{OFD_NAMESPACE}"><Content><Layer ID="1">%s</Layer></Content></Page>'
    data = "<AbbreviatedData>M 0 0</AbbreviatedData>"
    good = f'<PathObject ID="2" Boundary="0 0 1 1">{data}</PathObject>'
    assert schema().validate(etree.fromstring(page % good))
    for old, new in (
        ('ID="2"', ""),
        ("0 0 1 1", "0 0 -1 1"),
        ("M 0 0", "0 0"),
        ("PathObject", "Path"),
    ):
        assert not schema().validate(etree.fromstring(page % good.replace(old, new))), new


def test_words_are_found_where_they_were_put(
    fonts: Mapping[str, PreparedFont], template: PageTemplate
) -> None:
    package = licence(fonts, template, "阿依古丽").to_package()
    (place,) = find_text(package, "阿依古丽")
    assert (place.page, place.x_mm, place.y_mm) == (1, 50, 40)
    assert place.width_mm == pytest.approx(20)
    assert place.height_mm == pytest.approx(5)
    (title,) = find_text(package, "作业操作")
    assert title.x_mm + title.width_mm / 2 == pytest.approx(100, abs=9.1)
    assert find_text(package, "2026-03-02至2032")[0].x_mm == 50
    assert find_text(package, "项目结果") == []  # two columns are no word
    assert find_text(package, "李四") == []
    assert find_text(package, "") == []


def test_the_page_looks_as_it_was_composed(
    fonts: Mapping[str, PreparedFont], template: PageTemplate
) -> None:
    image = seen(licence(fonts, template, "张三").to_package())
    assert image.size == (800, 600)
    assert 0.05 < ink(image, (50, 40, 60, 45)) < 0.5
    assert ink(image, (62, 40, 90, 45)) == 0
    assert image.getpixel((30 * 4, 125 * 4)) == RED
    assert image.getpixel((15 * 4, 15 * 4)) == (0, 0, 255)
    photo = image.getpixel((155 * 4, 60 * 4))
    assert isinstance(photo, tuple)
    assert photo[2] > 240
    assert photo[0] < 20
    assert ink(image, (4.8, 40, 5.2, 60)) > 0.3  # the template's frame


def test_what_is_drawn_later_lies_on_top_and_the_template_below(
    fonts: Mapping[str, PreparedFont], template: PageTemplate
) -> None:
    builder = OfdBuilder(fonts, template=template)
    page = builder.page()
    page.rectangle(10, 10, width_mm=10, height_mm=10, fill=(0, 255, 0), stroke=None)
    page.rectangle(12, 12, width_mm=2, height_mm=2, fill=RED, stroke=None)
    image = seen(builder.to_package())
    assert image.getpixel((18 * 4, 18 * 4)) == (0, 255, 0)
    assert image.getpixel((13 * 4, 13 * 4)) == RED


def test_equal_input_makes_equal_bytes_and_documents_have_their_own_ids(
    fonts: Mapping[str, PreparedFont], template: PageTemplate
) -> None:
    first = licence(fonts, template, "张三").to_bytes()
    assert first == licence(fonts, template, "张三").to_bytes()
    assert first != licence(fonts, template, "李四").to_bytes()
    one, other = OfdBuilder(fonts).to_package(), OfdBuilder(fonts).to_package()
    assert one.entry("/OFD.xml") != other.entry("/OFD.xml")


def test_a_package_in_memory_is_the_written_one(
    fonts: Mapping[str, PreparedFont], template: PageTemplate
) -> None:
    builder = licence(fonts, template, "张三")
    written, memory = OfdPackage.read(builder.to_bytes()), builder.to_package()
    assert {n: written.entry(n) for n in written.names} == {
        n: memory.entry(n) for n in memory.names
    }
    assert written.documents == memory.documents


def test_a_batch_shares_the_template_and_its_digests(
    fonts: Mapping[str, PreparedFont], template: PageTemplate
) -> None:
    name = "/Doc_0/Tpls/Tpl_0/Content.xml"
    packages = [licence(fonts, template, holder).to_package() for holder in ("张三", "李四")]
    assert packages[0].packed(name) is packages[1].packed(name)
    photo = Packed.of(picture(), compress=False)
    builder = OfdBuilder(fonts)
    for _ in range(2):
        builder.page().image(photo, x_mm=0, y_mm=0, width_mm=10, height_mm=10)
    pictures = [n for n in builder.to_package().names if n.endswith(".png")]
    assert len(pictures) == 1


# --- fonts ---------------------------------------------------------------------------------------


def test_a_font_file_holds_just_the_characters_shown_drawn_alike() -> None:
    text = "张三A1，🄁"  # the last one lies beyond U+FFFF
    source = Font.load("song")
    data = PreparedFont.load("song").subset(text)
    with TTFont(io.BytesIO(data), checkChecksums=2) as font:
        assert {chr(code) for code in font.getBestCmap()} == set(text)
        for table in ("OS/2", "name", "post", "hhea", "maxp", "hmtx", "CFF "):
            assert font[table] is not None
    embedded = Font(data)
    for character in text:
        assert embedded.advance(character) == pytest.approx(source.advance(character))
        assert embedded.outline(character).box() == pytest.approx(source.outline(character).box())


def test_another_library_draws_the_font_as_it_draws_the_source() -> None:
    text = "特种作业操作证 2026"

    def drawn(font: bytes) -> bytes:
        image = Image.new("L", (600, 60), 255)
        # Without hints, which subsets leave out, both must give the same pixels.
        draw = ImageDraw.Draw(image)
        draw.fontmode = "L"
        draw.text((5, 5), text, font=ImageFont.truetype(io.BytesIO(font), 40), fill=0)
        return image.tobytes()

    without_hints = Subsetter(Options(hinting=False, layout_features=[]))
    without_hints.populate(text=text)
    written = io.BytesIO()
    with TTFont(sans_path()) as source:
        without_hints.subset(source)
        source.save(written)
    assert drawn(PreparedFont.load("hei").subset(text)) == drawn(written.getvalue())


def test_a_font_with_quadratic_curves_is_embedded_as_well() -> None:
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    pen.qCurveTo((500, 1000), (900, 0))
    pen.closePath()
    builder = FontBuilder(2048, isTTF=True)
    builder.setupGlyphOrder([".notdef", "A"])
    builder.setupCharacterMap({65: "A"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "A": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (500, 0), "A": (1000, 100)})
    builder.setupHorizontalHeader(ascent=1600, descent=-400)
    builder.setupNameTable({"familyName": "Test", "styleName": "Regular", "psName": "Test"})
    builder.setupOS2()
    builder.setupPost()
    written = io.BytesIO()
    builder.save(written)
    source = Font(written.getvalue())
    embedded = Font(PreparedFont(source).subset("A"))
    assert embedded.advance("A") == pytest.approx(1000 / 2048)
    box, expected = embedded.outline("A").box(), source.outline("A").box()
    assert box == pytest.approx(expected, abs=1 / 2048)


def test_a_character_that_the_font_lacks_is_named(fonts: Mapping[str, PreparedFont]) -> None:
    page = OfdBuilder(fonts).page()
    with pytest.raises(OfdRefused, match="U\\+1F600") as caught:
        page.text("张\U0001f600", x_mm=0, y_mm=0, size_mm=4)
    assert caught.value.code == "missing-glyph"
    with pytest.raises(OfdRefused) as caught:
        page.text("张", x_mm=0, y_mm=0, size_mm=4, font="kai")
    assert caught.value.code == "missing-font"


# --- layout --------------------------------------------------------------------------------------


def test_a_text_too_long_for_its_room_is_set_smaller(fonts: Mapping[str, PreparedFont]) -> None:
    builder = OfdBuilder(fonts)
    page = builder.page()
    assert page.text("一二三四五六七八九十", x_mm=10, y_mm=10, size_mm=5, width_mm=25) == 25
    assert page.text("一二", x_mm=10, y_mm=30, size_mm=5, width_mm=25) == 10
    (long,) = find_text(builder.to_package(), "一二三四五六七八九十")
    assert long.width_mm == pytest.approx(25, abs=0.01)
    assert long.height_mm == pytest.approx(2.5, abs=0.01)


def test_what_nobody_could_read_or_place_is_refused(fonts: Mapping[str, PreparedFont]) -> None:
    page = OfdBuilder(fonts).page()

    def code(**changes: float) -> str:
        places = {"x_mm": 10.0, "y_mm": 10.0, "size_mm": 5.0, "width_mm": 25.0, **changes}
        with pytest.raises(OfdRefused) as caught:
            page.text("证照" * 50, **places)  # type: ignore[arg-type] # numbers only
        return caught.value.code

    assert code() == code(size_mm=0) == code(width_mm=-1) == "too-long"
    assert code(x_mm=math.nan, width_mm=500) == code(y_mm=1e9, width_mm=500) == "bad-value"
    for width in (0, -1, math.nan):
        with pytest.raises(OfdRefused):
            page.image(picture(), x_mm=0, y_mm=0, width_mm=width, height_mm=1)


@pytest.mark.parametrize(("align", "x"), [("left", 10), ("center", 20), ("right", 30)])
def test_a_text_is_aligned_in_its_room(
    fonts: Mapping[str, PreparedFont], align: str, x: float
) -> None:
    builder = OfdBuilder(fonts)
    builder.page().text("一二", x_mm=10, y_mm=10, size_mm=5, width_mm=30, align=align)  # type: ignore[arg-type] # one of three
    assert find_text(builder.to_package(), "一二")[0].x_mm == pytest.approx(x)


def test_a_paragraph_breaks_at_the_width_and_never_before_a_comma(
    fonts: Mapping[str, PreparedFont],
) -> None:
    builder = OfdBuilder(fonts)
    below = builder.page().paragraph(
        "本证全国通用，请妥善保管。hello world\n第二段", x_mm=10, y_mm=10, width_mm=24, size_mm=4
    )
    codes = builder.to_package().xml("/Doc_0/Pages/Page_0/Content.xml")
    lines = [e.text for e in codes.xpath("//o:TextCode", namespaces=N)]
    assert lines == ["本证全国通用，", "请妥善保管。", "hello world", "第二段"]
    assert below == pytest.approx(10 + 6 * 4)


def test_runs_of_equal_advances_are_written_short(fonts: Mapping[str, PreparedFont]) -> None:
    builder = OfdBuilder(fonts)
    builder.page().text("特种作业ab操作", x_mm=0, y_mm=0, size_mm=4)
    (code,) = (
        builder.to_package()
        .xml("/Doc_0/Pages/Page_0/Content.xml")
        .xpath("//o:TextCode", namespaces=N)
    )
    assert code.get("DeltaX").startswith("g 4 4 ")
    assert code.get("DeltaX").endswith(" 4")


def test_values_that_no_xml_can_hold_are_refused(fonts: Mapping[str, PreparedFont]) -> None:
    for bad in ("a\0b", "\ud800", "\x0b"):
        with pytest.raises(OfdRefused) as caught:
            OfdBuilder(fonts, title=bad).to_bytes()
        assert caught.value.code == "bad-value"
    with pytest.raises(OfdRefused) as caught:
        OfdBuilder(fonts).page().image(b"GIF89a", x_mm=0, y_mm=0, width_mm=1, height_mm=1)
    assert caught.value.code == "bad-picture"
    with pytest.raises(OfdRefused) as caught:
        OfdBuilder(fonts).attach("x", b"", extension="/../../OFD.xml")
    assert caught.value.code == "bad-value"
