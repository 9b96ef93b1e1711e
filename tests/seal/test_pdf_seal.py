# ruff: noqa: ANN401 - changes may be any argument
"""Sealing PDF: what is signed, where the seal shows, and what is refused."""

from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import encode_pem
from msb_seal.cms.structure import parse_cms
from msb_seal.cms.verify import check_cms
from msb_seal.documents import check_document
from msb_seal.errors import SealingRefused
from msb_seal.pdf.sign import (
    PdfOptions,
    Permission,
    Remarks,
    SignatureForm,
    prepare_pdf,
    seal_pdf,
    sign_pdf,
)
from msb_seal.placement import At, AtKeyword, OnEveryPage, Straddle
from msb_seal.seals.model import SealPicture, SealVersion
from msb_seal.seals.verify import check_seal_signature
from tests.identity.authorities import NOW, trusting
from tests.seal.cms_world import ROOTS, SIGNERS, TRUST
from tests.seal.forging import stamping
from tests.seal.makers import KINDS, world
from tests.seal.pdf_documents import KEYWORD, box_of, one_page, picture, plain, seen, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Any

    from msb_seal.placement import Place

RED, BLUE = (255, 0, 0), (0, 0, 255)
HERE: list[Place] = [At(1, 20, 30)]
CMS_FORMS = [
    (kind, form)
    for kind in KINDS
    for form in SignatureForm
    if form is not SignatureForm.SES and (form is not SignatureForm.GM_CMS or kind is KeyKind.SM2)
]


def sealed(data: bytes | None = None, *, kind: KeyKind = KeyKind.SM2, **changes: Any) -> bytes:
    """Put a seal on a document."""
    places = changes.pop("places", HERE)
    how = {"form": SignatureForm.SES, **changes}
    sealer = world(kind).sealer(picture=picture())
    return seal_pdf(
        plain() if data is None else data,
        sealer=sealer,
        places=places,
        options=PdfOptions(**how),
        now=NOW,
    )


def signed_with(kind: KeyKind, data: bytes | None = None, **changes: Any) -> bytes:
    signer = SIGNERS[kind]
    given = {"key": signer.key, "certificate": signer.certificate, "now": NOW, **changes}
    return sign_pdf(plain() if data is None else data, **given)


def refusal(data: bytes, places: Sequence[Place] = HERE, options: PdfOptions | None = None) -> str:
    with pytest.raises(SealingRefused) as caught:
        signed_with(
            KeyKind.P256, data, places=places, options=options or PdfOptions(), picture=picture()
        )
    return caught.value.code


@pytest.mark.parametrize(("kind", "form"), CMS_FORMS)
def test_the_signature_is_over_the_whole_file(kind: KeyKind, form: SignatureForm) -> None:
    data = signed_with(kind, options=PdfOptions(form=form))
    assert data.startswith(plain())
    assert f"/SubFilter {form.subfilter}".encode() in data
    found = signed(data)
    report = check_cms(found.value, original=found.covered, trust=TRUST, at=NOW)
    assert report.verdict is Verdict.VALID
    other = check_cms(found.value, original=found.covered + b"\n", trust=TRUST, at=NOW)
    assert other.verdict is Verdict.INVALID


@pytest.mark.parametrize("kind", KINDS)
def test_the_seal_itself_stands_in_the_signature(kind: KeyKind) -> None:
    found = signed(sealed(kind=kind))
    report = check_seal_signature(
        found.value, original=found.covered, trust=world(kind).trust, at=NOW
    )
    assert report.verdict is Verdict.VALID
    assert report.kind == SealVersion.V4.kind


def test_a_seal_signs_as_cms_too() -> None:
    found = signed(sealed(form=SignatureForm.GM_CMS))
    report = check_cms(found.value, original=found.covered, trust=world().trust, at=NOW)
    assert report.verdict is Verdict.VALID


def test_pades_claims_its_time_outside_the_attributes() -> None:
    data = signed_with(KeyKind.P256)
    assert f"{NOW:%Y%m%d%H%M%S}Z)".encode() in data.split(b"/M (D")[-1][:30]
    signing_time = bytes.fromhex("2a864886f70d010905")
    assert signing_time not in signed(data).value
    assert (
        signing_time
        in signed(signed_with(KeyKind.P256, options=PdfOptions(form=SignatureForm.ADOBE))).value
    )


def test_the_chain_and_the_remarks_go_along() -> None:
    root = ROOTS[KeyKind.RSA].certificate
    remarks = Remarks("approved", "Linhe", "0478")
    data = signed_with(KeyKind.RSA, options=PdfOptions(chain=[root], remarks=remarks))
    assert root.encoded in signed(data).value
    for part in (b"/Reason (approved)", b"/Location (Linhe)", b"/ContactInfo (0478)"):
        assert part in data


