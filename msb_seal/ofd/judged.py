"""One signature of an OFD, judged: what it protects, and the seal or signer behind it.

The steps of the seal signature (msb_seal.seals.verify) or of the CMS (msb_seal.cms) are taken over
the raw bytes of Signature.xml; here the files that it lists are added, and what it leaves open.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from msb_identity.errors import SignatureRefused
from msb_identity.foundation.report import ReportBuilder
from msb_identity.pki.curves import SM2_CURVE
from msb_identity.pki.signatures import RAW_BYTES, numbers_from_der
from msb_seal.cms.structure import parse_cms
from msb_seal.cms.verify import begin_cms
from msb_seal.errors import CmsRefused, OfdRefused, SealRefused
from msb_seal.ofd.coverage import broken_by, find_gap, name_some
from msb_seal.ofd.found import FoundSignature, State
from msb_seal.ofd.methods import kind_of_method
from msb_seal.ofd.refusals import LIMITS
from msb_seal.ofd.sentences import SIGNATURE_SENTENCES
from msb_seal.ofd.signature_xml import SignatureType
from msb_seal.seals.structure import kind_of, parse_seal_signature
from msb_seal.seals.verify import begin_seal_signature

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from msb_identity.foundation.report import Report
    from msb_seal.cms.structure import CmsSignature
    from msb_seal.judging import Judging
    from msb_seal.ofd.budget import Budget
    from msb_seal.ofd.package import OfdPackage
    from msb_seal.ofd.signature_xml import SignatureDescription
    from msb_seal.seals.model import SealSignature

REQUIRED = ("coverage", "later-changes")
TIME_TOLERANCE = timedelta(days=1)
"""Zones are left out or wrong in real files; a day apart is no zone any more."""


SM2_WITH_SM3 = "1.2.156.10197.1.501"
"""Of a value that names none: only SM2 has the bare form."""
SEAL_SEARCHES = 3
"""The signer's, the maker's and the time-stamp's chain."""
PLAIN_CHAIN = 4
"""So many certificates come with a plain signature; with more there are more ways to try."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What every signature of the document is judged by."""

    judging: Judging
    budget: Budget


@dataclass(frozen=True, slots=True)
class Case:
    """One signature among the document's others.

    names: all entries. inert: those that cannot alter what is seen. pages: the IDs of all pages.
    later: the signatures that follow it in its list. protected: by any signature. others: what
    belongs to another document of the package and is protected there.
    """

    package: OfdPackage
    found: FoundSignature
    names: Sequence[str]
    inert: frozenset[str]
    pages: Collection[str]
    later: Sequence[FoundSignature]
    protected: frozenset[str]
    others: frozenset[str]


def judge_signature(case: Case, around: Circumstances) -> Report:
    """Take every step on one signature; never raises on a bad one."""
    found = case.found
    if found.problem is not None:
        return _unread(found.problem)
    try:
        around.budget.take_searches(_searches(_value(case)))
    except OfdRefused as error:
        return _unread(error)
    builder = _begin(case, around)
    _tell_files(builder, found)
    _tell_coverage(builder, case)
    _tell_later_changes(builder, case)
    return builder.conclude()


def _unread(problem: OfdRefused) -> Report:
    builder = ReportBuilder("unknown", required=("format",), sentences=SIGNATURE_SENTENCES)
    if problem.code in LIMITS:
        builder.unknown("format", "limit", problem.en)
    else:
        builder.failed("format", "signature-unreadable", problem.en)
    return builder.conclude()


