"""The command `msb-seal sign`: put a seal, or a plain signature, on an OFD.

Thin: reads its arguments, calls one public function and writes the sealed file.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, get_args

from msb_identity.foundation.clock import aware
from msb_identity.foundation.commands import CommandError, read_input, write_out
from msb_identity.x509.files import MAX_BUNDLE_BYTES, load_certificates
from msb_seal.commands.inputs import (
    add_key_arguments,
    add_timestamp_argument,
    read_key,
    timestamps_of,
    write_new,
)
from msb_seal.commands.sealers import add_sealer_arguments, names_a_seal, open_sealer
from msb_seal.ofd.archive import MAX_ARCHIVE_BYTES
from msb_seal.ofd.sign import seal_ofd
from msb_seal.ofd.sign_cms import sign_ofd_cms
from msb_seal.placement import At, AtKeyword, Edge, Place, Straddle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msb_identity.foundation.commands import CommandParser

_Actions: TypeAlias = "argparse._SubParsersAction[CommandParser]"  # noqa: SLF001 - its one name
_FORMS = (
    "page=N,x=MM,y=MM | keyword=TEXT[,nth=N]"
    " | straddle[,edge=right|left|top|bottom][,offset=MM][,margin=MM]"
)


def add_commands(commands: _Actions) -> None:
    """Add `sign` to the commands of msb-seal."""
    sign = commands.add_parser(
        "sign", help="盖章或签名 / seal or sign an OFD", description=_sign.__doc__
    )
    sign.add_argument("file", metavar="FILE|-", help="OFD")
    add_sealer_arguments(sign)
    add_key_arguments(sign)
    sign.add_argument(
        "--place",
        metavar="PLACE",
        type=read_place,
        action="append",
        default=[],
        help=f"盖章位置，可多次 / where the seal goes (repeatable): {_FORMS}",
    )
    sign.add_argument(
        "--final", action="store_true", help="锁定，此后不能再签 / allow no further signature"
    )
    add_timestamp_argument(sign)
    sign.add_argument("--out", metavar="FILE", required=True, type=Path, help="输出 / output")
    sign.set_defaults(command=_sign)


def read_place(text: str) -> Place:
    """Read the argument of --place; argparse.ArgumentTypeError says which forms there are."""
    first, *rest = text.split(",")
    words = dict(part.partition("=")[::2] for part in (first, *rest))
    try:
        if len(words) == 1 + len(rest):
            if first == "straddle":
                return _straddle(words)
            if words.keys() == {"page", "x", "y"}:
                return At(int(words["page"]), float(words["x"]), float(words["y"]))
            if words.keys() in ({"keyword"}, {"keyword", "nth"}) and words["keyword"]:
                return AtKeyword(words["keyword"], int(words.get("nth", 1)))
    except ValueError:
        pass
    message = f"PLACE is {_FORMS}"
    raise argparse.ArgumentTypeError(message)


def _straddle(words: Mapping[str, str]) -> Straddle:
    edge, offset = words.get("edge", "right"), words.get("offset")
    found: dict[str, Edge] = {name: name for name in get_args(Edge)}
    if edge not in found or words.keys() - {"straddle", "edge", "offset", "margin"}:
        raise ValueError(edge)
    return Straddle(
        found[edge],
        None if offset is None else float(offset),
        float(words.get("margin", 0)),
    )


def _sign(arguments: argparse.Namespace) -> int:
    """在 OFD 上盖章，或作数字签名 / Put a seal on an OFD, or a plain signature without one."""
    sealed = names_a_seal(arguments)
    if not sealed and arguments.place:
        zh, en = "--place 须与 --seal 或 --record 同用", "--place goes with --seal or --record"
        raise CommandError(zh, en)
    if sealed and not arguments.place:
        zh, en = "请用 --place 指定盖章位置", "say with --place where the seal goes"
        raise CommandError(zh, en)
    data = read_input(arguments.file, limit=MAX_ARCHIVE_BYTES)
    certificate, *chain = load_certificates(read_input(arguments.cert, limit=MAX_BUNDLE_BYTES))
    key = read_key(arguments.key, arguments.password_file)
    timestamps, now = timestamps_of(arguments), aware(None)
    if not sealed:
        signed = sign_ofd_cms(
            data,
            key=key,
            certificate=certificate,
            chain=chain,
            final=arguments.final,
            timestamps=timestamps,
            now=now,
        )
    else:
        with open_sealer(arguments, certificate, key) as sealer:
            signed = seal_ofd(
                data,
                sealer=sealer,
                places=arguments.place,
                document=arguments.file,
                final=arguments.final,
                timestamps=timestamps,
                now=now,
            )
    write_new(arguments.out, signed)
    write_out(f"{arguments.out.name}: 已签 / signed")
    return 0
