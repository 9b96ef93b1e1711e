from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import pypdfium2
import pytest
from PIL import Image

from msb_seal.errors import OfdRefused
from msb_seal.ofd import graphics
from msb_seal.ofd.document import page_frames
from msb_seal.ofd.package import OfdPackage
from msb_seal.ofd.reading import find_text, render_page, render_pdf
from tests.seal.archives import DOCUMENT_XML, OFD_XML, archive
from tests.seal.ofd_pages import (
    BLACK,
    DOTS,
    GREEN,
    NAMESPACE,
    RED,
    WHITE,
    at,
    package,
    png,
    reds,
    seen,
    square,
)

if TYPE_CHECKING:
    from pathlib import Path

# --- real files ----------------------------------------------------------------------------------


def opened(vectors: Path, name: str) -> OfdPackage:
    return OfdPackage.read((vectors / "seal" / f"{name}.ofd").read_bytes())


def test_a_real_invoice_shows_its_template_text_code_and_seal(vectors: Path) -> None:
    document = opened(vectors, "v4signed")
    image = seen(document)
    assert image.size == (210 * DOTS, 140 * DOTS)
    # The seal's picture is an OFD itself, and the template is named in another case.
    assert 0.05 < reds(image, (90, 8, 120, 28)) < 0.6
    assert reds(image, (125, 60, 200, 90)) == 0
    brown = image.getpixel((60 * DOTS, 30 * DOTS))  # the frame's upper line, thinner than a dot
    assert isinstance(brown, tuple)
    assert brown[0] - 40 > brown[1] - 20 > brown[2]
    code = image.crop((9 * DOTS, 4 * DOTS, 28 * DOTS, 23 * DOTS)).convert("L").tobytes()
    assert 0.25 < sum(p < 100 for p in code) / len(code) < 0.75
    (place,) = find_text(document, "科游迈利有限公司")
    assert (place.page, place.x_mm) == (1, 36)


def test_a_straddling_seal_shows_a_slice_on_each_page(vectors: Path) -> None:
    document = opened(vectors, "V4RideRight")
    assert [frame.id for frame in page_frames(document)] == ["1", "21", "43", "63", "83"]
    slices = []
    for number in range(1, 6):
        image = seen(document, number)
        assert reds(image, (202, 40, 210, 80)) > 0.05
        assert reds(image, (195, 40, 201.5, 80)) == 0
        slices.append(image.crop((202 * DOTS, 40 * DOTS, 210 * DOTS, 80 * DOTS)))
    whole = Image.new("RGB", (40 * DOTS, 40 * DOTS), WHITE)
    for n, part in enumerate(slices):
        whole.paste(part, (n * 8 * DOTS, 0))
    # Put together the slices are the seal: its ring runs all around.
    for angle in range(0, 360, 5):
        x = 20 + 19.2 * math.cos(math.radians(angle))
        y = 20 + 19.2 * math.sin(math.radians(angle))
        assert reds(whole, (x - 0.8, y - 0.8, x + 0.8, y + 0.8)) > 0.2, angle


@pytest.mark.parametrize("name", ["helloworld", "SESV4SignDoc", "DigitalSign"])
def test_simple_real_files_show_their_line_and_seal(vectors: Path, name: str) -> None:
    document = opened(vectors, name)
    (place,) = find_text(document, "Reader&Writer！")
    assert place.y_mm == pytest.approx(25.8, abs=0.2)
    image = seen(document)
    assert at(image, 5, 5) == WHITE
    assert (reds(image, (50, 50, 90, 90)) > 0.02) == (name == "SESV4SignDoc")


def test_a_pdf_has_all_pages_in_their_size(vectors: Path) -> None:
    pdf = pypdfium2.PdfDocument(render_pdf(opened(vectors, "V4RideRight")))
    try:
        sizes = [tuple(round(side / 72 * 25.4) for side in page.get_size()) for page in pdf]
    finally:
        pdf.close()
    assert sizes == [(210, 297)] * 5


# --- objects -------------------------------------------------------------------------------------


