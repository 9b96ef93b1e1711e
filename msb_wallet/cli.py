"""The command msb-wallet: issue, face, show, scan, revoke, status publish, trust make, demo.

Codes are read from a file or "-" and never from arguments. Exit status of `scan`: design of all
verifying commands, docs/formats.md, "exit status". `issue` exits 1 where a row was refused.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from msb_identity.commands.rotation import add_rotate_command, rotate
from msb_identity.envelopes.keyfiles import read_signing_key
from msb_identity.errors import IdentifierRefused
from msb_identity.foundation.commands import (
    CALLED_WRONGLY,
    STORE_VARIABLE,
    CommandError,
    CommandParser,
    complain,
    count_up_to,
    parse_time,
    print_reports,
    read_input,
    run,
    shown_name,
    write_out,
)
from msb_identity.foundation.files import PRIVATE_MODE, write_whole
from msb_identity.foundation.store import file_url, migrate_store
from msb_wallet.cards.pack import online_code, printed_code
from msb_wallet.codes.payload import MAX_CODE_CHARS
from msb_wallet.codes.present import check_audience, show_offline
from msb_wallet.codes.qr import MAX_PICTURE_BYTES, draw_png, draw_svg, qr_version
from msb_wallet.errors import Fault, LicenceNotFound, LicenceRefused
from msb_wallet.folder import STORE_FILE, TABLES, DataFolder
from msb_wallet.licences.identifier import LicenceIdentifier
from msb_wallet.licences.rows import read_rows
from msb_wallet.licences.status import Reason, read_status
from msb_wallet.licences.store import Status, StoredLicence, find_licence
from msb_wallet.scan.verifier import Verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from msb_wallet.licences.issue import RowResult

DATA_VARIABLE = "MSB_DATA"
DEFAULT_DATA = "msb-data"
MAX_NUMBER = 1_000_000
_FACES = (".ofd", ".pdf")
_PICTURES = {".png": draw_png, ".svg": draw_svg}
_PICTURE_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"BM", b"GIF8")


def main(argv: Sequence[str] | None = None) -> int:
    """Run msb-wallet with these arguments (default: the process's own); give the exit status."""
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # --help, or an error that argparse has already told
        return stop.code if isinstance(stop.code, int) else 0
    return run(partial(arguments.command, arguments))


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


def _show(arguments: argparse.Namespace) -> int:
    folder = DataFolder(Path(arguments.data))
    draw = _drawer(arguments.out)
    audience = _audience(arguments.audience)
    licence = _licence(folder, arguments.identifier)
    if arguments.printed and audience:
        zh = "静态码不能指定窗口"
        raise CommandError(zh, "a printed code cannot be meant for one window")
    if arguments.printed:
        text = printed_code(licence)
    elif arguments.offline:
        device = read_signing_key(arguments.offline)
        issuer = folder.issuer_of(licence.issuer_code, licence.type_code)
        identifier = LicenceIdentifier.parse(licence.identifier)
        credential = issuer.bind_device(identifier, device.public)
        text = show_offline(credential, device, audience=audience)
    else:
        text = online_code(folder.store, licence, audience=audience)
    status = read_status(folder.store, licence.identifier).status
    if status is not Status.VALID:
        complain(
            "该证照现已失效，核验不会通过",
            f"this licence is {status.name.lower()}: a scan refuses it",
        )
    if draw is None:
        write_out(text)
    else:
        # For a minute whoever has the picture of a live code can show it: nobody else's to read.
        write_whole(arguments.out, draw(text), mode=PRIVATE_MODE)
        size = f"{len(text)} 字符 / characters, QR {qr_version(text)}-M"
        write_out(f"{arguments.out}  ({size})")
    return 0


def _face(arguments: argparse.Namespace) -> int:
    from msb_seal.ofd.sign import write_entries
    from msb_wallet.licences.face import SEAL_KEYWORD  # which loads what draws
    from msb_wallet.licences.printing import open_face

    if arguments.out.suffix.lower() not in _FACES:
        zh, en = "照面须为 .ofd 或 .pdf", "a face is .ofd or .pdf"
        raise CommandError(zh, en)
    folder = DataFolder(Path(arguments.data))
    stored = _licence(folder, arguments.identifier)
    issuer = folder.issuer_of(stored.issuer_code, stored.type_code)
    face = open_face(stored, issuer=issuer, protector=folder.protector)
    as_pdf = arguments.out.suffix.lower() == ".pdf"
    printed = face.as_pdf() if as_pdf else write_entries(face.as_ofd().entries)
    # The holder's data in clear: nobody else's to read.
    write_whole(arguments.out, printed, mode=PRIVATE_MODE)
    write_out(f"{arguments.out}  (盖章处 / the seal goes to keyword={SEAL_KEYWORD})")
    return 0


def _scan(arguments: argparse.Namespace) -> int:
    folder = DataFolder(Path(arguments.data))
    age = arguments.status_max_age
    reports, unread = [], 0
    with Verifier.from_trust(
        arguments.trust or folder.trust,
        store=arguments.store,
        audience=_audience(arguments.audience),
        require_holder=arguments.require_holder,
        status_max_age=None if age is None else timedelta(minutes=age),
        state=arguments.state,
    ) as verifier:
        for name in arguments.files:
            try:
                content = read_input(name, limit=MAX_PICTURE_BYTES)
            except CommandError as error:
                # The others are still told: their codes may be used up now.
                complain(error.zh, error.en)
                unread += 1
            else:
                report = verifier.scan(_text_or_picture(content), now=arguments.at)
                reports.append((name, report))
    status = print_reports(reports, as_json=arguments.json, at=arguments.at)
    return CALLED_WRONGLY if unread else status


def _revoke(arguments: argparse.Namespace) -> int:
    folder = DataFolder(Path(arguments.data))
    licence = _licence(folder, arguments.identifier)
    register = folder.issuer_of(licence.issuer_code, licence.type_code).status
    if arguments.suspend:
        status, reason = Status.SUSPENDED, Reason.UNDER_REVIEW
    elif arguments.restore:
        status, reason = Status.VALID, Reason.REVIEW_CLOSED
    else:
        status, reason = Status.REVOKED, Reason(arguments.reason)
    entry = register.change(licence.identifier, status, reason)
    whole = LicenceIdentifier.parse(licence.identifier)
    write_out(f"{whole}: {entry.status.name.lower()} ({entry.reason})")
    complain(
        "联网核验即时生效；离线核验须运行 status publish",
        "online checks know it from now on; for offline ones run: status publish",
    )
    return 0


def _publish(arguments: argparse.Namespace) -> int:
    folder = DataFolder(Path(arguments.data))
    written = folder.publish_status(arguments.issuer, every=arguments.every)
    for path in written:
        write_out(str(path))
    complain(f"已发布 {len(written)} 个状态列表", f"published {len(written)} status lists")
    return 0


def _make_trust(arguments: argparse.Namespace) -> int:
    folder = DataFolder(Path(arguments.data))
    version = folder.make_trust(days=arguments.days, issuers=arguments.issuers)
    write_out(f"{folder.trust}  (第 {version} 版 / version {version})")
    return 0


def _migrate(arguments: argparse.Namespace) -> int:
    url = arguments.store or DataFolder(Path(arguments.data)).store_url
    for name, revision in migrate_store(url, *TABLES).items():
        write_out(f"{name}: {revision}")
    return 0


def _rotate(arguments: argparse.Namespace) -> int:
    from msb_identity.tables import SEALED
    from msb_seal.lifecycle import applications, grants, records
    from msb_wallet.licences import issue

    folder = DataFolder(Path(arguments.data))
    if not (folder.path / STORE_FILE).is_file():
        zh, en = "数据目录中没有数据库", "the data folder has no store"
        raise CommandError(zh, en)
    of_seals = (applications.SEALED, grants.SEALED, records.SEALED)
    sealed = [*SEALED, issue.SEALED, *of_seals]
    return rotate(arguments, folder.store, folder.keys, sealed)


def _demo(arguments: argparse.Namespace) -> int:
    from msb_wallet.demo.story import tell

    return tell(arguments.out)


def _licence(folder: DataFolder, text: str) -> StoredLicence:
    try:
        identifier = LicenceIdentifier.parse(text)
    except IdentifierRefused as error:
        raise CommandError(error.zh, error.en) from error
    if not folder.configuration_file.is_file():
        zh, en = "不是数据目录", "this is no data folder: it has no issuers.toml"
        raise CommandError(zh, en)
    with folder.store.read() as connection:
        licence = find_licence(connection, identifier.short)
    if licence is None:
        message = "no such licence"
        raise LicenceNotFound(message)
    return licence


def _drawer(out: Path | None) -> Callable[[str], bytes] | None:
    """Give what draws a picture for that file's name; None where a text is wanted."""
    if out is None:
        return None
    draw = _PICTURES.get(out.suffix.lower())
    if draw is None:
        zh = "图片须为 .png 或 .svg"
        raise CommandError(zh, "a picture is .png or .svg")
    return draw


def _audience(name: str | None) -> str | None:
    try:
        return None if name is None else check_audience(name)
    except ValueError as error:
        zh = "窗口名称不合要求"
        raise CommandError(zh, str(error)) from error


def _open_rows(name: str, stack: ExitStack) -> BinaryIO:
    if name == "-":
        return sys.stdin.buffer
    return stack.enter_context(Path(name).open("rb"))


def _text_or_picture(content: bytes) -> str | bytes:
    """Tell a code's text from a picture of one by how the file begins."""
    if content.startswith(_PICTURE_STARTS) or len(content) > 2 * MAX_CODE_CHARS:
        return content
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    return content.decode(encoding, "replace")


def _store_url(text: str) -> str:
    """Take a URL, or the plain path of an SQLite file."""
    return text if "://" in text else file_url(_path(text))


def _path(text: str) -> Path:
    """Read the name of a file or folder; one that looks like a code is not repeated in an error."""
    if shown_name(text) != text:
        message = "no name of a file"
        raise argparse.ArgumentTypeError(message)
    return Path(text)


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


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="msb-wallet",
        description="电子证照：签发、亮证、扫码、注销 / e-licences: issue, show, scan, revoke",
    )
    parser.add_argument(
        "--data",
        default=os.environ.get(DATA_VARIABLE, DEFAULT_DATA),
        metavar="DIR",
        help=f"数据目录 / data folder (${DATA_VARIABLE}, default {DEFAULT_DATA})",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=CommandParser)
    _add_issue(commands)
    _add_face(commands)
    _add_show(commands)
    _add_scan(commands)
    _add_revoke(commands)
    _add_status(commands)
    _add_trust(commands)
    _add_store(commands)
    demo = commands.add_parser("demo", help="演示全过程 / tell the whole story")
    demo.add_argument(
        "--out", type=_path, default="msb-demo", metavar="DIR", help="输出目录 / where to put it"
    )
    demo.set_defaults(command=_demo)
    return parser


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


