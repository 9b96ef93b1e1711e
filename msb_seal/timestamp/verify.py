"""check_timestamp: whether a time-stamp proves that these bytes were there at its time.

The authority's certificate is judged at the time-stamp's own time and for that purpose. Of one that
was revoked later, older time-stamps stand only where the reason says that its key was safe (RFC
3161 section 4). Sources: RFC 3161 section 2.4.2, RFC 5816, GB/T 20520.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from msb_identity.foundation.report import ReportBuilder
from msb_identity.x509.purposes import Purpose
from msb_identity.x509.revocation import RevocationPolicy
from msb_seal.cms import oids
from msb_seal.cms.signers import judge_signer
from msb_seal.cms.values import digest_by, names_certificate
from msb_seal.errors import TimestampRefused
from msb_seal.judging import Judged, Judging, tell_certificate
from msb_seal.timestamp.sentences import SENTENCES
from msb_seal.timestamp.structure import TimestampToken, parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from msb_identity.foundation.report import Report, Sentences
    from msb_identity.x509.certificate import Certificate
    from msb_identity.x509.fetch import Fetcher
    from msb_identity.x509.trust import TrustStore

KIND = "timestamp"
REQUIRED = (
    "format",
    "algorithm",
    "signature-value",
    "document-digest",
    "signer-certificate",
    "chain",
    "revocation",
    "signing-time",
)
# RFC 3161 section 4: with these reasons what was stamped before stays good; with no other.
_SAFE_REASONS = frozenset({"affiliation-changed", "superseded", "cessation-of-operation"})


def check_timestamp(
    token: bytes,
    *,
    covers: bytes,
    trust: TrustStore,
    at: datetime | None = None,
    revocation: RevocationPolicy | str = RevocationPolicy.IF_PUBLISHED,
    fetch: Fetcher | None = None,
) -> Report:
    """Check a time-stamp token; `signed_at` of the report is the time that it proves.

    covers: the bytes that were stamped. at: what to take for now, the clock by default.

    Never raises on a bad token. A valid report proves the time; any other proves none.
    """
    judging = Judging.of(trust=trust, at=at, revocation=revocation, fetch=fetch)
    return begin_timestamp(token, covers=covers, judging=judging).conclude()


def begin_timestamp(
    token: bytes,
    *,
    covers: bytes,
    judging: Judging,
    required: Sequence[str] = (),
    sentences: Sentences | None = None,
) -> ReportBuilder:
    """Take the steps of `check_timestamp` and leave the report open for a document's own.

    required, sentences: what these steps add.
    """
    words = {**SENTENCES, **(sentences or {})}
    builder = ReportBuilder(KIND, required=(*REQUIRED, *required), sentences=words)
    try:
        parsed = parse_timestamp(token)
    except TimestampRefused as error:
        builder.failed("format", "malformed", str(error))
        return builder
    _tell_format(builder, parsed)
    _tell_imprint(builder, parsed, covers)
    _tell_time(builder, parsed, judging)
    signature = parsed.signature
    known = (*judging.trust.intermediates, *judging.trust.anchors)
    certificate = judge_signer(
        builder, signature, signature.signers[0], content=signature.content, known=known
    )
    if certificate is not None:
        _tell_certificate(builder, parsed, certificate)
        chain = judging.chain(
            certificate,
            parsed.time,
            purpose=Purpose.TIMESTAMP,
            intermediates=signature.certificates,
        )
        tell_certificate(builder, Judged(chain))
        _tell_void(builder, chain)
        builder.disclose("authority", str(certificate.subject), label="时间戳机构 authority")
    builder.signed_at = parsed.time
    builder.disclose("time", parsed.time.isoformat(), label="时间 time")
    return builder


def _tell_format(builder: ReportBuilder, parsed: TimestampToken) -> None:
    if parsed.critical:
        builder.failed("format", "critical-extension", ", ".join(parsed.critical))
    elif parsed.oddities:
        builder.warning("format", "odd", "; ".join(parsed.oddities))
    else:
        builder.ok("format")


def _tell_imprint(builder: ReportBuilder, parsed: TimestampToken, covers: bytes) -> None:
    named = parsed.imprint_algorithm.oid
    name = oids.DIGEST_NAMES.get(named, named)
    expected = digest_by(named, covers)
    if name in oids.WEAK_DIGESTS:
        builder.unknown("algorithm", "weak", f"imprint: {name}")
    if expected is None:
        builder.unknown("document-digest", "unsupported", name)
    elif hmac.compare_digest(expected, parsed.imprint):
        builder.ok("document-digest", detail=name)
    else:
        builder.failed("document-digest", "changed", name)


def _tell_time(builder: ReportBuilder, parsed: TimestampToken, judging: Judging) -> None:
    shown = f"{parsed.time:%Y-%m-%dT%H:%M:%SZ}"
    if judging.in_future(parsed.time):
        builder.failed("signing-time", "from-future", shown)
    else:
        builder.ok("signing-time", detail=shown)


def _tell_certificate(
    builder: ReportBuilder, parsed: TimestampToken, certificate: Certificate
) -> None:
    """Judge what a time-stamp asks of its certificate (RFC 3161 sections 2.3 and 2.4.2)."""
    named = names_certificate(parsed.signature.signers[0], certificate)
    if named == "absent":
        builder.failed("signer-certificate", "signing-absent")
    elif named == "ok-sha1":
        builder.warning("signer-certificate", "signing-sha1")
    if not certificate.facts.purposes_critical:  # that it is alone, Purpose.TIMESTAMP asks
        builder.failed("signer-certificate", "purpose-not-critical")
    name = parsed.authority_name
    if name is not None and not name.matches(certificate.subject):
        builder.warning("signer-certificate", "other-name")


def _tell_void(builder: ReportBuilder, chain: Report) -> None:
    reason = chain.disclosed.get("revocation_reason")
    if chain.step("revocation").code == "revoked-later" and reason not in _SAFE_REASONS:
        builder.failed("revocation", "revoked-void", str(reason))
