"""Several seals in one PDF: fields, certifying and locking."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Verdict
from msb_identity.pki.keys import KeyKind
from msb_seal.documents import check_document
from msb_seal.errors import SealingRefused
from msb_seal.pdf.reserving import FieldLock, Locked, reserve_field
from msb_seal.pdf.sign import (
    PdfOptions,
    Permission,
)
from msb_seal.placement import At, AtKeyword, Straddle
from tests.identity.authorities import NOW, trusting
from tests.seal.cms_world import ROOTS
from tests.seal.makers import world
from tests.seal.pdf_documents import KEYWORD, box_of, one_page, picture, plain, seen, signed
from tests.seal.pdf_sealing import BLUE, HERE, changed_fields, refusal, sealed, signed_with

if TYPE_CHECKING:
    from msb_seal.placement import Place

TRUST = trusting(*ROOTS.values(), world().root, world(KeyKind.RSA).root)


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
        assert refusal(data) == "certified"  # readers take a new field that shows for a change
        assert changed_fields(signed_with(KeyKind.RSA, data)) == {"Seal2"}


@pytest.mark.parametrize("places", [HERE, [Straddle(), At(1, 1, 1)]])
def test_pyhanko_takes_a_later_seal_for_no_change(places: list[Place]) -> None:
    first = signed_with(KeyKind.RSA, plain(3), places=places, picture=picture())
    second = signed_with(KeyKind.P256, first, places=places, picture=picture())
    assert changed_fields(second) == {"Seal2"}


def test_a_certified_document_takes_the_seals_that_fields_were_reserved_for() -> None:
    data = reserve_field(plain(), name="second", place=At(1, 100, 100), size_mm=(45, 45))
    data = reserve_field(data, name="third", place=AtKeyword(KEYWORD), size_mm=(45, 45))
    options = PdfOptions(certify=Permission.FORMS)
    data = signed_with(KeyKind.RSA, data, places=HERE, picture=picture(), options=options)
    data = sealed(data, in_field="second", places=())
    assert box_of(seen(data).crop((90 * 5, 90 * 5, 800, 750)), BLUE) == pytest.approx(
        (12.5, 22.5, 52.5, 42.5), abs=0.45
    )
    assert changed_fields(data) == {"second"}
    with pytest.raises(SealingRefused, match="certified"):
        reserve_field(data, name="fourth", place=At(1, 1, 1), size_mm=(10, 10))


@pytest.mark.parametrize("name", ["", "a.b", "second"])
def test_a_field_needs_a_name_of_its_own(name: str) -> None:
    data = reserve_field(plain(), name="second", place=At(1, 100, 100), size_mm=(45, 45))
    with pytest.raises(SealingRefused) as caught:
        reserve_field(data, name=name, place=At(1, 1, 1), size_mm=(10, 10))
    assert caught.value.code == "field-name"


PARTIES = ("first", "second", "third")


def reserved(*, locks: dict[str, FieldLock] | None = None) -> bytes:
    data = plain(2)
    for number, name in enumerate(PARTIES):
        place, lock = At(1, 20, 20 + 50 * number), (locks or {}).get(name)
        data = reserve_field(data, name=name, place=place, size_mm=(45, 25), lock=lock)
    return data


def verdicts(data: bytes) -> list[Verdict]:
    report = check_document(data, trust=TRUST, at=NOW)
    return [report.verdict, *(one.verdict for one in report.signatures)]


@pytest.mark.parametrize("certify", [None, Permission.FORMS])
def test_several_parties_sign_in_turn_in_the_fields_that_wait_for_them(
    certify: Permission | None,
) -> None:
    last = FieldLock(final=True)
    data = reserved(locks={"third": last})
    if certify is not None:
        data = signed_with(KeyKind.RSA, data, options=PdfOptions(certify=certify))
    count = 1 if certify is None else 2
    for kind, name in ((KeyKind.SM2, "second"), (KeyKind.RSA, "first"), (KeyKind.SM2, "third")):
        data = sealed(data, kind=kind, in_field=name, places=())
        assert verdicts(data) == [Verdict.VALID] * (count + 1)
        count += 1
    assert refusal(data, ()) == "locked"  # the third one was the last


def test_a_signature_locks_what_its_field_says() -> None:
    locks = {"first": FieldLock(Locked.ONLY, ("third",))}
    data = sealed(reserved(locks=locks), in_field="first", places=())
    assert refusal(data, (), PdfOptions(in_field="third")) == "locked"
    assert verdicts(sealed(data, in_field="second", places=())) == [Verdict.VALID] * 3
    locks = {"first": FieldLock(Locked.EXCEPT, ("third",))}
    data = sealed(reserved(locks=locks), in_field="first", places=())
    assert refusal(data, (), PdfOptions(in_field="second")) == "locked"
    assert verdicts(sealed(data, in_field="third", places=())) == [Verdict.VALID] * 3
    data = sealed(reserved(locks={"first": FieldLock()}), in_field="first", places=())
    assert refusal(data, (), PdfOptions(in_field="second")) == "locked"


def test_a_lock_names_fields_or_locks_them_all() -> None:
    for wrong in ((Locked.ALL, ("a",)), (Locked.ONLY, ()), (Locked.EXCEPT, ("a",), True)):
        with pytest.raises(SealingRefused):
            FieldLock(*wrong)


def test_the_last_seal_in_a_field_needs_a_lock_that_was_there_before() -> None:
    data = sealed(reserved(), in_field="first", places=())
    assert refusal(data, (), PdfOptions(in_field="second", final=True)) == "final-late"
    alone = sealed(reserved(), in_field="first", places=(), final=True)
    assert verdicts(alone) == [Verdict.VALID] * 2
    assert refusal(alone, ()) == "locked"


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