def _add_show(commands: argparse._SubParsersAction[CommandParser]) -> None:
    show = commands.add_parser(
        "show", help="亮证：一次一码（默认）、静态码或离线码 / show: one-use, printed or offline"
    )
    show.add_argument("identifier", help="电子证照标识 / licence identifier")
    how = show.add_mutually_exclusive_group()
    how.add_argument(
        "--printed", action="store_true", help="静态码 / the code on the printed licence"
    )
    how.add_argument(
        "--offline", type=_path, metavar="KEYFILE", help="设备密钥 / sign with this device key"
    )
    show.add_argument("--audience", metavar="NAME", help="只给此窗口 / for this window only")
    show.add_argument(
        "--out", type=_path, metavar="FILE", help=".png | .svg；缺省输出文字 / else the text"
    )
    show.set_defaults(command=_show)


def _add_face(commands: argparse._SubParsersAction[CommandParser]) -> None:
    face = commands.add_parser("face", help="照面，未盖章 / the printed face, not sealed yet")
    face.add_argument("identifier", help="电子证照标识 / licence identifier")
    face.add_argument(
        "--out",
        type=_path,
        required=True,
        metavar="FILE",
        help=".ofd | .pdf",
    )
    face.set_defaults(command=_face)


def _add_scan(commands: argparse._SubParsersAction[CommandParser]) -> None:
    scan = commands.add_parser("scan", help="扫码核验 / check codes: pictures, or texts in files")
    scan.add_argument(
        "files", nargs="+", metavar="FILE", help="图片或文字文件，- 为标准输入 / or -"
    )
    scan.add_argument(
        "--trust", type=_path, metavar="DIR", help="信任目录 / trust folder (default DATA/trust)"
    )
    scan.add_argument(
        "--store", type=_store_url, metavar="URL", help="联网核验 / check online: sqlite:///FILE"
    )
    scan.add_argument("--audience", metavar="NAME", help="本窗口名称 / this window's name")
    scan.add_argument("--require-holder", action="store_true", help="须本人出示 / no printed codes")
    scan.add_argument(
        "--status-max-age",
        type=count_up_to(MAX_NUMBER),
        metavar="MINUTES",
        help="状态列表最大时限 / list age",
    )
    scan.add_argument(
        "--state",
        type=_path,
        metavar="FILE",
        help="记忆文件 / state file (default in trust folder)",
    )
    scan.add_argument(
        "--at", type=parse_time, metavar="TIME", help="按此时间判断 / judge at this time"
    )
    scan.add_argument("--json", action="store_true", help="JSON 输出 / print JSON")
    scan.set_defaults(command=_scan)


