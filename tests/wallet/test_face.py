"""The printed face of a licence: everything on it, in its place, and the code readable."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pypdfium2
import pytest
from PIL import Image, ImageChops

from msb_seal.errors import DrawingRefused, OfdRefused
from msb_seal.ofd.reading import find_text, render_page
from msb_wallet.codes.qr import draw_png, read_picture
from msb_wallet.errors import TypeRefused
from msb_wallet.licences.face import HEIGHT_MM, MAX_LINES, SEAL_KEYWORD, WIDTH_MM, FacePrinter
from msb_wallet.licences.identifier import LicenceIdentifier
from msb_wallet.licences.model import licence_from_row
from msb_wallet.licences.types import ExtensionField, builtin_type
from tests.seal.pdf_documents import seen
from tests.wallet.support_licences import AUTHORITY, NOW, good_row

TYPE = builtin_type("special-operation")
LICENCE = licence_from_row(good_row(), type_=TYPE, authority=AUTHORITY, now=NOW)
IDENTIFIER = LicenceIdentifier.new(TYPE.code, AUTHORITY.code)
CODE = "MSB1:" + "0123456789ABCDEF" * 25


@pytest.fixture(scope="module")
def printer() -> FacePrinter:
    return FacePrinter.of(TYPE)


def test_every_value_stands_on_the_face(printer: FacePrinter) -> None:
    face = printer.print(LICENCE, IDENTIFIER)
    for text in (
        TYPE.name,
        LICENCE.holder_name,
        LICENCE.holder_code,
        LICENCE.number,
        AUTHORITY.name,
        str(IDENTIFIER),
        *(field.name for field in TYPE.fields),
        *(value for key, value in LICENCE.extensions.items() if key == "KZ_CZLB"),
        f"{LICENCE.valid_until.year}年{LICENCE.valid_until.month}月{LICENCE.valid_until.day}日",
    ):
        assert find_text(face, text), text
    [place] = find_text(face, SEAL_KEYWORD)
    # A seal of 42 mm over it stays on the page.
    middle = place.x_mm + place.width_mm / 2, place.y_mm + place.height_mm / 2
    assert 21 < middle[0] < WIDTH_MM - 21
    assert 21 < middle[1] < HEIGHT_MM - 10


def test_the_data_go_along_by_the_standard_s_names(printer: FacePrinter) -> None:
    face = printer.print(LICENCE, IDENTIFIER)
    assert json.loads(face.entry("/Doc_0/Attachs/0.json")) == LICENCE.elements()
    assert str(IDENTIFIER).encode() in face.entry("/OFD.xml")


def test_the_code_on_the_face_is_read_by_a_camera(printer: FacePrinter) -> None:
    face = printer.print(LICENCE, IDENTIFIER, code_png=draw_png(CODE, module_pixels=4))
    assert read_picture(render_page(face, 1, dpi=200)) == [CODE]


def test_a_long_name_is_set_smaller_and_a_type_of_many_fields_has_room() -> None:
    fields = [
        ExtensionField(
            key=f"KZ_F{n}", name=f"第{n}项", name_en=f"field {n}", kind="text",
            required=False, in_code=False,
        )
        for n in range(MAX_LINES - 4)
    ]  # fmt: skip
    long_type = TYPE.model_copy(update={"fields": fields})
    licence = replace(
        LICENCE,
        type=long_type,
        holder_name="买买提" * 33,
        extensions={field.key: "值" * 30 for field in fields},
    )
    face = FacePrinter.of(long_type).print(licence, IDENTIFIER)
    [name] = find_text(face, licence.holder_name)
    assert name.x_mm + name.width_mm <= WIDTH_MM - 20
    lines = [find_text(face, field.name)[0].y_mm for field in fields]
    assert lines == sorted(lines)
    assert find_text(face, "有效期")[0].y_mm < 104
    too_many = TYPE.model_copy(update={"fields": [*fields, *TYPE.fields]})
    with pytest.raises(TypeRefused):
        FacePrinter.of(too_many)


def test_a_name_that_the_font_cannot_show_is_refused(printer: FacePrinter) -> None:
    with pytest.raises(OfdRefused, match="U\\+1F600"):
        printer.print(replace(LICENCE, holder_name="张\U0001f600"), IDENTIFIER)


def test_the_face_as_pdf_looks_like_the_one_as_ofd(printer: FacePrinter) -> None:
    code = draw_png(CODE, module_pixels=4)
    as_pdf = printer.print_pdf(LICENCE, IDENTIFIER, code_png=code)
    as_ofd = render_page(printer.print(LICENCE, IDENTIFIER, code_png=code), 1, dpi=127)
    with pypdfium2.PdfDocument(as_pdf) as document:
        words = document[0].get_textpage().get_text_bounded()
        assert document.get_attachment(0).get_name() == "licence.json"
        attached = bytes(document.get_attachment(0).get_data())
        assert document.get_metadata_dict()["Title"] == TYPE.name
    assert json.loads(attached) == LICENCE.elements()
    other = Image.open(io.BytesIO(as_ofd)).convert("L")
    drawn = seen(as_pdf).convert("L").resize(other.size)  # pdfium rounds a size up
    # The same outlines, drawn as text and as paths: they differ at edges of strokes alone.
    difference = ImageChops.difference(drawn, other)
    assert sum(level * count for level, count in enumerate(difference.histogram())) < 0.01 * (
        255 * drawn.width * drawn.height
    )
    for text in (LICENCE.holder_name, LICENCE.number, SEAL_KEYWORD, str(IDENTIFIER)):
        assert text in words
    assert printer.print_pdf(LICENCE, IDENTIFIER, code_png=code) == as_pdf


def test_a_name_that_the_font_cannot_show_is_refused_in_a_pdf_too(printer: FacePrinter) -> None:
    with pytest.raises(DrawingRefused, match="U\\+1F600"):
        printer.print_pdf(replace(LICENCE, holder_name="张\U0001f600"), IDENTIFIER)
