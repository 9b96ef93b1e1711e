"""When a signature was made, and whether what it needed was good then.

A verified time-stamp proves that a signature is not younger than the stamp. A claimed time suffices
only while what the signature needed (certificate, seal) is still good now; if that has ended or was
revoked since and nothing proves the time, it is undecided. A claimed time at which it was not good
is wrong. Rules: docs/security.md, "verdicts". Used for seals (SES) and for CMS alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from msb_identity.foundation.clock import aware
from msb_identity.foundation.report import NOT_REACHED, Outcome, Verdict
from msb_identity.x509.chain import verify_chain
from msb_identity.x509.purposes import Purpose
from msb_identity.x509.revocation import RevocationPolicy
from msb_identity.x509.sentences import SENTENCES as CERTIFICATE_SENTENCES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from msb_identity.foundation.report import Report, ReportBuilder, Sentences, Step
    from msb_identity.x509.certificate import Certificate
    from msb_identity.x509.fetch import Fetcher
    from msb_identity.x509.trust import TrustStore
    from msb_seal.seals.status import SealStatuses

CLOCK_TOLERANCE = timedelta(seconds=60)
"""How far ahead of this clock a signer's may be; nothing where the caller asserted the time."""
LOCAL_TIME_TOLERANCE = timedelta(hours=8)
"""Some makers write China's local time and mark it as UTC."""
BEFORE = frozenset({"not-yet-valid", "issuer-not-yet-valid"})
ENDED = frozenset({"expired", "issuer-expired"})
TIMELY = BEFORE | ENDED | {"revoked"}
"""The codes of a chain's failures that another time would not have."""
_BAD = (Outcome.FAILED, Outcome.UNKNOWN)
_TAKEN_OVER = ("signer-certificate", "chain", "revocation")


@dataclass(frozen=True, slots=True)
class Judging:
    """By whose trust, and as of when, something is judged.

    asserted: whether the caller said what is now (`at=`), so that no clock is in doubt.
    statuses: who knows the states of seals.
    makers: who vouches for makers of seals (制章人), where that is not everybody that is trusted.
    """

    trust: TrustStore
    now: datetime
    asserted: bool
    revocation: RevocationPolicy
    fetch: Fetcher | None = None
    statuses: SealStatuses | None = None
    makers: TrustStore | None = None

    @classmethod
    def of(
        cls,
        *,
        trust: TrustStore,
        at: datetime | None = None,
        revocation: RevocationPolicy | str = RevocationPolicy.IF_PUBLISHED,
        fetch: Fetcher | None = None,
        statuses: SealStatuses | None = None,
        makers: TrustStore | None = None,
    ) -> Judging:
        """Take what a `check_…` function was given; everything in one document has one now."""
        policy = RevocationPolicy(revocation)
        return cls(trust, aware(at), at is not None, policy, fetch, statuses, makers)

    def chain(
        self,
        certificate: Certificate,
        at: datetime,
        *,
        purpose: Purpose,
        intermediates: Iterable[Certificate] = (),
    ) -> Report:
        """Verify a certificate's chain as of that time."""
        return verify_chain(
            certificate,
            trust=self.trust,
            at=at,
            purpose=purpose,
            revocation=self.revocation,
            intermediates=intermediates,
            fetch=self.fetch,
        )

    def chain_of_maker(self, certificate: Certificate, at: datetime) -> Report:
        """Verify the chain of a seal's maker as of that time."""
        makers = self.makers
        # A maker who is named himself is still asked about like anyone: who issued, who revoked.
        if makers is None or makers.is_anchor(certificate):
            return self.chain(certificate, at, purpose=Purpose.SEAL)
        helped = replace(
            self.trust,
            anchors=makers.anchors,
            intermediates=(*self.trust.intermediates, *makers.intermediates),
            crls=(*self.trust.crls, *makers.crls),
            ocsp_answers=(*self.trust.ocsp_answers, *makers.ocsp_answers),
        )
        return replace(self, trust=helped).chain(certificate, at, purpose=Purpose.SEAL)

    def in_future(self, moment: datetime) -> bool:
        """Whether a time that someone wrote is later than now, clocks' differences allowed for."""
        return moment - self.now > (timedelta() if self.asserted else CLOCK_TOLERANCE)


