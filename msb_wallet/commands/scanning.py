"""The command `scan` (扫码): codes are checked, as pictures or texts, online or by lists.

Codes are read from a file or "-" and never from arguments. Exit status: docs/formats.md.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from msb_identity.foundation.commands import (
    CALLED_WRONGLY,
    CommandError,
    CommandParser,
    complain,
    count_up_to,
    parse_time,
    print_reports,
    read_input,
)
from msb_identity.foundation.store import file_url
from msb_wallet.codes.payload import MAX_CODE_CHARS
from msb_wallet.codes.qr import MAX_PICTURE_BYTES
from msb_wallet.commands.inputs import read_audience, read_path
from msb_wallet.folder import DataFolder
from msb_wallet.scan.verifier import Verifier

if TYPE_CHECKING:
    import argparse

MAX_MINUTES = 1_000_000
_PICTURE_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"BM", b"GIF8")


def add_commands(commands: argparse._SubParsersAction[CommandParser]) -> None:
    """Add `scan` to the commands of msb-wallet."""
    scan = commands.add_parser("scan", help="扫码核验 / check codes: pictures, or texts in files")
    scan.add_argument(
        "files", nargs="+", metavar="FILE", help="图片或文字文件，- 为标准输入 / or -"
    )
    scan.add_argument(
        "--trust",
        type=read_path,
        metavar="DIR",
        help="信任目录 / trust folder (default DATA/trust)",
    )
    scan.add_argument(
        "--store", type=_store_url, metavar="URL", help="联网核验 / check online: sqlite:///FILE"
    )
    scan.add_argument("--audience", metavar="NAME", help="本窗口名称 / this window's name")
    scan.add_argument("--require-holder", action="store_true", help="须本人出示 / no printed codes")
    scan.add_argument(
        "--status-max-age",
        type=count_up_to(MAX_MINUTES),
        metavar="MINUTES",
        help="状态列表最大时限 / list age",
    )
    scan.add_argument(
        "--state",
        type=read_path,
        metavar="FILE",
        help="记忆文件 / state file (default in trust folder)",
    )
    scan.add_argument(
        "--at", type=parse_time, metavar="TIME", help="按此时间判断 / judge at this time"
    )
    scan.add_argument("--json", action="store_true", help="JSON 输出 / print JSON")
    scan.set_defaults(command=_scan)


def _scan(arguments: argparse.Namespace) -> int:
    folder = DataFolder(Path(arguments.data))
    age = arguments.status_max_age
    reports, unread = [], 0
    with Verifier.from_trust(
        arguments.trust or folder.trust,
        store=arguments.store,
        audience=read_audience(arguments.audience),
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


def _text_or_picture(content: bytes) -> str | bytes:
    """Tell a code's text from a picture of one by how the file begins."""
    if content.startswith(_PICTURE_STARTS) or len(content) > 2 * MAX_CODE_CHARS:
        return content
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    return content.decode(encoding, "replace")


def _store_url(text: str) -> str:
    """Take a URL, or the plain path of an SQLite file."""
    return text if "://" in text else file_url(read_path(text))
