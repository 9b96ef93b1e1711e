"""check_seal and check_seal_signature: whether a seal is genuine, and what its signature proves.

Both go through all their steps and name each, so that nobody is told only "invalid". Sources: GM/T
0031-2014 clauses 6.1.2 and 6.2.3, GB/T 38540-2020 clauses 6.3 and 7.3, GM/T 0031-2025; the rules of
verdicts: docs/security.md. How open questions of the standards were decided:
docs/decisions/seals.md.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from msb_identity.errors import AlgorithmRefused
from msb_identity.foundation.report import ReportBuilder
from msb_identity.x509.purposes import Purpose
from msb_identity.x509.revocation import RevocationPolicy
from msb_seal.errors import SealRefused, TimestampRefused
from msb_seal.judging import (
    Judged,
    Judging,
    SigningTime,
    earliest,
    judge_certificate,
    tell_certificate,
    tell_signing_time,
)
from msb_seal.seals import checks
from msb_seal.seals.algorithms import algorithm_of, document_digest
from msb_seal.seals.listing import Listing, find_signer
from msb_seal.seals.sentences import SENTENCES
from msb_seal.seals.structure import (
    MAX_SEAL_BYTES,
    MAX_SIGNATURE_BYTES,
    parse_seal,
    parse_seal_signature,
)
from msb_seal.timestamp import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from msb_identity.foundation.report import Report, Sentences
    from msb_identity.x509.certificate import Certificate
    from msb_identity.x509.fetch import Fetcher
    from msb_identity.x509.trust import TrustStore
    from msb_seal.seals.model import ElectronicSeal, SealExtension, SealSignature
    from msb_seal.seals.status import SealStatuses

SEAL_REQUIRED = (
    "format",
    "algorithm",
    "seal-signature",
    "seal-maker-certificate",
    "seal-period",
    "seal-status",
)
SIGNATURE_REQUIRED = (
    "format",
    "algorithm",
    "signature-value",
    "document-digest",
    "signer-in-seal",
    "seal-signature",
    "seal-maker-certificate",
    "seal-period",
    "seal-status",
    "signer-certificate",
    "chain",
    "revocation",
    "signing-time",
    "timestamp",
)
UNREADABLE = "ses-signature"
"""The kind of a report on a signature whose version could not be read."""


def check_seal(
    data: bytes | ElectronicSeal,
    *,
    trust: TrustStore,
    at: datetime | None = None,
    revocation: RevocationPolicy | str = RevocationPolicy.IF_PUBLISHED,
    fetch: Fetcher | None = None,
    statuses: SealStatuses | None = None,
    makers: TrustStore | None = None,
) -> Report:
    """Check a seal by itself: how it was made, and whether it may be used now.

    at: what to take for now, the clock by default. fetch: what fetches CRLs and OCSP answers.
    statuses: who knows the states of seals; without one `seal-status` is skipped. makers: to whom
    the chain of the seal's maker must lead; without it, everybody below an anchor of `trust` may
    make seals, since nothing in a certificate says so.

    Never raises on a bad seal.
    """
    judging = Judging.of(
        trust=trust, at=at, revocation=revocation, fetch=fetch, statuses=statuses, makers=makers
    )
    return judge_seal(data, judging)


def judge_seal(data: bytes | ElectronicSeal, judging: Judging) -> Report:
    """Check a seal as `check_seal` does, by trust and time that are settled already."""
    builder = ReportBuilder("seal", required=SEAL_REQUIRED, sentences=SENTENCES)
    try:
        seal = parse_seal(data) if isinstance(data, bytes) else data
    except SealRefused as error:
        _tell_unreadable(builder, data, error, limit=MAX_SEAL_BYTES)
        return builder.conclude()
    _tell_format(builder, seal.oddities, seal.extensions)
    certificate = checks.tell_seal_signature(builder, seal)
    proven = checks.tell_seal_timestamp(builder, seal, judging)
    time = SigningTime(None, None, judging.now)
    if certificate is not None:
        made = SigningTime(None, proven, judging.now)
        checks.tell_maker(builder, seal, certificate, used=time, made=made, judging=judging)
    checks.tell_same_maker(builder, seal, seal.signers.certificates)
    checks.tell_bare_period(builder, seal, judging)
    checks.tell_made(builder, seal, judging)
    checks.tell_status(builder, seal, judging, time=time, bare=True)
    _disclose_seal(builder, seal)
    return builder.conclude()


def check_seal_signature(
    data: bytes | SealSignature,
    *,
    original: bytes | None,
    trust: TrustStore,
    at: datetime | None = None,
    revocation: RevocationPolicy | str = RevocationPolicy.IF_PUBLISHED,
    fetch: Fetcher | None = None,
    statuses: SealStatuses | None = None,
    makers: TrustStore | None = None,
    expected_property: str | None = None,
) -> Report:
    """Check a seal signature; `signed_at` of the report is the time it was judged at.

    original: the bytes that were digested (OFD: those of Signature.xml; PDF: those of ByteRange);
    without them `document-digest` stays unknown. expected_property: what the signature should name
    as digested. The rest as for `check_seal`.

    Never raises on a bad signature. The kind is "ses-v1", "ses-v4" or "ses-v5".
    """
    judging = Judging.of(
        trust=trust, at=at, revocation=revocation, fetch=fetch, statuses=statuses, makers=makers
    )
    return begin_seal_signature(
        data, original=original, judging=judging, expected_property=expected_property
    ).conclude()


def begin_seal_signature(
    data: bytes | SealSignature,
    *,
    original: bytes | None,
    judging: Judging,
    expected_property: str | None = None,
    proven: datetime | None = None,
    required: Sequence[str] = (),
    sentences: Sentences | None = None,
) -> ReportBuilder:
    """Take the steps of `check_seal_signature` and leave the report open for a document's own.

    proven: a time by which the signature was there for sure, by something outside of it.
    required, sentences: what these steps add.
    """
    words = {**SENTENCES, **(sentences or {})}
    try:
        signature = parse_seal_signature(data) if isinstance(data, bytes) else data
    except SealRefused as error:
        builder = ReportBuilder(
            UNREADABLE, required=(*SIGNATURE_REQUIRED, *required), sentences=words
        )
        _tell_unreadable(builder, data, error, limit=MAX_SIGNATURE_BYTES)
        return builder
    builder = ReportBuilder(
        signature.version.kind, required=(*SIGNATURE_REQUIRED, *required), sentences=words
    )
    seal = signature.seal
    oddities = (*signature.oddities, *seal.oddities)
    _tell_format(builder, oddities, (*signature.extensions, *seal.extensions))
    certificate = _tell_value(builder, signature)
    _tell_digest(builder, signature, original, expected_property)
    if certificate is not None:
        _tell_listed(builder, signature, certificate)
    _tell_times(builder, signature, certificate, judging, proven=proven)
    _disclose_seal(builder, seal)
    if certificate is not None:
        builder.disclose("signer", str(certificate.subject), label="签章人 signer")
    return builder


def _tell_unreadable(
    builder: ReportBuilder, data: object, error: SealRefused, *, limit: int
) -> None:
    """Say why nothing was read: what is beyond a limit of ours is not proven wrong."""
    if isinstance(data, bytes) and len(data) > limit:
        builder.unknown("format", "too-large", f"{len(data)} bytes")
    else:
        builder.failed("format", "malformed", str(error))


def _tell_format(
    builder: ReportBuilder, oddities: tuple[str, ...], extensions: tuple[SealExtension, ...]
) -> None:
    """Say what is odd; a critical extension may say that all else means something different."""
    critical = [one.oid for one in extensions if one.critical]
    if critical:
        builder.unknown("format", "critical-extension", ", ".join(critical))
    elif oddities:
        builder.warning("format", "odd", "; ".join(dict.fromkeys(oddities)))
    else:
        builder.ok("format")


def _tell_value(builder: ReportBuilder, signature: SealSignature) -> Certificate | None:
    certificate = checks.read_certificate(builder, "signer-certificate", signature.certificate)
    checks.tell_signature(
        builder,
        "signature-value",
        certificate=certificate,
        algorithm=signature.signature_algorithm,
        signed=signature.signed,
        signature=signature.signature,
    )
    return certificate


def _tell_digest(
    builder: ReportBuilder, signature: SealSignature, original: bytes | None, expected: str | None
) -> None:
    """Compare the digest with the document's, by the digest that goes with the algorithm."""
    if original is None:
        builder.unknown("document-digest", "no-original", signature.property_info)
        return
    try:
        digest = document_digest(original, algorithm_of(signature.signature_algorithm))
    except AlgorithmRefused as error:
        builder.unknown("document-digest", "unsupported", str(error))
        return
    if not hmac.compare_digest(digest, signature.document_digest):
        builder.failed("document-digest", "changed", signature.property_info)
    elif expected is not None and signature.property_info != expected:
        builder.warning("document-digest", "other-property", signature.property_info)
    else:
        builder.ok("document-digest")


