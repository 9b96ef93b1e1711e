"""check_ofd: what the signatures and seals of an OFD prove.

Every signature is judged on its own (judged.py) and the worst decides; beside them the document's
own steps tell whether the container is sound (`format`) and whether something that a reader shows
is protected by no signature at all (`coverage`). Rules: docs/security.md, "verdicts".
GB/T 33190-2016, clause 18; GB/T 38540-2020, clause 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from msb_identity.foundation.report import ReportBuilder
from msb_identity.x509.revocation import RevocationPolicy
from msb_seal.errors import OfdRefused
from msb_seal.judging import Judging
from msb_seal.ofd.budget import Budget
from msb_seal.ofd.coverage import find_gap, inert_names, name_some
from msb_seal.ofd.found import find_signatures, find_unlisted
from msb_seal.ofd.judged import Case, Circumstances, judge_signature
from msb_seal.ofd.package import OfdPackage, child, local_name
from msb_seal.ofd.refusals import LIMITS, NOT_OFD
from msb_seal.ofd.sentences import DOCUMENT_SENTENCES
from msb_seal.ofd.shown import find_shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from msb_identity.foundation.report import Report
    from msb_identity.x509.fetch import Fetcher
    from msb_identity.x509.trust import TrustStore
    from msb_seal.ofd.found import FoundSignature
    from msb_seal.ofd.shown import Shown
    from msb_seal.seals.status import SealStatuses

KIND = "ofd"
REQUIRED = ("format", "coverage")
MAX_TOLD_APART = 5
"""Of so many documents in one package it is found out which files belong to which."""


def check_ofd(
    data: bytes | bytearray | memoryview,
    *,
    trust: TrustStore,
    at: datetime | None = None,
    revocation: RevocationPolicy | str = RevocationPolicy.IF_PUBLISHED,
    fetch: Fetcher | None = None,
    statuses: SealStatuses | None = None,
    makers: TrustStore | None = None,
) -> Report:
    """Check every signature of an OFD and what they leave open; `signatures` has one report each.

    at: what to take for now, the clock by default. statuses: where the state of a seal is asked.
    makers: who vouches for makers of seals, as for `check_seal`.

    Never raises on bad input: what is no OFD is indeterminate and of the kind `unknown`, a broken
    one invalid at `format`, one without any signature indeterminate at `format`. TypeError for what
    is no bytes at all.
    """
    judging = Judging.of(
        trust=trust, at=at, revocation=revocation, fetch=fetch, statuses=statuses, makers=makers
    )
    return judge_ofd(data if isinstance(data, bytes) else bytes(memoryview(data)), judging)


def judge_ofd(data: bytes, judging: Judging) -> Report:
    """Check an OFD as `check_ofd` does, by trust and time that are settled already."""
    try:
        return _check(OfdPackage.read(data), Circumstances(judging, Budget()))
    except OfdRefused as error:
        return _refused(error)


def _check(package: OfdPackage, around: Circumstances) -> Report:
    """Check what was read; OfdRefused where its parts cannot be, or are too many."""
    budget = around.budget
    found = [find_signatures(package, document, budget) for document in package.documents]
    pages = _page_ids(package, budget)
    listed = [signature for group in found for signature in group]
    unlisted = find_unlisted(package, _names(listed), budget)
    if not listed and not unlisted:
        return _undecided(KIND, "unsigned")
    # Where a document names no signature any more, those that are left tell what was changed.
    groups = found if listed else [unlisted]
    builder = ReportBuilder(KIND, required=REQUIRED, sentences=DOCUMENT_SENTENCES)
    _tell_format(builder, package, listed)
    whole = _Whole(package, groups, pages, find_shown(package, budget), budget)
    _tell_coverage(builder, whole, unlisted=_names(unlisted))
    for case in whole.cases():
        builder.add_signature(judge_signature(case, around))
    return builder.conclude()


@dataclass(frozen=True)
class _Whole:
    """The document with all its signatures, in groups by the package's documents."""

    package: OfdPackage
    groups: Sequence[Sequence[FoundSignature]]
    pages: frozenset[str]
    shown: Shown
    budget: Budget

    @cached_property
    def protected(self) -> frozenset[str]:
        """What any signature protects."""
        return _protected(signature for group in self.groups for signature in group)

    @cached_property
    def inert(self) -> frozenset[str]:
        """The signatures' own files, as far as nothing that is shown refers to them."""
        own = (s.own_files for group in self.groups for s in group)
        return inert_names((name for files in own for name in files), shown=self.shown.files)

    def cases(self) -> Iterator[Case]:
        """Give each signature among all others."""
        for number, group in enumerate(self.groups):
            others = self._of_other_documents(number)
            for index, signature in enumerate(group):
                yield Case(
                    self.package,
                    signature,
                    names=self.package.names,
                    inert=self.inert,
                    pages=self.pages,
                    later=group[index + 1 :],
                    protected=self.protected,
                    others=others,
                )

    def _of_other_documents(self, number: int) -> frozenset[str]:
        """Find what lies in another document's folder, is protected there, and not shown here."""
        documents = self.package.documents
        if not 1 < len(documents) <= MAX_TOLD_APART or len(self.groups) != len(documents):
            return frozenset()
        found: set[str] = set()
        own_folder = documents[number].root.rpartition("/")[0]
        for document, group in zip(documents, self.groups, strict=True):
            folder = document.root.rpartition("/")[0] + "/"
            if not f"{own_folder}/".startswith(folder):
                found |= {name for name in _protected(group) if name.startswith(folder)}
        return (
            frozenset(found) - find_shown(self.package, self.budget, documents[number].root).files
        )


