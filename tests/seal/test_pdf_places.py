"""Where a seal shows on the pages of a PDF, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from msb_identity.pki.keys import KeyKind
from msb_seal.placement import At, AtKeyword, OnEveryPage, Straddle
from tests.seal.pdf_documents import KEYWORD, box_of, one_page, picture, plain, seen
from tests.seal.pdf_sealing import BLUE, HERE, RED, signed_with

if TYPE_CHECKING:
    from msb_seal.placement import Place


@pytest.mark.parametrize("rotation", [0, 90, 180, 270, -90])
@pytest.mark.parametrize("crop", ["", "/CropBox [20 30 250 500]", "/MediaBox [-50 -60 200 400]"])
def test_the_seal_stands_upright_at_its_millimetres_on_the_page_as_seen(
    rotation: int, crop: str
) -> None:
    data = one_page(f"/Rotate {rotation} {crop}")
    image = seen(signed_with(KeyKind.P256, data, places=HERE, picture=picture()))
    assert box_of(image, RED) == pytest.approx((20, 30, 40, 40), abs=0.45)
    blue = box_of(image, BLUE)
    assert blue == pytest.approx((20, 30, 60, 50), abs=0.45)


def test_a_larger_unit_of_the_page_does_not_enlarge_the_seal() -> None:
    data = one_page("/UserUnit 2")
    image = seen(signed_with(KeyKind.P256, data, places=HERE, picture=picture()))
    box = box_of(image, BLUE)
    assert box is not None
    # pdfium does not know /UserUnit and draws the page at half its size.
    assert box == pytest.approx((10, 15, 30, 25), abs=0.45)


def test_text_under_the_seal_stays_readable() -> None:
    data = one_page(content="0 g 100 400 60 60 re f")  # a black square under the seal
    black = box_of(seen(data), (0, 0, 0))
    assert black is not None
    places: list[Place] = [At(1, black[0] - 5, black[1] - 2)]
    image = seen(signed_with(KeyKind.P256, data, places=places, picture=picture(40, 40)))
    assert box_of(image, (0, 0, 0)) == black
    assert box_of(image, RED) is not None


def test_every_place_shows_and_one_signature_stands_behind_all() -> None:
    places: list[Place] = [AtKeyword(KEYWORD, 2), Straddle(), OnEveryPage(10, 10), At(-1, 150, 250)]
    data = signed_with(KeyKind.P256, plain(3), places=places, picture=picture(42, 20))
    assert data.count(b"/ByteRange") == 1
    assert data.count(b"/Subtype /Widget") == 1 + 3 + 3 + 1
    assert data.count(b"/Subtype /Image") == 1
    pages = [seen(data, number) for number in range(3)]
    for number, image in enumerate(pages):
        strip = image.crop((194 * 5, 130 * 5, 210 * 5, 170 * 5))
        top = 8.5 if number else 18.5  # on the first page the upper half is red
        assert box_of(strip, BLUE) == pytest.approx((2, top, 16, 28.5), abs=0.45)
        assert (box_of(strip, RED) is None) is (number == 2)
    keyword = box_of(pages[1].crop((60 * 5, 180 * 5, 150 * 5, 220 * 5)), RED)
    assert keyword is not None
    # 100 + 18 / 2 - 42 / 2, and above the base line at 200.
    assert (keyword[0] + 60, keyword[1] + 180) == pytest.approx((88, 187), abs=1.2)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_keyword_is_found_on_a_turned_page(rotation: int) -> None:
    # The word's middle is at (150, 303) of 283 × 567 points, and the seal's must be, too.
    content = "BT /F 20 Tf 100 296 Td (SEAL HERE) Tj ET"
    data = one_page(f"/Rotate {rotation}", content=content)
    places: list[Place] = [AtKeyword("SEALHERE")]
    box = box_of(seen(signed_with(KeyKind.P256, data, places=places, picture=picture())), BLUE)
    assert box is not None
    x, y = 153.6 / 72 * 25.4, 200 - 303 / 72 * 25.4
    middle = {0: (x, y), 90: (200 - y, x), 180: (100 - x, 200 - y), 270: (y, 100 - x)}[rotation]
    assert ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) == pytest.approx(middle, abs=1)
