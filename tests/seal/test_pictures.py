"""Seal pictures: what stands where, for every length of text; the rules of the presets."""

from __future__ import annotations

import io
import math
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from PIL import Image as Pillow
from PIL import ImageChops

from msb_seal.cli import main
from msb_seal.drawing import Font, Image, Path, Scene, Text, polygon, to_svg
from msb_seal.errors import DrawingRefused
from msb_seal.pictures import (
    PRESETS,
    SEAL_RED,
    Emblem,
    NameSeal,
    OvalSeal,
    RoundSeal,
    Script,
    draw,
    round_seal,
)
from msb_seal.pictures.lettering import Ring

if TYPE_CHECKING:
    from pathlib import Path as FilePath

DPI = 254  # ten pixels a millimetre
NAME = "内蒙古自治区锡林郭勒盟西乌珠穆沁旗住房和城乡建设局行政审批服务窗口电子证照专用章甲"


def drawn(design: RoundSeal | OvalSeal | NameSeal) -> Pillow.Image:
    return Pillow.open(io.BytesIO(draw(design).png(dpi=DPI))).convert("RGBA")


def inked(picture: Pillow.Image, left: float, top: float, right: float, bottom: float) -> float:
    """The share of a rectangle, in mm, that is covered."""
    box = round(10 * left), round(10 * top), round(10 * right), round(10 * bottom)
    alpha = picture.getchannel("A").crop(box).tobytes()
    return sum(alpha) / 255 / len(alpha)


def emblem() -> Image:
    return image_of(Pillow.new("RGBA", (60, 60), (255, 200, 0, 255)))


def image_of(picture: Pillow.Image) -> Image:
    written = io.BytesIO()
    picture.save(written, "PNG")
    return Image.read(written.getvalue())