def test_a_time_stamp_is_taken_over_the_value() -> None:
    authority = stamping()
    data = signed_with(KeyKind.RSA, timestamps=authority.source())
    found = signed(data)
    report = check_cms(found.value, original=found.covered, trust=TRUST, at=NOW)
    assert report.verdict is Verdict.VALID
    assert report.step("timestamp").code == "ok"


def test_a_signature_from_elsewhere_is_put_in_and_another_one_is_not() -> None:
    signer = SIGNERS[KeyKind.P256]
    prepared = prepare_pdf(plain(), certificate=signer.certificate, options=PdfOptions(), now=NOW)
    elsewhere = signer.key.sign(prepared.to_sign)
    found = signed(prepared.finish(elsewhere))
    report = check_cms(found.value, original=found.covered, trust=TRUST, at=NOW)
    assert report.verdict is Verdict.VALID
    with pytest.raises(Exception, match="not that of"):
        prepared.finish(signer.key.sign(b"something else"))


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


def test_seals_follow_each_other_and_change_no_byte_of_an_earlier_one() -> None:
    first = signed_with(KeyKind.RSA, plain(2), places=HERE, picture=picture())
    second = sealed(first, places=[Straddle()])
    third = signed_with(KeyKind.P256, second, options=PdfOptions())
    assert second.startswith(first)
    assert third.startswith(second)
    assert [f"/T (Seal{number})".encode() in third for number in (1, 2, 3)] == [True] * 3


@pytest.mark.parametrize("permission", Permission)
def test_a_certified_document_says_what_may_change(permission: Permission) -> None:
    data = signed_with(KeyKind.RSA, options=PdfOptions(certify=permission))
    assert b"/TransformMethod /DocMDP" in data
    assert f"/P {permission.value}".encode() in data
    if permission is Permission.NOTHING:
        assert refusal(data) == "locked"
    else:
        assert refusal(data, (), PdfOptions(certify=permission)) == "certify-late"
        assert signed(sealed(data)).value


def test_a_final_seal_is_the_last() -> None:
    data = sealed(sealed(), final=True)
    assert signed(data).value
    assert refusal(data) == "locked"


def test_a_seal_goes_into_the_field_that_waits_for_it() -> None:
    field = (
        "<< /FT /Sig /T (office) /Type /Annot /Subtype /Widget /F 4 /P 3 0 R"
        " /Rect [56.6929 400 141.7323 450] >>"
    )
    catalog = "/AcroForm << /Fields [5 0 R] >>"
    data = one_page("/Annots [5 0 R]", catalog=catalog, more=[field])
    options = PdfOptions(in_field="office")
    made = signed_with(KeyKind.P256, data, options=options, picture=picture())
    # 30 mm wide: the picture of 40 mm is made smaller, and stands in the middle.
    assert box_of(seen(made), BLUE) == pytest.approx((20, 42.5, 50, 57.5), abs=1)
    assert signed(made).value
    assert refusal(made, (), options) == "field-signed"
    assert refusal(data, (), PdfOptions(in_field="other")) == "no-such-field"
    assert refusal(data, [At(1, 1, 1)], PdfOptions(in_field="office")) == "two-places"


def test_a_field_that_locks_others_locks_them_when_it_is_signed() -> None:
    field = (
        "<< /FT /Sig /T (office) /Type /Annot /Subtype /Widget /F 4 /Rect [0 0 0 0]"
        " /Lock << /Type /SigFieldLock /Action /Include /Fields [(amount)] >> >>"
    )
    catalog = "/AcroForm << /Fields [5 0 R] >>"
    data = one_page("/Annots [5 0 R]", catalog=catalog, more=[field])
    made = signed_with(KeyKind.P256, data, options=PdfOptions(in_field="office"))
    assert b"/TransformMethod /FieldMDP" in made
    assert made.count(b"(amount)") > data.count(b"(amount)")
    demanding = one_page(
        "/Annots [5 0 R]", catalog=catalog, more=[field.replace("/Lock <<", "/SV << /Ff 1")]
    )
    assert refusal(demanding, (), PdfOptions(in_field="office")) == "seed-values"


def test_annotations_and_fields_that_were_there_stay() -> None:
    catalog = "/AcroForm 6 0 R"
    more = [
        "<< /FT /Tx /T (Seal1) /V (text) /Type /Annot /Subtype /Widget /Rect [1 1 9 9] /P 3 0 R >>",
        "<< /Fields 7 0 R >>",
        "[5 0 R]",
        "[5 0 R]",
    ]
    data = one_page("/Annots 8 0 R", catalog=catalog, more=more)
    made = signed_with(KeyKind.P256, data, places=HERE, picture=picture())
    assert b"/T (Seal2)" in made  # the first name is taken
    assert box_of(seen(made), BLUE) == pytest.approx((20, 30, 60, 50), abs=0.45)
    update = made[len(data) :]
    assert update.count(b"[ 5 0 R ") + update.count(b"[5 0 R ") == 2