def _add_revoke(commands: argparse._SubParsersAction[CommandParser]) -> None:
    revoke = commands.add_parser("revoke", help="注销、暂扣、恢复 / revoke, suspend, restore")
    revoke.add_argument("identifier", help="电子证照标识 / licence identifier")
    what = revoke.add_mutually_exclusive_group(required=True)
    final = [str(r) for r in Reason if r not in (Reason.UNDER_REVIEW, Reason.REVIEW_CLOSED)]
    what.add_argument("--reason", choices=final, help="注销原因 / why it is revoked for good")
    what.add_argument("--suspend", action="store_true", help="暂扣 / suspend")
    what.add_argument("--restore", action="store_true", help="解除暂扣 / lift a suspension")
    revoke.set_defaults(command=_revoke)


def _add_status(commands: argparse._SubParsersAction[CommandParser]) -> None:
    status = commands.add_parser("status", help="状态列表 / status lists")
    inner = status.add_subparsers(required=True, metavar="COMMAND", parser_class=CommandParser)
    publish = inner.add_parser("publish", help="发布有变化的列表 / sign the lists that changed")
    publish.add_argument("--issuer", metavar="CODE", help="颁发机构代码 / one issuer only")
    publish.add_argument("--every", action="store_true", help="全部重签 / sign all of them")
    publish.set_defaults(command=_publish)