def _refused(error: OfdRefused) -> Report:
    """Report a file that cannot be read as an OFD at all."""
    if error.code in NOT_OFD:
        return _undecided("unknown", "not-ofd", error.en)
    if error.code in LIMITS:
        return _undecided(KIND, "limit", error.en)
    builder = ReportBuilder(KIND, required=("format",), sentences=DOCUMENT_SENTENCES)
    builder.failed("format", "malformed", error.en)
    return builder.conclude()


def _undecided(kind: str, code: str, detail: str = "") -> Report:
    builder = ReportBuilder(kind, required=("format",), sentences=DOCUMENT_SENTENCES)
    builder.unknown("format", code, detail)
    return builder.conclude()


def _tell_format(
    builder: ReportBuilder, package: OfdPackage, listed: Sequence[FoundSignature]
) -> None:
    """Tell what is odd about the container, and how the signatures are named in it."""
    if twice := _named_twice(package, listed):
        builder.failed("format", "same-file", name_some(twice))
    elif not listed:
        builder.unknown("format", "unsigned")
    elif package.oddities:
        builder.warning("format", "odd", ", ".join(package.oddities))
    else:
        builder.ok("format", detail=str(len(listed)))


def _named_twice(package: OfdPackage, listed: Sequence[FoundSignature]) -> frozenset[str]:
    """Name the Signature.xml and values that count for two signatures, by name or by content.

    A copy under another name needs no key. Equal Signature.xml are a copy even where the values
    differ: with ECDSA anybody makes a second value out of one.
    """
    files = [(s.description_name, s.value_name) for s in listed]
    twice: set[str] = set()
    for column in zip(*files, strict=True):
        seen: set[str | bytes] = set()
        for name in column:
            packed = None if name is None else package.entries.get(name)
            if name is None or packed is None:
                continue
            if name in seen or packed.content in seen:
                twice.add(name)
            seen |= {name, packed.content}
    return frozenset(twice)


def _tell_coverage(builder: ReportBuilder, whole: _Whole, *, unlisted: frozenset[str]) -> None:
    """Tell what no signature at all protects, and which signature no list names."""
    shown = whole.shown
    gap = find_gap(
        whole.package.names,
        protected=whole.protected,
        protected_by_others=(),
        inert=whole.inert,
    )
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


def _protected(signatures: Iterable[FoundSignature]) -> frozenset[str]:
    return frozenset(name for signature in signatures for name in signature.files)


def _page_ids(package: OfdPackage, budget: Budget) -> frozenset[str]:
    """Give the IDs of the pages of all documents; OfdRefused where a Document.xml is broken."""
    found: set[str] = set()
    for root in {document.root for document in package.documents}:
        pages = child(budget.xml(package, root), "Pages")
        if pages is not None:
            found |= {page.get("ID") or "" for page in pages if local_name(page) == "Page"}
    return frozenset(found)