def test_what_cannot_be_signed_is_refused_with_its_reason() -> None:
    assert refusal(one_page(catalog="/AcroForm << /Fields [] /XFA (x) >>")) == "xfa"
    assert refusal(b"") == "unreadable-pdf"
    assert refusal(b"%PDF-1.7\nnothing else") == "unreadable-pdf"
    assert refusal(plain(), [AtKeyword("没有")]) == "keyword-not-found"
    assert refusal(plain(), [At(2, 1, 1)]) == "no-such-page"


def test_a_page_tree_with_a_circle_ends() -> None:
    data = one_page().replace(b"/Kids [3 0 R]", b"/Kids [2 0 R]")
    assert refusal(data) == "unreadable-pdf"


def test_what_contradicts_itself_is_refused() -> None:
    signer = world().signer
    sealer = world().sealer(picture=picture())

    def code(call: Callable[[], bytes]) -> str:
        with pytest.raises(SealingRefused) as caught:
            call()
        return caught.value.code

    ses = PdfOptions(form=SignatureForm.SES)
    assert code(lambda: signed_with(KeyKind.SM2, options=ses)) == "no-seal"
    gm = PdfOptions(form=SignatureForm.GM_CMS)
    assert code(lambda: signed_with(KeyKind.RSA, options=gm)) == "key"
    assert code(lambda: signed_with(KeyKind.RSA, places=HERE)) == "picture"
    assert code(lambda: seal_pdf(plain(), sealer=sealer, options=ses, now=NOW)) == "no-place"
    drawn = SealPicture("ofd", b"PK", 40, 40)
    assert (
        code(
            lambda: sign_pdf(
                plain(),
                key=signer.key,
                certificate=signer.certificate,
                places=HERE,
                picture=drawn,
                now=NOW,
            )
        )
        == "picture"
    )


def test_bent_files_are_signed_or_refused_and_nothing_else_happens() -> None:
    seeds = random.Random(5)
    originals = [plain(2), sealed(), one_page("/Annots []", catalog="/AcroForm << /Fields [] >>")]
    places: list[Place] = [At(1, 20, 30), OnEveryPage(1, 1)]
    refused = 0
    for _ in range(150):
        data = bytearray(seeds.choice(originals))
        for _ in range(seeds.randint(1, 8)):
            at = seeds.randrange(len(data))
            data[at : at + seeds.randint(0, 3)] = seeds.randbytes(seeds.randint(0, 3))
        try:
            signed_with(KeyKind.P256, bytes(data), places=places, picture=picture())
        except SealingRefused:
            refused += 1
    assert 10 < refused < 150


@pytest.mark.parametrize("kind", [KeyKind.RSA, KeyKind.P256])
@pytest.mark.parametrize("form", [SignatureForm.PADES, SignatureForm.ADOBE])
def test_other_programs_find_the_signature_good(
    kind: KeyKind, form: SignatureForm, tmp_path: Path, program: Callable[[str], str]
) -> None:
    places: list[Place] = [At(1, 20, 30), Straddle()]
    data = signed_with(
        kind, plain(2), places=places, options=PdfOptions(form=form), picture=picture()
    )
    found = signed(data)
    files = {"a.pdf": data, "covered": found.covered, "value": found.value}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "root.pem").write_bytes(encode_pem(ROOTS[kind].certificate))

    def run(*words: str) -> str:
        done = subprocess.run(
            [program(words[0]), *words[1:]], cwd=tmp_path, capture_output=True, check=False
        )
        return (done.stdout + done.stderr).decode()

    told = run("pdfsig", "-nocert", "a.pdf")
    assert told.count("Signature is Valid.") == told.count("Total document signed") == 3
    told = run("mutool", "sign", "-v", "a.pdf")
    assert told.count("The document is unchanged since signing.") == 3
    assert "No syntax or stream encoding errors" in run("qpdf", "--check", "a.pdf")
    verify = "cms -verify -binary -inform DER -in value -content covered -purpose any -out out"
    moment = str(int(NOW.timestamp()))
    options = [*verify.split(), "-CAfile", "root.pem", "-attime", moment]
    assert "successful" in run("openssl", *options)
    if form is SignatureForm.PADES:
        assert "CAdES Verification successful" in run("openssl", *options, "-cades")