def test_paths_are_filled_stroked_turned_and_cut_at_their_boundary() -> None:
    line = '<ofd:PathObject ID="8" Boundary="0 60 100 10" LineWidth="2"><ofd:AbbreviatedData>'
    image = seen(
        package(
            square(10, 10)
            + square(30, 10, color="128")
            + square(50, 10, color="0 0 0 255")
            + square(70, 10, more='CTM="0.5 0 0 0.5 5 0"')
            + square(90, 10, more='Visible="false"')
            + square(110, 10, more='CTM="3 0 0 3 0 0"')
            + square(130, 10, more='Alpha="128"')
            + line
            + "M 5 5 L 95 5</ofd:AbbreviatedData></ofd:PathObject>"
        )
    )
    assert at(image, 15, 15) == RED
    assert at(image, 35, 15) == (128,) * 3
    assert at(image, 55, 15) == BLACK
    assert (at(image, 77, 13), at(image, 73, 13), at(image, 77, 17)) == (RED, WHITE, WHITE)
    assert at(image, 95, 15) == WHITE
    assert (at(image, 115, 15), at(image, 125, 15), at(image, 115, 25)) == (RED, WHITE, WHITE)
    pale = at(image, 135, 15)
    assert isinstance(pale, tuple)
    assert pale[0] == 255
    assert 120 < pale[1] < 135
    assert (at(image, 50, 65), at(image, 50, 66.5), at(image, 97, 65)) == (BLACK, WHITE, WHITE)


def test_drawing_parameters_are_inherited() -> None:
    resources = (
        '<ofd:DrawParams><ofd:DrawParam ID="20" LineWidth="4">'
        '<ofd:StrokeColor Value="0 255 0"/></ofd:DrawParam>'
        '<ofd:DrawParam ID="21" Relative="20"><ofd:FillColor Value="255 0 0"/></ofd:DrawParam>'
        '<ofd:DrawParam ID="22" Relative="22"/></ofd:DrawParams>'
    )
    path = (
        '<ofd:PathObject ID="8" Boundary="{0} 10 20 20" Fill="true"{1}>'
        "<ofd:AbbreviatedData>M 2 2 L 18 2 L 18 18 L 2 18 C</ofd:AbbreviatedData></ofd:PathObject>"
    )
    document = package(
        path.format(10, ' DrawParam="21"') + path.format(40, ' DrawParam="22"'),
        resources=resources,
    )
    image = seen(document)
    assert (at(image, 20, 20), at(image, 13, 20)) == (RED, GREEN)
    assert at(image, 50, 20) == BLACK


def test_images_composites_blocks_and_templates_are_drawn() -> None:
    resources = (
        '<ofd:MultiMedias><ofd:MultiMedia ID="30" Type="Image"><ofd:MediaFile>a.png'
        "</ofd:MediaFile></ofd:MultiMedia></ofd:MultiMedias><ofd:CompositeGraphicUnits>"
        '<ofd:CompositeGraphicUnit ID="31" Width="10" Height="10"><ofd:Content>'
        f"{square(0, 0)}</ofd:Content></ofd:CompositeGraphicUnit></ofd:CompositeGraphicUnits>"
    )
    template = (
        f"<ofd:Page {NAMESPACE}><ofd:Content><ofd:Layer>{square(100, 100)}</ofd:Layer>"
        "</ofd:Content></ofd:Page>"
    )
    page = (
        '<ofd:Template TemplateID="40"/><ofd:Area><ofd:PhysicalBox>10 20 150 140</ofd:PhysicalBox>'
        '</ofd:Area><ofd:Content><ofd:Layer><ofd:ImageObject ID="5" ResourceID="30"'
        ' Boundary="20 30 10 10" CTM="10 0 0 10 0 0"/><ofd:ImageObject ID="6" ResourceID="30"'
        ' Boundary="40 30 10 10"/><ofd:ImageObject ID="7" ResourceID="999" Boundary="0 0 9 9"/>'
        '<ofd:CompositeObject ID="8" ResourceID="31" Boundary="60 30 10 10" CTM="2 0 0 2 0 0"/>'
        f"<ofd:PageBlock>{square(90, 30)}</ofd:PageBlock></ofd:Layer></ofd:Content>"
    )
    with_template = DOCUMENT_XML.replace(
        b"</ofd:CommonData>", b'<ofd:TemplatePage ID="40" BaseLoc="T.xml"/></ofd:CommonData>'
    )
    document = package(
        "",
        resources=resources,
        page=page,
        document=with_template,
        files={"Doc_0/Res/a.png": png((4, 4), GREEN), "Doc_0/T.xml": template.encode()},
    )
    image = seen(document)
    assert image.size == (150 * DOTS, 140 * DOTS)
    assert [at(image, x, 15) for x in (15, 35)] == [GREEN, GREEN]
    assert (at(image, 65, 25), at(image, 85, 15), at(image, 95, 85)) == (RED, RED, RED)