def _add_store(commands: argparse._SubParsersAction[CommandParser]) -> None:
    store = commands.add_parser("store", help="数据库 / the store")
    actions = store.add_subparsers(required=True, metavar="ACTION", parser_class=CommandParser)
    migrate = actions.add_parser(
        "migrate", help="升级表结构（请先备份） / bring its tables up to date; make a backup first"
    )
    migrate.add_argument(
        "--store",
        metavar="URL",
        default=os.environ.get(STORE_VARIABLE),
        help=f"${STORE_VARIABLE}；缺省为数据目录的 / the store's URL (default: the data folder's)",
    )
    migrate.set_defaults(command=_migrate)
    add_rotate_command(actions, _rotate)


def _add_trust(commands: argparse._SubParsersAction[CommandParser]) -> None:
    trust = commands.add_parser("trust", help="信任清单 / trust lists")
    inner = trust.add_subparsers(required=True, metavar="COMMAND", parser_class=CommandParser)
    make = inner.add_parser("make", help="签发下一版信任清单 / sign the next version")
    make.add_argument(
        "--issuers", type=_path, metavar="FILE", help="机构清单 / issuers.toml (kept in DATA)"
    )
    make.add_argument(
        "--days", type=count_up_to(MAX_NUMBER), metavar="N", help="有效天数 / valid for N days"
    )
    make.set_defaults(command=_make_trust)