@pytest.mark.parametrize("way", ["--linearize", "--object-streams=generate"])
def test_files_of_every_build_are_sealed(
    way: str, tmp_path: Path, program: Callable[[str], str]
) -> None:
    source, made = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(plain(3))
    subprocess.run([program("qpdf"), way, source, made], check=True)
    data = sealed(sealed(made.read_bytes(), places=[Straddle()]))
    found = signed(data)
    report = check_seal_signature(found.value, original=found.covered, trust=world().trust, at=NOW)
    assert report.verdict is Verdict.VALID
    source.write_bytes(data)
    checked = subprocess.run([program("qpdf"), "--check", source], check=True, capture_output=True)
    assert b"WARNING" not in checked.stdout + checked.stderr
    assert box_of(seen(data), BLUE) is not None


def test_a_file_with_two_kinds_of_cross_references_is_named_so() -> None:
    data = one_page()
    # The stream says where object 4 is; 7.5.8.4: only newer readers look at it.
    offset = data.rindex(b"xref\n0 5")
    stream = b"9 0 obj\n<< /Type /XRef /Size 5 /W [1 2 1] /Index [4 1] /Length 4 >>\nstream\n"
    entry = b"\1" + data.index(b"4 0 obj").to_bytes(2, "big") + b"\0"
    table = data[offset:].replace(b"/Size 5", b"/Size 5 /XRefStm %d" % offset)
    moved = offset + len(stream) + 4 + len(b"\nendstream\nendobj\n")
    table = table.replace(b"startxref\n%d" % offset, b"startxref\n%d" % moved)
    hybrid = data[:offset] + stream + entry + b"\nendstream\nendobj\n" + table
    assert refusal(hybrid) == "hybrid"


def test_pdfsig_trusts_the_signer_through_an_nss_database(
    tmp_path: Path, program: Callable[[str], str]
) -> None:
    (tmp_path / "root.pem").write_bytes(encode_pem(ROOTS[KeyKind.RSA].certificate))
    database = f"sql:{tmp_path / 'nss'}"
    (tmp_path / "nss").mkdir()
    add = ["-A", "-d", database, "-n", "root", "-t", "CT,C,C", "-i", str(tmp_path / "root.pem")]
    for words in (["-N", "-d", database, "--empty-password"], add):
        subprocess.run([program("certutil"), *words], check=True, capture_output=True)
    sealed_file = tmp_path / "a.pdf"
    sealed_file.write_bytes(signed_with(KeyKind.RSA, places=HERE, picture=picture()))
    words = ["-nssdir", str(tmp_path / "nss"), str(sealed_file)]
    told = subprocess.run([program("pdfsig"), *words], check=False, capture_output=True).stdout
    assert b"Signature is Valid." in told
    # Other words where the machine's clock is beyond the certificate's period.
    assert (b"Certificate is Trusted." in told) or (b"Certificate has Expired" in told)


def test_openssl_finds_the_sm2_signature_good(
    tmp_path: Path, program: Callable[[str], str]
) -> None:
    found = signed(signed_with(KeyKind.SM2, options=PdfOptions(form=SignatureForm.ADOBE)))
    (signer,) = parse_cms(found.value).signers
    assert signer.attributes_signed is not None
    files = {
        "covered": found.covered,
        "attributes": signer.attributes_signed,
        "signature": signer.signature,
        "cert.pem": encode_pem(SIGNERS[KeyKind.SM2].certificate),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    def run(words: str) -> bytes:
        return subprocess.run(
            [program("openssl"), *words.split()], cwd=tmp_path, capture_output=True, check=True
        ).stdout

    digest = run("dgst -sm3 -binary covered")
    assert digest in signer.attributes_signed
    run("x509 -in cert.pem -pubkey -noout -out key.pem")
    verify = "dgst -sm3 -verify key.pem -sigopt distid:1234567812345678 -signature signature"
    assert b"Verified OK" in run(f"{verify} attributes")


def test_an_encrypted_file_is_named_so(tmp_path: Path, program: Callable[[str], str]) -> None:
    source, made = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(plain())
    words = ["--encrypt", "", "owner", "256", "--", str(source), str(made)]
    subprocess.run([program("qpdf"), *words], check=True)
    assert refusal(made.read_bytes()) == "encrypted"


def test_where_makers_are_named_the_maker_of_a_pdfs_seal_must_be_one() -> None:
    own, data = world(KeyKind.SM2), sealed()
    for makers, unknown in ((own.root, set()), (own.signer, {"seal-maker-certificate"})):
        report = check_document(data, trust=own.trust, at=NOW, makers=trusting(makers))
        steps = report.signatures[0].steps
        assert {step.id for step in steps if step.outcome is Outcome.UNKNOWN} == unknown
