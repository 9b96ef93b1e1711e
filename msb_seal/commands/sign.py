"""The command `msb-seal sign`: put a seal, or a plain signature, on an OFD or a PDF.

Thin: reads its arguments, calls one public function and writes the sealed file. What the file is
goes by its first bytes and not by its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

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
from msb_seal.commands.places import PLACE_FORMS, read_place
from msb_seal.commands.sealers import add_sealer_arguments, names_a_seal, open_sealer
from msb_seal.documents import is_pdf
from msb_seal.ofd.archive import MAX_ARCHIVE_BYTES
from msb_seal.ofd.sign import seal_ofd
from msb_seal.ofd.sign_cms import sign_ofd_cms

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from datetime import datetime

    from msb_identity.foundation.commands import CommandParser
    from msb_identity.pki.keys import SigningKey
    from msb_identity.x509.certificate import Certificate
    from msb_seal.seals.sealer import TimestampSource

_Actions: TypeAlias = "argparse._SubParsersAction[CommandParser]"  # noqa: SLF001 - its one name
# The names of SignatureForm and of Permission, whose room takes long to load.
_FORMS = ("pades", "adobe", "ses", "gm_cms")
_PERMISSIONS = ("nothing", "forms", "annotations")
_PDF_ONLY = ("form", "field", "reason", "location", "contact", "certify", "second_key")


@dataclass(frozen=True, slots=True)
class _Signing:
    """What every kind of document takes."""

    arguments: argparse.Namespace
    key: SigningKey
    certificate: Certificate
    chain: list[Certificate]
    timestamps: TimestampSource | None
    now: datetime


def add_commands(commands: _Actions) -> None:
    """Add `sign` to the commands of msb-seal."""
    sign = commands.add_parser(
        "sign", help="盖章或签名 / seal or sign an OFD or a PDF", description=_sign.__doc__
    )
    sign.add_argument("file", metavar="FILE|-", help="OFD, PDF")
    add_sealer_arguments(sign)
    add_key_arguments(sign)
    sign.add_argument(
        "--place",
        metavar="PLACE",
        type=read_place,
        action="append",
        default=[],
        help=f"盖章位置，可多次 / where the seal goes (repeatable): {PLACE_FORMS}",
    )
    sign.add_argument(
        "--final", action="store_true", help="锁定，此后不能再签 / allow no further signature"
    )
    _add_pdf_arguments(sign)
    add_timestamp_argument(sign)
    sign.add_argument("--out", metavar="FILE", required=True, type=Path, help="输出 / output")
    sign.set_defaults(command=_sign)


def _add_pdf_arguments(sign: CommandParser) -> None:
    pdf = sign.add_argument_group("PDF")
    pdf.add_argument(
        "--form",
        choices=_FORMS,
        help="签名形式，SM2 印章默认 ses，其余默认 pades"
        " / what the signature is: ses by default for a seal with SM2, else pades",
    )
    pdf.add_argument("--field", metavar="NAME", help="签入此签名域 / the signature field to use")
    pdf.add_argument("--certify", choices=_PERMISSIONS, help="认证签名，此后可改 / permit so much")
    for name, text in (
        ("--reason", "签名原因 / the reason"),
        ("--location", "签名地点 / the place"),
        ("--contact", "联系方式 / how to reach the signer"),
    ):
        pdf.add_argument(name, metavar="TEXT", help=text)
    pdf.add_argument(
        "--second-key",
        metavar="FILE|-",
        help="双签：印章为 SM2 时的 RSA 或 P-256 私钥，反之亦然"
        " / sign with the other kind of key, too: RSA or P-256 beside SM2",
    )
    pdf.add_argument("--second-cert", metavar="FILE", help="其证书 / the second key's certificate")
    pdf.add_argument(
        "--second-password-file", metavar="FILE|-", help="其口令文件 / the second key's password"
    )


def _sign(arguments: argparse.Namespace) -> int:
    """在 OFD 或 PDF 上盖章，或作数字签名 / Put a seal, or a plain signature, on an OFD or a PDF."""
    sealed = names_a_seal(arguments)
    if not sealed and arguments.place:
        zh, en = "--place 须与 --seal 或 --record 同用", "--place goes with --seal or --record"
        raise CommandError(zh, en)
    if sealed and not arguments.place and arguments.field is None:
        zh, en = "请用 --place 指定盖章位置", "say with --place where the seal goes"
        raise CommandError(zh, en)
    if (arguments.second_key is None) != (arguments.second_cert is None):
        zh, en = "--second-key 与 --second-cert 须同用", "--second-key goes with --second-cert"
        raise CommandError(zh, en)
    if arguments.second_key is not None and not sealed:
        zh, en = "双签须有印章（--seal 或 --record）", "a second key goes with --seal or --record"
        raise CommandError(zh, en)
    data = read_input(arguments.file, limit=MAX_ARCHIVE_BYTES)
    certificate, *chain = load_certificates(read_input(arguments.cert, limit=MAX_BUNDLE_BYTES))
    key = read_key(arguments.key, arguments.password_file)
    signing = _Signing(arguments, key, certificate, chain, timestamps_of(arguments), aware(None))
    signed = _on_pdf(data, signing) if is_pdf(data) else _on_ofd(data, signing)
    write_new(arguments.out, signed)
    write_out(f"{arguments.out.name}: 已签 / signed")
    return 0


def _on_ofd(data: bytes, signing: _Signing) -> bytes:
    arguments = signing.arguments
    for name in _PDF_ONLY:
        if getattr(arguments, name) is not None:
            option = f"--{name.replace('_', '-')}"
            zh, en = f"{option} 只用于 PDF", f"{option} is for PDF alone"
            raise CommandError(zh, en)
    if not names_a_seal(arguments):
        return sign_ofd_cms(
            data,
            key=signing.key,
            certificate=signing.certificate,
            chain=signing.chain,
            final=arguments.final,
            timestamps=signing.timestamps,
            now=signing.now,
        )
    with open_sealer(arguments, signing.certificate, signing.key) as sealer:
        return seal_ofd(
            data,
            sealer=sealer,
            places=arguments.place,
            document=arguments.file,
            final=arguments.final,
            timestamps=signing.timestamps,
            now=signing.now,
        )


def _on_pdf(data: bytes, signing: _Signing) -> bytes:
    from msb_seal.ofd.stamps import picture_as_png
    from msb_seal.pdf.sign import (
        PdfOptions,
        Permission,
        Remarks,
        SignatureForm,
        seal_pdf,
        sign_pdf,
    )

    arguments = signing.arguments
    options = PdfOptions(
        in_field=arguments.field,
        form=None if arguments.form is None else SignatureForm[arguments.form.upper()],
        chain=signing.chain,
        remarks=Remarks(arguments.reason or "", arguments.location or "", arguments.contact or ""),
        certify=None if arguments.certify is None else Permission[arguments.certify.upper()],
        final=arguments.final,
    )
    if not names_a_seal(arguments):
        return sign_pdf(
            data,
            key=signing.key,
            certificate=signing.certificate,
            options=options,
            timestamps=signing.timestamps,
            now=signing.now,
        )
    seal = seal_pdf if arguments.second_key is None else _seal_twice(arguments)
    with open_sealer(arguments, signing.certificate, signing.key) as sealer:
        return seal(
            data,
            sealer=sealer,
            places=arguments.place,
            options=options,
            picture=picture_as_png(sealer.seal.picture),
            document=arguments.file,
            timestamps=signing.timestamps,
            now=signing.now,
        )


def _seal_twice(arguments: argparse.Namespace) -> Callable[..., bytes]:
    """Give what seals and signs with the second key as well."""
    from msb_seal.pdf.dual import SecondSigner, seal_pdf_twice

    certificate, *chain = load_certificates(
        read_input(arguments.second_cert, limit=MAX_BUNDLE_BYTES)
    )
    key = read_key(arguments.second_key, arguments.second_password_file)
    return partial(seal_pdf_twice, second=SecondSigner(key, certificate, chain))
