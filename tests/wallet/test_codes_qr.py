"""Pictures of codes: read back by two programs, and hostile pictures refused by name."""

from __future__ import annotations

import io
import random
import re
import struct
import subprocess
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from PIL import Image, ImageFilter

from msb_identity.pki.keys import KeyKind
from msb_wallet.codes.qr import (
    MAX_PICTURE_BYTES,
    MAX_PIXELS,
    draw_png,
    draw_svg,
    qr_version,
    read_picture,
)
from msb_wallet.errors import PictureRefused, PresentRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.wallet.conftest import World

SMOOTH = Image.Resampling.BICUBIC
TEXT = "MSB1:%69 VD92EX0/A$B*C+D-E.F:" * 8
# Of each kind and issuer: what one code is depends on the keys.
CODES: dict[str, Callable[[World], str]] = {
    "MSB0": lambda world: world.online(),
    "MSB1 SM2": lambda world: world.printed(KeyKind.SM2),
    "MSB1 ES256": lambda world: world.printed(KeyKind.P256),
    "MSB2 SM2 by ES256": lambda world: world.offline(KeyKind.SM2, KeyKind.P256),
    "MSB2 ES256 by SM2": lambda world: world.offline(KeyKind.P256, KeyKind.SM2),
}


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def drawn(text: str = TEXT, module_pixels: int = 6) -> Image.Image:
    return Image.open(io.BytesIO(draw_png(text, module_pixels=module_pixels))).convert("L")


def beside(*images: Image.Image) -> Image.Image:
    width, height = sum(image.width for image in images), max(image.height for image in images)
    sheet = Image.new("L", (width, height), "white")
    at = 0
    for image in images:
        sheet.paste(image, (at, 0))
        at += image.width
    return sheet


def noisy(image: Image.Image, share: float = 0.02) -> Image.Image:
    dots, pixels = random.Random(5), image.copy()
    for _ in range(int(image.width * image.height * share)):
        at = dots.randrange(image.width), dots.randrange(image.height)
        pixels.putpixel(at, dots.choice((0, 255)))
    return pixels


def transparent(image: Image.Image) -> Image.Image:
    ground = Image.new("RGBA", image.size, (0, 0, 0, 0))
    ground.paste((0, 0, 0, 255), mask=image.point(lambda value: 255 - value))
    return ground