def _searches(value: bytes) -> int:
    """Count the searches for chains that a value may ask for, more where it brings the chains."""
    if kind_of(value) is not None:
        return SEAL_SEARCHES
    signature = _read_cms(value)
    if signature is None:
        return 1
    chains = sum(1 + len(signer.timestamps) for signer in signature.signers)
    return chains * max(1, len(signature.certificates) // PLAIN_CHAIN)


def _read_cms(value: bytes) -> CmsSignature | None:
    try:
        return parse_cms(value)
    except CmsRefused:
        return None  # whose step `format` fails


def _value(case: Case) -> bytes:
    assert case.found.value_name is not None  # noqa: S101 - without one there is a problem
    return case.package.entry(case.found.value_name)


def _begin(case: Case, around: Circumstances) -> ReportBuilder:
    """Take the steps of the seal signature or of the CMS, by what the value is."""
    found = case.found
    assert found.description is not None  # noqa: S101 - without one there is a problem
    value, is_seal = _value(case), found.record.type is SignatureType.SEAL
    holds_seal = kind_of(value) is not None
    if _is_bare(value):
        # A deprecated form: SM2 over Signature.xml, by a key that nothing names.
        builder = ReportBuilder("bare", required=REQUIRED, sentences=SIGNATURE_SENTENCES)
        builder.warning("format", "bare")
        builder.unknown("signer-certificate", "no-certificate")
        _tell_no_seal(builder, found)
        _tell_method(builder, found, [SM2_WITH_SM3])
    elif holds_seal or is_seal:
        builder = _begin_seal(case, around, value)
    else:
        builder = begin_cms(
            value,
            original=_original(case),
            judging=around.judging,
            claimed=found.description.time,
            required=REQUIRED,
            sentences=SIGNATURE_SENTENCES,
        )
        _tell_no_seal(builder, found)
        signature = _read_cms(value)
        signers = signature.signers if signature else ()
        _tell_method(builder, found, [signer.signature_algorithm.oid for signer in signers])
    _tell_times(builder, found.description)
    if holds_seal is not is_seal:
        builder.warning("format", "type-differs")
    return builder


def _begin_seal(case: Case, around: Circumstances, value: bytes) -> ReportBuilder:
    try:
        signature = parse_seal_signature(value)
    except SealRefused:
        signature = None  # whose step `format` fails
    builder = begin_seal_signature(
        signature or value,
        original=_original(case),
        judging=around.judging,
        expected_property=case.found.description_name,
        required=(*REQUIRED, "seal-match"),
        sentences=SIGNATURE_SENTENCES,
    )
    if signature is not None:
        _tell_seal_file(builder, case, signature)
        _tell_method(builder, case.found, [signature.signature_algorithm])
    return builder


def _original(case: Case) -> bytes:
    assert case.found.description_name is not None  # noqa: S101 - without one there is a problem
    return case.package.entry(case.found.description_name)


def _is_bare(value: bytes) -> bool:
    if len(value) == RAW_BYTES:
        return True
    try:
        numbers_from_der(value, SM2_CURVE)
    except SignatureRefused:
        return False
    return True


def _tell_seal_file(builder: ReportBuilder, case: Case, signature: SealSignature) -> None:
    """Compare Seal.esl, whose picture readers show, with the seal that signed."""
    name = case.found.seal_name
    if name is None:
        builder.ok("seal-match", "absent")
        return
    packed = case.package.entries.get(name)
    if packed is None:
        builder.warning("seal-match", "missing", name)
    elif packed.content == signature.seal.encoded:
        builder.ok("seal-match")
    else:
        builder.failed("seal-match", "differs", name)


def _tell_no_seal(builder: ReportBuilder, found: FoundSignature) -> None:
    """Fail a value that holds no seal where Signature.xml has readers show one.

    Such a picture is anybody's: a Seal.esl can be copied from every document that bears it.
    """
    assert found.description is not None  # noqa: S101 - without one there is a problem
    if found.seal_name is not None or found.description.stamps:
        builder.failed("seal-match", "no-seal", found.seal_name or "StampAnnot")


def _tell_method(builder: ReportBuilder, found: FoundSignature, algorithms: Sequence[str]) -> None:
    """Warn where SignatureMethod names another kind of key than the value's algorithms."""
    method = found.description.method if found.description else ""
    kinds = {kind_of_method(algorithm) for algorithm in algorithms}
    if method and kinds and kinds != {kind_of_method(method)}:
        builder.warning("algorithm", "method-differs", method)


def _tell_times(builder: ReportBuilder, description: SignatureDescription) -> None:
    signed_at, claimed = builder.signed_at, description.time
    if description.time_text and claimed is None:
        builder.warning("signing-time", "time-unreadable", description.time_text)
    if claimed is not None and signed_at is not None and abs(claimed - signed_at) > TIME_TOLERANCE:
        builder.warning("signing-time", "times-differ", f"{claimed:%Y-%m-%d %H:%M} UTC")


def _tell_files(builder: ReportBuilder, found: FoundSignature) -> None:
    """Tell the digest's algorithm, and what became of the protected files."""
    if not found.files:
        builder.failed("format", "no-references")
        return
    method = found.description.check_method if found.description else None
    if found.digest is None:
        builder.unknown("algorithm", "file-digest-unknown", method or "")
    elif found.digest.weak:
        builder.unknown("algorithm", "file-digest-weak", found.digest.name)
    else:
        builder.ok("algorithm", "file-digest-ok", found.digest.name)
    missing, changed = found.files_in(State.MISSING), found.files_in(State.CHANGED)
    if changed:
        builder.failed("document-digest", "files-changed", name_some(changed))
    if missing:
        builder.failed("document-digest", "files-missing", name_some(missing))
    if found.files_in(State.UNCOMPARED):
        builder.unknown("document-digest", "files-uncompared")
    elif not changed and not missing:
        builder.ok("document-digest", "files-ok", str(len(found.files)))


def _tell_coverage(builder: ReportBuilder, case: Case) -> None:
    gap = find_gap(
        case.names,
        protected=case.found.files,
        protected_by_others=case.protected,
        inert=case.inert,
    )
    by_others = [name for name in gap.by_others if name not in case.others]
    if gap.bare:
        builder.unknown("coverage", "unprotected", name_some(gap.bare))
    if by_others:
        builder.unknown("coverage", "only-by-others", name_some(by_others))
    elif gap.by_others:
        builder.warning("coverage", "other-document", name_some(gap.by_others))
    elif not gap.bare:
        builder.ok("coverage")
    stamps = case.found.description.stamps if case.found.description else ()
    nowhere = {stamp.page_id for stamp in stamps} - set(case.pages)
    if nowhere:
        builder.warning("coverage", "no-such-page", name_some(nowhere))


def _tell_later_changes(builder: ReportBuilder, case: Case) -> None:
    found = case.found
    gone = found.files_in(State.CHANGED, State.MISSING)
    culprits = broken_by(
        gone,
        later={later.record.id: later.files_in(State.INTACT) for later in case.later},
        rewritten_by_signing=() if found.list_name is None else (found.list_name,),
    )
    if culprits:
        detail = f"{', '.join(culprits)}: {name_some(gone)}"
        builder.failed("later-changes", "broken-by-later", detail)
    elif gone:
        builder.failed("later-changes", "changed", name_some(gone))
    elif found.digest is None:
        builder.unknown("later-changes", "uncompared")
    elif case.later:
        ids = name_some([later.record.id for later in case.later])
        builder.ok("later-changes", "later-signatures", ids)
    else:
        builder.ok("later-changes", "none")
