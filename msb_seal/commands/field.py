"""The command `msb-seal field add`: an empty signature field for someone who signs later."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from msb_identity.foundation.commands import CommandError, read_input, write_out
from msb_seal.commands.inputs import write_new
from msb_seal.commands.places import PLACE_FORMS, read_place
from msb_seal.placement import At, AtKeyword

if TYPE_CHECKING:
    from msb_identity.foundation.commands import CommandParser
    from msb_seal.pdf.reserving import FieldLock

_Actions: TypeAlias = "argparse._SubParsersAction[CommandParser]"  # noqa: SLF001 - its one name
_LOCKS = "all | final | only:NAME[,NAME…] | except:NAME[,NAME…]"


def add_commands(commands: _Actions) -> None:
    """Add `field` to the commands of msb-seal."""
    field = commands.add_parser("field", help="签名域 / signature fields of a PDF")
    acts = field.add_subparsers(metavar="ACTION", required=True)
    add = acts.add_parser("add", help="预留签名域 / reserve a field", description=_add.__doc__)
    add.add_argument("file", metavar="FILE|-", help="PDF")
    add.add_argument("--name", metavar="NAME", required=True, help="域名，不含点 / without dots")
    add.add_argument(
        "--place",
        metavar="PLACE",
        type=read_place,
        required=True,
        help=f"位置，一处 / one place: {PLACE_FORMS}",
    )
    add.add_argument(
        "--size",
        metavar="MMxMM",
        type=_size,
        default=(45.0, 45.0),
        help="宽×高，毫米，默认 45x45 / width and height in mm",
    )
    add.add_argument(
        "--lock",
        metavar="LOCK",
        type=_lock,
        help=f"签后锁定的域；final 为最后一个签名 / what its signature locks: {_LOCKS}",
    )
    add.add_argument("--out", metavar="FILE", required=True, type=Path, help="输出 / output")
    add.set_defaults(command=_add)


def _add(arguments: argparse.Namespace) -> int:
    """在 PDF 中预留空白签名域，供日后签章 / Reserve an empty field for a later signature."""
    from msb_seal.pdf.opening import MAX_PDF_BYTES
    from msb_seal.pdf.reserving import reserve_field

    if not isinstance(arguments.place, At | AtKeyword):
        zh, en = "签名域只有一个位置", "a field stands at one place"
        raise CommandError(zh, en)
    made = reserve_field(
        read_input(arguments.file, limit=MAX_PDF_BYTES),
        name=arguments.name,
        place=arguments.place,
        size_mm=arguments.size,
        lock=arguments.lock,
    )
    write_new(arguments.out, made)
    write_out(f"{arguments.out.name}: 已预留 / reserved")
    return 0


def _size(text: str) -> tuple[float, float]:
    width, _, height = text.partition("x")
    try:
        return float(width), float(height)
    except ValueError:
        message = "a size is MMxMM, as 45x45"
        raise argparse.ArgumentTypeError(message) from None


def _lock(text: str) -> FieldLock:
    from msb_seal.errors import SealingRefused
    from msb_seal.pdf.reserving import FieldLock, Locked

    kind, _, listed = text.partition(":")
    names = tuple(filter(None, listed.split(",")))
    try:
        if text == "final":
            return FieldLock(final=True)
        return FieldLock(Locked(kind), names)
    except (ValueError, SealingRefused):
        message = f"LOCK is {_LOCKS}"
        raise argparse.ArgumentTypeError(message) from None
