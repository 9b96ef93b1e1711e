"""verify_chain: whether a certificate is vouched for by an anchor, at a time, for a purpose.

The steps, in order: `format`, `algorithm` and `signature-value` (of every signature in the path),
`signer-certificate` (the certificate's own period and purpose), `chain` (a path to an anchor, its
issuers fit to issue), `revocation`. Of several paths the best counts. docs/formats.md lists the
codes; RFC 5280 section 6.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from msb_identity.errors import CertificateRefused, TooLarge
from msb_identity.foundation.clock import aware
from msb_identity.foundation.report import Outcome, ReportBuilder
from msb_identity.x509.files import load_certificates, looks_like_certificate
from msb_identity.x509.judging import Finding, judge_path, judge_subject, place_of
from msb_identity.x509.paths import Hold, Path, PathFinder
from msb_identity.x509.purposes import Purpose
from msb_identity.x509.revocation import RevocationChecker, RevocationPolicy, Status
from msb_identity.x509.sentences import SENTENCES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from msb_identity.foundation.report import Report
    from msb_identity.x509.certificate import Certificate
    from msb_identity.x509.fetch import Fetcher
    from msb_identity.x509.trust import TrustStore

REQUIRED = (
    "format",
    "algorithm",
    "signature-value",
    "signer-certificate",
    "chain",
    "revocation",
)
_WORST = (Outcome.FAILED, Outcome.UNKNOWN, Outcome.WARNING, Outcome.SKIPPED, Outcome.OK)


def verify_chain(
    certificate: Certificate | bytes,
    *,
    trust: TrustStore,
    at: datetime | None = None,
    purpose: Purpose | str = Purpose.ANY,
    revocation: RevocationPolicy | str = RevocationPolicy.IF_PUBLISHED,
    intermediates: Iterable[Certificate] = (),
    fetch: Fetcher | None = None,
) -> Report:
    """Check a certificate up to an anchor of `trust` and say what that proves.

    at: the time to judge at, the clock's by default; a source of revocation may be newer.
    fetch: what fetches CRLs and OCSP answers; nothing is fetched without one.

    Never raises on a bad certificate. Given as bytes (PEM or DER) a broken one is `invalid` at
    `format`; of several in one file the first is in question and the rest are intermediates.
    """
    if isinstance(certificate, bytes):
        try:
            first, *others = load_certificates(certificate)
        except CertificateRefused as error:
            return _refuse(certificate, error)
        certificate, intermediates = first, (*others, *intermediates)
    moment = aware(at)
    checker = RevocationChecker(
        RevocationPolicy(revocation),
        at=moment,
        latest=max(moment, aware(None)),
        crls=trust.crls,
        ocsp_answers=trust.ocsp_answers,
        fetcher=fetch,
    )
    finder = PathFinder(trust, intermediates)
    return _judge(certificate, finder, checker, moment, Purpose(purpose))


def _judge(
    certificate: Certificate,
    finder: PathFinder,
    checker: RevocationChecker,
    at: datetime,
    purpose: Purpose,
) -> Report:
    """Take every step on a certificate that could be read."""
    builder = ReportBuilder("certificate", required=REQUIRED, sentences=SENTENCES)
    _tell_format(builder, certificate)
    path, findings = _best_path(finder, certificate, at, purpose)
    findings += judge_subject(certificate, at, purpose)
    if path is None:
        findings.append(_no_path(finder))
    for finding in findings:
        builder.add(finding.step, finding.outcome, finding.code, finding.detail)
    if path is not None:
        _tell_holds(builder, path, findings)
        proven = not _worst_of(findings, "chain")
        status = _revocation(path, checker, is_proven=proven)
        builder.add("revocation", status.outcome, status.code, status.detail)
        _disclose(builder, path)
        if status.reason:
            builder.disclose("revocation_reason", status.reason, label="吊销原因 reason")
    return builder.conclude()


def _refuse(data: bytes, error: CertificateRefused) -> Report:
    """Report bytes that hold no certificate: a broken one, too many, or something else."""
    known = looks_like_certificate(data)
    kind, required = ("certificate", REQUIRED) if known else ("unknown", ("format",))
    builder = ReportBuilder(kind, required=required, sentences=SENTENCES)
    if known and isinstance(error, TooLarge):
        builder.unknown("format", "too-large", str(error))
    elif known:
        builder.failed("format", "malformed", str(error))
    else:
        builder.unknown("format", "not-a-certificate", str(error))
    return builder.conclude()


def _tell_format(builder: ReportBuilder, certificate: Certificate) -> None:
    if certificate.oddities:
        builder.warning("format", "odd", "; ".join(certificate.oddities))
    else:
        builder.ok("format")


def _best_path(
    finder: PathFinder, certificate: Certificate, at: datetime, purpose: Purpose
) -> tuple[Path | None, list[Finding]]:
    """Give the first path without a fault, or else the one with the least grave faults."""
    best: tuple[Path | None, list[Finding]] = None, []
    best_rank: list[int] | None = None
    for path in finder.paths(certificate):
        findings = judge_path(path, at, purpose)
        outcomes = [finding.outcome for finding in findings]
        rank = [outcomes.count(o) for o in (Outcome.FAILED, Outcome.UNKNOWN, Outcome.WARNING)]
        if best_rank is None or rank < best_rank:
            best, best_rank = (path, findings), rank
        if not findings:
            break
    return best


def _no_path(finder: PathFinder) -> Finding:
    # A search that gave up may not have come to the true issuer: it proves nothing wrong.
    if finder.bad_signature and not finder.exhausted:
        return Finding("signature-value", Outcome.FAILED, "bad-signature")
    code = "search-too-long" if finder.exhausted or finder.too_long else "no-anchor"
    return Finding("chain", Outcome.UNKNOWN, code)


def _tell_holds(builder: ReportBuilder, path: Path, findings: list[Finding]) -> None:
    """Add the steps about which there was nothing to say."""
    told = {finding.step for finding in findings}
    if not _worst_of(findings, "chain"):
        code = "ok" if len(path.certificates) > 1 else "anchor"
        builder.ok("chain", code, f"{len(path.certificates)}")
    if any(link.hold is Hold.UNSUPPORTED for link in path.links):
        builder.unknown("signature-value", "unsupported")
    else:
        builder.ok("signature-value", "ok" if path.links else "anchor")
    if "algorithm" not in told:
        names = dict.fromkeys(c.signature_algorithm.name for c in path.certificates[:-1])
        builder.ok("algorithm", detail=", ".join(names))


def _worst_of(findings: list[Finding], step: str) -> bool:
    bad = (Outcome.FAILED, Outcome.UNKNOWN)
    return any(finding.step == step and finding.outcome in bad for finding in findings)


def _revocation(path: Path, checker: RevocationChecker, *, is_proven: bool) -> Status:
    """Check every certificate but the anchor; the gravest status counts, the first of its kind."""
    if len(path.certificates) == 1:
        return Status(Outcome.SKIPPED, "anchor")
    holds = {link.hold for link in path.links}
    if Hold.UNSUPPORTED in holds or not is_proven:
        return Status(Outcome.UNKNOWN, "chain-unproven")
    if Hold.WEAK in holds:  # might be forged, and then its addresses too
        checker = replace(checker, fetcher=None)
    found = []
    for index, certificate in enumerate(path.certificates[:-1]):
        issuer = path.certificates[index + 1]
        status = checker.check(certificate, issuer, by_anchor=index == len(path.certificates) - 2)
        told = (
            f"{place_of(path, index)}: {status.detail}" if status.detail else place_of(path, index)
        )
        found.append(replace(status, detail=told))
    return min(found, key=lambda status: _WORST.index(status.outcome))


def _disclose(builder: ReportBuilder, path: Path) -> None:
    certificate = path.certificates[0]
    builder.disclose("subject", str(certificate.subject), label="主体 subject")
    builder.disclose("issuer", str(certificate.issuer), label="签发者 issuer")
    builder.disclose("serial", f"{certificate.serial:x}", label="序列号 serial")
    builder.disclose("not_before", certificate.not_before.isoformat(), label="起始 from")
    builder.disclose("not_after", certificate.not_after.isoformat(), label="截止 until")
    builder.disclose("sha256", certificate.fingerprint, label="摘要 SHA-256")
    builder.disclose("anchor", str(path.anchor.subject), label="信任锚 anchor")