@dataclass(frozen=True, slots=True)
class SigningTime:
    """When a signature was made: by its own word, and by the earliest good time-stamp over it."""

    claimed: datetime | None
    proven: datetime | None
    now: datetime

    @property
    def latest(self) -> datetime:
        """The time before which it was made for sure."""
        return self.proven or self.now

    @property
    def best(self) -> datetime:
        """What is taken for the signing time."""
        return self.proven or self.claimed or self.now


@dataclass(frozen=True, slots=True)
class Judged:
    """What a certificate, or a period, says of a signing time.

    report: the chain's report to be told; None where no time is known at which to judge.
    ended: what was good when it was claimed to be used and is not any more, while nothing proves
    the time. outside: what was not good at the claimed time.
    """

    report: Report | None = None
    ended: str = ""
    outside: str = ""


def earliest(*times: datetime | None) -> datetime | None:
    """Give the earliest of several proven times, None where none is."""
    return min((time for time in times if time is not None), default=None)


def judge_certificate(
    certificate: Certificate,
    *,
    time: SigningTime,
    judging: Judging,
    purpose: Purpose,
    intermediates: Iterable[Certificate] = (),
) -> Judged:
    """Judge a signer's certificate (签章人证书): its chain, period, revocation, at that time."""
    above = tuple(intermediates)
    latest = judging.chain(certificate, time.latest, purpose=purpose, intermediates=above)
    codes = timely_failures(latest)
    claimed = time.claimed
    if not codes:
        early = claimed is not None and claimed < certificate.not_before
        if claimed is None or time.proven is not None or not early:
            return Judged(latest)
    elif claimed is None:
        ended = _told(latest, codes)
        return Judged(latest) if codes & BEFORE else Judged(ended=ended)
    elif claimed >= time.latest:
        return Judged(latest, outside=_told(latest, codes - {"revoked"}))
    then = judging.chain(certificate, claimed, purpose=purpose, intermediates=above)
    if failures := timely_failures(then):
        return Judged(then, outside=_told(then, failures - {"revoked"}))
    return Judged(then, ended=_told(latest, codes))


def judge_period(start: datetime, end: datetime, *, time: SigningTime, what: str) -> Judged:
    """Judge a seal's own period at that time; `what` names it for a detail."""
    shown = f"{what}: {start:%Y-%m-%dT%H:%M:%SZ} … {end:%Y-%m-%dT%H:%M:%SZ}"
    if start <= time.latest <= end:
        early = time.proven is None and time.claimed is not None and time.claimed < start
        return Judged(outside=shown if early else "")
    if time.latest < start:
        return Judged(outside=shown)
    if time.claimed is None or start <= time.claimed <= end:
        return Judged(ended=shown)
    return Judged(outside=shown)


def timely_failures(report: Report) -> frozenset[str]:
    """Give the codes of a chain's failures that lie in the time alone."""
    failed = (step.code for step in report.steps if step.outcome is Outcome.FAILED)
    return frozenset(failed) & TIMELY


def tell_certificate(builder: ReportBuilder, judged: Judged) -> None:
    """Add the steps `signer-certificate`, `chain` and `revocation`.

    What is wrong in the signatures of the chain becomes a matter of the step `chain`.
    """
    if judged.report is None:
        builder.unknown("signer-certificate", "time-unknown", judged.ended)
        return
    for step in judged.report.steps:
        if step.code != NOT_REACHED:
            _tell_step(builder, step)
    if judged.report.verdict is not Verdict.VALID and builder.good_so_far():
        builder.unknown("chain", "unproven")


