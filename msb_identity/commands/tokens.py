"""The commands `msb-identity token issue`, `token show` and `token verify`.

A token is a secret while it lives: it is read from a file or from stdin, and written to a new file
of mode 0600, never to a terminal.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msb_identity.commands.opened import (
    add_keys_argument,
    add_store_argument,
    open_identity,
)
from msb_identity.commands.ring import add_kind_argument, open_ring
from msb_identity.envelopes.jose import MAX_JWS_CHARS, parse_jws
from msb_identity.errors import EncodingRefused, KeyRefused, SignInRefused
from msb_identity.foundation import strict_json
from msb_identity.foundation.commands import (
    EXIT_STATUS,
    CommandError,
    check_new_files,
    complain,
    count_up_to,
    parse_time,
    print_reports,
    read_input,
    shown_name,
    write_out,
)
from msb_identity.foundation.files import write_private_once
from msb_identity.foundation.text import showable
from msb_identity.sso.claims import MAX_TOKEN_LIFE, TOKEN_LIFE
from msb_identity.sso.tokens import TokenIssuer, TokenVerifier

if TYPE_CHECKING:
    import argparse

_EMPTY_NAME = ("签发方和受众不能为空", "issuer and audience must not be empty")
_MINUTE = timedelta(minutes=1)


def add_commands(areas: Any) -> None:  # noqa: ANN401 - argparse's own type is private
    """Add the area `token` to the areas of msb-identity."""
    actions = areas.add_parser("token", help="访问令牌 / access tokens").add_subparsers(
        metavar="ACTION", required=True
    )
    issue = actions.add_parser(
        "issue", help="签发令牌 / issue a token", description=_issue_token.__doc__
    )
    _add_issue_arguments(issue)
    show = actions.add_parser(
        "show", help="查看内容，不核验 / show what it says, unverified", description=_show.__doc__
    )
    show.set_defaults(command=_show)
    verify = actions.add_parser(
        "verify",
        help="核验令牌 / verify a token",
        description=_verify_token.__doc__,
        epilog=EXIT_STATUS,
    )
    _add_verify_arguments(verify)
    for action in (show, verify):
        action.add_argument("--json", action="store_true", help="输出 JSON / print JSON")
        action.add_argument(
            "file",
            metavar="FILE|-",
            help="含令牌的文件，- 为标准输入 / the file that holds the token, - for stdin",
        )


def _add_issue_arguments(issue: argparse.ArgumentParser) -> None:
    add_store_argument(issue)
    add_keys_argument(issue)
    add_kind_argument(issue)
    issue.add_argument("--issuer", required=True, help="签发方 / the issuer, for iss")
    issue.add_argument("--audience", required=True, help="受众 / whom it is for, for aud")
    issue.add_argument("--client", required=True, metavar="ID", help="应用 / the client's id")
    issue.add_argument("--session", required=True, metavar="SID", help="登录会话 / the session")
    issue.add_argument("--scope", default="", help="权限范围 / words with a space between")
    issue.add_argument(
        "--minutes",
        type=count_up_to(MAX_TOKEN_LIFE // _MINUTE),
        default=TOKEN_LIFE // _MINUTE,
        help="有效分钟数 / for how many minutes it is good",
    )
    issue.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        type=Path,
        help="令牌写入此新文件，权限 0600 / the new file for the token, mode 0600",
    )
    issue.set_defaults(command=_issue_token)


def _add_verify_arguments(verify: argparse.ArgumentParser) -> None:
    verify.add_argument(
        "--keys",
        "--trust",
        metavar="JWKS_FILE",
        type=Path,
        help="签发方的公钥集（JWK Set）或单个公钥；不给时从签发方的网址获取"
        " / the issuer's JWK set, or one public JWK; fetched from the issuer where left out",
    )
    verify.add_argument("--issuer", required=True, help="应有的签发方 / the issuer expected in iss")
    verify.add_argument(
        "--audience", required=True, help="应有的受众 / the audience expected in aud"
    )
    verify.add_argument(
        "--allow-http",
        action="store_true",
        help="允许本机的 http 签发方（仅供试用）/ also an http issuer on this machine, to try out",
    )
    verify.add_argument(
        "--at",
        metavar="TIME",
        type=parse_time,
        help="按此时间核验（ISO 8601，带时区）/ judge at this time (ISO 8601 with a zone)",
    )
    verify.set_defaults(command=_verify_token)


def _issue_token(arguments: argparse.Namespace) -> int:
    """为登录会话签发访问令牌 / Issue an access token for a session that is live."""
    from msb_identity.sso.sessions import Sessions

    check_new_files(arguments.out)
    if not arguments.issuer or not arguments.audience or not arguments.client:
        raise CommandError(*_EMPTY_NAME)
    with open_identity(arguments) as opened:
        session = Sessions(opened.store).get(arguments.session)
        if session is None:
            zh, en = "没有此登录会话", "there is no such session"
            raise CommandError(zh, en)
        ring = open_ring(arguments, opened)
        try:
            token = TokenIssuer(arguments.issuer, ring, audit=opened.audit).issue(
                session,
                audience=arguments.audience,
                client_id=arguments.client,
                scope=arguments.scope,
                ttl=arguments.minutes * _MINUTE,
            )
        except SignInRefused as error:
            raise CommandError(error.zh, error.en) from error
    write_private_once(arguments.out, token.encode() + b"\n")
    write_out(f"已写入 / written: {shown_name(str(arguments.out))}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    """查看令牌内容。不核验，不可据此信任 / Show what a token says. Nothing is verified.

    The signature is left out, so that what is printed is no token.
    """
    token = _read(arguments.file)
    try:
        jws = parse_jws(token)
        said: dict[str, Any] = {
            "verified": False,
            "header": dict(jws.header),
            "claims": strict_json.load_object(jws.payload),
        }
    except EncodingRefused as error:
        name = shown_name(arguments.file)
        zh, en = f"{name} 不是令牌", f"{name} holds no token: {error}"
        raise CommandError(zh, en) from error
    complain("未核验：签名、期限和签发方均未检查", "NOT VERIFIED: anybody can have written this")
    if arguments.json:
        write_out(json.dumps(said, ensure_ascii=True, indent=2))
        return 0
    for line in json.dumps(said, ensure_ascii=False, indent=2).splitlines():
        write_out(showable(line))
    return 0


def _verify_token(arguments: argparse.Namespace) -> int:
    """核验访问令牌 / Verify an access token that is read from a file or from stdin."""
    if not arguments.issuer or not arguments.audience:
        raise CommandError(*_EMPTY_NAME)
    verifier = _verifier(arguments)
    report = verifier.check(_read(arguments.file), now=arguments.at)
    return print_reports([(arguments.file, report)], as_json=arguments.json, at=arguments.at)


def _verifier(arguments: argparse.Namespace) -> TokenVerifier:
    if arguments.keys is None:
        try:
            return TokenVerifier.from_issuer(
                arguments.issuer, audience=arguments.audience, allow_http=arguments.allow_http
            )
        except ValueError as error:
            zh = "请用 --keys 指定公钥集，或以 https 网址作为签发方"
            en = f"name the keys with --keys, or an issuer to fetch them from: {error}"
            raise CommandError(zh, en) from error
    try:
        return TokenVerifier.from_key_set_file(
            arguments.keys, issuer=arguments.issuer, audience=arguments.audience
        )
    except (EncodingRefused, KeyRefused) as error:
        name = shown_name(str(arguments.keys))
        zh, en = f"{name} 不是公钥集", f"{name} is not a set of public keys: {error}"
        raise CommandError(zh, en) from error


def _read(name: str) -> str:
    """Read a token; what is not ASCII becomes a character that no token has."""
    return read_input(name, limit=MAX_JWS_CHARS).decode("ascii", "replace").strip()
