# ruff: noqa: ANN401 - changes may be any argument
"""What is wrong with a seal signature is named by its step."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki.curves import SM2_CURVE
from msb_identity.pki.keys import KeyKind
from msb_identity.pki.signatures import raw_from_der
from msb_identity.pki.sm import sm3
from msb_identity.x509 import TrustStore
from msb_identity.x509.crl import Revoked
from msb_seal.errors import SealingRefused
from msb_seal.judging import Judging
from msb_seal.seals.making import list_signers
from msb_seal.seals.model import SealExtension, SealVersion, SignerList
from msb_seal.seals.signing import document_digest, prepare_signature, sign_digest
from msb_seal.seals.status import SealState
from msb_seal.seals.structure import MAX_SIGNATURE_BYTES, parse_seal_signature
from msb_seal.seals.verify import begin_seal_signature, check_seal, check_seal_signature
from tests.identity.authorities import DAY, NOW, authority, trusting
from tests.seal.makers import DOCUMENT, EVERY, MADE, PROPERTY, person, world
from tests.seal.test_verify_seal import Told, outcome, stamper
from tests.support import element

if TYPE_CHECKING:
    from msb_identity.foundation.report import Report
    from msb_seal.seals.model import ElectronicSeal
    from tests.identity.authorities import Entity

HOUR = timedelta(hours=1)
LATER = [SealVersion.V4, SealVersion.V5]


def judge(data: bytes, at: datetime = NOW, **more: Any) -> Report:
    return check_seal_signature(
        data, at=at, **{"original": DOCUMENT, "trust": world().trust, **more}
    )


def failed(report: Report) -> set[str]:
    return {step.id for step in report.steps if step.outcome is Outcome.FAILED}


def unknown(report: Report) -> set[str]:
    return {step.id for step in report.steps if step.outcome is Outcome.UNKNOWN}


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


def test_a_signature_outside_the_seals_period_is_invalid() -> None:
    ended = world().seal(valid_until=MADE + DAY)
    report = judge(world().forge_signature(ended, time=NOW - DAY))
    assert report.verdict is Verdict.INVALID
    assert failed(report) == {"seal-period", "signing-time"}
    unborn = world().seal(valid_from=NOW + DAY)
    report = judge(world().forge_signature(unborn, time=NOW))
    assert failed(report) == {"seal-period", "signing-time"}
    early = world().seal(valid_from=NOW - HOUR)
    report = judge(world().forge_signature(early, time=NOW - DAY))
    assert failed(report) == {"seal-period", "signing-time"}


def test_a_signature_outside_the_certificates_period_is_invalid() -> None:
    for signer in (person("ended", until=MADE + DAY), person("unborn", from_=NOW + DAY)):
        seal = world().seal(signers=[signer.certificate])
        report = judge(world().forge_signature(seal, signer=signer, time=NOW - HOUR))
        assert report.verdict is Verdict.INVALID
        assert failed(report) == {"signer-certificate", "signing-time"}


def test_a_claimed_time_before_the_certificate_is_invalid_though_it_is_good_now() -> None:
    signer = person("new signer", from_=NOW - DAY)
    seal = world().seal(signers=[signer.certificate])
    report = judge(world().forge_signature(seal, signer=signer, time=NOW - 2 * DAY))
    assert failed(report) == {"signer-certificate", "signing-time"}


def test_a_signature_from_the_future_is_invalid() -> None:
    data = world().forge_signature(world().seal(), time=NOW + timedelta(seconds=1))
    report = judge(data)
    assert report.verdict is Verdict.INVALID
    assert failed(report) == {"signing-time"}
    assert report.step("signing-time").code == "from-future"


def test_a_claimed_time_does_not_outlive_the_seal() -> None:
    seal = world().seal(valid_until=MADE + 2 * DAY)
    data = world().forge_signature(seal, time=MADE + DAY)
    assert judge(data, MADE + DAY + HOUR).verdict is Verdict.VALID
    report = judge(data)
    assert report.verdict is Verdict.INDETERMINATE
    assert unknown(report) == {"signing-time"}
    assert report.step("signing-time").code == "unproven"
    assert report.step("timestamp").code == "none"


def test_a_claimed_time_does_not_outlive_the_certificate() -> None:
    signer = person("ended since", until=MADE + 2 * DAY)
    seal = world().seal(signers=[signer.certificate])
    report = judge(world().forge_signature(seal, signer=signer, time=MADE + DAY))
    assert report.verdict is Verdict.INDETERMINATE
    assert unknown(report) == {"signing-time"}


@pytest.mark.parametrize("version", LATER)
def test_a_time_stamp_proves_the_time_for_ever(version: SealVersion) -> None:
    signer = person("ended since", until=MADE + 2 * DAY)
    seal = world().seal(version, signers=[signer.certificate], valid_until=MADE + 2 * DAY)
    stamped = stamper(MADE + DAY + HOUR)
    data = world().forge_signature(seal, signer=signer, time=MADE + DAY, stamp=stamped.stamp)
    report = judge(data)
    assert report.verdict is Verdict.VALID, report.as_text()
    assert report.signed_at == MADE + DAY + HOUR
    assert report.step("signing-time").code == "proven"


def test_a_time_stamp_that_came_too_late_proves_nothing() -> None:
    signer = person("ended since", until=MADE + 2 * DAY)
    seal = world().seal(signers=[signer.certificate])
    late = stamper(MADE + 3 * DAY).stamp
    report = judge(world().forge_signature(seal, signer=signer, time=MADE + DAY, stamp=late))
    assert report.verdict is Verdict.INDETERMINATE
    assert unknown(report) == {"signing-time"}


@pytest.mark.parametrize("version", LATER)
def test_a_time_stamp_over_something_else_is_named(version: SealVersion) -> None:
    wrong = stamper(NOW).stamp(b"something else")
    report = judge(world().forge_signature(world().seal(version), stamp=lambda _: wrong))
    assert report.verdict is Verdict.INVALID
    assert failed(report) == {"timestamp"}


def test_a_time_stamp_that_cannot_be_read_is_named() -> None:
    report = judge(world().forge_signature(world().seal(), stamp=lambda _: b"no token"))
    assert failed(report) == {"timestamp"}


def test_a_time_stamp_that_nobody_vouches_for_is_undecided() -> None:
    other = authority("another root", kind=KeyKind.SM2)
    data = world().forge_signature(world().seal(), stamp=stamper(NOW, root=other).stamp)
    report = judge(data)
    assert report.verdict is Verdict.INDETERMINATE
    assert unknown(report) == {"timestamp"}


def test_a_claim_later_than_its_proof_is_wrong() -> None:
    seal = world().seal()
    early = judge(world().forge_signature(seal, time=NOW, stamp=stamper(NOW - DAY).stamp))
    assert failed(early) == {"signing-time"}
    local = judge(world().forge_signature(seal, time=NOW, stamp=stamper(NOW - 7 * HOUR).stamp))
    assert local.verdict is Verdict.VALID
    assert local.step("signing-time").code == "after-proof"


def test_a_signature_proven_to_be_older_than_its_certificate_is_wrong() -> None:
    signer = person("newer than its signature", from_=NOW - HOUR)
    seal = world().seal(signers=[signer.certificate])
    stamped = stamper(NOW - 2 * HOUR).stamp
    claimed = NOW - timedelta(minutes=30)
    report = judge(world().forge_signature(seal, signer=signer, time=claimed, stamp=stamped))
    assert report.verdict is Verdict.INVALID
    assert failed(report) == {"signer-certificate", "signing-time"}


def revoked(since: datetime, whose: Entity | None = None) -> TrustStore:
    serial = (whose or world().signer).certificate.serial
    crl = world().root.crl((serial, Revoked(since, "key-compromise")), life=DAY)
    return trusting(world().root, crls=(crl,))


def test_a_signatures_time_stamp_proves_its_seal_to_be_older_than_a_revocation() -> None:
    trust = revoked(NOW - HOUR, world().maker)
    claimed = judge(world().forge_signature(world().seal()), trust=trust)
    assert unknown(claimed) == {"seal-maker-certificate"}
    stamped = stamper(NOW - DAY).stamp
    data = world().forge_signature(world().seal(), time=NOW - DAY, stamp=stamped)
    proven = judge(data, trust=trust)
    assert proven.verdict is Verdict.VALID, proven.as_text()
    assert outcome(proven, "seal-maker-certificate", "revoked-later") is Outcome.WARNING


def test_a_certificate_revoked_before_signing_is_invalid() -> None:
    data = world().forge_signature(world().seal(), time=NOW - DAY)
    report = judge(data, trust=revoked(NOW - 2 * DAY))
    assert report.verdict is Verdict.INVALID
    assert failed(report) == {"revocation"}


def test_a_certificate_revoked_after_the_claimed_time_is_undecided() -> None:
    data = world().forge_signature(world().seal(), time=NOW - DAY)
    report = judge(data, trust=revoked(NOW - HOUR))
    assert report.verdict is Verdict.INDETERMINATE
    assert unknown(report) == {"signing-time"}


def test_a_certificate_revoked_after_the_proven_time_stands() -> None:
    stamped = stamper(NOW - DAY + HOUR).stamp
    data = world().forge_signature(world().seal(), time=NOW - DAY, stamp=stamped)
    report = judge(data, trust=revoked(NOW - HOUR))
    assert report.verdict is Verdict.VALID
    assert report.step("revocation").code == "revoked-later"


def test_a_makers_certificate_that_had_ended_before_the_seal_is_named() -> None:
    maker = person("ended maker", until=MADE - DAY)
    report = judge(world().forge_signature(world().forge_seal(maker=maker)))
    assert report.verdict is Verdict.INVALID
    assert failed(report) == {"seal-maker-certificate"}


def test_a_makers_certificate_that_began_later_was_good_when_the_seal_was_used() -> None:
    maker = person("late maker", from_=MADE + DAY, until=MADE + 3 * DAY)
    seal = world().forge_seal(maker=maker)
    report = judge(world().forge_signature(seal, time=MADE + 2 * DAY))
    assert report.verdict is Verdict.VALID
    assert outcome(report, "seal-maker-certificate", "began-later") is Outcome.WARNING
    before = judge(world().forge_signature(seal, time=MADE + HOUR))
    assert failed(before) == {"seal-maker-certificate"}


def test_a_seal_that_was_made_after_it_was_used_is_a_warning() -> None:
    seal = world().forge_seal(created=NOW - HOUR)
    report = judge(world().forge_signature(seal, time=NOW - DAY))
    assert outcome(report, "seal-period", "used-before-made") is Outcome.WARNING
    local = judge(world().forge_signature(seal, time=NOW - 8 * HOUR))
    assert local.step("seal-period").code == "ok"


@pytest.mark.parametrize(
    ("source", "verdict", "step"),
    [
        (Told(SealState.ACTIVE), Verdict.VALID, None),
        (Told(SealState.ACTIVE, NOW + HOUR), Verdict.INDETERMINATE, "seal-status"),
        (Told(SealState.FROZEN, NOW - DAY), Verdict.INVALID, "seal-status"),
        (Told(SealState.FROZEN, NOW - timedelta(minutes=1)), Verdict.INDETERMINATE, "signing-time"),
        (Told(SealState.FROZEN, NOW + DAY), Verdict.VALID, None),
        (Told(SealState.VOID, NOW + DAY), Verdict.INVALID, "seal-status"),
        (Told(None), Verdict.INDETERMINATE, "seal-status"),
    ],
)
def test_the_state_of_the_seal_counts_when_it_was_used(
    source: Told, verdict: Verdict, step: str | None
) -> None:
    report = judge(world().forge_signature(world().seal()), statuses=source)
    assert report.verdict is verdict
    decisive = report.decisive_step
    assert (decisive.id if decisive else None) == step


def test_a_seal_that_was_put_on_before_it_was_active_is_a_warning() -> None:
    data = world().forge_signature(world().seal(), time=NOW - DAY)
    assert (
        judge(data, statuses=Told(SealState.ACTIVE, NOW - 2 * DAY)).step("seal-status").code == "ok"
    )
    report = judge(data, statuses=Told(SealState.ACTIVE, NOW - HOUR))
    assert report.verdict is Verdict.VALID
    assert outcome(report, "seal-status", "active-later") is Outcome.WARNING


def test_what_proves_the_time_says_whether_the_seal_was_active() -> None:
    stamped = stamper(NOW - 7 * HOUR).stamp  # the claim may be China's time marked as UTC
    data = world().forge_signature(world().seal(), time=NOW, stamp=stamped)
    report = judge(data, statuses=Told(SealState.ACTIVE, NOW - HOUR))
    assert outcome(report, "seal-status", "active-later") is Outcome.WARNING


def test_a_proven_signature_outlives_the_seals_freezing() -> None:
    data = world().forge_signature(world().seal(), stamp=stamper(NOW - HOUR).stamp)
    frozen = Told(SealState.FROZEN, NOW - timedelta(minutes=1))
    report = judge(data, statuses=frozen)
    assert report.verdict is Verdict.VALID
    assert report.step("seal-status").code == "frozen-later"
    at_once = judge(data, statuses=Told(SealState.FROZEN, NOW - HOUR))
    assert failed(at_once) == {"seal-status"}
    late = world().forge_signature(world().seal(), stamp=stamper(NOW).stamp)
    assert unknown(judge(late, statuses=frozen)) == {"signing-time"}


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
