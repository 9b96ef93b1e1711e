# ruff: noqa: ANN401 - changes may be any argument
"""CMS signatures by several, and the times that signers claim or prove."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.foundation.report import Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.x509.crl import Revoked
from tests.identity.authorities import DAY, NOW, Entity, authority, crl_point, trusting
from tests.seal import forging
from tests.seal.cms_world import (
    DOCUMENT,
    P256,
    ROOTS,
    SM2,
    TRUST,
    both,
    check,
    found,
    made,
    weakly_signed,
)
from tests.seal.forging import (
    SIGNS,
    attribute,
    stamping,
    with_attributes,
)
from tests.support import element, integer

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.x509 import TrustStore

# Several signers


def test_of_two_good_signers_each_is_judged() -> None:
    report = check(both(with_attributes(P256, DOCUMENT), with_attributes(SM2, DOCUMENT)))
    assert report.verdict is Verdict.VALID, report.as_text()
    assert [step.detail[:8] for step in report.steps if step.id == "chain"] == [
        "signer 1",
        "signer 2",
    ]
    assert dict(report.disclosed) == {
        "signer": "C=CN, CN=cms signer P-256",
        "signer_2": "C=CN, CN=cms signer SM2",
    }


STRANGER = authority("nobody's root", kind=KeyKind.SM2).issue(
    "stranger", kind=KeyKind.SM2, usage=SIGNS
)
WORSE = {
    "over another document": (with_attributes(SM2, b"another"), "invalid"),
    "with a bad value": (
        with_attributes(SM2, DOCUMENT, signature=SM2.key.sign(b"something")),
        "invalid",
    ),
    "whom nobody vouches for": (with_attributes(STRANGER, DOCUMENT), "indeterminate"),
    "with a weak digest": (
        weakly_signed(
            ROOTS[KeyKind.P256].issue("another signer", usage=SIGNS), "1.2.840.10045.2.1"
        ),
        "indeterminate",
    ),
    "without a certificate": (
        with_attributes(SM2, DOCUMENT, sid=element(0x80, b"\0" * 20)),
        "indeterminate",
    ),
}


@pytest.mark.parametrize("worse", WORSE)
@pytest.mark.parametrize("first", [True, False])
def test_the_worst_of_several_signers_decides(worse: str, first: bool) -> None:  # noqa: FBT001
    bad, verdict = WORSE[worse]
    good = with_attributes(P256, DOCUMENT)
    report = check(both(bad, good) if first else both(good, bad))
    assert str(report.verdict) == verdict, report.as_text()


# Times


def ending(name: str, **changes: Any) -> Entity:
    return ROOTS[KeyKind.P256].issue(name, usage=SIGNS, **changes)


def test_a_claimed_time_suffices_while_the_certificate_is_good() -> None:
    report = check(made(P256, at=NOW - DAY))
    assert report.verdict is Verdict.VALID
    assert report.signed_at == NOW - DAY


def test_a_claimed_time_proves_nothing_once_the_certificate_has_ended() -> None:
    signer = ending("ended", until=NOW - DAY)
    report = check(made(signer, at=NOW - 2 * DAY))
    assert found(report) == ("indeterminate", "signing-time", "unproven")


@pytest.mark.parametrize("days", [-31, 301])
def test_a_claimed_time_outside_the_period_is_invalid(days: int) -> None:
    report = check(made(P256, at=NOW + days * DAY), at=NOW + 400 * DAY)
    assert report.verdict is Verdict.INVALID
    assert report.step("signing-time").code == "outside-period"


def test_a_claimed_time_later_than_now_is_invalid() -> None:
    report = check(made(P256, at=NOW + timedelta(seconds=1)))
    assert found(report) == ("invalid", "signing-time", "from-future")


def test_no_time_at_all_is_judged_as_of_now() -> None:
    signer = ending("ended", until=NOW - DAY)
    assert check(made(P256, attached=True)).verdict is Verdict.VALID
    report = check(made(signer, attached=True))
    assert report.verdict is Verdict.INDETERMINATE


def test_the_documents_word_on_the_time_is_taken_where_the_signature_has_none() -> None:
    data = made(P256, attached=True)
    report = check(data, claimed=NOW - 31 * DAY)
    assert report.verdict is Verdict.INVALID
    assert report.step("signing-time").code == "outside-period"
    assert check(data, claimed=NOW - DAY).signed_at == NOW - DAY


def revoked_signer(since: datetime) -> tuple[Entity, TrustStore]:
    root = ROOTS[KeyKind.P256]
    signer = ending("revoked", extensions=[crl_point("http://crl.example/list.crl")])
    crl = root.crl((signer.certificate.serial, Revoked(since, "key-compromise")), life=9 * DAY)
    return signer, replace(TRUST, crls=(crl,))


def test_a_revoked_signer_is_judged_by_the_proven_time() -> None:
    signer, trust = revoked_signer(NOW - DAY)
    before, after = NOW - 2 * DAY, NOW - timedelta(hours=1)
    claimed = check(made(signer, at=before), trust=trust)
    assert found(claimed) == ("indeterminate", "signing-time", "unproven")
    proven = made(signer, at=before, timestamps=stamping().source(before))
    assert check(proven, trust=trust).verdict is Verdict.VALID
    late = made(signer, at=after, timestamps=stamping().source(after))
    assert found(check(late, trust=trust)) == ("invalid", "revocation", "revoked")
    backdated = made(signer, at=before, timestamps=stamping().source(after))
    assert check(backdated, trust=trust).verdict is not Verdict.VALID


def stamped(token: bytes) -> bytes:
    good = with_attributes(
        P256, DOCUMENT, signature=P256.key.sign(with_attributes(P256, DOCUMENT).to_sign())
    )
    return replace(
        good, unsigned=element(0xA1, attribute(forging.SIGNATURE_TIMESTAMP, token))
    ).encoded()


def test_a_time_stamp_over_something_else_is_named() -> None:
    report = check(stamped(stamping().source().stamp(b"something else")))
    assert found(report) == ("invalid", "timestamp", "bad")


def test_a_time_stamp_that_is_none_is_named() -> None:
    assert found(check(stamped(integer(1)))) == ("invalid", "timestamp", "bad")


def test_a_time_stamp_that_nobody_vouches_for_is_named() -> None:
    data = made(P256, timestamps=stamping().source())
    report = check(data, trust=trusting(*ROOTS.values()))
    assert found(report) == ("indeterminate", "timestamp", "unproven")
