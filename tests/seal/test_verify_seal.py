# ruff: noqa: ANN401 - changes may be any argument
"""What is wrong with a bare seal is named by its step."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import TrustStore, oids
from msb_identity.x509.crl import Revoked
from msb_seal.errors import SealError
from msb_seal.seals.making import list_signers
from msb_seal.seals.model import ElectronicSeal, SealVersion
from msb_seal.seals.status import SealState, SealStatus
from msb_seal.seals.verify import check_seal, check_seal_signature
from msb_seal.timestamp.authority import TimestampAuthority
from tests.identity.authorities import DAY, NOW, Entity, purposes, trusting
from tests.seal.makers import DOCUMENT, EVERY, MADE, person, world

if TYPE_CHECKING:
    from msb_identity.foundation.report import Report

HOUR = timedelta(hours=1)
MAKER = "seal-maker-certificate"


def stamper(at: datetime, *, root: Entity | None = None) -> TimestampAuthority:
    issuer = root or world().root
    own = issuer.issue(
        "time-stamps",
        kind=KeyKind.SM2,
        usage={"digital_signature"},
        extensions=[purposes(oids.TIME_STAMPING, critical=True)],
    )
    return TimestampAuthority(own.certificate, own.key, clock=lambda: at)


def judge(seal: ElectronicSeal | bytes, at: datetime = NOW, **more: Any) -> Report:
    return check_seal(seal, at=at, **{"trust": world().trust, **more})


def outcome(report: Report, step: str, code: str) -> Outcome | None:
    found = [one.outcome for one in report.steps if (one.id, one.code) == (step, code)]
    return found[0] if found else None


@pytest.mark.parametrize(("version", "kind"), EVERY)
def test_a_seal_made_here_is_valid(version: SealVersion, kind: KeyKind) -> None:
    report = judge(world(kind).seal(version), trust=world(kind).trust)
    assert report.verdict is Verdict.VALID, report.as_text()
    assert [step.id for step in report.steps] == [
        "format",
        "algorithm",
        "seal-signature",
        MAKER,
        "seal-period",
        "seal-status",
    ]
    assert report.disclosed["seal_name"] == "测试单位"


@pytest.mark.parametrize("data", [b"", b"\x30\x00", b"PK\x03\x04", b"\x30\x80" * 100, bytes(5_000)])
def test_what_is_no_seal_is_invalid_at_format(data: bytes) -> None:
    report = judge(data)
    assert report.verdict is Verdict.INVALID
    assert report.step("format").code == "malformed"


def test_a_seal_whose_maker_nobody_vouches_for_is_undecided() -> None:
    report = judge(world().seal(), trust=TrustStore())
    assert report.verdict is Verdict.INDETERMINATE
    assert outcome(report, MAKER, "no-anchor") is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("at", "code"), [(NOW + 201 * DAY, "ended"), (MADE + HOUR, "not-yet-valid")]
)
def test_outside_its_period_alone_a_seal_is_undecided(at: datetime, code: str) -> None:
    seal = world().seal(valid_from=MADE + DAY)
    report = judge(seal, at)
    assert report.verdict is Verdict.INDETERMINATE
    assert [s.id for s in report.steps if s.outcome is Outcome.UNKNOWN] == ["seal-period"]
    assert report.step("seal-period").code == code


def test_a_maker_whose_certificate_had_ended_made_no_seal() -> None:
    maker = person("ended maker", until=MADE - DAY)
    report = judge(world().forge_seal(maker=maker))
    assert report.verdict is Verdict.INVALID
    assert outcome(report, MAKER, "expired") is Outcome.FAILED


def test_a_maker_whose_certificate_ended_since_made_a_good_seal() -> None:
    maker = person("since ended maker", until=MADE + DAY)
    report = judge(world().forge_seal(maker=maker))
    assert report.verdict is Verdict.VALID
    assert outcome(report, MAKER, "ended-since") is Outcome.WARNING


def test_a_makers_certificate_that_begins_later_is_a_warning_while_it_is_good() -> None:
    maker = person("late maker", from_=MADE + 5 * DAY, until=NOW + DAY)
    seal = world().forge_seal(maker=maker)
    report = judge(seal)
    assert report.verdict is Verdict.VALID
    assert outcome(report, MAKER, "began-later") is Outcome.WARNING
    assert judge(seal, MADE + DAY).verdict is Verdict.INVALID, "not good yet"
    ended = judge(seal, NOW + 2 * DAY)
    assert outcome(ended, MAKER, "began-later-ended") is Outcome.UNKNOWN


def revoked(since: datetime, reason: str = "key-compromise") -> TrustStore:
    serial = world().maker.certificate.serial
    crl = world().root.crl((serial, Revoked(since, reason)), life=DAY)
    return trusting(world().root, crls=(crl,))


def test_a_maker_revoked_before_made_no_seal() -> None:
    report = judge(world().seal(), trust=revoked(MADE - DAY))
    assert report.verdict is Verdict.INVALID
    assert outcome(report, MAKER, "revoked") is Outcome.FAILED


def test_a_maker_revoked_since_may_have_made_it_later() -> None:
    report = judge(world().seal(), trust=revoked(MADE + DAY))
    assert report.verdict is Verdict.INDETERMINATE
    assert outcome(report, MAKER, "revoked-since") is Outcome.UNKNOWN


def test_a_time_stamp_proves_that_the_seal_is_older_than_the_revocation() -> None:
    seal = world().seal(SealVersion.V5, timestamps=stamper(MADE))
    report = judge(seal, trust=revoked(MADE + DAY))
    assert report.verdict is Verdict.VALID, report.as_text()
    assert outcome(report, MAKER, "revoked-later") is Outcome.WARNING
    assert outcome(report, "timestamp", "seal-ok") is Outcome.OK
    late = world().forge_seal(SealVersion.V5, stamp=stamper(MADE + 2 * DAY).stamp)
    report = judge(late, trust=revoked(MADE + DAY))
    assert outcome(report, MAKER, "revoked-since") is Outcome.UNKNOWN


def test_a_wrong_time_stamp_of_a_seal_is_named() -> None:
    wrong = stamper(MADE).stamp(b"something else")
    report = judge(world().forge_seal(SealVersion.V5, stamp=lambda _: wrong))
    assert report.verdict is Verdict.INVALID
    assert outcome(report, "timestamp", "seal-bad") is Outcome.FAILED


def test_a_seal_made_after_its_own_time_stamp_is_wrong() -> None:
    early = judge(world().forge_seal(SealVersion.V5, stamp=stamper(MADE - DAY).stamp))
    assert outcome(early, "timestamp", "seal-made-later") is Outcome.FAILED
    local = judge(world().forge_seal(SealVersion.V5, stamp=stamper(MADE - 7 * HOUR).stamp))
    assert outcome(local, "timestamp", "seal-made-later") is Outcome.WARNING
    assert local.verdict is Verdict.VALID
    clocks = stamper(MADE - timedelta(seconds=30))
    report = judge(world().forge_seal(SealVersion.V5, stamp=clocks.stamp))
    assert [s.code for s in report.steps if s.id == "timestamp"] == ["seal-ok"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"valid_from": NOW, "valid_until": NOW - DAY}, "no-period"),
        ({"created": NOW - HOUR, "valid_until": NOW - DAY}, "made-after-end"),
        ({"created": NOW + 9 * HOUR}, "made-in-future"),
    ],
)
def test_dates_that_contradict_each_other_are_named(changes: dict[str, Any], code: str) -> None:
    report = judge(world().forge_seal(**changes))
    assert report.verdict is Verdict.INVALID
    assert outcome(report, "seal-period", code) is Outcome.FAILED


def test_a_creation_date_in_local_time_is_a_warning() -> None:
    report = judge(world().forge_seal(created=NOW + 7 * HOUR))
    assert report.verdict is Verdict.VALID
    assert outcome(report, "seal-period", "made-in-future") is Outcome.WARNING


def test_a_certificate_not_for_signing_makes_no_seal() -> None:
    maker = world().root.issue("encrypter", kind=KeyKind.SM2, usage={"key_encipherment"})
    report = judge(world().forge_seal(maker=maker))
    assert outcome(report, MAKER, "wrong-purpose") is Outcome.FAILED


@pytest.mark.parametrize("named", [oids.SERVER_AUTH, oids.TIME_STAMPING, oids.OCSP_SIGNING])
def test_a_certificate_for_a_service_alone_makes_no_seal_and_puts_none_on(named: str) -> None:
    service = person(f"service {named}", extensions=[purposes(named)])
    report = judge(world().forge_seal(maker=service))
    assert report.verdict is Verdict.INVALID
    assert outcome(report, MAKER, "wrong-purpose") is Outcome.FAILED
    seal = world().forge_seal(signers=list_signers([service.certificate]))
    signed = check_seal_signature(
        world().forge_signature(seal, signer=service),
        original=DOCUMENT,
        trust=world().trust,
        at=NOW,
    )
    assert signed.verdict is Verdict.INVALID
    assert outcome(signed, "signer-certificate", "wrong-purpose") is Outcome.FAILED


def test_where_makers_are_named_only_they_and_those_below_them_make_seals() -> None:
    root = world().root
    above = root.issue("makers of seals", ca=True, kind=KeyKind.SM2)
    maker = above.issue("maker of seals", kind=KeyKind.SM2, usage={"digital_signature"})
    trust = replace(world().trust, intermediates=(above.certificate,))
    own, other = world().forge_seal(maker=maker), world().seal()
    assert judge(own, trust=trust).verdict is Verdict.VALID
    assert judge(own, trust=trust, makers=trusting(above)).verdict is Verdict.VALID
    assert judge(other, trust=trust, makers=trusting(root)).verdict is Verdict.VALID
    assert judge(own, trust=trusting(), makers=trusting(root, above)).verdict is Verdict.VALID
    for makers in (trusting(above), TrustStore()):
        report = judge(other, trust=trust, makers=makers)
        assert report.verdict is Verdict.INDETERMINATE
        assert outcome(report, MAKER, "no-anchor") is Outcome.UNKNOWN
        signed = check_seal_signature(
            world().forge_signature(other),
            original=DOCUMENT,
            trust=trust,
            at=NOW,
            makers=makers,
        )
        assert [s.id for s in signed.steps if s.outcome is Outcome.UNKNOWN] == [MAKER]


def test_a_maker_who_is_named_himself_is_still_asked_about() -> None:
    makers = trusting(world().maker)
    assert judge(world().seal(), makers=makers).verdict is Verdict.VALID
    assert judge(world().seal(), trust=TrustStore(), makers=makers).verdict is not Verdict.VALID
    report = judge(world().seal(), trust=revoked(MADE - DAY), makers=makers)
    assert outcome(report, MAKER, "revoked") is Outcome.FAILED


def test_a_maker_that_is_the_signer_is_a_warning() -> None:
    report = judge(world().forge_seal(maker=world().signer))
    assert report.verdict is Verdict.VALID
    assert outcome(report, MAKER, "is-signer") is Outcome.WARNING


@pytest.mark.parametrize(
    ("algorithm", "code"),
    [("1.2.840.113549.1.1.11", "wrong"), ("1.2.156.10197.1.503", "unsupported")],
)
def test_an_algorithm_that_is_not_the_keys_is_named(algorithm: str, code: str) -> None:
    report = judge(world().forge_seal(algorithm=algorithm))
    assert report.verdict is not Verdict.VALID
    assert report.step("algorithm").code == code


def test_sm2_signing_is_taken_for_sm2_with_sm3() -> None:
    seal = world().forge_seal(algorithm="1.2.156.10197.1.301.1")
    assert judge(seal).verdict is Verdict.VALID


class Told:
    """A source of states that says one thing, or fails."""

    def __init__(
        self, state: SealState | None, since: datetime = NOW - DAY, known_at: datetime | None = None
    ) -> None:
        self.state, self.since, self.known_at = state, since, known_at

    def status_of(self, seal: ElectronicSeal, *, now: datetime) -> SealStatus | None:
        assert seal.seal_id
        if self.state is None:
            return None
        return SealStatus(self.state, self.since, self.known_at or now)


class Broken:
    def status_of(self, seal: ElectronicSeal, *, now: datetime) -> SealStatus | None:
        message = f"{seal.version} {now}"
        raise SealError(message)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (Told(SealState.ACTIVE), Outcome.OK),
        (Told(SealState.ACTIVE, NOW + HOUR), Outcome.UNKNOWN),
        (Told(SealState.ACTIVE, NOW + HOUR, known_at=NOW + DAY), Outcome.UNKNOWN),
        (Told(SealState.ACTIVE, NOW - HOUR, known_at=NOW - DAY), Outcome.UNKNOWN),
        (Told(SealState.ACTIVE, NOW - DAY, known_at=NOW - DAY), Outcome.OK),
        (Told(SealState.FROZEN), Outcome.FAILED),
        (Told(SealState.FROZEN, NOW), Outcome.FAILED),
        (Told(SealState.CANCELLED), Outcome.FAILED),
        (Told(SealState.VOID), Outcome.FAILED),
        (Told(SealState.VOID, NOW + DAY), Outcome.FAILED),
        (Told(SealState.FROZEN, NOW + DAY), Outcome.WARNING),
        (Told(None), Outcome.UNKNOWN),
        (Broken(), Outcome.UNKNOWN),
    ],
)
def test_what_a_source_of_states_says_counts(source: Any, wanted: Outcome) -> None:
    report = judge(world().seal(), statuses=source)
    assert report.step("seal-status").outcome is wanted
    good = wanted in (Outcome.OK, Outcome.WARNING)
    assert (report.verdict is Verdict.VALID) == good
