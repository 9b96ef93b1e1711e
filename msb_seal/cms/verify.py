"""check_cms: whether a CMS signature stands for a document.

Taken are both forms that OFD and PDF carry with SM2 (facts of GM/T 0099 and GM/T 0112 in the
field), and what RFC 5652 describes:

- detached, with or without signed attributes;
- attached, where the content is the document's digest (32 bytes, or their base64 text);
- attached, where the content is the document itself.

Of several signers each is judged, and the worst decides.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_identity.foundation.report import NOT_REACHED, ReportBuilder, Verdict
from msb_identity.x509.purposes import Purpose
from msb_identity.x509.revocation import RevocationPolicy
from msb_seal.cms import oids
from msb_seal.cms.sentences import SENTENCES
from msb_seal.cms.signers import judge_signer, message_digest_is
from msb_seal.cms.structure import MAX_CMS_BYTES, CmsSignature, CmsSigner, parse_cms
from msb_seal.cms.values import digest_by
from msb_seal.errors import CmsRefused
from msb_seal.judging import (
    Judging,
    SigningTime,
    earliest,
    judge_certificate,
    tell_certificate,
    tell_signing_time,
)
from msb_seal.seals.checks import tell_timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from msb_identity.foundation.report import Report, Sentences
    from msb_identity.x509.fetch import Fetcher
    from msb_identity.x509.trust import TrustStore

KIND = "cms"
# A crafted chain costs some 200 signature checks, and every signer and time-stamp has one.
MAX_JUDGED_SIGNERS, MAX_TIMESTAMPS = 8, 2
REQUIRED = (
    "format",
    "algorithm",
    "signature-value",
    "document-digest",
    "signer-certificate",
    "chain",
    "revocation",
    "signing-time",
    "timestamp",
)
_OF_SIGNER = REQUIRED[1:]


def check_cms(
    data: bytes,
    *,
    original: bytes,
    trust: TrustStore,
    at: datetime | None = None,
    revocation: RevocationPolicy | str = RevocationPolicy.IF_PUBLISHED,
    fetch: Fetcher | None = None,
    claimed: datetime | None = None,
) -> Report:
    """Check a CMS signature over `original`; `signed_at` is the time it was judged at.

    at: what to take for now, the clock by default.
    claimed: when it was signed by the document's own word, where the signature does not say.

    Never raises on a bad signature.
    """
    judging = Judging.of(trust=trust, at=at, revocation=revocation, fetch=fetch)
    return begin_cms(data, original=original, judging=judging, claimed=claimed).conclude()


def begin_cms(
    data: bytes | CmsSignature,
    *,
    original: bytes,
    judging: Judging,
    claimed: datetime | None = None,
    proven: datetime | None = None,
    required: Sequence[str] = (),
    sentences: Sentences | None = None,
) -> ReportBuilder:
    """Take the steps of `check_cms` and leave the report open for those of a document's format.

    data: as bytes, or read already. proven: a time by which the signature was there for sure, by
    something outside of it.
    required, sentences: what these steps add.
    """
    words = {**SENTENCES, **(sentences or {})}
    builder = ReportBuilder(KIND, required=(*REQUIRED, *required), sentences=words)
    signature = _parse(builder, data)
    if signature is None:
        return builder
    reports = [
        _judge(_Case(signature, signer, original, claimed, proven), judging)
        for signer in signature.signers
    ]
    for index, report in enumerate(reports):
        _take_over(builder, report, f"signer {index + 1}" if len(reports) > 1 else "")
    builder.signed_at = max((r.signed_at for r in reports if r.signed_at), default=None)
    _disclose(builder, reports)
    return builder


@dataclass(frozen=True, slots=True)
class _Case:
    """One signer of a signature, and the document."""

    signature: CmsSignature
    signer: CmsSigner
    original: bytes
    claimed: datetime | None
    proven: datetime | None

    @property
    def content(self) -> bytes | None:
        """What the signature is over: what stands inside, else the document.

        None for a document that only the signed attributes digest: `document-digest` compares it.
        """
        if self.signature.content is not None or self.signer.signed_attributes is not None:
            return self.signature.content
        return self.original


def _parse(builder: ReportBuilder, data: bytes | CmsSignature) -> CmsSignature | None:
    """Take the step `format`; give nothing for what is not to be judged any further."""
    size = len(data.encoded if isinstance(data, CmsSignature) else data)
    if size > MAX_CMS_BYTES:
        builder.unknown("format", "too-large", f"{size} bytes")
        return None
    try:
        signature = data if isinstance(data, CmsSignature) else parse_cms(data)
    except CmsRefused as error:
        builder.failed("format", "malformed", str(error))
        return None
    if len(signature.signers) > MAX_JUDGED_SIGNERS:
        builder.unknown("format", "too-many-signers", f"{len(signature.signers)}")
        return None
    if signature.content_type not in (oids.DATA, oids.GM_DATA):
        builder.failed("format", "content-type", signature.content_type)
    elif signature.oddities:
        builder.warning("format", "odd", "; ".join(signature.oddities))
    else:
        builder.ok("format")
    return signature


def _judge(case: _Case, judging: Judging) -> Report:
    builder = ReportBuilder(KIND, required=_OF_SIGNER, sentences=SENTENCES)
    signature, trust = case.signature, judging.trust
    known = (*trust.intermediates, *trust.anchors)
    certificate = judge_signer(builder, signature, case.signer, content=case.content, known=known)
    _tell_digest(builder, case)
    stamped = _tell_timestamps(builder, case.signer, judging)
    time = SigningTime(
        case.signer.claimed_time or case.claimed,
        earliest(stamped, case.proven),
        judging.now,
    )
    if certificate is not None:
        judged = judge_certificate(
            certificate,
            time=time,
            judging=judging,
            purpose=Purpose.SIGN,
            intermediates=signature.certificates,
        )
        tell_certificate(builder, judged)
        tell_signing_time(builder, time, judging, judged)
        builder.disclose("signer", str(certificate.subject), label="签名者 signer")
    return builder.conclude()


def _tell_timestamps(
    builder: ReportBuilder, signer: CmsSigner, judging: Judging
) -> datetime | None:
    """Check every time-stamp over the signature value and give the earliest proven time."""
    tokens = signer.timestamps
    if not tokens:
        builder.skipped("timestamp", "none")
    if len(tokens) > MAX_TIMESTAMPS:
        builder.unknown("timestamp", "too-many")
        return None
    return earliest(*(tell_timestamp(builder, one, signer.signature, judging) for one in tokens))


def _tell_digest(builder: ReportBuilder, case: _Case) -> None:
    """Compare what was signed with the document."""
    content = case.signature.content
    if content is None and case.signer.signed_attributes is None:
        # The signature value is over the document itself: that it holds says the same.
        builder.ok("document-digest", "by-signature")
        return
    held = (
        message_digest_is(case.signer, case.original)
        if content is None
        else _stands_for(content, case)
    )
    if held is None:
        builder.unknown("document-digest", "unsupported")
    elif held:
        builder.ok("document-digest")
    else:
        builder.failed("document-digest", "changed")


def _stands_for(content: bytes, case: _Case) -> bool | None:
    """Whether attached content is the document, or its digest by the signer's algorithm."""
    if content == case.original:
        return True
    digest = digest_by(case.signer.digest_algorithm.oid, case.original)
    if digest is None:
        return None
    return hmac.compare_digest(content, digest) or content.strip() == b64encode(digest)


def _take_over(builder: ReportBuilder, report: Report, signer: str) -> None:
    """Add one signer's steps; what was never reached must not hide behind another signer's."""
    for step in report.steps:
        if step.code != NOT_REACHED:
            told = ": ".join(filter(None, (signer, step.detail)))
            builder.add(step.id, step.outcome, step.code, told)
    if report.verdict is not Verdict.VALID and builder.good_so_far():
        builder.unknown("signature-value", "unsupported", signer)


def _disclose(builder: ReportBuilder, reports: Sequence[Report]) -> None:
    """Name the signers, each under a name of its own."""
    for index, report in enumerate(reports):
        mark = f"_{index + 1}" if index else ""
        for name, value in report.disclosed.items():
            builder.disclose(name + mark, value, label=report.labels.get(name, ""))
