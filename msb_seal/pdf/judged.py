"""One signature of a PDF, judged: what it is over, and the signer, seal or authority behind it.

The steps of the CMS, the seal signature or the time-stamp are taken over the bytes of the
ByteRange; here the rules of the range and of what may follow are added. By /SubFilter: ISO 32000-1
12.8.3.3, ETSI EN 319 142-1, GM/T 0112 as it is seen in the field.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from msb_identity.errors import EncodingRefused
from msb_identity.foundation.report import Outcome, ReportBuilder
from msb_identity.pki import der
from msb_seal.cms.structure import MAX_CMS_BYTES, CmsSignature, parse_cms
from msb_seal.cms.verify import begin_cms
from msb_seal.errors import CmsRefused, PdfRefused, SealRefused
from msb_seal.pdf.changes import compare
from msb_seal.pdf.coverings import find_overwritten
from msb_seal.pdf.found import as_text
from msb_seal.pdf.ranges import read_range
from msb_seal.pdf.seal_match import STEP, tell_match
from msb_seal.pdf.sentences import SIGNATURE_SENTENCES
from msb_seal.pdf.syntax import DUPLICATE_KEY
from msb_seal.seals.structure import kind_of, parse_seal_signature
from msb_seal.seals.verify import begin_seal_signature
from msb_seal.timestamp.verify import begin_timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from msb_identity.foundation.report import Report
    from msb_seal.judging import Judging
    from msb_seal.pdf.comparing import Changes
    from msb_seal.pdf.coverings import Covering
    from msb_seal.pdf.drawings import Drawings
    from msb_seal.pdf.found import FoundSignature
    from msb_seal.pdf.ranges import SignedRange
    from msb_seal.pdf.revisions import PdfBytes, Revision
    from msb_seal.pdf.seal_match import SealLooks

REQUIRED = ("coverage", "later-changes")
DETACHED: Final = ("adbe.pkcs7.detached", "ETSI.CAdES.detached")
GM_CMS, GM_SEAL = "GM.sm2cms.detached", "GM.sm2seal"
SHA1_CMS, DOCUMENT_TIMESTAMP = "adbe.pkcs7.sha1", "ETSI.RFC3161"
MAX_VALUE_BYTES = 8_000_000
"""Of all signature values of a file together."""
MAX_BLANK_END = 16
"""So many ends of lines may follow the end of the file without a word."""
MAX_OPEN_ELEMENTS = 8
"""A CMS without lengths has no more elements open at its end."""
_SHORT, _INDEFINITE, _MAX_LENGTH_BYTES = 0x80, 0x80, 4


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What every signature of the document is judged by.

    latest: the newest revision that can be read; whole: whether that is the whole file.
    looks: what was found out of the seals that are shown. coverings: what later signatures hide.
    """

    judging: Judging
    file: PdfBytes
    latest: Revision
    whole: bool
    looks: SealLooks
    coverings: Sequence[Covering]
    drawings: Drawings


@dataclass(frozen=True, slots=True)
class Case:
    """One signature, and what it is over."""

    found: FoundSignature
    range: SignedRange

    @classmethod
    def of(cls, found: FoundSignature, file: PdfBytes) -> Case:
        """Find out what a signature is over."""
        return cls(found, read_range(file, found))

    @property
    def is_timestamp(self) -> bool:
        """Whether it is a document time-stamp (文档时间戳)."""
        return self.found.sub_filter == DOCUMENT_TIMESTAMP

    @property
    def is_seal(self) -> bool:
        """Whether /Contents is said to hold a seal signature (SES)."""
        return self.found.sub_filter == GM_SEAL


