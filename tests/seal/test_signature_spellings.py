"""Seal signatures as others write them, and how a document adds its own steps."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.foundation.report import Verdict
from msb_identity.pki.curves import SM2_CURVE
from msb_identity.pki.keys import KeyKind
from msb_identity.pki.signatures import raw_from_der
from msb_seal.errors import SealingRefused
from msb_seal.judging import Judging
from msb_seal.seals.model import SealExtension, SealVersion
from msb_seal.seals.signing import document_digest, prepare_signature, sign_digest
from msb_seal.seals.structure import parse_seal_signature
from msb_seal.seals.verify import begin_seal_signature, check_seal
from tests.identity.authorities import NOW, trusting
from tests.seal.judging import failed, judge, unknown
from tests.seal.makers import DOCUMENT, EVERY, PROPERTY, world
from tests.seal.test_verify_seal import stamper
from tests.support import element

if TYPE_CHECKING:
    from msb_seal.seals.model import ElectronicSeal


def rebuilt(data: bytes, value: bytes) -> bytes:
    """Put another spelling of the signature value into a signature of v4."""
    found = parse_seal_signature(data)
    head = data[data.index(found.signed) : data.rindex(found.signature) - 3]
    return element(0x30, head, element(3, b"\0", value))


def test_other_spellings_of_an_sm2_signature_are_read_with_a_warning() -> None:
    data = world().forge_signature(world().seal())
    der = parse_seal_signature(data).signature
    raw = raw_from_der(der, SM2_CURVE)
    r, s = raw[:32], raw[32:]
    padded = element(0x30, element(2, b"\0\0", r), element(2, b"\0\0\0", s))
    unsigned = element(0x30, element(2, r), element(2, s))
    long_form = b"\x30\x81" + der[1:]
    for value in (raw, padded, long_form, *([unsigned] if unsigned != der else [])):
        report = judge(rebuilt(data, value))
        assert report.verdict is Verdict.VALID, value.hex()
        assert report.step("signature-value").code == "odd-encoding"
    assert judge(rebuilt(data, der)).step("signature-value").code == "ok"
    for value in (b"", raw[:63], raw + b"\0", bytes(64), b"\xff" * 64, element(0x30, der)):
        assert failed(judge(rebuilt(data, value))) == {"signature-value"}


def test_raw_bytes_that_begin_as_der_does_are_read_as_raw() -> None:
    signer, seal = world().signer, world().seal()
    while True:  # every 256th signature
        data = world().forge_signature(seal)
        raw = raw_from_der(parse_seal_signature(data).signature, SM2_CURVE)
        if raw[0] == 0x30:
            break
    assert signer.certificate.encoded in data
    assert judge(rebuilt(data, raw)).verdict is Verdict.VALID


def test_sha1_with_rsa_is_read_and_never_valid() -> None:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import (
        RSAPrivateNumbers,
        RSAPublicNumbers,
    )
    from cryptography.hazmat.primitives.hashes import SHA1

    from msb_identity.pki.rsa import RSASigningKey
    from msb_seal.seals import encoding

    own = world(KeyKind.RSA)
    key = own.signer.key
    assert isinstance(key, RSASigningKey)
    numbers = key.numbers
    public = RSAPublicNumbers(numbers.public_numbers.e, numbers.public_numbers.n)
    private = RSAPrivateNumbers(
        numbers.p, numbers.q, numbers.d, numbers.dmp1, numbers.dmq1, numbers.iqmp, public
    ).private_key()
    seal = own.seal(SealVersion.V1)
    parts = encoding.signer_parts(own.signer.certificate.encoded, "1.2.840.113549.1.1.5")
    digest = hashlib.sha1(DOCUMENT, usedforsecurity=False).digest()
    to_sign = encoding.signature_to_sign(
        seal, parts, time=NOW, digest=digest, property_info=PROPERTY
    )
    value = private.sign(to_sign, PKCS1v15(), SHA1())  # noqa: S303 - to be found weak
    data = encoding.seal_signature(SealVersion.V1, to_sign, parts, signature=value)
    report = judge(data, trust=own.trust)
    assert report.verdict is Verdict.INDETERMINATE
    assert unknown(report) == {"algorithm"}
    assert report.step("document-digest").code == "ok"
    assert report.step("signature-value").code == "ok"


@pytest.mark.parametrize(("version", "kind"), EVERY)
def test_a_time_stamp_is_put_where_the_version_has_room(
    version: SealVersion, kind: KeyKind
) -> None:
    sealer = world(kind).sealer(version)
    arguments: dict[str, Any] = {
        "digest": document_digest(DOCUMENT, sealer.certificate),
        "property_info": PROPERTY,
        "document": "d",
        "timestamps": stamper(NOW),
        "now": NOW,
    }
    if version is SealVersion.V1:
        with pytest.raises(SealingRefused) as caught:
            sign_digest(sealer, **arguments)
        assert caught.value.code == "timestamp"
        return
    trust = trusting(world(kind).root, world().root)
    report = judge(sign_digest(sealer, **arguments), trust=trust)
    assert report.verdict is Verdict.VALID, report.as_text()
    assert report.step("signing-time").code == "proven"


def test_a_document_adds_its_own_steps_to_the_same_report() -> None:
    judging = Judging.of(trust=world().trust, at=NOW)
    builder = begin_seal_signature(
        world().forge_signature(world().seal()),
        original=DOCUMENT,
        judging=judging,
        required=("coverage",),
        sentences={("coverage", "ok"): ("覆盖", "covered")},
    )
    builder.ok("coverage")
    assert builder.conclude().verdict is Verdict.VALID
    data: ElectronicSeal = world().seal()
    unfinished = begin_seal_signature(
        world().forge_signature(data),
        original=DOCUMENT,
        judging=judging,
        required=("coverage",),
    )
    assert unfinished.conclude().verdict is Verdict.INDETERMINATE


@pytest.mark.parametrize("version", list(SealVersion))
def test_a_critical_extension_that_nobody_knows_decides_nothing(version: SealVersion) -> None:
    extension = SealExtension("1.2.3.4", critical=True, value=b"x")
    seal = world().seal(version, extensions=[extension])
    for report in (
        judge(world().forge_signature(seal)),
        check_seal(seal, trust=world().trust, at=NOW),
    ):
        assert report.verdict is Verdict.INDETERMINATE
        assert report.step("format").code == "critical-extension"


def test_a_prepared_signature_says_its_time_in_whole_seconds() -> None:
    sealer = world().sealer()
    prepared = prepare_signature(
        sealer.seal,
        digest=bytes(32),
        property_info=PROPERTY,
        certificate=sealer.certificate,
        now=NOW + timedelta(milliseconds=999),
    )
    assert prepared.time == NOW
    assert parse_seal_signature(prepared.finish(sealer.key.sign(prepared.to_sign))).time == NOW