def test_annotations_show_what_they_draw() -> None:
    with_annotations = DOCUMENT_XML.replace(
        b"</ofd:Document>", b"<ofd:Annotations>Annots/All.xml</ofd:Annotations></ofd:Document>"
    )
    listed = (
        f'<ofd:Annotations {NAMESPACE}><ofd:Page PageID="1"><ofd:FileLoc>P.xml</ofd:FileLoc>'
        "</ofd:Page></ofd:Annotations>"
    )
    appearance = '<ofd:Appearance Boundary="{0} 20 10 10">{2}</ofd:Appearance>'
    shown = f'<ofd:Annot ID="50"{{1}}>{appearance}</ofd:Annot>'
    annotations = (
        f"<ofd:PageAnnot {NAMESPACE}>"
        + "".join(
            (shown.format(20, "", square(0, 0)), shown.format(40, ' Visible="false"', square(0, 0)))
        )
        + "</ofd:PageAnnot>"
    )
    document = package(
        "",
        document=with_annotations,
        files={"Doc_0/Annots/All.xml": listed.encode(), "Doc_0/Annots/P.xml": annotations.encode()},
    )
    image = seen(document)
    assert (at(image, 25, 25), at(image, 45, 25)) == (RED, WHITE)


def test_text_is_found_over_several_objects_in_any_order() -> None:
    def text(x: float, y: float, value: str, deltas: str = "") -> str:
        return (
            f'<ofd:TextObject ID="3" Boundary="{x} {y} 50 5" Font="1" Size="4">'
            f'<ofd:TextCode X="0" Y="3.52" {deltas}>{value}</ofd:TextCode></ofd:TextObject>'
        )

    document = package(
        text(28, 50, "（盖章）")
        + text(20, 50, "单位")
        + text(20, 80, "盖章处 单 位", 'DeltaX="g 99999999999 4"')
        + text(20, 20, "单位", 'DeltaX="0" DeltaY="4"')
    )
    places = find_text(document, "单位（盖章）")
    assert [(p.x_mm, round(p.y_mm, 6), p.width_mm) for p in places] == [(20, 50, 24)]
    assert [round(p.y_mm) for p in find_text(document, "单位")] == [50, 80]
    assert find_text(document, "单位")[1].x_mm == 36


def test_a_glyph_named_by_number_is_drawn_from_the_embedded_font() -> None:
    from msb_seal.drawing.fontfile import PreparedFont

    resources = (
        '<ofd:Fonts><ofd:Font ID="60" FontName="X"><ofd:FontFile>f.otf</ofd:FontFile></ofd:Font>'
        '<ofd:Font ID="61" FontName="X"><ofd:FontFile>bad.otf</ofd:FontFile></ofd:Font></ofd:Fonts>'
    )
    text = (
        '<ofd:TextObject ID="3" Boundary="{0} 10 10 10" Font="{1}" Size="10">{2}'
        '<ofd:TextCode X="0" Y="8.8">{3}</ofd:TextCode></ofd:TextObject>'
    )
    named = '<ofd:CGTransform CodePosition="0" CodeCount="1">{}</ofd:CGTransform>'
    glyph = named.format("<ofd:Glyphs>1</ofd:Glyphs>")
    font = PreparedFont.load("song").subset("国")
    document = package(
        text.format(10, 60, glyph, "x")
        + text.format(30, 60, "", "国")
        + text.format(50, 61, "", "国")
        + text.format(70, 60, "", "\u4e00"),
        resources=resources,
        files={"Doc_0/Res/f.otf": font, "Doc_0/Res/bad.otf": font[:-50]},
    )
    image = seen(document)
    parts = [
        image.crop(tuple(n * DOTS for n in (x, 10, x + 11, 20))).tobytes()  # type: ignore[arg-type] # four
        for x in (10, 30, 50, 70)
    ]
    assert parts[0] == parts[1]
    for part in parts:
        assert min(part) < 100


# --- limits --------------------------------------------------------------------------------------


