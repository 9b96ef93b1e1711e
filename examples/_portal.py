"""What both portals of the examples share: their arguments, their parts, their pages."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import _pages as pages

from msb_identity.foundation.store import Store, file_url
from msb_identity.sso.signin_client import SignInClient
from msb_identity.sso.tokens import TokenVerifier
from msb_identity.web import portal_sessions
from msb_identity.web.guard import Guard
from msb_identity.web.portal import PortalSignIn
from msb_identity.web.portal_sessions import PortalSessions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msb_identity.sso.http import WebResponse
    from msb_identity.sso.tokens import VerifiedToken

PREFIX = "/sso"


@dataclass(frozen=True)
class Parts:
    """A portal's two gates: `sso` before pages, `guard` before the API."""

    name: tuple[str, str]
    port: int
    sso: PortalSignIn
    guard: Guard


def read_arguments(name: tuple[str, str], arguments: Sequence[str] | None = None) -> Parts:
    """Read the command line and connect the portal to its provider: this is all it takes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--issuer", required=True)
    parser.add_argument("--client", required=True)
    parser.add_argument("--secret-file", required=True, type=Path)
    parser.add_argument("--audience", required=True)
    parser.add_argument("--store", required=True, type=Path)
    parser.add_argument("--port", required=True, type=int)
    given = parser.parse_args(arguments)
    home = f"http://127.0.0.1:{given.port}/"
    sessions = PortalSessions(Store.open(file_url(given.store), portal_sessions.metadata))
    # http on this very machine only: anywhere else leave allow_http away, and it is https.
    guard = Guard(TokenVerifier.from_issuer(given.issuer, audience=given.audience, allow_http=True))
    client = SignInClient.from_issuer(
        given.issuer,
        client_id=given.client,
        credential=given.secret_file.read_text("utf-8").strip(),
        redirect_address=f"{home}sso/callback",
        scope=("openid", "profile"),
        replays=sessions,
        allow_http=True,
    )
    sso = PortalSignIn(client, sessions, guard, prefix=PREFIX, signed_out_address=home)
    return Parts(name, given.port, sso, guard)


def front(parts: Parts) -> WebResponse:
    """Show the page that everybody may see."""
    zh, en = parts.name
    body = pages.heading(zh, en) + pages.say("登录后办理业务。", "Sign in to go on.")
    body += pages.link("/permits", "登录办理", "Sign in")
    return pages.page(parts.name, pages.card(body), site=parts.name)


def permits(parts: Parts, token: VerifiedToken) -> WebResponse:
    """Show a page for who is signed in."""
    who = [
        ("用户 / subject", token.subject),
        ("认证等级 / acr", token.acr or ""),
        ("认证方式 / amr", " ".join(token.amr)),
        ("登录时间 / since", f"{token.auth_time:%Y-%m-%d %H:%M:%S} UTC" if token.auth_time else ""),
    ]
    if token.actor is not None:
        who.append(("经办人 / acting", token.actor))
    out = pages.form(f"{PREFIX}/logout", pages.button("退出登录", "Sign out everywhere"), {})
    body = pages.heading("已登录", "You are signed in") + pages.facts(who)
    body += (
        pages.link("/transfer", "办理过户（需二次认证）", "needs a stronger sign-in", quiet=True)
        + out
    )
    return pages.page(
        ("已登录", "Signed in"), pages.card(body), site=parts.name, returns_to=token.issuer
    )


def transfer(parts: Parts) -> WebResponse:
    """Show what only a strong sign-in opens."""
    body = pages.heading("可以过户", "The transfer may begin")
    body += pages.notice("已完成二次认证", "You have proved who you are twice.", good=True)
    return pages.page(("过户", "Transfer"), pages.card(body), site=parts.name)