def cut_jpeg() -> bytes:
    written = io.BytesIO()
    Pillow.effect_noise((200, 200), 60).save(written, "JPEG")
    return written.getvalue()[: written.tell() // 2]


def ring_share(picture: Pillow.Image, inner: float, outer: float, sides: range) -> float:
    """The share of directions (degrees from the top) with ink between two radii in mm."""
    middle, alpha = picture.width / 2, picture.getchannel("A").tobytes()
    hits = 0
    for degrees in sides:
        sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
        places = [
            (int(middle + r * sine), int(middle - r * cosine))
            for r in range(round(inner * 10), round(outer * 10))
        ]
        hits += any(alpha[y * picture.width + x] > 60 for x, y in places)
    return hits / len(sides)


@pytest.mark.parametrize("count", [4, 6, 8, 12, 16, 20, 28, 34, 40])
def test_ring_text_keeps_off_border_and_star_and_does_not_overlap(count: int) -> None:
    picture = drawn(RoundSeal(NAME[:count]))
    # Free of ink: a ring inside the border, and one between text and star.
    assert ring_share(picture, 19.3, 19.7, range(360)) == 0
    assert ring_share(picture, 7.8, 11.5, range(360)) == 0
    # Left and right alike, open at the bottom.
    assert ring_share(picture, 12, 19, range(170, 191)) == 0
    reach = [d for d in range(1, 180) if ring_share(picture, 12, 19, range(d, d + 1))]
    reach_left = [d for d in range(1, 180) if ring_share(picture, 12, 19, range(-d, -d + 1))]
    assert abs(max(reach) - max(reach_left)) <= 4
    assert max(reach) <= 150


def test_a_second_ring_of_outlines_is_bent_between_text_and_star() -> None:
    """A long bar becomes an arc; without a second ring there is nothing there."""
    bar = polygon([(0, 0), (2000, 0), (2000, 90), (0, 90)])
    plain, bent = drawn(RoundSeal("政务服务局")), drawn(RoundSeal("政务服务局", second_outline=bar))
    assert ring_share(plain, 8.5, 11, range(360)) == 0
    # 3.57 mm high it would reach beyond 290 degrees: it is smaller as a whole.
    assert ring_share(bent, 12.7, 13, range(-137, 138)) == 1
    assert ring_share(bent, 12, 12.9, range(150, 211)) == 0
    assert ring_share(bent, 7.9, 10.4, range(360)) == 0


@pytest.mark.parametrize(
    "outline", [Path(()), polygon([(1, 1), (1, 9)]), polygon([(1, 1), (9, 1)])]
)
def test_an_outline_of_nothing_is_refused(outline: Path) -> None:
    with pytest.raises(DrawingRefused):
        draw(RoundSeal("测试", second_outline=outline))


@pytest.mark.parametrize("text", ["张三", "李四印", "张三之印", "欧阳娜娜印", "甲乙丙丁戊己"])
def test_characters_of_a_name_seal_touch_nothing(text: str) -> None:
    picture = drawn(NameSeal(text)).getchannel("A")
    inner = picture.crop((10, 10, 170, 170))
    halves = [inner.crop((80, 0, 160, 160)), inner.crop((0, 0, 80, 160))]
    columns = [sum(inner.crop((x, 0, x + 1, 160)).tobytes()) for x in range(76, 84)]
    assert 0 in columns
    for edge in ((0, 0, 160, 2), (0, 158, 160, 160), (0, 0, 2, 160), (158, 0, 160, 160)):
        assert not any(inner.crop(edge).tobytes())
    right, left = len(text) // 2, len(text) - len(text) // 2
    for half, count in zip(halves, (right, left), strict=True):
        for n in range(1, count):
            y = round(160 * n / count)
            free = [not any(half.crop((0, y + d, 80, y + d + 1)).tobytes()) for d in range(-6, 7)]
            assert any(free), (text, n)


@pytest.mark.parametrize("count", [4, 13, 25, 40])
def test_characters_of_a_ring_stand_apart(count: int) -> None:
    ring, font = Ring((21.0, 21.0), 18.9, 18.9), Font.load("song")
    single, _ = ring.around("国" * count, font, height=(6.5, 4.2), sweep=290)
    per_character = len(single.segments) // count
    boxes = []
    for n in range(count):
        points = [
            (x - 21, y - 21)
            for _, numbers in single.segments[n * per_character : (n + 1) * per_character]
            for x, y in zip(numbers[::2], numbers[1::2], strict=True)
        ]
        angles = [math.degrees(math.atan2(x, -y)) for x, y in points]
        boxes.append((min(angles), max(angles)))
        radii = [math.hypot(x, y) for x, y in points]
        assert 10.5 < min(radii) < max(radii) < 19.4
    for (_, end), (start, _) in pairwise(boxes):
        assert start > end


def test_a_round_seal_has_border_star_line_and_serial() -> None:
    picture = drawn(
        RoundSeal("内蒙古自治区政务服务局", line="电子证照专用章", serial="1501000012345")
    )
    assert picture.size == (420, 420)
    assert inked(picture, 20.5, 0.2, 21.5, 1.0) > 0.95  # the border at the top
    assert inked(picture, 20, 19, 22, 22) == 1  # the star
    assert 0.1 < inked(picture, 11, 29, 31, 33) < 0.6  # the line
    assert 0.1 < inked(picture, 15, 37, 27, 40) < 0.6  # the serial
    solid = Pillow.new("RGBA", picture.size, (*SEAL_RED, 255))
    solid.putalpha(picture.getchannel("A"))
    clear = Pillow.new("RGBA", picture.size)
    # Whatever is inked is red and nothing else.
    assert Pillow.alpha_composite(clear, picture).convert("RGBa") == solid.convert("RGBa")


def test_an_emblem_is_placed_and_nothing_is_drawn_over_it() -> None:
    picture = drawn(RoundSeal("测试市人民政府", centre=Emblem(emblem(), 14)))
    assert picture.getpixel((210, 210)) == (255, 200, 0, 255)
    assert picture.getpixel((210 + 69, 210)) == (255, 200, 0, 255)
    assert picture.getpixel((210 + 72, 210))[3] == 0  # type: ignore[index]


def test_presets_have_the_sizes_and_centres_of_the_rules() -> None:
    expected = {
        "state-council": (60, True), "province": (50, True), "city-county": (45, True),
        "prefecture": (45, False), "township": (42, True), "enterprise": (42, False),
        "authority-vice-minister": (45, True), "institution-minister": (50, False),
        "private-company": (38, False), "trade-union": (42, False),
    }  # fmt: skip
    for name, (diameter, with_emblem) in expected.items():
        assert (PRESETS[name].diameter_mm, PRESETS[name].emblem) == (diameter, with_emblem)
        seal = round_seal(name, "测试", emblem=emblem() if with_emblem else None)
        assert draw(seal).width_mm == diameter
    assert all(not p.emblem or p.national for p in PRESETS.values())


def test_a_preset_takes_an_emblem_only_where_the_rules_put_one() -> None:
    with pytest.raises(DrawingRefused, match="emblem"):
        round_seal("province", "测试")
    with pytest.raises(DrawingRefused, match="star"):
        round_seal("enterprise", "测试", emblem=emblem())
    with pytest.raises(DrawingRefused, match="no preset"):
        round_seal("emperor", "测试")


def test_the_invoice_seal_has_its_parts_in_their_places() -> None:
    picture = drawn(OvalSeal("内蒙古某某科技有限公司", number="91150100MA0N000000", serial="1"))
    assert picture.size == (400, 300)
    assert 0.1 < inked(picture, 7, 13.2, 33, 16.8) < 0.7  # the number, 26 mm wide
    assert inked(picture, 6, 13.2, 6.9, 16.8) == 0
    assert 0.1 < inked(picture, 12.5, 19, 27.5, 23.6) < 0.7  # 发票专用章, its top 4.2 mm below
    assert inked(picture, 12.5, 17.2, 27.5, 19) == 0
    assert inked(picture, 0, 0, 3, 3) == 0


def test_a_name_seal_is_read_from_the_right_and_carved_either_way() -> None:
    red = drawn(NameSeal("一丨丨一"))
    assert inked(red, 11, 4, 15, 6) > inked(red, 2, 4, 8, 6)  # the flat stroke is at the right
    white = drawn(NameSeal("张三之印", script=Script.WHITE))
    assert (
        inked(white, 0.3, 0.3, 17.7, 17.7) > 0.5 > inked(drawn(NameSeal("张三之印")), 0, 0, 18, 18)
    )
    line = drawn(NameSeal("法定代表人印", width_mm=40, height_mm=12))
    assert line.size == (400, 120)


def test_the_picture_for_a_seal_has_whole_millimetres() -> None:
    picture = draw(RoundSeal("测试机关", diameter_mm=42.4)).as_seal_picture(dpi=72)
    assert (picture.type, picture.width_mm, picture.height_mm) == ("PNG", 42, 42)
    assert draw(RoundSeal("测试机关")).as_seal_picture("svg").data.startswith(b"<?xml")
    with pytest.raises(DrawingRefused):
        draw(RoundSeal("测试机关")).as_seal_picture("ofd")


@pytest.mark.parametrize(
    "make",
    [
        lambda: RoundSeal(""),
        lambda: RoundSeal("字" * 49),
        lambda: RoundSeal("有 空格"),
        lambda: RoundSeal("控\x1b制"),
        lambda: RoundSeal("测试", diameter_mm=float("nan")),
        lambda: RoundSeal("测试", diameter_mm=3),
        lambda: RoundSeal("测试", border_mm=9),
        lambda: RoundSeal("测试", line="横" * 13),
        lambda: RoundSeal("测试", second="甲", second_outline=polygon([(0, 0), (9, 0), (9, 9)])),
        lambda: NameSeal("名" * 10),
        lambda: OvalSeal("测试", width_mm=1000),
        lambda: OvalSeal("测试", width_mm=10, height_mm=60),
        lambda: OvalSeal("测试", width_mm=80, height_mm=30),
        lambda: draw(OvalSeal("测试", serial="1" * 24)),
        lambda: Emblem(image_of(Pillow.new("RGBA", (60, 60)))),
        lambda: Emblem(Image.read(cut_jpeg())),
        lambda: draw(RoundSeal("\U0001f600\U0001f600")),
        lambda: draw(RoundSeal("测试")).png(dpi=7),
    ],
)
def test_what_has_no_room_or_no_glyph_is_refused(make: object) -> None:
    with pytest.raises(DrawingRefused):
        make()  # type: ignore[operator]


def test_the_command_draws_each_shape(
    tmp_path: FilePath, capsys: pytest.CaptureFixture[str]
) -> None:
    for shape, name, start in (
        ("round", "a.svg", b"<?xml"),
        ("oval", "b.pdf", b"%PDF-1.7"),
        ("name", "c.png", b"\x89PNG"),
    ):
        out = tmp_path / name
        assert main(["picture", shape, "--text", "测试机关", "--out", str(out)]) == 0
        assert out.read_bytes().startswith(start)
    assert main(["picture", "presets"]) == 0
    assert "60 mm" in capsys.readouterr().out


def test_the_command_bends_the_outline_of_an_svg(tmp_path: FilePath) -> None:
    text = Text("Монгол", Font.load("song"), 8, 3, 9)
    (tmp_path / "second.svg").write_bytes(to_svg(Scene(60, 12, (text,))))
    out, plain = tmp_path / "seal.png", ["picture", "round", "--text", "政务服务局", "--dpi", "254"]
    second = ["--second-outline", str(tmp_path / "second.svg")]
    assert main([*plain, *second, "--out", str(out)]) == 0
    direct = drawn(RoundSeal("政务服务局", second_outline=text.outlines()))
    with Pillow.open(out) as made:
        bent = made.convert("RGBA").getchannel("A")
    difference = ImageChops.difference(bent, direct.getchannel("A"))
    assert sum(difference.tobytes()) / 255 < 20  # SVG rounds to a micrometre


@pytest.mark.parametrize(
    "arguments",
    [
        ["round", "--text", "测试", "--out", "x.gif"],
        ["round", "--text", "测试", "--second-outline", "/dev/null", "--out", "x.png"],
        ["round", "--text", "测试", "--preset", "province", "--out", "x.png"],
        ["round", "--text", "测试", "--preset", "enterprise", "--diameter", "40", "--out", "x.png"],
        ["round", "--text", "测试", "--emblem", "missing.png", "--out", "x.png"],
        ["round", "--text", "测试", "--font", "/dev/null", "--out", "x.png"],
        ["oval", "--text", "测试", "--number-font", "/dev/null", "--out", "x.png"],
        ["name", "--text", "测试", "--width", "nan", "--out", "x.png"],
    ],
)
def test_the_command_refuses_in_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["picture", *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
