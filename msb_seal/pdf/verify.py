"""check_pdf: what the signatures and seals of a PDF prove.

Every signature is judged on its own (judged.py), with what came after it (changes.py), and the
worst decides; beside them the document's own steps. Rules: docs/security.md, "verdicts".
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from msb_identity.foundation.report import ReportBuilder, Verdict
from msb_identity.x509.revocation import RevocationPolicy
from msb_seal.errors import PdfRefused
from msb_seal.judging import Judging
from msb_seal.pdf.ambiguity import doubled_entries
from msb_seal.pdf.comparing import has_actions
from msb_seal.pdf.coverings import find_coverings
from msb_seal.pdf.drawings import Drawings
from msb_seal.pdf.dss import with_helpers
from msb_seal.pdf.found import find_signatures, find_unlisted, in_order
from msb_seal.pdf.judged import Case, Circumstances, judge_signature
from msb_seal.pdf.revisions import MAX_HEAD_BYTES, PdfBytes, Revision
from msb_seal.pdf.seal_match import SealLooks
from msb_seal.pdf.sentences import DOCUMENT_SENTENCES
from msb_seal.pdf.shown import tell_pictures
from msb_seal.verified import VerifiedDocument

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.foundation.report import Report
    from msb_identity.x509.fetch import Fetcher
    from msb_identity.x509.trust import TrustStore
    from msb_seal.seals.status import SealStatuses

KIND = "pdf"
REQUIRED = ("format", "coverage", "unsigned-seal-picture")
MAX_PDF_BYTES = 100_000_000
MAX_SIGNATURES = 100
"""A crafted chain costs some 200 signature checks, and every signature has one."""
MAX_ENDS_TRIED = 10
MAX_TOLD = 5
_HEAD = b"%PDF-"
_END = re.compile(
    rb"startxref[\x00\t\n\x0c\r ]+\d{1,12}[\x00\t\n\x0c\r ]+%%EOF[\t ]*(?:\r\n|\r|\n)?"
)


def check_pdf(
    data: bytes,
    *,
    trust: TrustStore,
    at: datetime | None = None,
    revocation: RevocationPolicy | str = RevocationPolicy.IF_PUBLISHED,
    fetch: Fetcher | None = None,
    statuses: SealStatuses | None = None,
    makers: TrustStore | None = None,
) -> Report:
    """Check every signature of a PDF; `signatures` of the report has one report each.

    at: what to take for now, the clock by default. statuses: where the state of a seal is asked.
    makers: who vouches for makers of seals, as for `check_seal`.

    Never raises on bad input: what is no PDF is indeterminate and of the kind `unknown`, a broken
    one invalid at `format`, one without any signature indeterminate at `format`.
    """
    judging = Judging.of(
        trust=trust, at=at, revocation=revocation, fetch=fetch, statuses=statuses, makers=makers
    )
    return judge_pdf(data, judging)


def verify_pdf(
    data: bytes,
    *,
    trust: TrustStore,
    at: datetime | None = None,
    revocation: RevocationPolicy | str = RevocationPolicy.IF_PUBLISHED,
    fetch: Fetcher | None = None,
    statuses: SealStatuses | None = None,
    makers: TrustStore | None = None,
) -> VerifiedDocument:
    """Accept a PDF as `check_pdf` does, or raise Refused, which carries the report."""
    judging = Judging.of(
        trust=trust, at=at, revocation=revocation, fetch=fetch, statuses=statuses, makers=makers
    )
    return VerifiedDocument.of(judge_pdf(data, judging))


def judge_pdf(data: bytes, judging: Judging) -> Report:
    """Check a PDF as `check_pdf` does, by trust and time that are settled already."""
    if len(data) > MAX_PDF_BYTES:
        return _undecided(KIND, "limit", f"{len(data)} bytes")
    if _HEAD not in data[:MAX_HEAD_BYTES]:
        return _undecided("unknown", "not-pdf")
    file = PdfBytes(data)
    builder = ReportBuilder(KIND, required=REQUIRED, sentences=DOCUMENT_SENTENCES)
    try:
        latest, whole = _read(builder, file)
        if latest is not None:
            found = find_signatures(latest)
            strays, more = find_unlisted(data, found, latest)
            helped = replace(judging, trust=with_helpers(judging.trust, latest))
            cases = [Case.of(one, file) for one in in_order([*found, *more])]
            drawings = Drawings()
            coverings = tuple(find_coverings(cases[:MAX_SIGNATURES], file, drawings))
            looks = SealLooks(latest)
            around = Circumstances(helped, file, latest, whole, looks, coverings, drawings)
            _tell_all(builder, cases, strays, around)
    except PdfRefused as error:
        _tell_refused(builder, error)
    return builder.conclude()


def _tell_all(
    builder: ReportBuilder, cases: list[Case], strays: list[int], around: Circumstances
) -> None:
    """Take the document's own steps, and judge every signature."""
    if len(cases) > MAX_SIGNATURES:
        builder.unknown("format", "limit", f"{len(cases)} signatures")
        return
    if around.whole:
        _tell_format(builder, around.latest, cases)
    for report in _judge(cases, around):
        builder.add_signature(report)
    _tell_coverage(builder, cases, strays)
    tell_pictures(builder, cases, around.latest)
    if doubled := sorted(set(islice(doubled_entries(around.file), MAX_TOLD))):
        builder.unknown("format", "doubled-entry", ", ".join(map(str, doubled)))


