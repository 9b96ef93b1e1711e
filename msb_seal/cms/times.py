"""When a CMS signature was made, and its signer's certificate judged at that time.

A verified time-stamp proves the time. A claimed one suffices only while the certificate is also
good now: docs/security.md, "verdicts".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.x509.chain import verify_chain
from msb_identity.x509.purposes import Purpose
from msb_seal.cms.chains import tell_chain
from msb_seal.timestamp.verify import check_timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.foundation.report import Report, ReportBuilder
    from msb_identity.x509.certificate import Certificate
    from msb_identity.x509.fetch import Fetcher
    from msb_identity.x509.revocation import RevocationPolicy
    from msb_identity.x509.trust import TrustStore
    from msb_seal.cms.structure import CmsSignature, CmsSigner

MAX_TIMESTAMPS = 8
TOLERANCE = timedelta(seconds=60)
_PERIOD_CODES = frozenset({"expired", "issuer-expired"})


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a signature is judged with; claimed: the document's own word on the time."""

    trust: TrustStore
    now: datetime
    revocation: RevocationPolicy
    fetch: Fetcher | None
    claimed: datetime | None


def tell_timestamps(
    builder: ReportBuilder, signer: CmsSigner, around: Circumstances
) -> datetime | None:
    """Check every time-stamp over the signature value and give the earliest proven time."""
    tokens = signer.timestamps
    if not tokens:
        builder.skipped("timestamp", "none")
        return None
    if len(tokens) > MAX_TIMESTAMPS:
        builder.unknown("timestamp", "too-many")
        return None
    reports = [
        check_timestamp(
            token,
            covers=signer.signature,
            trust=around.trust,
            at=around.now,
            revocation=around.revocation,
            fetch=around.fetch,
        )
        for token in tokens
    ]
    for report in reports:
        _tell_timestamp(builder, report)
    times = [r.signed_at for r in reports if r.verdict is Verdict.VALID and r.signed_at]
    return min(times, default=None)


def tell_certificate(
    builder: ReportBuilder,
    signature: CmsSignature,
    signer: CmsSigner,
    certificate: Certificate,
    *,
    proven: datetime | None,
    around: Circumstances,
) -> None:
    """Take the steps `signer-certificate`, `chain`, `revocation` and `signing-time`."""
    claimed = signer.claimed_time or around.claimed
    moment = proven or claimed or around.now
    then = _chain_at(moment, signature, certificate, around)
    builder.signed_at = proven or claimed
    builder.disclose("signer", str(certificate.subject), label="签名者 signer")
    if proven is not None:
        tell_chain(builder, then)
        builder.ok("signing-time", "proven", f"{proven:%Y-%m-%dT%H:%M:%SZ}")
        return
    if claimed is None:
        _tell_without_time(builder, then)
        return
    tell_chain(builder, then)
    shown = f"{claimed:%Y-%m-%dT%H:%M:%SZ}"
    if claimed > around.now + TOLERANCE:
        builder.failed("signing-time", "from-future", shown)
    elif _chain_at(around.now, signature, certificate, around).verdict is Verdict.VALID:
        builder.ok("signing-time", "claimed", shown)
    elif then.step("signer-certificate").code in ("expired", "not-yet-valid"):
        builder.failed("signing-time", "outside-period", shown)
    else:
        builder.unknown("signing-time", "unproven", shown)


def _tell_without_time(builder: ReportBuilder, now: Report) -> None:
    """Judge a signature that says no time: good while its certificate is good."""
    ended = {step.code for step in now.steps if step.outcome is Outcome.FAILED}
    if ended and ended <= _PERIOD_CODES | {"revoked"}:
        builder.unknown("signing-time", "unproven")
        return
    tell_chain(builder, now)
    builder.ok("signing-time", "none")


def _chain_at(
    moment: datetime, signature: CmsSignature, certificate: Certificate, around: Circumstances
) -> Report:
    return verify_chain(
        certificate,
        trust=around.trust,
        at=moment,
        purpose=Purpose.SIGN,
        revocation=around.revocation,
        intermediates=signature.certificates,
        fetch=around.fetch,
    )


def _tell_timestamp(builder: ReportBuilder, report: Report) -> None:
    decisive = report.decisive_step
    if decisive is None:
        shown = f"{report.signed_at:%Y-%m-%dT%H:%M:%SZ}" if report.signed_at else ""
        builder.ok("timestamp", "ok", shown)
    elif report.verdict is Verdict.INVALID:
        builder.failed("timestamp", "bad", f"{decisive.id}: {decisive.code}")
    else:
        builder.unknown("timestamp", "unproven", f"{decisive.id}: {decisive.code}")