def test_work_without_end_is_refused_soon() -> None:
    units = "".join(
        f'<ofd:CompositeGraphicUnit ID="{n}"><ofd:Content>'
        + f'<ofd:CompositeObject ResourceID="{n + 1}" Boundary="0 0 1 1"/>' * 10
        + "</ofd:Content></ofd:CompositeGraphicUnit>"
        for n in range(100, 115)
    )
    bomb = package(
        '<ofd:CompositeObject ResourceID="100" Boundary="0 0 1 1"/>',
        resources=f"<ofd:CompositeGraphicUnits>{units}</ofd:CompositeGraphicUnits>",
    )
    endless = package(
        '<ofd:CompositeObject ResourceID="100" Boundary="0 0 1 1"/>',
        resources='<ofd:CompositeGraphicUnits><ofd:CompositeGraphicUnit ID="100"><ofd:Content>'
        '<ofd:CompositeObject ResourceID="100" Boundary="0 0 1 1"/></ofd:Content>'
        "</ofd:CompositeGraphicUnit></ofd:CompositeGraphicUnits>",
    )
    heavy = b"<x>" + b"<y/>" * 100_000 + b"</x>"
    pages = b"".join(b'<ofd:Page ID="%d" BaseLoc="P.xml"/>' % n for n in range(1, 9_000))
    page = f"<ofd:Page {NAMESPACE}>{heavy.decode()}</ofd:Page>".encode()
    many = OfdPackage.read(
        archive(
            {
                "OFD.xml": OFD_XML,
                "Doc_0/Document.xml": f"<ofd:Document {NAMESPACE}><ofd:Pages>".encode()
                + pages
                + b"</ofd:Pages></ofd:Document>",
                "Doc_0/P.xml": page,
            }
        )
    )
    started = time.process_time()
    for document in (bomb, endless, many):
        with pytest.raises(OfdRefused) as caught:
            find_text(document, "国")
        assert caught.value.code == "too-complex"
    assert time.process_time() - started < 30


def test_an_empty_text_shows_nothing_and_spoils_nothing() -> None:
    empty = '<ofd:TextObject ID="3" Boundary="1 1 9 9" Font="1"><ofd:TextCode/></ofd:TextObject>'
    document = package(empty + square(10, 10))
    assert find_text(document, "国") == []
    assert at(seen(document), 15, 15) == RED


def test_many_transforms_of_many_characters_end_soon() -> None:
    transform = '<ofd:CGTransform CodePosition="0" CodeCount="1000000"/>' * 10_000
    code = "<ofd:TextCode>国</ofd:TextCode>"
    text = f'<ofd:TextObject ID="3" Boundary="1 1 9 9" Font="1">{transform}{code}</ofd:TextObject>'
    started = time.process_time()
    assert len(find_text(package(text), "国")) == 1
    assert time.process_time() - started < 5


def test_pages_that_are_not_there_are_told() -> None:
    document = package("")
    for number in (0, 2, -1):
        with pytest.raises(OfdRefused) as caught:
            render_page(document, number)
        assert caught.value.code == "no-page"
    with pytest.raises(OfdRefused):
        page_frames(document, 1)
    with pytest.raises(OfdRefused) as caught:
        render_page(document, 1, dpi=100_000)
    assert caught.value.code == "too-complex"


def test_numbers_and_runs_are_read_with_care() -> None:
    assert graphics.distances("g 3 2 5", 6) == [2, 2, 2, 5, 5, 5]
    assert graphics.distances("g 999999999999 1", 4) == [1] * 4
    assert graphics.distances("g x", 3) == []
    assert graphics.distances("1 nan", 3) == [1, 1, 1]
    assert graphics.distances("", 3) == []
    assert graphics.numbers("1 2e400") is None
    assert graphics.matrix("1 2 3") == (1, 0, 0, 1, 0, 0)
    assert graphics.color("300 -5 0") == (255, 0, 0)
    assert graphics.color("") is None
    assert graphics.path("M 0 0 L 1").segments == (("M", (0, 0)),)


def test_an_arc_runs_along_its_circle() -> None:
    for sweep, large in ((0, 0), (1, 0), (0, 1), (1, 1)):
        path = graphics.path(f"M 10 0 A 10 10 0 {large} {sweep} 0 10")
        ends = [numbers[-2:] for letter, numbers in path.segments if letter == "C"]
        centers = [(0, 0), (10, 10)]
        center = centers[0 if bool(sweep) != bool(large) else 1]
        for x, y in ends:
            assert math.hypot(x - center[0], y - center[1]) == pytest.approx(10)
        assert len(ends) == (3 if large else 1)
    assert graphics.path("M 0 0 A 0 1 0 0 0 5 5").segments[-1] == ("L", (5, 5))
