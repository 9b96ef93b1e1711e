"""The commands `issue` and `face`: rows become licences, licences become faces to be sealed."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from msb_identity.foundation.commands import (
    CommandError,
    CommandParser,
    complain,
    write_out,
)
from msb_identity.foundation.files import PRIVATE_MODE, write_whole
from msb_wallet.commands.inputs import find_by_text, read_path
from msb_wallet.errors import Fault, LicenceRefused
from msb_wallet.folder import DataFolder
from msb_wallet.licences.rows import read_rows

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from msb_wallet.licences.issue import RowResult

_FACES = (".ofd", ".pdf")


def add_commands(commands: argparse._SubParsersAction[CommandParser]) -> None:
    """Add `issue` and `face` to the commands of msb-wallet."""
    _add_issue(commands)
    _add_face(commands)


def _add_issue(commands: argparse._SubParsersAction[CommandParser]) -> None:
    issue = commands.add_parser("issue", help="按CSV签发 / issue the rows of a CSV file")
    issue.add_argument("file", help="CSV 文件，- 为标准输入 / a file, - for stdin")
    issue.add_argument(
        "--type", required=True, metavar="TYPE", help="issuers.toml 中的类型 / a type named there"
    )
    issue.add_argument(
        "--issuer", metavar="CODE", help="颁发机构代码 / the issuing authority's code"
    )
    issue.add_argument("--json", action="store_true", help="JSON 输出 / print JSON")
    issue.set_defaults(command=_issue)


def _add_face(commands: argparse._SubParsersAction[CommandParser]) -> None:
    face = commands.add_parser("face", help="照面，未盖章 / the printed face, not sealed yet")
    face.add_argument("identifier", help="电子证照标识 / licence identifier")
    face.add_argument(
        "--out",
        type=read_path,
        required=True,
        metavar="FILE",
        help=".ofd | .pdf",
    )
    face.set_defaults(command=_face)


def _issue(arguments: argparse.Namespace) -> int:
    folder = DataFolder(Path(arguments.data))
    issuer = folder.issuer(arguments.type, arguments.issuer)
    tally: Counter[str] = Counter()
    with ExitStack() as stack:
        rows = read_rows(_open_rows(arguments.file, stack), issuer.type)
        try:
            for result in issuer.issue_rows(rows):
                _print_row(result, first=not tally, as_json=arguments.json)
                tally[_fate(result)] += 1
        except LicenceRefused as refusal:
            if arguments.json:
                write_out("]" if tally else "[]")
            for fault in refusal.faults:
                complain(f"文件不能使用：{fault.column}：{fault.zh}", f"file refused: {fault.en}")
            return 2
    if arguments.json:
        write_out("]" if tally else "[]")
    complain(
        f"新签发 {tally['new']}，已存在 {tally['there']}，被拒 {tally['refused']}",
        f"issued {tally['new']}, there already {tally['there']}, refused {tally['refused']}",
    )
    if not tally:
        complain("文件中没有数据行", "there are no rows in the file")
    return 1 if tally["refused"] or not tally else 0


def _face(arguments: argparse.Namespace) -> int:
    from msb_seal.ofd.sign import write_entries
    from msb_wallet.licences.face import SEAL_KEYWORD  # which loads what draws
    from msb_wallet.licences.printing import open_face

    if arguments.out.suffix.lower() not in _FACES:
        zh, en = "照面须为 .ofd 或 .pdf", "a face is .ofd or .pdf"
        raise CommandError(zh, en)
    folder = DataFolder(Path(arguments.data))
    stored = find_by_text(folder, arguments.identifier)
    issuer = folder.issuer_of(stored.issuer_code, stored.type_code)
    face = open_face(stored, issuer=issuer, protector=folder.protector)
    as_pdf = arguments.out.suffix.lower() == ".pdf"
    printed = face.as_pdf() if as_pdf else write_entries(face.as_ofd().entries)
    # The holder's data in clear: nobody else's to read.
    write_whole(arguments.out, printed, mode=PRIVATE_MODE)
    write_out(f"{arguments.out}  (盖章处 / the seal goes to keyword={SEAL_KEYWORD})")
    return 0


def _open_rows(name: str, stack: ExitStack) -> BinaryIO:
    if name == "-":
        return sys.stdin.buffer
    return stack.enter_context(Path(name).open("rb"))


def _fate(result: RowResult) -> str:
    if result.issued is None:
        return "refused"
    return "new" if result.issued.new else "there"


def _print_row(result: RowResult, *, first: bool, as_json: bool) -> None:
    """Print one row's result as it comes, so that a long file needs no memory."""
    if as_json:
        write_out(("[" if first else ",") + json.dumps(_row_json(result), ensure_ascii=False))
    elif result.issued:
        note = "" if result.issued.new else "  (已存在 / there already)"
        write_out(f"{result.line}: {result.issued.identifier}{note}")
    else:
        for fault in result.faults:
            write_out(f"{result.line}: ✗ {fault.place} [{fault.code}]: {fault.zh} / {fault.en}")


def _row_json(result: RowResult) -> dict[str, object]:
    issued = result.issued
    return {
        "line": result.line,
        "identifier": str(issued.identifier) if issued else None,
        "new": issued.new if issued else False,
        "faults": list(_fault_json(result.faults)),
    }


def _fault_json(faults: Sequence[Fault]) -> Iterator[dict[str, str]]:
    for fault in faults:
        yield dataclasses.asdict(fault)
