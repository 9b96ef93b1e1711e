"""Sealing an OFD: what is sealed here verifies, whole and step by step."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from lxml import etree
from PIL import Image

from msb_identity.foundation.report import Verdict
from msb_identity.pki.keys import KeyKind
from msb_seal.errors import OfdRefused, SealingRefused
from msb_seal.ofd.compose import OfdBuilder
from msb_seal.ofd.reading import render_page
from msb_seal.ofd.sign import prepare_ofd
from msb_seal.ofd.sign_cms import sign_ofd_cms
from msb_seal.placement import At, AtKeyword, Straddle
from tests.identity.authorities import DAY, NOW
from tests.seal.archives import MINIMAL, archive
from tests.seal.makers import EVERY, person, world
from tests.seal.ofd_documents import (
    HERE,
    bent,
    checked,
    document,
    entries_of,
    root_of,
    sealed,
    unsealed,
)
from tests.seal.ofd_schema import require_valid
from tests.seal.ofd_steps import codes

if TYPE_CHECKING:
    from msb_seal.seals.model import SealVersion

SIGN = "Doc_0/Signs/Sign_0"
STEPS = {
    "format",
    "algorithm",
    "signature-value",
    "document-digest",
    "coverage",
    "later-changes",
    "seal-signature",
    "seal-period",
    "seal-status",
    "seal-maker-certificate",
    "seal-match",
    "signer-in-seal",
    "signer-certificate",
    "chain",
    "revocation",
    "signing-time",
    "timestamp",
}


@pytest.mark.parametrize(("version", "kind"), EVERY)
def test_what_is_sealed_is_valid_and_tells_every_step(version: SealVersion, kind: KeyKind) -> None:
    report = checked(sealed(version=version, kind=kind), kind=kind)
    assert report.verdict is Verdict.VALID, report.as_text()
    assert [signature.kind for signature in report.signatures] == [version.kind]
    assert {step.id for step in report.signatures[0].steps} == STEPS
    assert report.signatures[0].signed_at == NOW
    assert codes(report, "coverage") == {("ok", "ok")}


def test_the_files_are_those_of_the_standard() -> None:
    entries = entries_of(sealed())
    assert entries.keys() == document().keys() | {
        "Doc_0/Signs/Signatures.xml",
        f"{SIGN}/Signature.xml",
        f"{SIGN}/Seal.esl",
        f"{SIGN}/SignedValue.dat",
    }
    for name, content in document().items():
        assert entries[name] == content or name == "OFD.xml"
    named = root_of(entries, "OFD.xml").findtext(".//{*}Signatures")
    assert named == "/Doc_0/Signs/Signatures.xml"
    references = root_of(entries, f"{SIGN}/Signature.xml").findall(".//{*}Reference")
    protected = {reference.get("FileRef", "")[1:] for reference in references}
    assert protected == (document().keys() | {f"{SIGN}/Seal.esl"})
    assert entries[f"{SIGN}/Seal.esl"] in entries[f"{SIGN}/SignedValue.dat"]


def test_sealing_needs_no_key_here() -> None:
    sealer = world().sealer()
    prepared = prepare_ofd(
        unsealed(), seal=sealer.seal, certificate=sealer.certificate, places=HERE, now=NOW
    )
    assert prepared.digest in prepared.to_sign
    data = prepared.finish(sealer.key.sign(prepared.to_sign))
    assert checked(data).verdict is Verdict.VALID
    with pytest.raises(SealingRefused):
        prepared.finish(sealer.key.sign(b"something else"))


def test_seals_follow_each_other_and_all_stay_valid() -> None:
    data = sealed(places=[Straddle()])
    for number in range(1, 3):
        data = sealed(data=data, places=[At(2, 10, 10)], now=NOW + number * timedelta(minutes=1))
    report = checked(data, at=NOW + timedelta(hours=1))
    assert report.verdict is Verdict.VALID, report.as_text()
    assert len(report.signatures) == 3
    assert report.signatures[0].step("later-changes").code == "later-signatures"
    assert report.signatures[0].step("later-changes").detail == "2, 3"
    assert report.signatures[2].step("later-changes").code == "none"


def test_seals_of_two_units_are_judged_each_on_its_own() -> None:
    data = sealed(data=sealed(), sealer=world(KeyKind.P256).sealer())
    report = checked(data)
    assert [signature.verdict for signature in report.signatures] == [
        Verdict.VALID,
        Verdict.INDETERMINATE,
    ]
    assert report.verdict is Verdict.INDETERMINATE


def test_after_a_final_seal_there_is_no_room() -> None:
    data = sealed(data=sealed(), final=True)
    assert checked(data).verdict is Verdict.VALID
    with pytest.raises(SealingRefused) as caught:
        sealed(data=data)
    assert caught.value.code == "final"


def test_straddling_stamps_stand_on_every_page() -> None:
    root = root_of(entries_of(sealed(places=[Straddle(), At(1, 1, 2)])), f"{SIGN}/Signature.xml")
    stamps = root.findall(".//{*}StampAnnot")
    assert [stamp.get("PageRef") for stamp in stamps] == ["1", "2", "1"]
    assert [stamp.get("Clip") for stamp in stamps] == ["0 0 21 42", "21 0 21 42", None]
    assert stamps[0].get("Boundary") == "189 127.5 42 42"


def test_a_document_in_a_folder_with_a_chinese_name_can_be_sealed() -> None:
    renamed = {
        name.replace("Doc_0", "文档"): content.replace(b"Doc_0", "文档".encode())
        for name, content in MINIMAL.items()
    }
    data = sealed(data=archive(renamed))
    assert "Signs/Sign_0/Signature.xml" in entries_of(data)
    assert checked(data).verdict is Verdict.VALID


def test_a_signer_whom_the_seal_does_not_list_seals_nothing() -> None:
    with pytest.raises(SealingRefused) as caught:
        prepare_ofd(
            unsealed(),
            seal=world().seal(),
            certificate=person("stranger").certificate,
            places=HERE,
            now=NOW,
        )
    assert caught.value.code == "not-listed"


def test_a_seal_out_of_its_period_seals_nothing() -> None:
    with pytest.raises(SealingRefused):
        sealed(now=NOW + 250 * DAY)


@pytest.mark.parametrize("data", [b"", b"PK", archive({"a": b"b"}), sealed()[:-5]])
def test_what_is_no_ofd_is_not_sealed(data: bytes) -> None:
    with pytest.raises(OfdRefused):
        sealed(data=data or b"\0")


def test_a_document_with_signatures_that_cannot_be_read_is_not_sealed() -> None:
    broken = bent(sealed(), lambda entries: entries.update({f"{SIGN}/Signature.xml": b"<a/>"}))
    with pytest.raises(OfdRefused):
        sealed(data=broken)


def test_the_same_preparation_gives_the_same_file() -> None:
    sealer = world(KeyKind.RSA).sealer()  # RSA's signatures do not change
    made = {
        sealed(sealer=sealer, kind=KeyKind.RSA, places=[At(1, 1, 1), Straddle()]) for _ in range(2)
    }
    assert len(made) == 1


def test_the_signature_file_is_xml_in_the_order_of_the_standard() -> None:
    root = root_of(entries_of(sealed()), f"{SIGN}/Signature.xml")
    names = [etree.QName(element).localname for element in root[0]]
    assert names == [
        "Provider",
        "SignatureMethod",
        "SignatureDateTime",
        "References",
        "StampAnnot",
        "Seal",
    ]


def test_a_seal_finds_its_keyword() -> None:
    data = sealed(places=[AtKeyword("盖章")])
    (stamp,) = root_of(entries_of(data), f"{SIGN}/Signature.xml").findall(".//{*}StampAnnot")
    assert stamp.get("PageRef") == "2"
    x, y, width, height = (float(part) for part in stamp.get("Boundary", "").split())
    # The words begin at 20 mm and stand on a base line at 25 mm; the seal is centred on them.
    assert 20 < x + width / 2 < 35
    assert 20 < y + height / 2 < 26
    assert checked(data).verdict is Verdict.VALID


def test_composed_and_sealed_documents_follow_the_schema_and_show_their_seals() -> None:
    builder = OfdBuilder({}, title="营业执照", doc_id="0" * 32)
    for _ in range(2):
        builder.page().rectangle(10, 10, width_mm=100, height_mm=50)
    builder.attach("licence", b"<licence/>", extension="xml")
    signer = world().signer
    data = sealed(data=builder.to_bytes(), places=[At(1, 100, 200), Straddle()])
    require_valid(data)
    data = sign_ofd_cms(data, key=signer.key, certificate=signer.certificate, now=NOW)
    data = sealed(data=data, final=True)
    package = require_valid(data)
    assert checked(data).verdict is Verdict.VALID
    assert len(root_of(entries_of(data), "Doc_0/Signs/Signatures.xml")) == 4
    page = Image.open(io.BytesIO(render_page(package, 1, dpi=25.4))).convert("RGB")
    assert page.size == (210, 297)
    red = page.getpixel((121, 221))
    assert isinstance(red, tuple)
    assert red[0] > 200 > red[1]
    assert page.getpixel((60, 250)) == (255, 255, 255)
    assert page.getpixel((205, 148)) != (255, 255, 255)
