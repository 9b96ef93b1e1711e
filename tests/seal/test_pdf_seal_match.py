# ruff: noqa: ANN401 - changes may be any argument
"""What a seal signature shows must be the picture of the seal that signed, and nothing else."""

from __future__ import annotations

import io
import zlib
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from msb_identity.foundation.report import Outcome, Verdict
from msb_seal.documents import check_document
from msb_seal.ofd.stamps import picture_as_png
from msb_seal.pdf.drawn import asking
from msb_seal.pdf.dual import seal_pdf_twice
from msb_seal.pdf.fields import add_empty_field
from msb_seal.pdf.sign import PdfOptions, seal_pdf
from msb_seal.pictures import RoundSeal, draw
from msb_seal.placement import At, AtKeyword, OnEveryPage, Straddle
from msb_seal.seals.model import SealPicture
from tests.identity.authorities import NOW
from tests.seal.makers import world
from tests.seal.pdf_documents import KEYWORD, one_page, plain
from tests.seal.pdf_files import Sign, document, signed, stream
from tests.seal.test_pdf_dual import BOTH, second

if TYPE_CHECKING:
    from collections.abc import Callable

    from msb_identity.foundation.report import Report
    from msb_seal.placement import Place

OWN, OTHER = "示例市应急管理局", "示例市卫生健康局"
OK, FAILED = (Outcome.OK, "ok"), (Outcome.FAILED, "other-picture")
UNCOMPARED = (Outcome.UNKNOWN, "uncompared")


@cache
def seal_picture(name: str = OWN, kind: str = "PNG") -> SealPicture:
    return draw(RoundSeal(name)).as_seal_picture(kind, dpi=300)


def pixels(name: str = OWN) -> Pillow.Image:
    """The picture on white."""
    drawn = Pillow.open(io.BytesIO(seal_picture(name).data)).convert("RGBA")
    return Pillow.alpha_composite(Pillow.new("RGBA", drawn.size, "white"), drawn).convert("RGB")


def written(image: Pillow.Image, kind: str = "PNG", **options: Any) -> SealPicture:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return SealPicture(kind, target.getvalue(), 42, 42)


def sealed(shown: SealPicture | None = None, data: bytes | None = None, **changes: Any) -> bytes:
    """Put the one seal on a document, showing its own picture or another."""
    places: list[Place] = changes.pop("places", [At(1, 20, 30)])
    return seal_pdf(
        plain() if data is None else data,
        sealer=world().sealer(picture=changes.pop("own", seal_picture())),
        places=places,
        options=PdfOptions(**changes),
        picture=shown,
        now=NOW,
    )


def checked(data: bytes) -> Report:
    return check_document(data, trust=BOTH, at=NOW)


def told(data: bytes) -> tuple[Outcome, str]:
    step = checked(data).signatures[0].step("seal-match")
    return step.outcome, step.code


def no_drawing(*_: Any, **__: Any) -> list[str]:
    pytest.fail("drawn")


def half_of_each() -> Pillow.Image:
    image = pixels()
    width, height = image.size
    image.paste(pixels(OTHER).crop((width // 2, 0, width, height)), (width // 2, 0))
    return image


def recoloured() -> Pillow.Image:
    red, green, blue = pixels().split()
    return Pillow.merge("RGB", (green, blue, red))


@pytest.mark.parametrize(
    "shown",
    [pixels(OTHER), half_of_each(), recoloured(), ImageOps.mirror(pixels()), pixels().rotate(90)],
    ids=["another office", "half of another", "recoloured", "mirrored", "turned"],
)
def test_another_picture_than_the_seals_own_is_refused(shown: Pillow.Image) -> None:
    report = checked(sealed(written(shown)))
    assert report.verdict is Verdict.INVALID
    step = report.signatures[0].step("seal-match")
    assert (step.outcome, step.code) == FAILED
    assert {one.outcome for one in report.signatures[0].steps if one is not step} <= {
        Outcome.OK,
        Outcome.SKIPPED,
        Outcome.WARNING,
    }


def test_slices_of_another_seal_are_refused() -> None:
    data = sealed(seal_picture(OTHER), plain(3), places=[Straddle()])
    assert told(data) == FAILED


TURNED = one_page("/Rotate 90")
PLACES: list[tuple[bytes, list[Place]]] = [
    (plain(), [At(1, 20, 30)]),
    (plain(), [AtKeyword(KEYWORD)]),
    (plain(3), [OnEveryPage(20, 30)]),
    (plain(3), [Straddle()]),
    (plain(5), [Straddle(edge="bottom", pages_per_seal=2), At(2, 100, 100)]),
    (TURNED, [At(1, 20, 30)]),
]


@pytest.mark.parametrize(("data", "places"), PLACES)
def test_wherever_a_seal_is_put_it_shows_itself_and_nothing_is_drawn_for_that(
    data: bytes, places: list[Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("msb_seal.pdf.seal_match.ask", no_drawing)
    report = checked(sealed(data=data, places=places))
    assert report.signatures[0].step("seal-match").code == "ok"
    assert report.verdict is Verdict.VALID


def test_in_a_field_that_is_too_small_the_seal_shows_itself() -> None:
    reserved = one_page(
        "/Annots [5 0 R]",
        catalog="/AcroForm << /Fields [5 0 R] >>",
        more=[
            "<< /Type /Annot /Subtype /Widget /FT /Sig /T (here) /F 4 /P 3 0 R /Rect [9 9 60 80] >>"
        ],
    )
    assert told(sealed(data=reserved, places=[], in_field="here")) == OK


def test_a_seal_beside_a_second_signature_shows_itself() -> None:
    data = seal_pdf_twice(
        plain(2),
        sealer=world().sealer(picture=seal_picture()),
        second=second(),
        places=[At(1, 20, 30), Straddle()],
        now=NOW,
    )
    report = checked(data)
    assert report.verdict is Verdict.VALID
    assert report.signatures[0].step("seal-match").code == "ok"
    assert "seal-match" not in {step.id for step in report.signatures[1].steps}


@pytest.mark.parametrize(
    "shown",
    [
        written(pixels(), "JPEG", quality=75),
        written(pixels().resize((330, 330))),
        written(ImageOps.expand(pixels(), 20, "white")),
    ],
    ids=["JPEG", "smaller", "with a margin"],
)
def test_the_same_picture_packed_in_another_way_is_the_same(shown: SealPicture) -> None:
    assert told(sealed(shown)) == OK


@pytest.mark.parametrize("name", [OWN, OTHER])
def test_a_seal_drawn_as_vectors_is_held_against_what_is_shown(name: str) -> None:
    shown = picture_as_png(seal_picture(name, "SVG"))
    own = seal_picture(OWN, "SVG")
    assert told(sealed(shown, own=own)) == (OK if name == OWN else FAILED)


def test_one_letter_of_another_seal_is_told() -> None:
    image = pixels()
    width, height = image.size
    box = (width * 2 // 5, 0, width * 3 // 5, height // 4)
    image.paste(pixels(OTHER).crop(box), box[:2])
    assert told(sealed(written(image))) != OK
