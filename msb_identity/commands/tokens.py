"""The command `msb-identity token verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msb_identity.envelopes.jose import MAX_JWS_CHARS
from msb_identity.errors import EncodingRefused, KeyRefused
from msb_identity.foundation.commands import (
    CommandError,
    parse_time,
    print_reports,
    read_input,
    shown_name,
)
from msb_identity.sso.tokens import TokenVerifier

if TYPE_CHECKING:
    import argparse

_EMPTY_NAME = ("签发方和受众不能为空", "issuer and audience must not be empty")


def add_token_commands(areas: Any, epilog: str) -> None:  # noqa: ANN401 - argparse's own type is private
    """Add the area `token` to the areas of msb-identity."""
    token = areas.add_parser("token", help="访问令牌 / access tokens")
    verify = token.add_subparsers(metavar="ACTION", required=True).add_parser(
        "verify",
        help="核验令牌 / verify a token",
        description=_verify_token.__doc__,
        epilog=epilog,
    )
    _add_verify_arguments(verify)


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
