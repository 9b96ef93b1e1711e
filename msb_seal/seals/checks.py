"""The steps on a seal by itself: its maker's signature and certificate, its period, its state.

Each adds its step to a report; none stops the others. Sources: GM/T 0031-2014 clause 6.1.2, GB/T
38540-2020 clause 6.3, GM/T 0031-2025.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from msb_identity.errors import (
    AlgorithmRefused,
    CertificateRefused,
    KeyRefused,
    SignatureRefused,
)
from msb_identity.foundation.report import NOT_REACHED, Outcome, Verdict
from msb_identity.x509.certificate import Certificate
from msb_seal.errors import SealError
from msb_seal.judging import (
    BEFORE,
    CLOCK_TOLERANCE,
    ENDED,
    LOCAL_TIME_TOLERANCE,
    SigningTime,
    judge_period,
    timely_failures,
)
from msb_seal.seals.algorithms import algorithm_of, usual_signature
from msb_seal.seals.status import SealState
from msb_seal.timestamp.verify import begin_timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from msb_identity.foundation.report import Report, ReportBuilder
    from msb_seal.judging import Judged, Judging
    from msb_seal.seals.model import ElectronicSeal
    from msb_seal.seals.status import SealStatus

MAX_KEPT_CERTIFICATES = 64
_BAD = (Outcome.FAILED, Outcome.UNKNOWN, Outcome.WARNING)
_MAKER = "seal-maker-certificate"


def read_certificate(builder: ReportBuilder, step: str, data: bytes) -> Certificate | None:
    """Read the certificate beside a signature; a broken one fails its step."""
    try:
        return _load(data)
    except CertificateRefused as error:
        builder.failed(step, "malformed", str(error))
        return None


@lru_cache(maxsize=MAX_KEPT_CERTIFICATES)
def _load(data: bytes) -> Certificate:
    """Read a certificate once: a batch of documents has one signer and one maker."""
    return Certificate.load(data)


def tell_signature(
    builder: ReportBuilder,
    step: str,
    *,
    certificate: Certificate | None,
    algorithm: str,
    signed: bytes,
    signature: bytes,
) -> None:
    """Verify a signature by its certificate's key and add its step, and `algorithm` with it."""
    if certificate is None:
        builder.unknown(step, "no-key")
        return
    try:
        key, named = certificate.key, algorithm_of(algorithm)
    except (KeyRefused, AlgorithmRefused) as error:
        builder.unknown("algorithm", "unsupported", f"{step}: {error}")
        builder.unknown(step, "unsupported")
        return
    try:
        value = usual_signature(signature, key.kind)
        key.verify(signed, value, algorithm=named)
    except SignatureRefused as error:
        builder.failed(step, "bad", str(error))
    except AlgorithmRefused as error:
        builder.failed("algorithm", "wrong", f"{step}: {error}")
    else:
        if value == signature:
            builder.ok(step)
        else:
            builder.warning(step, "odd-encoding")
        if named.weak or key.weak:
            builder.unknown("algorithm", "weak", f"{step}: {named}")
        else:
            builder.ok("algorithm", detail=f"{step}: {named}")


def tell_seal_signature(builder: ReportBuilder, seal: ElectronicSeal) -> Certificate | None:
    """Add the step `seal-signature`: whether the maker signed this seal; give its certificate."""
    certificate = read_certificate(builder, _MAKER, seal.maker_certificate)
    tell_signature(
        builder,
        "seal-signature",
        certificate=certificate,
        algorithm=seal.signature_algorithm,
        signed=seal.signed,
        signature=seal.signature,
    )
    return certificate


