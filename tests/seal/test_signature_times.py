"""Seal signatures in time: periods, time-stamps, revocation, states of the seal."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.x509.crl import Revoked
from msb_seal.seals.status import SealState
from tests.identity.authorities import DAY, NOW, authority, trusting
from tests.seal.judging import HOUR, LATER, failed, judge, unknown
from tests.seal.makers import MADE, person, world
from tests.seal.test_verify_seal import Told, outcome, stamper

if TYPE_CHECKING:
    from msb_identity.x509 import TrustStore
    from msb_seal.seals.model import SealVersion
    from tests.identity.authorities import Entity


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
