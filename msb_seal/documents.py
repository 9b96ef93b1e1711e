"""check_document: whatever was sealed, found out by its first bytes and checked as what it is.

A seal, a seal signature by itself, an OFD, a PDF; never by the name of the file. What is of no
known kind is indeterminate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.foundation.report import ReportBuilder
from msb_identity.x509.revocation import RevocationPolicy
from msb_seal.judging import Judging
from msb_seal.ofd.verify import judge_ofd
from msb_seal.seals.structure import kind_of
from msb_seal.seals.verify import begin_seal_signature, judge_seal
from msb_seal.verified import VerifiedDocument

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.foundation.report import Report, Sentences
    from msb_identity.x509.fetch import Fetcher
    from msb_identity.x509.trust import TrustStore
    from msb_seal.seals.status import SealStatuses

MAX_DOCUMENT_BYTES = 256_000_000
_PDF_HEAD_BYTES = 1_024  # ISO 32000-1 annex H.3.4.1
_ZIP_MARK, _ZIP_HEAD_BYTES = b"PK\3\4", 65_536  # some makers write a text of theirs before it
_SENTENCES: Sentences = {
    ("format", "ok"): ("文件类型已识别", "the kind of file is known"),
    ("format", "unknown-kind"): ("无法识别的文件类型", "this is no kind of file that we know"),
    ("format", "too-large"): ("文件过大", "the file is too large"),
}


def check_document(
    data: bytes,
    *,
    trust: TrustStore,
    at: datetime | None = None,
    revocation: RevocationPolicy | str = RevocationPolicy.IF_PUBLISHED,
    fetch: Fetcher | None = None,
    statuses: SealStatuses | None = None,
    makers: TrustStore | None = None,
    original: bytes | None = None,
) -> Report:
    """Check a seal, a seal signature or a sealed document, whatever the bytes are.

    at: what to take for now, the clock by default. fetch: what fetches CRLs and OCSP answers.
    statuses: who knows the states of seals. makers: who vouches for makers of seals, as for
    `check_seal`. original: what a bare seal signature was put on.

    Never raises on a bad document.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        return _undecided("too-large")
    judging = Judging.of(
        trust=trust, at=at, revocation=revocation, fetch=fetch, statuses=statuses, makers=makers
    )
    kind = kind_of(data)
    if kind == "seal":
        return judge_seal(data, judging)
    if kind is not None:
        builder = ReportBuilder(kind, required=("format",), sentences=_SENTENCES)
        builder.ok("format")
        builder.add_signature(
            begin_seal_signature(data, original=original, judging=judging).conclude()
        )
        return builder.conclude()
    if is_pdf(data):
        from msb_seal.pdf.verify import judge_pdf  # which loads pyHanko, and what draws

        return judge_pdf(data, judging)
    if is_archive(data):
        return judge_ofd(data, judging)
    return _undecided("unknown-kind")


def verify_document(
    data: bytes,
    *,
    trust: TrustStore,
    at: datetime | None = None,
    revocation: RevocationPolicy | str = RevocationPolicy.IF_PUBLISHED,
    fetch: Fetcher | None = None,
    statuses: SealStatuses | None = None,
    makers: TrustStore | None = None,
    original: bytes | None = None,
) -> VerifiedDocument:
    """Accept a document as `check_document` does, or raise Refused, which carries the report."""
    return VerifiedDocument.of(
        check_document(
            data,
            trust=trust,
            at=at,
            revocation=revocation,
            fetch=fetch,
            statuses=statuses,
            makers=makers,
            original=original,
        )
    )


def is_pdf(data: bytes) -> bool:
    """Whether the bytes are a PDF's, broken or not."""
    return b"%PDF-" in data[:_PDF_HEAD_BYTES]


def is_archive(data: bytes) -> bool:
    """Whether the bytes are a ZIP's, as an OFD is one, broken or not."""
    return _ZIP_MARK in data[:_ZIP_HEAD_BYTES]


def _undecided(code: str) -> Report:
    builder = ReportBuilder("unknown", required=("format",), sentences=_SENTENCES)
    builder.unknown("format", code)
    return builder.conclude()