def _read(builder: ReportBuilder, file: PdfBytes) -> tuple[Revision | None, bool]:
    """Read the newest revision that can be read; say whether that is the whole file."""
    try:
        latest = Revision(file, len(file.data))
        if "Encrypt" in latest.trailer:
            builder.unknown("format", "encrypted")
            return None, False
        return latest, bool(latest.catalog)
    except PdfRefused as error:
        if error.code == "limit":
            raise
        ends = [match.end() for match in _END.finditer(file.data)]
        for end in reversed(ends[-MAX_ENDS_TRIED:]):
            earlier = _readable(file, end)
            if earlier is not None and find_signatures(earlier):
                builder.unknown("format", "end-unreadable", error.en)
                return earlier, False
        raise


def _readable(file: PdfBytes, end: int) -> Revision | None:
    try:
        revision = Revision(file, end)
        good = bool(revision.catalog) and "Encrypt" not in revision.trailer
    except PdfRefused:
        return None
    return revision if good else None


def _judge(cases: list[Case], around: Circumstances) -> list[Report]:
    """Judge every signature, the last one first: a good time-stamp proves what it covers."""
    reports: list[Report] = []
    proven: datetime | None = None
    for case in reversed(cases):
        report = judge_signature(case, around, proven=proven)
        reports.append(report)
        if case.is_timestamp and report.verdict is Verdict.VALID:
            proven = report.signed_at
    return reports[::-1]


def _tell_format(builder: ReportBuilder, revision: Revision, cases: list[Case]) -> None:
    catalog, data = revision.catalog, revision.file.data
    own = [case for case in cases if case.found.field.name]
    if "XFA" in revision.dictionary(catalog.get("AcroForm")):
        builder.unknown("format", "xfa")
    scripts = revision.dictionary(catalog.get("Names")).get("JavaScript")
    started = [
        scripts,
        catalog.get("OpenAction"),
        {"AA": catalog["AA"]} if "AA" in catalog else None,
    ]
    if any(has_actions(revision, one, apart=frozenset()) for one in started) or scripts:
        builder.warning("format", "active-content")
    if not own:
        builder.unknown("format", "unsigned")
    elif all(case.is_timestamp for case in own):
        builder.unknown("format", "only-timestamps")
    elif not data.startswith(_HEAD):
        builder.warning("format", "odd", f"{data.find(_HEAD)} bytes before %PDF-")
    else:
        builder.ok("format", detail=str(len(cases)))


def _tell_coverage(builder: ReportBuilder, cases: list[Case], strays: list[int]) -> None:
    """Tell which signatures the file holds that its form does not name (any more)."""
    listed = {case.found.extent for case in cases if case.found.field.name}
    earlier = [
        one.field.name
        for case in cases
        if case.range.revision is not None
        for one in find_signatures(case.range.revision)
        if one.extent not in listed
    ]
    if earlier:
        builder.failed("coverage", "vanished", ", ".join(dict.fromkeys(earlier)))
    elif strays:
        builder.unknown("coverage", "unlisted-signature", ", ".join(map(str, strays[:5])))
    elif cases:
        builder.ok("coverage", detail=str(len(cases)))


def _undecided(kind: str, code: str, detail: str = "") -> Report:
    builder = ReportBuilder(kind, required=("format",), sentences=DOCUMENT_SENTENCES)
    builder.unknown("format", code, detail)
    return builder.conclude()


def _tell_refused(builder: ReportBuilder, error: PdfRefused) -> None:
    if error.code == "malformed":
        builder.failed("format", "malformed", error.en)
    else:
        builder.unknown("format", "limit", error.en)
