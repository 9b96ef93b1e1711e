"""Seal signatures (SES): whose they are, what they cover, how they are spelled."""

from __future__ import annotations

import hashlib

import pytest

from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.pki.sm import sm3
from msb_identity.x509 import TrustStore
from msb_seal.seals.making import list_signers
from msb_seal.seals.model import SealVersion, SignerList
from msb_seal.seals.structure import MAX_SIGNATURE_BYTES
from msb_seal.seals.verify import check_seal
from tests.identity.authorities import NOW, authority
from tests.seal.judging import LATER, failed, judge, unknown
from tests.seal.makers import PROPERTY, person, world
from tests.seal.test_verify_seal import outcome
from tests.support import element


@pytest.mark.parametrize("data", [b"", b"\x30\x00", b"PK\x03\x04", b"\x30\x03\x02\x01\x04"])
def test_what_is_no_signature_is_invalid_at_format(data: bytes) -> None:
    report = judge(data)
    assert report.verdict is Verdict.INVALID
    assert report.kind == "ses-signature"
    assert report.step("format").code == "malformed"


def test_what_is_beyond_our_limits_is_not_proven_wrong() -> None:
    """Too large for us, a seal, a signature or a file may still be a good one."""
    data = element(0x30, element(0x30, bytes(MAX_SIGNATURE_BYTES)))
    for report in (judge(data), check_seal(data, trust=world().trust, at=NOW)):
        assert report.verdict is Verdict.INDETERMINATE
        assert report.step("format").code == "too-large"


def test_without_the_original_nothing_is_said_of_the_document() -> None:
    report = judge(world().forge_signature(world().seal()), original=None)
    assert report.verdict is Verdict.INDETERMINATE
    assert unknown(report) == {"document-digest"}


def test_another_place_of_the_original_is_a_warning() -> None:
    data = world().forge_signature(world().seal(), property_info="/Doc_0/other.xml")
    report = judge(data, expected_property=PROPERTY)
    assert report.verdict is Verdict.VALID
    assert report.step("document-digest").code == "other-property"


def test_without_trust_the_signer_is_vouched_for_by_nobody() -> None:
    report = judge(world().forge_signature(world().seal()), trust=TrustStore())
    assert report.verdict is Verdict.INDETERMINATE
    assert unknown(report) == {"chain", "seal-maker-certificate"}


def test_a_signer_whose_certificate_was_forged_is_found() -> None:
    forger = authority(f"seal root {KeyKind.SM2}", kind=KeyKind.SM2, key_name="forger")
    own = forger.issue("signer", kind=KeyKind.SM2, key_ids=False)
    seal = world().forge_seal(signers=list_signers([own.certificate]))
    report = judge(world().forge_signature(seal, signer=own))
    assert report.verdict is Verdict.INVALID
    assert outcome(report, "chain", "bad-signature") is Outcome.FAILED


@pytest.mark.parametrize("version", list(SealVersion))
def test_a_signer_who_is_not_in_the_list_is_named(version: SealVersion) -> None:
    stranger = person("a stranger")
    report = judge(world().forge_signature(world().seal(version), signer=stranger))
    assert report.verdict is Verdict.INVALID
    assert failed(report) == {"signer-in-seal"}


def test_a_renewed_certificate_is_not_the_listed_one() -> None:
    renewed = person("renewed", key_name=f"signer {KeyKind.SM2}")
    assert renewed.key is world().signer.key
    report = judge(world().forge_signature(world().seal(), signer=renewed))
    assert failed(report) == {"signer-in-seal"}


@pytest.mark.parametrize("name", ["SM3", "1.2.156.10197.1.401", "x", "SHA256"])
@pytest.mark.parametrize("text", ["raw", "lower", "UPPER"])
@pytest.mark.parametrize("version", LATER)
def test_digests_list_signers_as_bytes_or_as_text(
    version: SealVersion, text: str, name: str
) -> None:
    encoded = world().signer.certificate.encoded
    value = hashlib.sha256(encoded).digest() if name == "SHA256" else sm3(encoded)
    if text != "raw":
        value = (value.hex() if text == "lower" else value.hex().upper()).encode()
    seal = world().forge_seal(version, signers=SignerList(digests=((name, value),)))
    assert judge(world().forge_signature(seal)).verdict is Verdict.VALID
    report = judge(world().forge_signature(seal, signer=person("a stranger")))
    assert failed(report) == {"signer-in-seal"}


def test_a_list_of_weak_digests_decides_nothing() -> None:
    value = hashlib.sha1(world().signer.certificate.encoded, usedforsecurity=False).digest()
    seal = world().forge_seal(signers=SignerList(digests=(("SHA1", value),)))
    report = judge(world().forge_signature(seal))
    assert report.verdict is Verdict.INDETERMINATE
    assert unknown(report) == {"signer-in-seal"}