def judge_signature(case: Case, around: Circumstances, *, proven: datetime | None) -> Report:
    """Take every step on one signature; never raises on a bad one.

    proven: a time that a good document time-stamp over this signature proves.
    """
    builder = _begin(case, around, proven)
    if proven is not None and not case.is_timestamp:
        builder.ok("timestamp", "covered", f"{proven:%Y-%m-%dT%H:%M:%SZ}")
    where = case.range
    if where.problem == "revision-unreadable":
        builder.unknown("coverage", where.problem, where.detail)
    elif where.problem:
        builder.failed("coverage", where.problem, where.detail)
    elif where.has_blanks:
        builder.warning("coverage", "blanks")
    else:
        builder.ok("coverage")
    _tell_later_changes(builder, case, around)
    if case.found.field.name:
        builder.disclose("field", case.found.field.name, label="签名域 field")
    _disclose_words(builder, case, around.latest)
    return builder.conclude()


def _disclose_words(builder: ReportBuilder, case: Case, revision: Revision) -> None:
    """Give the signer's own words on why and where."""
    for key, label in (("Reason", "原因 reason"), ("Location", "地点 place")):
        try:
            text = as_text(revision.resolve(case.found.entries.get(key)))
        except PdfRefused:
            continue
        if text:
            builder.disclose(key.lower(), text, label=label)


def _begin(case: Case, around: Circumstances, proven: datetime | None) -> ReportBuilder:
    """Take the steps of what /Contents holds, by /SubFilter."""
    found, signed = case.found, case.range.signed
    contents = found.entries.get("Contents")
    if not found.entries or not isinstance(contents, bytes):
        return _only_format("no-dictionary")
    if not contents.strip(b"\0"):
        return _only_format("empty-contents")
    if DUPLICATE_KEY in found.entries:
        return _only_format("twice")
    if signed is None:
        builder = ReportBuilder("unknown", required=REQUIRED, sentences=SIGNATURE_SENTENCES)
        builder.ok("format")
        return builder
    token, clean = cut_padding(contents)
    around.file.value_bytes += len(token)
    if around.file.value_bytes > MAX_VALUE_BYTES:
        builder = ReportBuilder("unknown", required=REQUIRED, sentences=SIGNATURE_SENTENCES)
        builder.unknown("format", "limit", f"more than {MAX_VALUE_BYTES} bytes of signatures")
        return builder
    builder = _begin_kind(case, around, token, signed, proven)
    if not clean:
        builder.failed("format", "padding")
    return builder


def _only_format(code: str) -> ReportBuilder:
    builder = ReportBuilder(
        "unknown", required=("format", *REQUIRED), sentences=SIGNATURE_SENTENCES
    )
    builder.failed("format", code)
    return builder


def _begin_kind(
    case: Case, around: Circumstances, token: bytes, signed: bytes, proven: datetime | None
) -> ReportBuilder:
    kind = case.found.sub_filter
    if kind in (*DETACHED, GM_CMS, SHA1_CMS):
        return _begin_cms(case, around, token, signed, proven)
    if kind == DOCUMENT_TIMESTAMP:
        return begin_timestamp(
            token,
            covers=signed,
            judging=around.judging,
            required=REQUIRED,
            sentences=SIGNATURE_SENTENCES,
        )
    if kind == GM_SEAL or kind_of(token) is not None:
        builder = _begin_seal(case, around, token, signed, proven)
    elif (parsed := _read_cms(token)) is not None:
        builder = _begin_cms(case, around, parsed, signed, proven)
    else:
        builder = ReportBuilder("unknown", required=REQUIRED, sentences=SIGNATURE_SENTENCES)
    if kind != GM_SEAL:
        # Judged as what it looks like, so that what is wrong is told; its rules nobody knows.
        builder.unknown("format", "sub-filter", kind)
    return builder


def _begin_seal(
    case: Case, around: Circumstances, token: bytes, signed: bytes, proven: datetime | None
) -> ReportBuilder:
    """Take the steps of a seal signature, and whether its own picture is what is shown."""
    try:
        signature = parse_seal_signature(token)
    except SealRefused:
        signature = None
    builder = begin_seal_signature(
        signature or token,
        original=signed,
        judging=around.judging,
        proven=proven,
        required=(*REQUIRED, STEP),
        sentences=SIGNATURE_SENTENCES,
    )
    if signature is not None:
        tell_match(builder, case.found, signature.seal.picture, around.looks)
    return builder


