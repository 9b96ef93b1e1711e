"""The commands `msb-seal make` and `msb-seal show`: seals made, and what is in one.

Thin: each reads its arguments, calls one public function and prints what it says.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from msb_identity.foundation.clock import aware
from msb_identity.foundation.commands import (
    CommandError,
    parse_days,
    parse_time,
    read_input,
    shown_name,
    write_out,
)
from msb_identity.foundation.text import showable
from msb_seal.commands.inputs import (
    add_key_arguments,
    add_timestamp_argument,
    days_after,
    read_certificate,
    read_key,
    timestamps_of,
    write_new,
)
from msb_seal.errors import SealRefused
from msb_seal.seals.making import DEFAULT_VENDOR, make_seal
from msb_seal.seals.model import SealPicture, SealSignature, SealType, SealVersion
from msb_seal.seals.reading import describe_seal, describe_signature
from msb_seal.seals.structure import (
    MAX_SEAL_BYTES,
    MAX_SIGNATURE_BYTES,
    kind_of,
    parse_seal,
    parse_seal_signature,
)

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.foundation.commands import CommandParser
    from msb_seal.seals.model import ElectronicSeal

_Actions: TypeAlias = "argparse._SubParsersAction[CommandParser]"  # noqa: SLF001 - its one name
_SIZE = re.compile(r"([0-9]{1,4})(?:[x×*]([0-9]{1,4}))?")
_MAX_TYPE = 1 << 31
_PICTURE_TYPES = {".png": "PNG", ".svg": "svg", ".ofd": "ofd", ".gif": "gif", ".bmp": "bmp"}
_JPEG = {".jpg": "jpg", ".jpeg": "jpg"}


def add_commands(commands: _Actions) -> None:
    """Add `make` and `show` to the commands of msb-seal."""
    make = commands.add_parser("make", help="制作电子印章 / make a seal", description=_make.__doc__)
    _add_make(make)
    show = commands.add_parser(
        "show", help="查看印章 / what is in a seal", description=_show.__doc__
    )
    show.add_argument("file", metavar="FILE|-", help="印章或签章 / a seal, or a signature by one")
    show.add_argument(
        "--picture-out", metavar="FILE", type=Path, help="导出印模 / write its picture here"
    )
    show.add_argument(
        "--seal-out",
        metavar="FILE",
        type=Path,
        help="导出签章中的印章 / write a signature's seal here",
    )
    show.add_argument("--json", action="store_true", help="输出 JSON / print JSON")
    show.set_defaults(command=_show)


def _add_make(make: argparse.ArgumentParser) -> None:
    types = ", ".join(f"{one.value} {one.name.lower().replace('_', '-')}" for one in SealType)
    make.add_argument("--id", required=True, metavar="ID", help="印章编码 / the seal's id")
    make.add_argument("--name", required=True, metavar="NAME", help="印章名称 / the seal's name")
    make.add_argument(
        "--type", required=True, metavar="N", type=_seal_type, help=f"类型 / type: {types}"
    )
    make.add_argument("--picture", required=True, metavar="FILE", help="印模 / the seal's picture")
    make.add_argument(
        "--picture-type", metavar="TYPE", help="印模格式，默认按后缀 / by the suffix if left out"
    )
    make.add_argument(
        "--size", required=True, metavar="W[xH]", type=_size, help="毫米 / width and height in mm"
    )
    make.add_argument(
        "--signer",
        required=True,
        metavar="FILE",
        action="append",
        help="签章人证书 / the certificate of one who may use it (repeatable)",
    )
    add_key_arguments(make, whose="maker")
    make.add_argument("--from", dest="from_", metavar="TIME", type=parse_time, help="起始 / from")
    until = make.add_mutually_exclusive_group(required=True)
    until.add_argument("--until", metavar="TIME", type=parse_time, help="截止 / until")
    until.add_argument(
        "--days", metavar="N", type=parse_days, help="有效天数 / days it is good for"
    )
    make.add_argument("--vendor", default=DEFAULT_VENDOR, help="厂商标识 / the maker's software")
    make.add_argument(
        "--version", type=int, choices=[one.value for one in SealVersion], default=4, help="版本"
    )
    make.add_argument(
        "--by-digest", action="store_true", help="列表只含证书摘要 / list digests of certificates"
    )
    add_timestamp_argument(make)
    make.add_argument("--out", required=True, metavar="FILE", type=Path, help="印章 / the seal")
    make.add_argument("--json", action="store_true", help="输出 JSON / print JSON")
    make.set_defaults(command=_make)


def _make(arguments: argparse.Namespace) -> int:
    """制作并签名一枚电子印章 / Make a seal and sign it as its maker."""
    now = aware(None).replace(microsecond=0)
    start: datetime = arguments.from_ or now
    end: datetime = arguments.until or days_after(start, arguments.days)
    width, height = arguments.size
    seal = make_seal(
        seal_id=arguments.id,
        name=arguments.name,
        type=arguments.type,
        picture=SealPicture(
            _picture_type(arguments),
            read_input(arguments.picture, limit=MAX_SEAL_BYTES),
            width,
            height,
        ),
        signers=[read_certificate(name) for name in arguments.signer],
        valid_from=start,
        valid_until=end,
        maker_certificate=read_certificate(arguments.maker_cert),
        maker_key=read_key(arguments.maker_key, arguments.password_file),
        vendor=arguments.vendor,
        version=SealVersion(arguments.version),
        by_digest=arguments.by_digest,
        timestamps=timestamps_of(arguments),
        now=now,
    )
    write_new(arguments.out, seal.encoded)
    _tell(describe_seal(seal), as_json=arguments.json)
    return 0


def _show(arguments: argparse.Namespace) -> int:
    """查看印章或签章的内容，不判断真伪 / Show what is in a seal or signature; it proves nothing."""
    data = read_input(arguments.file, limit=MAX_SIGNATURE_BYTES)
    try:
        found = _read(data)
    except SealRefused as error:
        zh = f"{shown_name(arguments.file)} 不是可读的印章或签章"
        raise CommandError(zh, str(error)) from error
    seal = found.seal if isinstance(found, SealSignature) else found
    if arguments.picture_out is not None:
        write_new(arguments.picture_out, seal.picture.data)
    if arguments.seal_out is not None:
        write_new(arguments.seal_out, seal.encoded)
    told = describe_signature(found) if isinstance(found, SealSignature) else describe_seal(seal)
    _tell(told, as_json=arguments.json)
    return 0


def _read(data: bytes) -> ElectronicSeal | SealSignature:
    return parse_seal_signature(data) if kind_of(data) == "ses-signature" else parse_seal(data)


def _tell(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        write_out(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for name, value in told.items():
        if isinstance(value, list):
            write_out(f"{name}:")
            for item in value:
                write_out(f"  - {showable(str(item))}")
        else:
            write_out(f"{name}: {showable(str(value))}")


def _picture_type(arguments: argparse.Namespace) -> str:
    given: str | None = arguments.picture_type
    suffix = Path(arguments.picture).suffix.lower()
    found = given or {**_PICTURE_TYPES, **_JPEG}.get(suffix)
    if found is None:
        zh, en = "无法由后缀判断印模格式，请给 --picture-type", "give --picture-type"
        raise CommandError(zh, en)
    return found


def _seal_type(text: str) -> int:
    named = {one.name.lower().replace("_", "-"): one.value for one in SealType}
    if text in named:
        return named[text]
    if not text.isascii() or not text.isdigit() or int(text) >= _MAX_TYPE:
        message = "N is a number, or one of " + ", ".join(named)
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _size(text: str) -> tuple[int, int]:
    found = _SIZE.fullmatch(text)
    if found is None:
        message = "W[xH] is whole millimetres, as 42 or 30x20"
        raise argparse.ArgumentTypeError(message)
    return int(found[1]), int(found[2] or found[1])