def tell_signing_time(
    builder: ReportBuilder, time: SigningTime, judging: Judging, *judged: Judged
) -> None:
    """Add the step `signing-time`, by what certificate and seal say of it."""
    outside = "; ".join(one.outside for one in judged if one.outside)
    ended = "; ".join(one.ended for one in judged if one.ended)
    shown = f"{time.best:%Y-%m-%dT%H:%M:%SZ}" if time.proven or time.claimed else ""
    builder.signed_at = time.proven or time.claimed
    if time.claimed is not None and judging.in_future(time.claimed):
        builder.failed("signing-time", "from-future", f"{time.claimed:%Y-%m-%dT%H:%M:%SZ}")
    elif outside:
        builder.failed("signing-time", "outside-period", f"{shown} {outside}".strip())
    elif ended:
        builder.unknown("signing-time", "unproven", f"{shown} {ended}".strip())
    elif time.proven is not None and time.claimed is not None:
        _tell_claim_beside_proof(builder, time.claimed, time.proven)
    elif time.proven is not None:
        builder.ok("signing-time", "proven", shown)
    elif time.claimed is not None:
        builder.ok("signing-time", "claimed", shown)
    else:
        builder.warning("signing-time", "none")


def _tell_claim_beside_proof(builder: ReportBuilder, claimed: datetime, proven: datetime) -> None:
    """Compare what the signer says with the proof: nothing is signed after it was stamped.

    Differences are compared, here and elsewhere: a sum may lie beyond the calendar's end.
    """
    later = claimed - proven
    shown = f"{proven:%Y-%m-%dT%H:%M:%SZ}, {claimed:%Y-%m-%dT%H:%M:%SZ}"
    if later <= CLOCK_TOLERANCE:
        builder.ok("signing-time", "proven", shown)
    elif later <= LOCAL_TIME_TOLERANCE:
        builder.warning("signing-time", "after-proof", shown)
    else:
        builder.failed("signing-time", "after-proof", shown)


def _tell_step(builder: ReportBuilder, step: Step) -> None:
    if step.id in _TAKEN_OVER:
        builder.add(step.id, step.outcome, step.code, step.detail)
    elif step.id == "format" and step.outcome is Outcome.WARNING:
        builder.warning("signer-certificate", "odd", step.detail)
    elif step.id == "algorithm" and step.outcome in _BAD:
        builder.add("algorithm", step.outcome, step.code, step.detail)
    elif step.id == "signature-value" and step.outcome in _BAD:
        builder.add("chain", step.outcome, step.code, step.detail)


def _told(report: Report, codes: frozenset[str]) -> str:
    found = (
        f"{step.id} {step.code} {step.detail}".strip()
        for step in report.steps
        if step.outcome is Outcome.FAILED and step.code in codes
    )
    return "; ".join(found)


SENTENCES: Sentences = {
    **CERTIFICATE_SENTENCES,
    ("signer-certificate", "odd"): (
        "证书可读，但有不合规之处",
        "the certificate can be read but is odd",
    ),
    ("signer-certificate", "time-unknown"): (
        "证书已失效，而签名未说明时间",
        "the certificate has ended, and the signature says no time",
    ),
    ("chain", "bad-signature"): (
        "证书链中有签名无效",
        "a signature in the chain of certificates is wrong",
    ),
    ("chain", "unsupported"): (
        "证书链中有签名无法验证",
        "a signature in the chain of certificates could not be checked",
    ),
    ("chain", "unproven"): ("证书链未经证实", "the chain of certificates is not proven"),
    ("signing-time", "proven"): ("时间戳证明了签名时间", "a time-stamp proves the time"),
    ("signing-time", "claimed"): (
        "签名者所称的时间；证书现仍有效",
        "the time is the signer's own word; what it needed is still good",
    ),
    ("signing-time", "none"): (
        "签名未说明时间，按现在核验",
        "the signature says no time: judged as of now",
    ),
    ("signing-time", "unproven"): (
        "证书或印章此后已失效，无法证明签名在此之前",
        "certificate or seal has ended since, and nothing proves that it was signed before",
    ),
    ("signing-time", "outside-period"): (
        "签名时间不在证书或印章的有效期内",
        "the signing time is outside the period of certificate or seal",
    ),
    ("signing-time", "from-future"): (
        "签名时间晚于核验时间",
        "the signing time is later than now",
    ),
    ("signing-time", "after-proof"): (
        "所称签名时间晚于时间戳",
        "the claimed signing time is later than the time-stamp",
    ),
}