def _read_cms(token: bytes) -> CmsSignature | None:
    if len(token) > MAX_CMS_BYTES:
        return None
    try:
        return parse_cms(token)
    except CmsRefused:
        return None


def _begin_cms(
    case: Case,
    around: Circumstances,
    token: bytes | CmsSignature,
    signed: bytes,
    proven: datetime | None,
) -> ReportBuilder:
    kind = case.found.sub_filter
    parsed = _read_cms(token) if isinstance(token, bytes) else token
    builder = begin_cms(
        parsed or token,
        # A deprecated form: the content is the document's SHA-1 digest, whatever signs it.
        original=hashlib.sha1(signed).digest() if kind == SHA1_CMS else signed,  # noqa: S324 - never valid
        judging=around.judging,
        claimed=case.found.claimed_time,
        proven=proven,
        required=REQUIRED,
        sentences=SIGNATURE_SENTENCES,
    )
    if kind == SHA1_CMS:
        builder.unknown("algorithm", "sha1-content")
    if parsed is not None and kind in DETACHED and parsed.content is not None:
        builder.failed("format", "content-inside")
    if parsed is not None and kind in (*DETACHED, GM_CMS) and len(parsed.signers) > 1:
        builder.failed("format", "several-signers", str(len(parsed.signers)))
    return builder


def cut_padding(contents: bytes) -> tuple[bytes, bool]:
    """Cut what fills /Contents up; give what is left, and whether only zeros were cut."""
    if len(contents) > 2 and contents[1] != _INDEFINITE:  # noqa: PLR2004 - tag and length
        length, header = contents[1], 2
        if length >= _SHORT:
            more = length - _SHORT
            if more > _MAX_LENGTH_BYTES:
                return contents, True
            length, header = int.from_bytes(contents[2 : 2 + more], "big"), 2 + more
        end = header + length
        return contents[:end], not contents[end:].strip(b"\0")
    # BER without a length ends with two zeros for each such element that is open.
    return _end_of_indefinite(contents)


def _end_of_indefinite(contents: bytes) -> tuple[bytes, bool]:
    kept = contents.rstrip(b"\0")
    for extra in range(2, MAX_OPEN_ELEMENTS * 2 + 2):
        candidate = kept + bytes(extra)
        try:
            der.read_ber(candidate)
        except EncodingRefused:
            continue
        return candidate, True
    return contents, True


def _tell_later_changes(builder: ReportBuilder, case: Case, around: Circumstances) -> None:
    where = case.range
    rest = around.file.data[where.end :]
    if where.revision is None:
        builder.unknown("later-changes", "uncompared")
        return
    if not rest.strip(b"\0\t\n\x0c\r "):
        if len(rest.strip(b"\r\n")) or len(rest) > MAX_BLANK_END:
            builder.warning("later-changes", "blanks", f"{len(rest)} bytes")
        else:
            builder.ok("later-changes", "none")
        return
    if not around.whole:
        builder.unknown("later-changes", "unreadable")
        return
    changes = compare(where.revision, around.latest)
    for covering in around.coverings:
        if covering.end == where.end:
            (changes.forbid if covering.is_forbidden else changes.doubt)(covering.what)
    for what in find_overwritten(changes.filled, where.revision, around.latest, around.drawings):
        changes.doubt(what)
    _tell_changes(builder, changes)


def _tell_changes(builder: ReportBuilder, changes: Changes) -> None:
    for outcome, code, told in (
        (Outcome.FAILED, "changed", changes.forbidden),
        (Outcome.UNKNOWN, "undecided", changes.undecided),
        (Outcome.WARNING, "harmless", changes.harmless),
    ):
        if told:
            builder.add("later-changes", outcome, code, "; ".join(told[:5]))
    if not changes.forbidden and not changes.undecided and not changes.harmless:
        builder.ok("later-changes", "allowed", "; ".join(changes.allowed[:5]))