def tell_maker(
    builder: ReportBuilder,
    seal: ElectronicSeal,
    certificate: Certificate,
    *,
    used: SigningTime,
    made: SigningTime,
    judging: Judging,
) -> None:
    """Add the step `seal-maker-certificate`: judged when the seal was made, by its createDate.

    used: when the seal was used; now, for a bare seal. made: what proves that the seal is older.
    A certificate that begins after createDate and was good when the seal was used is a warning,
    since real seals do that; so is one that has ended since (GM/T 0031-2025).
    """
    created = seal.created
    report = judging.chain_of_maker(certificate, created)
    failures = timely_failures(report)
    notes: list[tuple[str, str]] = []
    if failures and failures <= BEFORE:
        later = judging.chain_of_maker(certificate, used.best)
        began = f"{certificate.not_before:%Y-%m-%dT%H:%M:%SZ}"
        if not timely_failures(later):
            report, failures = later, frozenset()
            notes.append(("began-later", began))
        elif timely_failures(later) <= ENDED:
            # Real makers got their certificate days later; by now it has ended as well.
            builder.unknown(_MAKER, "began-later-ended", began)
            return
    if not failures and certificate.not_after < made.latest:
        notes.append(("ended-since", f"{certificate.not_after:%Y-%m-%dT%H:%M:%SZ}"))
    _tell_chain_of_maker(builder, report)
    for code, detail in notes:
        builder.warning(_MAKER, code, detail)
    _tell_revoked_since(builder, certificate, report, made=made, judging=judging)


def tell_same_maker(builder: ReportBuilder, seal: ElectronicSeal, signers: Sequence[bytes]) -> None:
    """Warn where the seal's maker is also its signer: nobody else vouches for the seal."""
    if seal.maker_certificate in signers:
        builder.warning(_MAKER, "is-signer")


def tell_period(builder: ReportBuilder, seal: ElectronicSeal, time: SigningTime) -> Judged:
    """Add the step `seal-period` as of when the seal was used; say what it found."""
    judged = judge_period(seal.valid_from, seal.valid_until, time=time, what="seal")
    if judged.outside:
        code = "not-yet-valid" if time.best < seal.valid_from else "ended"
        builder.failed("seal-period", code, judged.outside)
    elif judged.ended:
        builder.warning("seal-period", "ended-since", judged.ended)
    elif seal.created - time.best > LOCAL_TIME_TOLERANCE:
        builder.warning("seal-period", "used-before-made", f"{seal.created:%Y-%m-%dT%H:%M:%SZ}")
    else:
        builder.ok("seal-period")
    return judged


def tell_bare_period(builder: ReportBuilder, seal: ElectronicSeal, judging: Judging) -> None:
    """Add the step `seal-period` of a seal by itself: whether it may be used now."""
    shown = f"{seal.valid_from:%Y-%m-%dT%H:%M:%SZ} … {seal.valid_until:%Y-%m-%dT%H:%M:%SZ}"
    if judging.now < seal.valid_from:
        builder.unknown("seal-period", "not-yet-valid", shown)
    elif judging.now > seal.valid_until:
        builder.unknown("seal-period", "ended", shown)
    else:
        builder.ok("seal-period", detail=shown)


def tell_made(builder: ReportBuilder, seal: ElectronicSeal, judging: Judging) -> None:
    """Judge createDate by itself, which many makers write in local time and mark as UTC."""
    shown = f"{seal.created:%Y-%m-%dT%H:%M:%SZ}"
    if seal.valid_from > seal.valid_until:
        builder.failed("seal-period", "no-period")
    elif seal.created > seal.valid_until:
        builder.failed("seal-period", "made-after-end", shown)
    if seal.created - judging.now > LOCAL_TIME_TOLERANCE:
        builder.failed("seal-period", "made-in-future", shown)
    elif judging.in_future(seal.created):
        builder.warning("seal-period", "made-in-future", shown)


def tell_seal_timestamp(
    builder: ReportBuilder, seal: ElectronicSeal, judging: Judging
) -> datetime | None:
    """Check the seal's own time-stamp (v5), which nothing made later may bear; give its time."""
    if seal.timestamp is None:
        return None
    proven = tell_timestamp(builder, seal.timestamp, seal.signature, judging, prefix="seal-")
    if proven is None or seal.created - proven <= CLOCK_TOLERANCE:
        return proven
    shown = f"{seal.created:%Y-%m-%dT%H:%M:%SZ} > {proven:%Y-%m-%dT%H:%M:%SZ}"
    if seal.created - proven <= LOCAL_TIME_TOLERANCE:
        builder.warning("timestamp", "seal-made-later", shown)
    else:
        builder.failed("timestamp", "seal-made-later", shown)
    return proven


