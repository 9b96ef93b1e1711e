# ruff: noqa: ANN401, S324 - changes may be any argument; weak digests are to be found weak
"""Time-stamps: what one proves, and everything that keeps it from proving it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import TrustStore
from msb_identity.x509 import oids as x509_oids
from msb_identity.x509.crl import Revoked
from msb_identity.x509.oids import TIME_STAMPING
from msb_seal.errors import TimestampRefused
from msb_seal.timestamp import TimestampAuthority, check_timestamp, parse_timestamp
from msb_seal.timestamp.messages import granted
from tests.identity.authorities import DAY, NOW, Entity, crl_point, purposes, trusting
from tests.seal import forging
from tests.seal.forging import (
    attribute,
    ess_v2,
    forged_token,
    identifier,
    octets,
    oid,
    stamper,
    stamping,
    tst_info,
)
from tests.support import element, integer

if TYPE_CHECKING:
    from msb_identity.foundation.report import Report

DATA = b"a signature value"
KINDS = (KeyKind.SM2, KeyKind.P256, KeyKind.RSA)
WORLD = stamping()
ROOT, STAMPER = WORLD.root, WORLD.stamper


def check(token: bytes, **changes: Any) -> Report:
    wanted = {"covers": DATA, "trust": trusting(ROOT), "at": NOW + DAY, **changes}
    return check_timestamp(token, **wanted)


def found(report: Report) -> tuple[str, str, str]:
    step = report.decisive_step
    assert step is not None
    return str(report.verdict), step.id, step.code


@pytest.mark.parametrize("kind", KINDS)
def test_a_time_stamp_proves_its_time(kind: KeyKind) -> None:
    world = stamping(kind)
    report = check(world.source().stamp(DATA), trust=trusting(world.root))
    assert report.verdict is Verdict.VALID, report.as_text()
    assert report.kind == "timestamp"
    assert report.signed_at == NOW
    assert not report.reservations


def test_a_forger_that_forges_nothing_is_believed() -> None:
    report = check(forged_token(STAMPER, tst_info(DATA)).encoded())
    assert report.verdict is Verdict.VALID, report.as_text()


def test_a_time_stamp_over_other_bytes_proves_nothing() -> None:
    report = check(WORLD.source().stamp(DATA), covers=DATA + b"!")
    assert found(report) == ("invalid", "document-digest", "changed")


def test_an_authority_that_nobody_trusts_proves_nothing() -> None:
    report = check(WORLD.source().stamp(DATA), trust=TrustStore())
    assert found(report) == ("indeterminate", "chain", "no-anchor")


def test_a_time_stamp_later_than_the_time_that_the_caller_asserts_is_refused() -> None:
    token = WORLD.source(NOW).stamp(DATA)
    early = check(token, at=NOW - timedelta(seconds=1))
    assert found(early) == ("invalid", "signing-time", "from-future")
    assert check(token, at=NOW).verdict is Verdict.VALID


@pytest.mark.parametrize(("ahead", "outcome"), [(30, Outcome.OK), (90, Outcome.FAILED)])
def test_an_authoritys_clock_may_be_a_minute_ahead_of_ours(ahead: int, outcome: Outcome) -> None:
    token = WORLD.source(datetime.now(UTC) + timedelta(seconds=ahead)).stamp(DATA)
    assert check(token, at=None).step("signing-time").outcome is outcome


def test_a_certificate_that_ended_since_still_proves_its_time() -> None:
    report = check(WORLD.source().stamp(DATA), at=NOW + 5_000 * DAY)
    assert report.verdict is Verdict.VALID


@pytest.mark.parametrize(
    ("time", "code"), [(NOW - 31 * DAY, "not-yet-valid"), (NOW + 301 * DAY, "expired")]
)
def test_a_time_outside_the_certificates_period_is_refused(time: Any, code: str) -> None:
    report = check(WORLD.source(time).stamp(DATA), at=NOW + 400 * DAY)
    assert found(report) == ("invalid", "signer-certificate", code)


WRONG_PURPOSES = {
    "none": [],
    "not critical": [purposes(TIME_STAMPING)],
    "another one": [purposes(x509_oids.EMAIL_PROTECTION, critical=True)],
    "not alone": [purposes(TIME_STAMPING, x509_oids.EMAIL_PROTECTION, critical=True)],
    "any": [purposes(x509_oids.ANY_PURPOSE, critical=True)],
    "any beside it": [purposes(TIME_STAMPING, x509_oids.ANY_PURPOSE, critical=True)],
}


@pytest.mark.parametrize("wrong", WRONG_PURPOSES)
def test_a_certificate_for_something_else_stamps_nothing(wrong: str) -> None:
    other = stamper(ROOT, "other", extensions=WRONG_PURPOSES[wrong])
    report = check(forged_token(other, tst_info(DATA)).encoded())
    assert report.verdict is Verdict.INVALID
    assert report.step("signer-certificate").outcome is Outcome.FAILED
    with pytest.raises(TimestampRefused):
        TimestampAuthority(other.certificate, other.key)


def test_an_authority_whose_key_may_not_sign_stamps_nothing() -> None:
    other = stamper(ROOT, "other", usage={"key_encipherment"})
    report = check(forged_token(other, tst_info(DATA)).encoded())
    assert found(report) == ("invalid", "signer-certificate", "wrong-purpose")


def test_an_authority_needs_its_own_key() -> None:
    with pytest.raises(TimestampRefused):
        TimestampAuthority(STAMPER.certificate, ROOT.key)


def revoked(reason: str, since: Any) -> tuple[Entity, TrustStore]:
    other = stamper(
        ROOT,
        "revoked",
        extensions=[
            purposes(TIME_STAMPING, critical=True),
            crl_point("http://crl.example/list.crl"),
        ],
    )
    crl = ROOT.crl((other.certificate.serial, Revoked(since, reason)), at=NOW + DAY, life=9 * DAY)
    return other, trusting(ROOT, crls=(crl,))


@pytest.mark.parametrize("reason", ["superseded", "cessation-of-operation", "affiliation-changed"])
def test_a_certificate_revoked_later_for_a_safe_reason_still_proves(reason: str) -> None:
    other, trust = revoked(reason, NOW + DAY)
    report = check(forged_token(other, tst_info(DATA)).encoded(), trust=trust, at=NOW + 2 * DAY)
    assert report.verdict is Verdict.VALID
    assert report.step("revocation").code == "revoked-later"


@pytest.mark.parametrize("reason", ["key-compromise", "ca-compromise", "unspecified"])
def test_a_certificate_revoked_later_for_an_unsafe_reason_proves_nothing(reason: str) -> None:
    other, trust = revoked(reason, NOW + DAY)
    report = check(forged_token(other, tst_info(DATA)).encoded(), trust=trust, at=NOW + 2 * DAY)
    assert found(report) == ("invalid", "revocation", "revoked-void")


def test_a_certificate_revoked_before_proves_nothing() -> None:
    other, trust = revoked("superseded", NOW - DAY)
    report = check(forged_token(other, tst_info(DATA)).encoded(), trust=trust)
    assert found(report) == ("invalid", "revocation", "revoked")


OTHER = stamper(ROOT, "someone else")
SHA1_NAME = element(0x30, octets(hashlib.sha1(STAMPER.certificate.encoded).digest()))
WRONG_ESS = {
    "of another": (ess_v2(OTHER.certificate.encoded), "signing-other-certificate"),
    "empty": (
        attribute(forging.SIGNING_CERTIFICATE_V2, element(0x30)),
        "signing-unreadable",
    ),
    "no list": (
        attribute(forging.SIGNING_CERTIFICATE_V2, integer(1)),
        "signing-unreadable",
    ),
    "of another by SHA-1": (
        attribute(
            forging.SIGNING_CERTIFICATE,
            element(
                0x30,
                element(
                    0x30,
                    element(0x30, octets(hashlib.sha1(OTHER.certificate.encoded).digest())),
                ),
            ),
        ),
        "signing-other-certificate",
    ),
    "another issuer": (
        attribute(
            forging.SIGNING_CERTIFICATE_V2,
            element(
                0x30,
                element(
                    0x30,
                    element(
                        0x30,
                        octets(hashlib.sha256(STAMPER.certificate.encoded).digest()),
                        element(
                            0x30,
                            element(0x30, element(0xA4, OTHER.certificate.subject.encoded)),
                            integer(STAMPER.certificate.serial),
                        ),
                    ),
                ),
            ),
        ),
        "signing-other-certificate",
    ),
    "another number": (
        attribute(
            forging.SIGNING_CERTIFICATE_V2,
            element(
                0x30,
                element(
                    0x30,
                    element(
                        0x30,
                        octets(hashlib.sha256(STAMPER.certificate.encoded).digest()),
                        element(
                            0x30,
                            element(0x30, element(0xA4, STAMPER.certificate.issuer.encoded)),
                            integer(STAMPER.certificate.serial + 1),
                        ),
                    ),
                ),
            ),
        ),
        "signing-other-certificate",
    ),
}


@pytest.mark.parametrize("wrong", WRONG_ESS)
def test_the_certificate_must_be_the_one_that_the_token_names(wrong: str) -> None:
    ess, code = WRONG_ESS[wrong]
    report = check(forged_token(STAMPER, tst_info(DATA), ess=ess).encoded())
    assert found(report) == ("invalid", "signer-certificate", code)


def test_a_certificate_named_by_a_digest_that_we_do_not_have_is_indeterminate() -> None:
    named = hashlib.md5(STAMPER.certificate.encoded).digest()
    identified = element(0x30, identifier(forging.MD5), octets(named))
    ess = attribute(forging.SIGNING_CERTIFICATE_V2, element(0x30, element(0x30, identified)))
    report = check(forged_token(STAMPER, tst_info(DATA), ess=ess).encoded())
    assert found(report) == ("indeterminate", "signer-certificate", "signing-unsupported")


def test_a_token_that_names_no_certificate_is_refused() -> None:
    report = check(forged_token(STAMPER, tst_info(DATA), ess=b"").encoded())
    assert found(report) == ("invalid", "signer-certificate", "signing-absent")


def test_a_certificate_named_by_sha1_is_a_warning() -> None:
    ess = attribute(forging.SIGNING_CERTIFICATE, element(0x30, element(0x30, SHA1_NAME)))
    report = check(forged_token(STAMPER, tst_info(DATA), ess=ess).encoded())
    assert report.verdict is Verdict.VALID
    assert [step.code for step in report.reservations] == ["signing-sha1"]


@pytest.mark.parametrize(
    ("algorithm", "imprint"),
    [
        (forging.SHA1, hashlib.sha1(DATA).digest()),
        (forging.MD5, hashlib.md5(DATA).digest()),
        ("2.16.840.1.101.3.4.2.4", hashlib.sha224(DATA).digest()),
    ],
)
def test_a_weak_or_unknown_imprint_proves_nothing(algorithm: str, imprint: bytes) -> None:
    info = tst_info(DATA, algorithm=algorithm, imprint=imprint)
    assert check(forged_token(STAMPER, info).encoded()).verdict is Verdict.INDETERMINATE


def test_an_imprint_cut_short_is_not_the_digest() -> None:
    info = tst_info(DATA, imprint=hashlib.sha256(DATA).digest()[:20])
    report = check(forged_token(STAMPER, info).encoded())
    assert found(report) == ("invalid", "document-digest", "changed")


def test_a_changed_time_breaks_the_signature() -> None:
    good = forged_token(STAMPER, tst_info(DATA))
    signed = STAMPER.key.sign(good.to_sign())
    moved = replace(good, content=tst_info(DATA, time=NOW - DAY), signature=signed)
    report = check(moved.encoded())
    assert found(report) == ("invalid", "signature-value", "message-digest")


def test_a_token_without_signed_attributes_is_refused() -> None:
    info = tst_info(DATA)
    report = check(forged_token(STAMPER, info, attributes=None).encoded())
    assert report.step("signature-value").code == "no-attributes"
    assert report.verdict is Verdict.INVALID


def test_attributes_for_another_content_type_are_refused() -> None:
    info = tst_info(DATA)
    good = forged_token(STAMPER, info)
    assert good.attributes is not None
    wrong = [attribute(forging.CONTENT_TYPE, oid(forging.DATA)), *good.attributes[1:]]
    report = check(replace(good, attributes=wrong).encoded())
    assert found(report) == ("invalid", "signature-value", "content-type")


BROKEN = {
    "empty": b"",
    "no ASN.1": b"hello, world",
    "a number": integer(7),
    "data instead of a time-stamp": replace(
        forged_token(STAMPER, tst_info(DATA)), content_type=forging.DATA
    ).encoded(),
    "no content": replace(forged_token(STAMPER, tst_info(DATA)), content=None).encoded(),
    "content that is no TSTInfo": forged_token(STAMPER, b"hello").encoded(),
    "another version": forged_token(STAMPER, tst_info(DATA, version=2)).encoded(),
    "a time without seconds' sense": forged_token(
        STAMPER, tst_info(DATA, text=b"20261301000000Z")
    ).encoded(),
    "a time without a zone": forged_token(
        STAMPER, tst_info(DATA, text=b"20260601040000")
    ).encoded(),
    "a local time": forged_token(STAMPER, tst_info(DATA, text=b"20260601120000+0800")).encoded(),
    "two signers": replace(
        forged_token(STAMPER, tst_info(DATA)),
        more_signers=[forged_token(OTHER, tst_info(DATA)).signer_info()],
    ).encoded(),
    "something behind": forged_token(STAMPER, tst_info(DATA)).encoded() + b"\0",
    "too many parts": forged_token(STAMPER, tst_info(DATA, tail=octets(b"?"))).encoded(),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_no_time_stamp_is_invalid_at_format(broken: str) -> None:
    assert found(check(BROKEN[broken])) == ("invalid", "format", "malformed")
    with pytest.raises(TimestampRefused):
        parse_timestamp(BROKEN[broken])


def test_everything_optional_in_a_token_is_read() -> None:
    accuracy = element(0x30, integer(1), element(0x80, b"\5"))
    subject = element(0xA0, element(0xA4, STAMPER.certificate.subject.encoded))
    extension = element(0xA1, element(0x30, oid("1.2.3"), octets(b"")))
    tail = accuracy + element(1, b"\xff") + integer(9) + subject + extension
    info = tst_info(DATA, text=b"20260601040000.25Z", tail=tail)
    token = forged_token(STAMPER, info).encoded()
    assert check(token).verdict is Verdict.VALID
    parsed = parse_timestamp(token)
    assert (parsed.nonce, parsed.policy, parsed.serial) == (9, forging.POLICY, 77)
    assert parsed.time == NOW


def test_a_token_that_calls_itself_another_is_a_warning() -> None:
    name = element(0xA0, element(0xA4, OTHER.certificate.subject.encoded))
    report = check(forged_token(STAMPER, tst_info(DATA, tail=name)).encoded())
    assert report.verdict is Verdict.VALID
    assert [step.code for step in report.reservations] == ["other-name"]


def test_an_extension_that_must_be_understood_is_refused() -> None:
    flag = element(1, b"\xff")
    extension = element(0xA1, element(0x30, oid("1.2.3"), flag, octets(b"")))
    report = check(forged_token(STAMPER, tst_info(DATA, tail=extension)).encoded())
    assert found(report) == ("invalid", "format", "critical-extension")


def test_a_whole_answer_in_the_place_of_a_token_is_read_with_a_warning() -> None:
    report = check(granted(WORLD.source().stamp(DATA)))
    assert report.verdict is Verdict.VALID
    assert report.step("format").code == "odd"


def test_a_token_without_certificates_needs_one_from_elsewhere() -> None:
    token = forged_token(STAMPER, tst_info(DATA), certificates=[]).encoded()
    assert found(check(token)) == ("indeterminate", "signer-certificate", "no-certificate")
    trust = trusting(ROOT, intermediates=(STAMPER.certificate,))
    assert check(token, trust=trust).verdict is Verdict.VALID


def test_a_second_certificate_of_the_same_number_misleads_nobody() -> None:
    twin = stamper(ROOT, "twin", serial=STAMPER.certificate.serial)
    both = [twin.certificate.encoded, STAMPER.certificate.encoded]
    for order in (both, both[::-1]):
        token = forged_token(STAMPER, tst_info(DATA), certificates=order).encoded()
        assert check(token).verdict is Verdict.VALID


def test_every_changed_byte_is_noticed() -> None:
    token = WORLD.source().stamp(DATA)
    own = token.index(STAMPER.certificate.encoded)
    inside = range(own, own + len(STAMPER.certificate.encoded))
    for at in (at for at in range(len(token)) if at not in inside or at % 8 == 0):
        changed = bytearray(token)
        changed[at] ^= 1
        report = check(bytes(changed))
        if report.verdict is Verdict.VALID:
            # Versions and the list of digest algorithms are not signed and say nothing.
            parsed, good = parse_timestamp(bytes(changed)), parse_timestamp(token)
            assert parsed.time == good.time
            assert parsed.imprint == good.imprint
            assert parsed.signature.content == good.signature.content
