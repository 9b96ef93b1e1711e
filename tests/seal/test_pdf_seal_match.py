# ruff: noqa: ANN401 - changes may be any argument
"""What a seal signature shows must be the picture of the seal that signed, and nothing else."""

from __future__ import annotations

import io
import zlib
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from msb_identity.foundation.report import Outcome, Verdict
from msb_seal.documents import check_document
from msb_seal.ofd.stamps import picture_as_png
from msb_seal.pdf.dual import seal_pdf_twice
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
    from msb_identity.foundation.report import Report
    from msb_seal.placement import Place
    from msb_seal.seals.sealer import KeySealer

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


FORM = b"/Type/XObject/Subtype/Form/BBox[0 0 119 119]/Resources<<%s>>"
PLACED = b"q 119 0 0 119 0 0 cm /A Do Q "
STATE = b"/ExtGState<</G<</BM/Multiply>>>>"


def image(picture: Pillow.Image, entries: bytes = b"") -> bytes:
    size = b"/Width %d/Height %d" % picture.size
    head = b"/Type/XObject/Subtype/Image/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/FlateDecode"
    return stream(zlib.compress(picture.tobytes()), head + size + entries)


def shown(content: bytes, *, resources: bytes = b"", entries: bytes = b"", **more: Any) -> bytes:
    """A signature whose seal is the one above and whose look another writer made.

    /A is the seal's own picture, /B another office's, /W white.
    """
    images = b"/XObject<</A 41 0 R/B 42 0 R/W 43 0 R/N 44 0 R>>" + STATE
    nested = FORM % images + b"/Matrix[1 0 0 1 0 0]"
    objects = {
        40: stream(content, FORM % (images + resources)),
        41: image(pixels(), entries),
        42: image(pixels(OTHER)),
        43: image(Pillow.new("RGB", (9, 9), "white")),
        44: stream(PLACED, nested),
    }
    sealer = world().sealer(picture=seal_picture())
    given = {"widget": b"/Rect[100 300 219 419]/AP<</N 40 0 R>>", **more}
    how = Sign(
        sub_filter=b"GM.sm2seal",
        room=200_000,
        make=lambda covered: sealer_signature(sealer, covered),
        more=objects,
        **given,
    )
    return signed(document(), how)


def sealer_signature(sealer: KeySealer, covered: bytes) -> bytes:
    return world().forge_signature(sealer.seal, document=covered)


LOOKS = [
    ("nothing", b"", (Outcome.SKIPPED, "nothing-shown")),
    ("its own", PLACED, OK),
    ("its own, nested", b"q 1 0 0 1 0 0 cm /N Do Q", OK),
    ("another outside of the box", PLACED + b"q 119 0 0 119 500 0 cm /B Do Q", OK),
    ("two pictures", b"q 59 0 0 59 0 0 cm /A Do Q q 59 0 0 59 60 0 cm /B Do Q", FAILED),
    ("hidden by another", PLACED + b"q 119 0 0 119 0 0 cm /B Do Q", FAILED),
    ("hidden by white", PLACED + b"q 80 0 0 80 9 9 cm /W Do Q", FAILED),
    ("its half", b"q 0 0 59 119 re W n " + PLACED + b"Q", (Outcome.UNKNOWN, "part-shown")),
    ("half covered by paint", PLACED + b"1 1 1 rg 0 0 60 119 re f", UNCOMPARED),
    ("in a frame", PLACED + b"1 0 0 RG 1 1 117 117 re S", UNCOMPARED),
    ("on white paint", b"1 1 1 rg 0 0 119 119 re f " + PLACED, OK),
    ("a red box", b"1 0 0 rg 20 20 60 60 re f", FAILED),
    ("another on white paint", b"1 1 1 rg 0 0 119 119 re f q 119 0 0 119 0 0 cm /B Do Q", FAILED),
    ("words beside", PLACED + b"BT /F1 12 Tf 2 4 Td (signed) Tj ET", UNCOMPARED),
    ("words only", b"BT /F1 12 Tf 2 4 Td (signed) Tj ET", UNCOMPARED),
    ("nothing that can be read", b"q (", UNCOMPARED),
    ("without end", b"q Q " * 3_000 + PLACED, OK),
]


@pytest.mark.parametrize(
    ("content", "expected"), [row[1:] for row in LOOKS], ids=[row[0] for row in LOOKS]
)
def test_a_look_by_another_writer_shows_the_seal_or_is_told(
    content: bytes, expected: tuple[Outcome, str]
) -> None:
    assert told(shown(content, resources=b"/Font<</F1 6 0 R>>")) == expected


TWO_LOOKS = b"/Rect[100 300 219 419]/AP<</N 44 0 R/%s>>"
WIDGETS = [
    ("of no size", b"/Rect[9 9 9 9]/AP<</N 42 0 R>>", (Outcome.SKIPPED, "nothing-shown")),
    ("another under the mouse", TWO_LOOKS % b"R 40 0 R", FAILED),
    ("another in one state", TWO_LOOKS % b"D<</On 40 0 R/Off 44 0 R>>", FAILED),
]


@pytest.mark.parametrize(
    ("widget", "expected"), [row[1:] for row in WIDGETS], ids=[row[0] for row in WIDGETS]
)
def test_every_look_of_a_widget_counts(widget: bytes, expected: tuple[Outcome, str]) -> None:
    assert told(shown(b"q 119 0 0 119 0 0 cm /B Do Q", widget=widget)) == expected


KINDS = [
    ("samples turned round", b"/Decode[1 0 1 0 1 0]", FAILED),
    ("samples as they are, said twice", b"/Decode[0 1 0 1 0 1]", OK),
    ("clear where it is red", b"/Mask[200 255 0 90 0 90]", FAILED),
    ("other ones for print", b"/Alternates[<</Image 42 0 R/DefaultForPrinting true>>]", UNCOMPARED),
    ("in a layer", b"/OC<</Type/OCG/Name(x)>>", UNCOMPARED),
]


@pytest.mark.parametrize(
    ("entries", "expected"), [row[1:] for row in KINDS], ids=[row[0] for row in KINDS]
)
def test_an_image_that_more_than_its_samples_decide_is_drawn(
    entries: bytes, expected: tuple[Outcome, str]
) -> None:
    assert told(shown(PLACED, entries=entries)) == expected