def tell_timestamp(
    builder: ReportBuilder, token: bytes, covers: bytes, judging: Judging, *, prefix: str = ""
) -> datetime | None:
    """Add the step `timestamp` for a token over these bytes; give the time that it proves."""
    report = begin_timestamp(token, covers=covers, judging=judging).conclude()
    decisive = report.decisive_step
    told = "" if decisive is None else f"{decisive.id}: {decisive.code}"
    if report.verdict is Verdict.INVALID:
        builder.failed("timestamp", f"{prefix}bad", told)
        return None
    if report.verdict is not Verdict.VALID or report.signed_at is None:
        builder.unknown("timestamp", f"{prefix}unproven", told)
        return None
    builder.ok("timestamp", f"{prefix}ok", f"{report.signed_at:%Y-%m-%dT%H:%M:%SZ}")
    return report.signed_at


def tell_status(
    builder: ReportBuilder,
    seal: ElectronicSeal,
    judging: Judging,
    *,
    time: SigningTime,
    bare: bool = False,
) -> str:
    """Add the step `seal-status` where a source was given; say what ended it without proof.

    bare: a seal by itself, asked about as of now.
    """
    if judging.statuses is None:
        builder.skipped("seal-status", "not-asked")
        return ""
    try:
        status = judging.statuses.status_of(seal, now=time.now)
    except SealError as error:
        builder.unknown("seal-status", "not-available", str(error))
        return ""
    if status is None:
        builder.unknown("seal-status", "not-known")
        return ""
    return _tell_state(builder, status, time=time, bare=bare)


def _tell_state(
    builder: ReportBuilder, status: SealStatus, *, time: SigningTime, bare: bool
) -> str:
    shown = f"{status.since:%Y-%m-%dT%H:%M:%SZ} {status.reason}".strip()
    if status.state is SealState.ACTIVE:
        _tell_active(builder, status, time)
    elif status.state is SealState.VOID:
        builder.failed("seal-status", "void", shown)
    elif bare:
        if time.now >= status.since:
            builder.failed("seal-status", str(status.state), shown)
        else:
            builder.warning("seal-status", f"{status.state}-later", shown)
    elif time.latest < status.since:
        builder.warning("seal-status", f"{status.state}-later", shown)
    elif time.claimed is not None and time.claimed < status.since:
        builder.warning("seal-status", f"{status.state}-later", shown)
        return f"seal {status.state} {shown}"
    else:
        builder.failed("seal-status", str(status.state), shown)
    return ""


def _tell_active(builder: ReportBuilder, status: SealStatus, time: SigningTime) -> None:
    """Compare when the seal became active, issued or thawed, with when it was used.

    A source knows only the present state: what it was before may well have been active too.
    """
    since = f"{status.since:%Y-%m-%dT%H:%M:%SZ}"
    if status.since - min(status.known_at, time.now) > CLOCK_TOLERANCE:
        builder.unknown("seal-status", "from-future", since)
    elif status.since - time.best > CLOCK_TOLERANCE:
        builder.warning("seal-status", "active-later", since)
    else:
        builder.ok("seal-status", detail=f"{status.known_at:%Y-%m-%dT%H:%M:%SZ}")


def _tell_chain_of_maker(builder: ReportBuilder, report: Report) -> None:
    """Put all that was found on the maker's chain under one step."""
    found = [s for s in report.steps if s.outcome in _BAD and s.code != NOT_REACHED]
    for step in found:
        # What was revoked later is told below, by whether the seal is proven to be older.
        if step.code != "revoked-later":
            builder.add(_MAKER, step.outcome, step.code, f"{step.id} {step.detail}".strip())
    if report.verdict is Verdict.VALID:
        builder.ok(_MAKER)


def _tell_revoked_since(
    builder: ReportBuilder,
    certificate: Certificate,
    report: Report,
    *,
    made: SigningTime,
    judging: Judging,
) -> None:
    """Say what a revocation after createDate means.

    Whoever holds a stolen key writes any createDate: only a time-stamp from before it helps.
    """
    step = report.step("revocation")
    if step.code != "revoked-later":
        return
    latest = judging.chain_of_maker(certificate, made.latest)
    if latest.step("revocation").code == "revoked":
        builder.unknown(_MAKER, "revoked-since", step.detail)
    else:
        builder.warning(_MAKER, "revoked-later", step.detail)
