"""The command msb-identity: keys, certificates and tokens.

Thin: each subcommand reads its arguments, calls one public function and prints what it says.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from msb_identity.cli_certificates import add_certificate_commands
from msb_identity.cli_keys import add_key_commands
from msb_identity.envelopes.jose import MAX_JWS_CHARS
from msb_identity.errors import EncodingRefused, KeyRefused
from msb_identity.foundation.audit_commands import add_audit_commands
from msb_identity.foundation.commands import (
    STORE_VARIABLE,
    CommandError,
    CommandParser,
    parse_time,
    print_reports,
    read_input,
    run,
    shown_name,
    write_out,
)
from msb_identity.sso.tokens import TokenVerifier

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_EXIT_STATUS = (
    "退出码 / exit status: 0 有效 valid, 1 无效 invalid, 3 无法判定 indeterminate,"
    " 2 用法错误或文件无法读取 called wrongly or unreadable file"
)
_NO_STORE = ("请用 --store 指定数据库", "name the store with --store")
_EMPTY_NAME = ("签发方和受众不能为空", "issuer and audience must not be empty")


def main(argv: Sequence[str] | None = None) -> int:
    """Run msb-identity with these arguments (default: the process's own); give the exit status."""
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # --help, or an error that argparse has already told
        return stop.code if isinstance(stop.code, int) else 0
    return run(lambda: int(arguments.command(arguments)))


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="msb-identity",
        description="身份：密钥与令牌 / identity: keys and tokens",
        epilog=_EXIT_STATUS,
    )
    areas = parser.add_subparsers(metavar="AREA", required=True)

    add_key_commands(areas)
    add_certificate_commands(areas, _EXIT_STATUS)

    token = areas.add_parser("token", help="访问令牌 / access tokens")
    actions = token.add_subparsers(metavar="ACTION", required=True)
    verify = actions.add_parser(
        "verify",
        help="核验令牌 / verify a token",
        description=_verify_token.__doc__,
        epilog=_EXIT_STATUS,
    )
    _add_verify_arguments(verify)
    add_audit_commands(areas)

    store = areas.add_parser("store", help="数据库 / the store").add_subparsers(
        metavar="ACTION", required=True
    )
    migrate = store.add_parser(
        "migrate", help="升级表结构 / bring tables up to date", description=_migrate_store.__doc__
    )
    migrate.add_argument(
        "--store",
        metavar="URL",
        default=os.environ.get(STORE_VARIABLE),
        help=f"sqlite:///FILE | postgresql+psycopg://… (${STORE_VARIABLE})",
    )
    migrate.set_defaults(command=_migrate_store)
    return parser


def _add_verify_arguments(verify: argparse.ArgumentParser) -> None:
    verify.add_argument(
        "--keys",
        "--trust",
        required=True,
        metavar="JWKS_FILE",
        type=Path,
        help="签发方的公钥集（JWK Set）或单个公钥 / the issuer's JWK set, or one public JWK",
    )
    verify.add_argument("--issuer", required=True, help="应有的签发方 / the issuer expected in iss")
    verify.add_argument(
        "--audience", required=True, help="应有的受众 / the audience expected in aud"
    )
    verify.add_argument(
        "--at",
        metavar="TIME",
        type=parse_time,
        help="按此时间核验（ISO 8601，带时区）/ judge at this time (ISO 8601 with a zone)",
    )
    verify.add_argument("--json", action="store_true", help="输出 JSON / print JSON")
    verify.add_argument(
        "file",
        metavar="FILE|-",
        help="含令牌的文件，- 为标准输入 / the file that holds the token, - for stdin",
    )
    verify.set_defaults(command=_verify_token)


def _migrate_store(arguments: argparse.Namespace) -> int:
    """升级身份库的表（请先备份） / Bring the identity tables up to date; make a backup first."""
    from msb_identity.foundation import protect
    from msb_identity.foundation.store import migrate_store

    if not arguments.store:
        raise CommandError(*_NO_STORE)
    for name, revision in migrate_store(arguments.store, protect.metadata).items():
        write_out(f"{name}: {revision}")
    return 0


def _verify_token(arguments: argparse.Namespace) -> int:
    """核验访问令牌 / Verify an access token that is read from a file or from stdin."""
    if not arguments.issuer or not arguments.audience:
        raise CommandError(*_EMPTY_NAME)
    try:
        verifier = TokenVerifier.from_key_set_file(
            arguments.keys, issuer=arguments.issuer, audience=arguments.audience
        )
    except (EncodingRefused, KeyRefused) as error:
        name = shown_name(str(arguments.keys))
        zh, en = f"{name} 不是公钥集", f"{name} is not a set of public keys: {error}"
        raise CommandError(zh, en) from error
    content = read_input(arguments.file, limit=MAX_JWS_CHARS)
    # What is not ASCII becomes a character that no token has.
    token = content.decode("ascii", "replace").strip()
    report = verifier.check(token, now=arguments.at)
    return print_reports([(arguments.file, report)], as_json=arguments.json, at=arguments.at)
