"""The command `show` (亮证): a code for one use, for paper, or made by the holder's device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msb_identity.envelopes.keyfiles import read_signing_key
from msb_identity.foundation.commands import (
    CommandError,
    CommandParser,
    complain,
    write_out,
)
from msb_identity.foundation.files import PRIVATE_MODE, write_whole
from msb_wallet.cards.pack import online_code, printed_code
from msb_wallet.codes.present import show_offline
from msb_wallet.codes.qr import draw_png, draw_svg, qr_version
from msb_wallet.commands.inputs import find_by_text, read_audience, read_path
from msb_wallet.folder import DataFolder
from msb_wallet.licences.identifier import LicenceIdentifier
from msb_wallet.licences.status import read_status
from msb_wallet.licences.store import Status

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


_PICTURES = {".png": draw_png, ".svg": draw_svg}


def add_commands(commands: argparse._SubParsersAction[CommandParser]) -> None:
    """Add `show` to the commands of msb-wallet."""
    show = commands.add_parser(
        "show", help="亮证：一次一码（默认）、静态码或离线码 / show: one-use, printed or offline"
    )
    show.add_argument("identifier", help="电子证照标识 / licence identifier")
    how = show.add_mutually_exclusive_group()
    how.add_argument(
        "--printed", action="store_true", help="静态码 / the code on the printed licence"
    )
    how.add_argument(
        "--offline", type=read_path, metavar="KEYFILE", help="设备密钥 / sign with this device key"
    )
    show.add_argument("--audience", metavar="NAME", help="只给此窗口 / for this window only")
    show.add_argument(
        "--out", type=read_path, metavar="FILE", help=".png | .svg；缺省输出文字 / else the text"
    )
    show.set_defaults(command=_show)


def _show(arguments: argparse.Namespace) -> int:
    folder = DataFolder(Path(arguments.data))
    draw = _drawer(arguments.out)
    audience = read_audience(arguments.audience)
    licence = find_by_text(folder, arguments.identifier)
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


def _drawer(out: Path | None) -> Callable[[str], bytes] | None:
    """Give what draws a picture for that file's name; None where a text is wanted."""
    if out is None:
        return None
    draw = _PICTURES.get(out.suffix.lower())
    if draw is None:
        zh = "图片须为 .png 或 .svg"
        raise CommandError(zh, "a picture is .png or .svg")
    return draw
