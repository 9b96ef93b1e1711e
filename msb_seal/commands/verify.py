"""The command `msb-seal verify`: each file by its kind, and the exit status of them all.

check_file finds the kind by the first bytes, never by the name: a seal, a seal signature, an OFD.
What is of no known kind is indeterminate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from msb_identity.foundation.commands import (
    CALLED_WRONGLY,
    CommandError,
    complain,
    print_reports,
    read_input,
)
from msb_identity.foundation.report import ReportBuilder, exit_code
from msb_seal.commands.inputs import Whom, add_trust_arguments, read_whom
from msb_seal.commands.states import add_states_arguments, read_states
from msb_seal.ofd.verify import check_ofd
from msb_seal.seals.structure import kind_of
from msb_seal.seals.verify import check_seal, check_seal_signature

if TYPE_CHECKING:
    import argparse

    from msb_identity.foundation.commands import CommandParser
    from msb_identity.foundation.report import Report, Sentences
    from msb_seal.seals.status import SealStatuses

    _Actions: TypeAlias = "argparse._SubParsersAction[CommandParser]"  # noqa: SLF001 - its one name

MAX_FILE_BYTES = 256_000_000
_PDF_HEAD_BYTES = 1_024  # ISO 32000-1 annex H.3.4.1
_ZIP_MARK, _ZIP_HEAD_BYTES = b"PK\3\4", 65_536  # some makers write a text of theirs before it
_SENTENCES: Sentences = {
    ("format", "ok"): ("文件类型已识别", "the kind of file is known"),
    ("format", "unknown-kind"): ("无法识别的文件类型", "this is no kind of file that we know"),
    ("format", "unsupported"): ("暂不支持此类文件", "this kind of file is not supported yet"),
    ("format", "too-large"): ("文件过大", "the file is too large"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """What files are checked with. original: what a bare seal signature was put on, if known."""

    whom: Whom
    original: bytes | None = None
    statuses: SealStatuses | None = None


def add_commands(commands: _Actions) -> None:
    """Add `verify` to the commands of msb-seal."""
    verify = commands.add_parser(
        "verify", help="验章 / verify seals and sealed files", description=_verify.__doc__
    )
    add_trust_arguments(verify)
    add_states_arguments(verify)
    verify.add_argument(
        "--original",
        metavar="FILE",
        help="签章的原文，如 Signature.xml / what a bare seal signature was put on",
    )
    verify.add_argument(
        "files", metavar="FILE|-", nargs="+", help="印章、签章、OFD / a seal, a signature, an OFD"
    )
    verify.set_defaults(command=_verify)


def check_file(data: bytes, options: Options) -> Report:
    """Check the bytes of one file, whatever it is; never raises on a bad one."""
    if len(data) > MAX_FILE_BYTES:
        return _undecided("unknown", "too-large")
    kind = kind_of(data)
    if kind == "seal":
        return check_seal(
            data,
            trust=options.whom.trust,
            at=options.whom.at,
            revocation=options.whom.revocation,
            fetch=options.whom.fetch,
            statuses=options.statuses,
        )
    if kind is not None:
        return _check_signature(kind, data, options)
    if b"%PDF-" in data[:_PDF_HEAD_BYTES]:
        return _undecided("pdf", "unsupported")
    if _ZIP_MARK in data[:_ZIP_HEAD_BYTES]:
        return check_ofd(
            data,
            trust=options.whom.trust,
            at=options.whom.at,
            revocation=options.whom.revocation,
            fetch=options.whom.fetch,
            statuses=options.statuses,
        )
    return _undecided("unknown", "unknown-kind")


def _check_signature(kind: str, data: bytes, options: Options) -> Report:
    """Check a seal signature that stands alone, as a document with one signature."""
    builder = ReportBuilder(kind, required=("format",), sentences=_SENTENCES)
    builder.ok("format")
    report = check_seal_signature(
        data,
        original=options.original,
        trust=options.whom.trust,
        at=options.whom.at,
        revocation=options.whom.revocation,
        fetch=options.whom.fetch,
        statuses=options.statuses,
    )
    builder.add_signature(report)
    return builder.conclude()


def _undecided(kind: str, code: str) -> Report:
    builder = ReportBuilder(kind, required=("format",), sentences=_SENTENCES)
    builder.unknown("format", code)
    return builder.conclude()


def _verify(arguments: argparse.Namespace) -> int:
    """核验印章、签章与盖章的文件 / Verify seals, seal signatures and sealed files."""
    original = arguments.original
    options = Options(
        read_whom(arguments),
        None if original is None else read_input(original, limit=MAX_FILE_BYTES),
        read_states(arguments),
    )
    reports: list[tuple[str, Report]] = []
    unreadable = False
    for name in arguments.files:
        try:
            content = read_input(name, limit=MAX_FILE_BYTES)
        except CommandError as error:
            complain(error.zh, error.en)
            unreadable = True
            continue
        reports.append((name, check_file(content, options)))
    if reports or arguments.json:
        print_reports(reports, as_json=arguments.json, at=arguments.at)
    return CALLED_WRONGLY if unreadable else exit_code([report for _, report in reports])
