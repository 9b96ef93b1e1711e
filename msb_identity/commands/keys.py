"""The commands msb-identity key new, show and convert; those on the key ring are in `ring`.

A password is read from a file or asked for on the terminal, never taken from the
arguments; private keys are written to new files of mode 0600.
"""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msb_identity.commands.ring import add_ring_actions
from msb_identity.envelopes.jwk import public_jwk
from msb_identity.errors import KeyRefused, WrongPassword
from msb_identity.foundation.commands import (
    CommandError,
    already_there,
    check_new_files,
    complain,
    read_input,
    read_password,
    shown_name,
    write_out,
)
from msb_identity.foundation.files import refuse_shared, write_private_once, write_whole
from msb_identity.pki.formats import (
    MAX_KEY_BYTES,
    KeyFormat,
    encode_key,
    encode_public_key,
    load_public_key,
    looks_public,
    open_key_file,
)
from msb_identity.pki.keys import RSA_BITS, KeyKind, generate_key
from msb_identity.pki.pem import write_pem
from msb_identity.pki.pkcs12 import KeyFile
from msb_identity.pki.rsa import RSAVerifyingKey

if TYPE_CHECKING:
    import argparse

    from msb_identity.pki.keys import SigningKey, VerifyingKey

_FORMATS = [str(form) for form in KeyFormat]


def add_commands(areas: Any) -> None:  # noqa: ANN401 - argparse's own type is private
    """Add the area `key` and its actions to the parser of msb-identity."""
    actions = areas.add_parser("key", help="密钥 / keys").add_subparsers(
        metavar="ACTION", required=True
    )
    new = actions.add_parser("new", help="生成密钥 / make a key", description=_new.__doc__)
    kinds = [str(kind) for kind in KeyKind]
    new.add_argument("--kind", required=True, choices=kinds, help="密钥种类 / kind of key")
    new.add_argument(
        "--bits",
        type=int,
        choices=RSA_BITS,
        help=f"RSA 密钥长度，默认 {RSA_BITS[0]} / length of an RSA key, {RSA_BITS[0]} by default",
    )
    _add_output(new, KeyFormat.JWK)
    new.set_defaults(command=_new)

    show = actions.add_parser("show", help="显示密钥 / show a key", description=_show.__doc__)
    _add_input(show)
    show.add_argument("--json", action="store_true", help="输出 JSON / print JSON")
    show.set_defaults(command=_show)

    convert = actions.add_parser(
        "convert", help="转换格式 / write a key in another form", description=_convert.__doc__
    )
    _add_input(convert)
    _add_output(convert, KeyFormat.PEM)
    convert.add_argument(
        "--certificates",
        metavar="FILE",
        type=Path,
        help="PKCS#12 中的证书写入此文件（PEM） / where the certificates of a PKCS#12 file go, PEM",
    )
    convert.set_defaults(command=_convert)
    add_ring_actions(actions)


def _add_input(action: argparse.ArgumentParser) -> None:
    action.add_argument("file", metavar="FILE|-", help="密钥文件 / the key file, - for stdin")
    action.add_argument(
        "--password-file",
        metavar="FILE",
        help="口令所在文件的第一行；在终端上可不给，会询问"
        " / the file whose first line is the password; asked for on a terminal if left out",
    )


def _add_output(action: argparse.ArgumentParser, form: KeyFormat) -> None:
    action.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        type=Path,
        help="私钥文件，权限 0600，不覆盖 / private key, mode 0600, never overwritten",
    )
    action.add_argument(
        "--public",
        metavar="FILE",
        type=Path,
        help="公钥文件，不覆盖 / public key, never overwritten",
    )
    action.add_argument(
        "--format",
        choices=_FORMATS,
        default=str(form),
        help=f"格式，默认 {form} / form of the files, {form} by default;"
        " PEM 与 DER 为 PKCS#8 / pem and der are PKCS#8",
    )
    action.add_argument(
        "--new-password-file",
        metavar="FILE",
        help="用此文件第一行的口令加密私钥 / encrypt the private key under this file's first line",
    )
    action.add_argument(
        "--ask-new-password",
        action="store_true",
        help="在终端上询问新口令 / ask for the new password on the terminal",
    )


