"""check_ofd: what the signatures and seals of an OFD prove.

Every signature is judged on its own (judged.py) and the worst decides; beside them the document's
own steps tell whether the container is sound (`format`) and whether something that a reader shows
is protected by no signature at all (`coverage`). Rules: docs/security.md, "verdicts".
GB/T 33190-2016, clause 18; GB/T 38540-2020, clause 7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.foundation.report import ReportBuilder
from msb_identity.x509.revocation import RevocationPolicy
from msb_seal.errors import OfdRefused
from msb_seal.ofd.coverage import find_gap, inert_names, name_some
from msb_seal.ofd.found import find_signatures, find_unlisted
from msb_seal.ofd.judged import Case, Circumstances, judge_signature
from msb_seal.ofd.package import OfdPackage, child, local_name
from msb_seal.ofd.refusals import LIMITS, NOT_OFD
from msb_seal.ofd.sentences import DOCUMENT_SENTENCES
from msb_seal.ofd.shown import find_shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from msb_identity.foundation.report import Report
    from msb_identity.x509.fetch import Fetcher
    from msb_identity.x509.trust import TrustStore
    from msb_seal.ofd.found import FoundSignature
    from msb_seal.ofd.shown import Shown
    from msb_seal.seals.status import SealStatuses

KIND = "ofd"
REQUIRED = ("format", "coverage")


def check_ofd(
    data: bytes,
    *,
    trust: TrustStore,
    at: datetime | None = None,
    revocation: RevocationPolicy | str = RevocationPolicy.IF_PUBLISHED,
    fetch: Fetcher | None = None,
    statuses: SealStatuses | None = None,
) -> Report:
    """Check every signature of an OFD and what they leave open; `signatures` has one report each.

    at: what to take for now, the clock by default. statuses: where the state of a seal is asked.

    Never raises on bad input: what is no OFD is indeterminate and of the kind `unknown`, a broken
    one invalid at `format`, one without any signature indeterminate at `format`.
    """
    try:
        package = OfdPackage.read(data)
    except OfdRefused as error:
        return _refused(error)
    builder = ReportBuilder(KIND, required=("format",), sentences=DOCUMENT_SENTENCES)
    try:
        found = [find_signatures(package, document) for document in package.documents]
        pages = _page_ids(package)
    except OfdRefused as error:
        builder.failed("format", "malformed", error.en)
        return builder.conclude()
    listed = [signature for group in found for signature in group]
    unlisted = find_unlisted(package, _names(listed))
    # Where a document names no signature any more, those that are left tell what was changed.
    groups = found if listed else [unlisted]
    signatures = listed or unlisted
    if not signatures:
        builder.unknown("format", "unsigned")
        return builder.conclude()
    builder = ReportBuilder(KIND, required=REQUIRED, sentences=DOCUMENT_SENTENCES)
    _tell_format(builder, package, listed)
    shown = find_shown(package)
    inert = inert_names(_own_files(signatures), shown=shown.files)
    _tell_coverage(
        builder, package, signatures, shown=shown, inert=inert, unlisted=_names(unlisted)
    )
    around = Circumstances(trust, at, revocation, fetch, statuses)
    for group in groups:
        for case in _cases(package, group, signatures, inert=inert, pages=pages):
            builder.add_signature(judge_signature(case, around))
    return builder.conclude()


def _cases(
    package: OfdPackage,
    group: Sequence[FoundSignature],
    every: Sequence[FoundSignature],
    *,
    inert: frozenset[str],
    pages: frozenset[str],
) -> Iterator[Case]:
    """Give each signature of one document among all others."""
    for index, signature in enumerate(group):
        others = [other for other in every if other is not signature]
        yield Case(
            package,
            signature,
            names=package.names,
            inert=inert,
            pages=pages,
            later=group[index + 1 :],
            others=frozenset(name for other in others for name in other.files),
        )


def _refused(error: OfdRefused) -> Report:
    """Report a file that cannot be read as an OFD at all."""
    if error.code in NOT_OFD:
        builder = ReportBuilder("unknown", required=("format",), sentences=DOCUMENT_SENTENCES)
        builder.unknown("format", "not-ofd", error.en)
        return builder.conclude()
    builder = ReportBuilder(KIND, required=("format",), sentences=DOCUMENT_SENTENCES)
    if error.code in LIMITS:
        builder.unknown("format", "limit", error.en)
    else:
        builder.failed("format", "malformed", error.en)
    return builder.conclude()


def _tell_format(
    builder: ReportBuilder, package: OfdPackage, listed: Sequence[FoundSignature]
) -> None:
    """Tell what is odd about the container, and how the signatures are named in it."""
    names = [s.description_name for s in listed if s.description_name is not None]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        builder.failed("format", "same-file", name_some(twice))
    elif not listed:
        builder.unknown("format", "unsigned")
    elif package.oddities:
        builder.warning("format", "odd", ", ".join(package.oddities))
    else:
        builder.ok("format", detail=str(len(listed)))


def _tell_coverage(
    builder: ReportBuilder,
    package: OfdPackage,
    signatures: Sequence[FoundSignature],
    *,
    shown: Shown,
    inert: frozenset[str],
    unlisted: frozenset[str],
) -> None:
    """Tell what no signature at all protects, and which signature no list names."""
    protected = {name for signature in signatures for name in signature.files}
    gap = find_gap(package.names, protected=protected, protected_by_others=(), inert=inert)
    steps = (
        ("unprotected", gap.bare),
        ("elsewhere", shown.elsewhere),
        ("unreadable", shown.unreadable),
        ("unlisted-signature", unlisted),
    )
    for code, names in steps:
        if names:
            builder.unknown("coverage", code, name_some(names))
    if shown.absent:
        builder.warning("coverage", "absent", name_some(shown.absent))
    elif not any(names for _, names in steps):
        builder.ok("coverage")


def _names(signatures: Sequence[FoundSignature]) -> frozenset[str]:
    """Give the names of their Signature.xml."""
    return frozenset(s.description_name for s in signatures if s.description_name is not None)


def _own_files(signatures: Sequence[FoundSignature]) -> frozenset[str]:
    return frozenset(name for signature in signatures for name in signature.own_files)


def _page_ids(package: OfdPackage) -> frozenset[str]:
    """Give the IDs of the pages of all documents; OfdRefused where a Document.xml is broken."""
    found: set[str] = set()
    for document in package.documents:
        pages = child(package.xml(document.root), "Pages")
        if pages is not None:
            found |= {page.get("ID") or "" for page in pages if local_name(page) == "Page"}
    return frozenset(found)
