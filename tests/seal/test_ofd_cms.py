"""Plain signatures on OFDs (Type="Sign"): made here, and in the forms that others make."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta

import pytest

from msb_identity.foundation.report import Verdict
from msb_identity.pki import der
from msb_identity.pki.keys import KeyKind
from msb_identity.pki.sm import sm3
from msb_seal.cms import oids
from msb_seal.cms.making import prepare_content
from msb_seal.errors import SealingRefused
from msb_seal.ofd.sign_cms import prepare_ofd_cms, sign_ofd_cms
from tests.identity.authorities import NOW
from tests.seal.archives import archive
from tests.seal.makers import KINDS, world
from tests.seal.ofd_documents import bent, checked, entries_of, replaced, sealed, unsealed
from tests.seal.ofd_steps import codes

SIGN = "Doc_0/Signs/Sign_0"


def signed(
    kind: KeyKind = KeyKind.SM2,
    *,
    data: bytes | None = None,
    attached: bool = False,
    final: bool = False,
) -> bytes:
    signer = world(kind).signer
    return sign_ofd_cms(
        data or unsealed(),
        key=signer.key,
        certificate=signer.certificate,
        attached=attached,
        final=final,
        now=NOW,
    )


@pytest.mark.parametrize("attached", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_signed_is_valid(kind: KeyKind, *, attached: bool) -> None:
    report = checked(signed(kind, attached=attached), kind=kind)
    assert report.verdict is Verdict.VALID, report.as_text()
    (signature,) = report.signatures
    assert signature.kind == "cms"
    assert {"coverage", "later-changes", "document-digest"} <= {s.id for s in signature.steps}


@pytest.mark.parametrize("attached", [False, True])
def test_a_changed_file_is_invalid(*, attached: bool) -> None:
    report = checked(
        bent(signed(attached=attached), lambda e: replaced(e, "Doc_0/Attachs/data.xml", "d", "t"))
    )
    assert report.verdict is Verdict.INVALID
    assert ("failed", "files-changed") in codes(report, "document-digest")


@pytest.mark.parametrize("attached", [False, True])
def test_a_changed_list_of_files_is_invalid(*, attached: bool) -> None:
    name = f"{SIGN}/Signature.xml"
    report = checked(
        bent(signed(attached=attached), lambda e: replaced(e, name, "msb-seal", "abc-seal"))
    )
    assert report.verdict is Verdict.INVALID


def test_sm2_writes_the_types_of_the_chinese_standard() -> None:
    value = entries_of(signed())[f"{SIGN}/SignedValue.dat"]
    assert der.read_der(value).children[0].oid() == oids.GM_SIGNED_DATA
    value = entries_of(signed(KeyKind.RSA))[f"{SIGN}/SignedValue.dat"]
    assert der.read_der(value).children[0].oid() == oids.SIGNED_DATA


def test_base64_of_the_digest_is_read_as_the_digest() -> None:
    entries = entries_of(signed())
    text = b64encode(sm3(entries[f"{SIGN}/Signature.xml"]))
    signer = world().signer
    prepared = prepare_content(oids.GM_DATA, text, certificate=signer.certificate)
    entries[f"{SIGN}/SignedValue.dat"] = prepared.finish(signer.key.sign(prepared.to_sign))
    report = checked(archive(entries))
    assert report.verdict is Verdict.VALID, report.as_text()


def test_a_bare_signature_is_nobodys() -> None:
    entries = entries_of(signed())
    entries[f"{SIGN}/SignedValue.dat"] = world().signer.key.sign(entries[f"{SIGN}/Signature.xml"])
    report = checked(archive(entries))
    assert report.verdict is Verdict.INDETERMINATE
    assert ("unknown", "no-certificate") in codes(report, "signer-certificate")


@pytest.mark.parametrize("value", [b"", b"\0", b"\x30\x00", b"<xml/>", b"\x30\x82\xff\xff"])
def test_a_value_that_is_nothing_is_invalid(value: bytes) -> None:
    for data in (signed(), sealed()):
        entries = entries_of(data) | {f"{SIGN}/SignedValue.dat": value}
        report = checked(archive(entries))
        assert report.verdict is Verdict.INVALID
        assert "failed" in {outcome for outcome, _ in codes(report, "format")}


def test_a_seal_follows_a_signature_and_the_other_way_round() -> None:
    for data in (sealed(data=signed()), signed(data=sealed())):
        report = checked(data, at=NOW + timedelta(minutes=1))
        assert report.verdict is Verdict.VALID, report.as_text()
        assert {signature.kind for signature in report.signatures} == {"cms", "ses-v4"}


def test_a_final_signature_leaves_no_room() -> None:
    data = signed(final=True)
    assert checked(data).verdict is Verdict.VALID
    with pytest.raises(SealingRefused):
        sealed(data=data)


def test_the_key_may_be_elsewhere() -> None:
    signer = world().signer
    prepared = prepare_ofd_cms(unsealed(), certificate=signer.certificate, now=NOW)
    assert prepared.digest in prepared.to_sign
    assert checked(prepared.finish(signer.key.sign(prepared.to_sign))).verdict is Verdict.VALID