def _new(arguments: argparse.Namespace) -> int:
    """生成密钥，打印公钥 / Make a key, keep it in a private file and print its public JWK."""
    _check_outputs(arguments.out, arguments.public)
    kind = KeyKind(arguments.kind)
    if arguments.bits is not None and kind is not KeyKind.RSA:
        zh, en = "--bits 只用于 RSA", "--bits is for RSA keys alone"
        raise CommandError(zh, en)
    key = generate_key(kind, bits=arguments.bits or RSA_BITS[0])
    _write(arguments, key)
    write_out(json.dumps(public_jwk(key.public)))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    """显示密钥的公开部分 / Show what is public about a private or public key."""
    data = read_input(arguments.file, limit=MAX_KEY_BYTES)
    found = _open_public(data) or _open_private(data, arguments)
    public = found.key.public if isinstance(found, KeyFile) else found
    shown: dict[str, Any] = {
        "file": arguments.file,
        "kind": "key",
        "key": {
            "kind": str(public.kind),
            "bits": public.bits if isinstance(public, RSAVerifyingKey) else 256,
            "private": isinstance(found, KeyFile),
            "key_id": public.key_id_text,
            "thumbprint": public.thumbprint.hex(),
            "jwk": public_jwk(public),
        },
        "certificates": len(found.certificates) if isinstance(found, KeyFile) else 0,
        "warnings": list(found.warnings) if isinstance(found, KeyFile) else [],
    }
    if arguments.json:
        write_out(json.dumps([shown], ensure_ascii=False, indent=2))
    else:
        _print(shown)
    return 0


def _print(shown: dict[str, Any]) -> None:
    key = shown["key"]
    half = "私钥 / private key" if key["private"] else "公钥 / public key"
    write_out(f"{shown_name(shown['file'])}: {key['kind']}, {key['bits']} bits, {half}")
    write_out(f"  编号 / key id: {key['key_id']}")
    write_out(f"  指纹 / thumbprint (RFC 7638, SHA-256): {key['thumbprint']}")
    if shown["certificates"]:
        write_out(f"  证书 / certificates: {shown['certificates']}")
    for warning in shown["warnings"]:
        write_out(f"  注意 / warning: {warning}")


def _convert(arguments: argparse.Namespace) -> int:
    """改写密钥的格式 / Write a private key in another form; print its public JWK."""
    _check_outputs(arguments.out, arguments.public, arguments.certificates)
    found = _open_private(read_input(arguments.file, limit=MAX_KEY_BYTES), arguments)
    _write(arguments, found.key)
    if arguments.certificates is not None and not found.certificates:
        complain("没有可写出的证书", "there is no certificate that could be written")
    elif arguments.certificates is not None:
        pems = [write_pem("CERTIFICATE", certificate) for certificate in found.certificates]
        write_whole(arguments.certificates, b"".join(pems))
    for warning in found.warnings:
        complain("证书须另行提供", f"{warning}; its certificates must be given apart")
    write_out(json.dumps(public_jwk(found.key.public)))
    return 0


def _open_public(data: bytes) -> VerifyingKey | None:
    try:
        return load_public_key(data)
    except KeyRefused:
        if looks_public(data):
            raise
        return None  # then it is a private key, or the error of reading one says what it is


def _open_private(data: bytes, arguments: argparse.Namespace) -> KeyFile:
    found = _unlocked(data, arguments)
    if arguments.file != "-" and not found.encrypted:
        refuse_shared(Path(arguments.file))
    return found


def _unlocked(data: bytes, arguments: argparse.Namespace) -> KeyFile:
    if arguments.password_file is not None:
        return open_key_file(data, read_password(arguments.password_file))
    try:
        return open_key_file(data)
    except WrongPassword:
        if arguments.file == "-" or not _on_terminal():
            raise
    return open_key_file(data, getpass.getpass("口令 / password: "))


def _write(arguments: argparse.Namespace, key: SigningKey) -> None:
    form = KeyFormat(arguments.format)
    content = encode_key(key, form, _new_password(arguments))
    try:
        write_private_once(arguments.out, content)
    except FileExistsError:  # made by another process since we looked
        raise already_there(arguments.out) from None
    if arguments.public is not None:
        public_form = KeyFormat.PEM if form is KeyFormat.SEC1 else form
        write_whole(arguments.public, encode_public_key(key.public, public_form))


def _new_password(arguments: argparse.Namespace) -> str | None:
    if arguments.new_password_file is not None:
        return read_password(arguments.new_password_file)
    if not arguments.ask_new_password:
        return None
    if not _on_terminal():
        zh, en = "没有终端可询问口令", "there is no terminal to ask for a password"
        raise CommandError(zh, en)
    password = getpass.getpass("新口令 / new password: ")
    if getpass.getpass("再次输入 / again: ") != password:
        zh, en = "两次口令不同", "the two passwords differ"
        raise CommandError(zh, en)
    return password


def _check_outputs(*paths: Path | None) -> None:
    check_new_files(*(path for path in paths if path is not None))


def _on_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