def _tell_listed(
    builder: ReportBuilder, signature: SealSignature, certificate: Certificate
) -> None:
    listing = find_signer(signature.seal.signers, certificate)
    if listing is Listing.LISTED:
        builder.ok("signer-in-seal")
    elif listing is Listing.UNDECIDED:
        builder.unknown("signer-in-seal", "undecided")
    else:
        builder.failed("signer-in-seal", "not-listed")


def _tell_times(
    builder: ReportBuilder,
    signature: SealSignature,
    certificate: Certificate | None,
    judging: Judging,
    *,
    proven: datetime | None,
) -> None:
    """Find when it was signed, and judge seal, maker and signer at that time."""
    seal = signature.seal
    maker = checks.tell_seal_signature(builder, seal)
    proven = earliest(_tell_timestamp(builder, signature, judging), proven)
    seal_proven = checks.tell_seal_timestamp(builder, seal, judging)
    time = SigningTime(_claimed_time(builder, signature), proven, judging.now)
    if maker is not None:
        made = SigningTime(None, seal_proven or proven, judging.now)
        checks.tell_maker(builder, seal, maker, used=time, made=made, judging=judging)
    checks.tell_same_maker(builder, seal, (signature.certificate,))
    judged = [checks.tell_period(builder, seal, time)]
    checks.tell_made(builder, seal, judging)
    judged.append(Judged(ended=checks.tell_status(builder, seal, judging, time=time)))
    if certificate is not None:
        judged.append(
            judge_certificate(certificate, time=time, judging=judging, purpose=Purpose.SEAL)
        )
        tell_certificate(builder, judged[-1])
    tell_signing_time(builder, time, judging, *judged)


