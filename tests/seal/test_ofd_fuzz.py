"""Broken containers: a seeded fuzzer, so that a failure repeats."""

from __future__ import annotations

import io
import random
import zipfile
from typing import TYPE_CHECKING

import pytest

from msb_seal.drawing.fontfile import PreparedFont
from msb_seal.errors import OfdRefused
from msb_seal.ofd.compose import OfdBuilder
from msb_seal.ofd.document import page_frames
from msb_seal.ofd.package import OfdPackage
from msb_seal.ofd.reading import find_text, render_page
from tests.seal.archives import archive

if TYPE_CHECKING:
    from pathlib import Path

SEED = 20_260_302
NASTY = (
    b"", b"-1", b"0", b"1e308", b"nan", b"inf", b"-0 -0 -0 -0", b"99999999999999999999999999",
    b"../../../etc/passwd", b"..\\..\\x", b"/", b"/OFD.xml", b"OFD.xml", b"g 999999999 1", b"g",
    b"1 2 3", b"0 0 0 0", b"0 0 1e9 1e9", b"M 0 0 B", b"A 1 1 1 1 1 1 1", b"\xff\xfe", b"&#0;",
    b"&x;", b"true", b"false", b"1 1 1 1 1 1", b"0 0 0 0 0 0", b"256 256 256", b"a" * 5_000,
)  # fmt: skip


def read_all(data: bytes, *, draw: bool) -> bool:
    """Read a container as far as it goes; whether it went to the end."""
    try:
        package = OfdPackage.read(data)
        page_frames(package)
        find_text(package, "盖章")
        if draw:
            render_page(package, 1, dpi=20)
    except OfdRefused:
        return False
    return True


@pytest.fixture(scope="module")
def samples(vectors: Path) -> list[bytes]:
    font = {"song": PreparedFont.load("song")}
    builder = OfdBuilder(font, title="样张", custom={"a": "b"}, doc_id="0" * 32)
    page = builder.page()
    page.text("请在此处盖章", x_mm=20, y_mm=30, size_mm=5)
    page.table([["甲", "乙"]], x_mm=20, y_mm=60, widths_mm=[20, 20], row_mm=8, size_mm=4)
    builder.attach("data", b"{}", extension="json")
    names = ("helloworld", "SESV4SignDoc", "v4signed", "V4RideRight")
    real = [(vectors / "seal" / f"{name}.ofd").read_bytes() for name in names]
    return [builder.to_bytes(), *real]


def test_a_thousand_mutated_containers_raise_nothing_but_a_refusal(samples: list[bytes]) -> None:
    generator = random.Random(SEED)
    ends = [0, 0]
    for number in range(1_000):
        data = bytearray(generator.choice(samples))
        for _ in range(generator.randint(1, 4)):
            at = generator.randrange(len(data))
            match generator.randrange(4):
                case 0:
                    data[at] ^= 1 << generator.randrange(8)
                case 1:
                    data[at : at + generator.randint(1, 40)] = b""
                case 2:
                    data[at:at] = generator.randbytes(generator.randint(1, 40))
                case _:
                    tail = data[-200:]
                    tail[generator.randrange(len(tail))] = generator.randrange(256)
                    data[-200:] = tail
        ends[read_all(bytes(data), draw=number % 20 == 0)] += 1
    assert ends[0] > 900  # every byte of an archive is held against another


def mutated_xml(content: bytes, generator: random.Random) -> bytes:
    """Put a nasty value, or another element's, into an attribute or text, or move a piece."""
    quotes = [n for n, byte in enumerate(content) if byte in b'"<>']
    start, end = sorted(generator.sample(range(len(quotes)), 2)) if len(quotes) > 2 else (0, 0)
    match generator.randrange(4):
        case 0 | 1:
            place = generator.randrange(len(quotes) - 1)
            left, right = quotes[place] + 1, quotes[place + 1]
            return content[:left] + generator.choice(NASTY) + content[right:]
        case 2:
            piece = content[quotes[start] : quotes[end]]
            return content.replace(piece, piece * generator.randint(0, 3), 1)
        case _:
            return content.replace(b'ID="', b'ID="1', generator.randint(0, 3))


def test_mutated_xml_in_sound_containers_raises_nothing_but_a_refusal(samples: list[bytes]) -> None:
    generator = random.Random(SEED)
    ends = [0, 0]
    for number in range(500):
        with zipfile.ZipFile(io.BytesIO(generator.choice(samples))) as file:
            entries = {i.filename: file.read(i) for i in file.infolist() if not i.is_dir()}
        names = [name for name in entries if name.endswith(".xml")]
        for name in generator.sample(names, min(2, len(names))):
            entries[name] = mutated_xml(entries[name], generator)
        ends[read_all(archive(entries), draw=number % 20 == 0)] += 1
    assert min(ends) > 100  # some are broken, some still read


def test_broken_fonts_pictures_and_seals_leave_the_page_standing(samples: list[bytes]) -> None:
    generator = random.Random(SEED)
    for data in samples:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            entries = {i.filename: file.read(i) for i in file.infolist() if not i.is_dir()}
        binary = [name for name in entries if not name.endswith(".xml")]
        for name in binary:
            for _ in range(4):
                content = bytearray(entries[name])
                for _ in range(generator.randint(1, 30)):
                    content[generator.randrange(len(content))] = generator.randrange(256)
                assert read_all(archive({**entries, name: bytes(content)}), draw=True)
            assert read_all(archive({**entries, name: b""}), draw=True)