def like_a_photo(image: Image.Image) -> bytes:
    """Small in the frame, turned a little, out of focus, uneven light, strong JPEG."""
    frame = Image.new("L", (1280, 720), 150)
    frame.paste(Image.linear_gradient("L").resize((1280, 720)).point(lambda v: 110 + v // 3))
    code = image.resize((520, 520)).convert("RGBA").rotate(7, expand=True, resample=SMOOTH)
    frame.paste(code.convert("L").point(lambda v: 30 + v * 3 // 4), (380, 60), code.split()[3])
    return saved(frame.filter(ImageFilter.GaussianBlur(0.8)), "JPEG", quality=55)


@pytest.mark.parametrize("kind", CODES)
def test_our_reader_reads_back_the_same_text(world: World, kind: str) -> None:
    text = CODES[kind](world)
    assert read_picture(draw_png(text)) == [text]


@pytest.mark.parametrize("kind", CODES)
def test_zbarimg_reads_back_the_same_text(
    world: World, kind: str, program: Callable[[str], str], tmp_path: Path
) -> None:
    text, picture = CODES[kind](world), tmp_path / "code.png"
    picture.write_bytes(draw_png(text))
    command = [program("zbarimg"), "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", str(picture)]
    found = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert found.stdout == text.encode() + b"\n"


def test_an_svg_has_the_modules_of_the_png() -> None:
    root = ET.fromstring(draw_svg(TEXT))  # noqa: S314 - our own
    side = 17 + 4 * qr_version(TEXT) + 8  # with four modules of quiet zone around
    assert root.attrib["width"] == root.attrib["height"] == f"{side}mm"
    path = root.find("{http://www.w3.org/2000/svg}path")
    assert path is not None
    assert path.attrib["fill"] == "#000000"
    squares = re.findall(r"M([0-9.]+),([0-9.]+)H([0-9.]+)V([0-9.]+)H([0-9.]+)z", path.attrib["d"])
    assert (
        "".join(f"M{x},{y}H{right}V{y2}H{x2}z" for x, y, right, y2, x2 in squares)
        == (path.attrib["d"])
    )
    dark = {(int(float(x)), int(float(y))) for x, y, *_ in squares}
    assert len(dark) == len(squares)
    assert all(float(right) - float(x) == 1 for x, _, right, _, _ in squares)
    png = drawn(module_pixels=1)
    assert png.size == (side, side)
    assert dark == {(x, y) for x in range(side) for y in range(side) if not png.getpixel((x, y))}


def test_codes_are_drawn_in_alphanumeric_mode_at_level_m() -> None:
    assert qr_version("MSB1:" + "A" * 3_386) == 40  # ISO/IEC 18004 table 7: 3,391 characters
    assert qr_version("MSB1:" + "A" * 306) == 10  # 311 characters
    assert qr_version("MSB1:" + "A" * 307) == 11


@pytest.mark.parametrize("draw", [draw_png, draw_svg, qr_version])
def test_a_text_too_long_for_a_qr_code_is_refused(draw: Callable[[str], object]) -> None:
    with pytest.raises(PresentRefused):
        draw("MSB1:" + "A" * 3_387)


@pytest.mark.parametrize(
    "picture",
    {
        "turned by 90": saved(drawn().rotate(90)),
        "turned by 180": saved(drawn().rotate(180)),
        "turned by 30": saved(drawn().rotate(30, expand=True, fillcolor=255, resample=SMOOTH)),
        "mirrored": saved(drawn().transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
        "three times as large": saved(drawn().resize((900, 900), 0)),
        "smaller": saved(drawn().resize((180, 180), 3)),
        "two pixels a module": draw_png(TEXT, module_pixels=2),
        "noisy": saved(noisy(drawn())),
        "inverted": saved(drawn().point(lambda value: 255 - value)),
        "pale": saved(drawn().point(lambda value: 150 + value // 4)),
        "transparent": saved(transparent(drawn())),
        "grey and alpha": saved(transparent(drawn()).convert("LA")),
        "one colour transparent": saved(drawn().convert("P"), transparency=255),
        "one bit a pixel": saved(drawn().convert("1")),
        "16 bits a pixel": saved(drawn().convert("I").point(lambda v: v * 257).convert("I;16")),
        "in colours": saved(drawn().convert("RGB")),
        "CMYK": saved(drawn().convert("CMYK"), "JPEG"),
        "JPEG": saved(drawn(), "JPEG", quality=40),
        "WebP": saved(drawn(), "WEBP", quality=60),
        "GIF": saved(drawn(), "GIF"),
        "BMP": saved(drawn(), "BMP"),
        "photo": like_a_photo(drawn()),
    }.items(),
    ids=lambda item: item[0],
)
def test_a_picture_as_people_send_it_is_read(picture: tuple[str, bytes]) -> None:
    assert read_picture(picture[1]) == [TEXT]


def test_all_codes_in_a_picture_are_given() -> None:
    assert sorted(read_picture(saved(beside(drawn(), drawn("MSB0:OTHER"))))) == [
        "MSB0:OTHER",
        TEXT,
    ]
    assert read_picture(saved(beside(drawn(), drawn()))) == [TEXT, TEXT]


def test_a_picture_without_a_code_gives_none() -> None:
    assert read_picture(saved(Image.new("L", (1280, 720), "white"))) == []
    assert read_picture(saved(Image.new("RGBA", (1, 1)))) == []
    assert read_picture(saved(Image.effect_noise((640, 480), 90))) == []


def declared(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is that large."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + name + content + check

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = zlib.compress(bytes(1_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "picture",
    {
        "10 MB": draw_png(TEXT) + bytes(10_000_000),
        "10 MB of nothing": bytes(10_000_000),
        "a byte too many": bytes(MAX_PICTURE_BYTES + 1),
        "just too many pixels": declared(MAX_PIXELS // 1_000 + 1, 1_000),
        "a bomb by Pillow's count": declared(20_000, 20_000),
        "a bomb of 4 billion pixels": declared(65_535, 65_535),
        "as large as PNG can say": declared(2**31 - 1, 2**31 - 1),
    }.items(),
    ids=lambda item: item[0],
)
def test_a_picture_too_large_is_refused_before_it_is_decoded(picture: tuple[str, bytes]) -> None:
    with pytest.raises(PictureRefused) as refusal:
        read_picture(picture[1])
    assert refusal.value.code == "picture-too-large"


@pytest.mark.parametrize(
    "picture",
    {
        "nothing": b"",
        "text": TEXT.encode(),
        "random": random.Random(1).randbytes(50_000),
        "SVG": draw_svg(TEXT),
        "TIFF": saved(drawn(), "TIFF"),
        "PDF": saved(drawn(), "PDF"),
        "PNG, only the signature": b"\x89PNG\r\n\x1a\n",
        "PNG, cut in its head": draw_png(TEXT)[:20],
        "PNG, cut in half": saved(noisy(drawn(), 0.5))[:4_000],
        "PNG, one byte changed": draw_png(TEXT)[:60] + b"\xaa" + draw_png(TEXT)[61:],
        "PNG, of no size": declared(0, 0),
        "JPEG, cut in half": like_a_photo(drawn())[:8_000],
        "JPEG, only a marker": b"\xff\xd8\xff\xe0",
        "GIF, only a head": b"GIF89a\xff\xff\xff\xff\0\0\0",
        "BMP, only a head": b"BM" + bytes(50),
        "WebP, only a head": b"RIFF\xff\xff\0\0WEBPVP8 " + bytes(20),
    }.items(),
    ids=lambda item: item[0],
)
def test_a_damaged_picture_is_refused_by_name(picture: tuple[str, bytes]) -> None:
    with pytest.raises(PictureRefused) as refusal:
        read_picture(picture[1])
    assert refusal.value.code == "picture-unreadable"


def test_damage_anywhere_raises_nothing_else() -> None:
    dice = random.Random(7)
    for whole in (draw_png("MSB1:DAMAGE"), saved(drawn(), "WEBP"), saved(drawn(), "GIF")):
        for _ in range(60):
            data = bytearray(whole[: dice.randrange(len(whole)) + 1])
            for _ in range(dice.randrange(5)):
                data[dice.randrange(len(data))] = dice.randrange(256)
            with suppress(PictureRefused):
                assert all(isinstance(text, str) for text in read_picture(bytes(data)))
