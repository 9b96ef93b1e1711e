"""The command `msb-seal verify`: each file by its kind, and the exit status of them all.

With --report what was found is written for people, too (msb_seal.reports).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from msb_identity.commands.trust import add_paths, add_trust_arguments, read_whom
from msb_identity.foundation.commands import (
    CommandError,
    check_files,
    check_new_files,
    read_input,
    shown_name,
)
from msb_identity.foundation.files import write_whole
from msb_seal.commands.inputs import read_makers
from msb_seal.commands.states import add_states_arguments, read_states
from msb_seal.documents import MAX_DOCUMENT_BYTES, check_document

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from msb_identity.foundation.commands import CommandParser
    from msb_identity.foundation.report import Report
    from msb_seal.reports import CheckedFile

    _Actions: TypeAlias = "argparse._SubParsersAction[CommandParser]"  # noqa: SLF001 - its one name

_REPORTS = (".html", ".pdf", ".json")


def add_commands(commands: _Actions) -> None:
    """Add `verify` to the commands of msb-seal."""
    verify = commands.add_parser(
        "verify", help="验章 / verify seals and sealed files", description=_verify.__doc__
    )
    add_trust_arguments(verify)
    add_states_arguments(verify)
    add_paths(
        verify,
        "--makers",
        "只信任这些证书及其下级制章"
        " / trust no makers of seals but these certificates and those below them",
    )
    verify.add_argument(
        "--original",
        metavar="FILE",
        help="签章的原文，如 Signature.xml / what a bare seal signature was put on",
    )
    verify.add_argument(
        "files", metavar="FILE|-", nargs="+", help="印章、签章、OFD / a seal, a signature, an OFD"
    )
    verify.add_argument(
        "--report",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="核验报告，可多次：.html、.pdf 或 .json / a report to be written (repeatable)",
    )
    verify.set_defaults(command=_verify)


def _verify(arguments: argparse.Namespace) -> int:
    """核验印章、签章与盖章的文件 / Verify seals, seal signatures and sealed files."""
    _check_reports(arguments.report)
    named, whom = arguments.original, read_whom(arguments)
    original = None if named is None else read_input(named, limit=MAX_DOCUMENT_BYTES)
    statuses, makers = read_states(arguments), read_makers(arguments.makers)
    checked: list[CheckedFile] = []

    def check(content: bytes) -> Report:
        return check_document(
            content,
            trust=whom.trust,
            at=whom.at,
            revocation=whom.revocation,
            fetch=whom.fetch,
            statuses=statuses,
            makers=makers,
            original=original,
        )

    def keep(name: str, content: bytes, report: Report) -> None:
        from msb_seal.reports import CheckedFile

        shown = shown_name(name)
        checked.append(
            CheckedFile.of(report, content, name=shown, trust=whom.trust, asserted=whom.at)
        )

    status = check_files(
        arguments.files,
        check,
        limit=MAX_DOCUMENT_BYTES,
        as_json=arguments.json,
        at=whom.at,
        keep=keep if arguments.report else None,
    )
    for path in arguments.report:
        write_whole(path, _written(path, checked))
    return status


def _check_reports(paths: Sequence[Path]) -> None:
    """Refuse what cannot be written before anything is checked."""
    if any(path.suffix.lower() not in _REPORTS for path in paths):
        zh, en = "报告文件应为 .html、.pdf 或 .json", "a report ends in .html, .pdf or .json"
        raise CommandError(zh, en)
    check_new_files(*paths)


def _written(path: Path, checked: Sequence[CheckedFile]) -> bytes:
    from msb_seal.reports import report_html, report_json, report_pdf

    writers = {".html": report_html, ".pdf": report_pdf, ".json": report_json}
    return writers[path.suffix.lower()](checked)