def _tell_timestamp(
    builder: ReportBuilder, signature: SealSignature, judging: Judging
) -> datetime | None:
    if signature.timestamp is None:
        builder.skipped("timestamp", "none")
        return None
    return checks.tell_timestamp(builder, signature.timestamp, signature.signature, judging)


def _claimed_time(builder: ReportBuilder, signature: SealSignature) -> datetime | None:
    """Give the time that the signature states.

    v1 may hold a time-stamp token there. It was made before the signature and so proves only that
    the signature is not older: it counts as the signer's word.
    """
    if signature.time_token is None:
        return signature.time
    try:
        claimed = parse_timestamp(signature.time_token).time
    except TimestampRefused as error:
        builder.warning("timestamp", "inside-unreadable", str(error))
        return None
    builder.warning("timestamp", "inside", f"{claimed:%Y-%m-%dT%H:%M:%SZ}")
    return claimed


def _disclose_seal(builder: ReportBuilder, seal: ElectronicSeal) -> None:
    builder.disclose("seal_name", seal.name, label="印章 seal")
    builder.disclose("seal_id", seal.seal_id, label="印章编码 seal id")
    builder.disclose("seal_version", seal.version.value, label="版本 version")
    builder.disclose("seal_sha256", seal.fingerprint, label="摘要 SHA-256")
    builder.disclose("created", seal.created.isoformat(), label="制作 made")
    builder.disclose("valid_from", seal.valid_from.isoformat(), label="起始 from")
    builder.disclose("valid_until", seal.valid_until.isoformat(), label="截止 until")
