"""CRLs (RFC 5280 section 5): what a list says of a certificate, and when it says nothing."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from msb_identity.errors import CertificateRefused
from msb_identity.foundation.report import Verdict
from msb_identity.pki import der
from msb_identity.x509 import (
    RevocationList,
    oids,
    verify_chain,
)
from msb_identity.x509.crl import Revoked
from tests.identity.authorities import (
    DAY,
    NOW,
    authority,
    trusting,
)
from tests.identity.revoking import AFTER, BEFORE, LEAF, NAMED, ROOT, step, with_extension


def test_a_certificate_that_names_no_source_is_passed_over_by_default() -> None:
    assert step(LEAF) == ("valid", "skipped", "none-published")
    assert step(LEAF, revocation="require") == ("indeterminate", "unknown", "not-available")
    assert step(LEAF, revocation="none") == ("valid", "skipped", "not-asked")


def test_a_named_source_must_be_had() -> None:
    assert step(NAMED) == ("indeterminate", "unknown", "not-available")
    assert step(NAMED, revocation="none") == ("valid", "skipped", "not-asked")
    assert step(NAMED, ROOT.crl()) == ("valid", "ok", "ok")


def test_revoked_before_and_after_the_time_in_question() -> None:
    serial = LEAF.certificate.serial
    early, late = Revoked(BEFORE, "key-compromise"), Revoked(AFTER, "superseded")
    assert step(LEAF, ROOT.crl((serial, early))) == ("invalid", "failed", "revoked")
    assert step(LEAF, ROOT.crl((serial, late))) == ("valid", "warning", "revoked-later")
    assert step(LEAF, ROOT.crl((serial + 1, early))) == ("valid", "ok", "ok")
    same = Revoked(NOW, "superseded")
    assert step(LEAF, ROOT.crl((serial, same))) == ("invalid", "failed", "revoked")


def test_a_revoked_intermediate_makes_the_chain_invalid() -> None:
    sub = authority("revoked sub", issuer=ROOT)
    leaf = sub.issue("below")
    crls = (ROOT.crl((sub.certificate.serial, Revoked(BEFORE, "ca-compromise"))), sub.crl())
    report = verify_chain(
        leaf.certificate,
        trust=trusting(ROOT, crls=crls),
        intermediates=[sub.certificate],
        at=NOW,
    )
    assert report.verdict is Verdict.INVALID
    assert report.step("revocation").detail.startswith("certificate 2 of 3")


def test_a_list_of_another_issuer_or_of_a_namesake_says_nothing() -> None:
    other = authority("another root")
    assert step(LEAF, other.crl(), revocation="require") == (
        "indeterminate",
        "unknown",
        "not-available",
    )
    namesake = authority("revoking root", key_name="stranger")
    revoked = namesake.crl((LEAF.certificate.serial, Revoked(BEFORE, "superseded")))
    assert step(LEAF, revoked) == ("indeterminate", "unknown", "bad-source-signature")


def test_a_changed_list_is_not_believed() -> None:
    crl = ROOT.crl((LEAF.certificate.serial, Revoked(BEFORE, "superseded")))
    number = der.integer(LEAF.certificate.serial)
    data = crl.encoded.replace(number, der.integer(LEAF.certificate.serial + 1))
    assert step(LEAF, RevocationList.load(data)) == (
        "indeterminate",
        "unknown",
        "bad-source-signature",
    )


def test_lists_too_old_or_from_the_future_say_nothing_good() -> None:
    old, future = ROOT.crl(at=NOW - 3 * DAY), ROOT.crl(at=NOW + 3000 * DAY)
    assert step(LEAF, old) == ("indeterminate", "unknown", "stale")
    assert step(LEAF, future) == ("indeterminate", "unknown", "from-future")
    assert step(LEAF, old, ROOT.crl()) == ("valid", "ok", "ok")


def test_an_old_list_still_proves_a_revocation_but_not_a_hold() -> None:
    for reason, outcome in (("superseded", "failed"), ("certificate-hold", "unknown")):
        entry = LEAF.certificate.serial, Revoked(NOW - 5 * DAY, reason)
        assert step(LEAF, ROOT.crl(entry, at=NOW - 3 * DAY))[1] == outcome


def test_the_newest_list_counts() -> None:
    held = LEAF.certificate.serial, Revoked(NOW - 5 * DAY, "certificate-hold")
    before = ROOT.crl(held, at=NOW - timedelta(hours=5))
    assert step(LEAF, before) == ("invalid", "failed", "revoked")
    assert step(LEAF, before, ROOT.crl()) == ("valid", "ok", "ok")


def test_no_newer_list_undoes_a_revocation() -> None:
    for reason in ("unspecified", "key-compromise"):
        entry = LEAF.certificate.serial, Revoked(NOW - 5 * DAY, reason)
        before, after = ROOT.crl(entry, at=NOW - timedelta(hours=5)), ROOT.crl()
        assert step(LEAF, before, after) == ("invalid", "failed", "revoked")
        assert step(LEAF, after, before) == ("invalid", "failed", "revoked")


def test_of_two_lists_of_one_time_the_graver_word_counts_in_any_order() -> None:
    for reason in ("superseded", "certificate-hold"):
        entry = LEAF.certificate.serial, Revoked(BEFORE, reason)
        for lists in ((ROOT.crl(entry), ROOT.crl()), (ROOT.crl(), ROOT.crl(entry))):
            assert step(LEAF, *lists) == ("invalid", "failed", "revoked")


def test_a_number_that_stands_twice_in_a_list_is_revoked_by_the_earliest() -> None:
    serial = LEAF.certificate.serial
    early, late = Revoked(BEFORE, "key-compromise"), Revoked(AFTER, "superseded")
    taken_off = Revoked(BEFORE, "remove-from-crl")
    for entries in ((early, late), (late, early), (taken_off, early), (early, taken_off)):
        crl = ROOT.crl(*((serial, entry) for entry in entries))
        assert step(LEAF, crl) == ("invalid", "failed", "revoked")


def test_a_list_newer_than_the_time_in_question_counts() -> None:
    entry = LEAF.certificate.serial, Revoked(NOW - 2 * DAY, "superseded")
    assert step(LEAF, ROOT.crl(entry), at=NOW - 3 * DAY) == ("valid", "warning", "revoked-later")
    assert step(LEAF, ROOT.crl(entry), at=NOW - DAY) == ("invalid", "failed", "revoked")


def test_a_list_made_after_a_certificate_ended_proves_nothing_about_it() -> None:
    ended = ROOT.issue("ended", until=NOW - 5 * DAY)
    assert step(ended, ROOT.crl(), at=NOW - 6 * DAY) == (
        "indeterminate",
        "unknown",
        "ended-before-list",
    )
    kept = with_extension(
        ROOT.crl(),
        oids.EXPIRED_CERTIFICATES_ON_CRL,
        der.element(0x18, b"20200101000000Z"),
        critical=False,
    )
    assert step(ended, kept, at=NOW - 6 * DAY) == ("valid", "ok", "ok")


@pytest.mark.parametrize(
    ("oid", "value", "code"),
    [
        (oids.DELTA_CRL, der.integer(3), "unsupported-crl"),
        ("1.2.3.4", der.null(), "unsupported-crl"),
        (
            oids.ISSUING_DISTRIBUTION_POINT,
            der.sequence(der.element(0x84, b"\xff")),
            "unsupported-crl",
        ),
        (
            oids.ISSUING_DISTRIBUTION_POINT,
            der.sequence(der.element(0x83, b"\x01\x40")),
            "unsupported-crl",
        ),
        (
            oids.ISSUING_DISTRIBUTION_POINT,
            der.sequence(der.element(0x82, b"\xff")),
            "not-available",
        ),
        (oids.ISSUING_DISTRIBUTION_POINT, der.sequence(der.element(0x81, b"\xff")), "ok"),
        (
            oids.ISSUING_DISTRIBUTION_POINT,
            der.sequence(der.element(0xA0, der.element(0xA0, der.element(0x86, b"http://other/")))),
            "not-available",
        ),
        (
            oids.ISSUING_DISTRIBUTION_POINT,
            der.sequence(
                der.element(0xA0, der.element(0xA0, der.element(0x86, b"http://crl.example/1")))
            ),
            "ok",
        ),
    ],
)
def test_a_list_counts_within_its_scope(oid: str, value: bytes, code: str) -> None:
    crl = with_extension(ROOT.crl(), oid, value)
    assert step(NAMED, crl)[2] == code


def test_an_issuer_whose_key_may_not_sign_lists_is_not_believed() -> None:
    sub = authority("no lists", issuer=ROOT, usage={"key_cert_sign"})
    report = verify_chain(
        sub.issue("x").certificate,
        trust=trusting(ROOT, crls=(sub.crl(), ROOT.crl())),
        intermediates=[sub.certificate],
        at=NOW,
    )
    assert report.step("revocation").code == "crl-signer"


def test_a_list_of_a_hundred_thousand_is_quick() -> None:
    revoked = Revoked(BEFORE, "superseded")
    crl = ROOT.crl(*((2**100 + n, revoked) for n in range(100_000)))
    began = time.process_time()
    found = RevocationList.load(crl.encoded)
    assert found.find(2**100 + 99_999) == revoked
    assert found.find(5) is None
    assert len(found) == 100_000
    assert time.process_time() - began < 3  # about 0.2 s on an idle machine


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: b"\x30\x80" + data[4:] + b"\0\0",
        der.sequence,
        lambda _: b"",
        lambda _: der.sequence(der.sequence(), der.sequence(), der.bit_string(b"")),
    ],
)
def test_what_is_no_list_is_refused(spoil: object) -> None:
    with pytest.raises(CertificateRefused):
        RevocationList.load(spoil(ROOT.crl().encoded))  # type: ignore[operator]
