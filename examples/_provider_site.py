"""The pages of the example's provider: signing in, the account's own page, signing out."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import _pages as pages
from _scan_pages import ScanPages

from msb_identity.errors import MsbError, OAuthRefused, SignInRefused
from msb_identity.sso.http import WebRequest, WebResponse, redirect
from msb_identity.sso.provider import Reason, SignInNeeded, SignOutNeeded
from msb_identity.web.cookies import drop_cookie, read_cookie, set_cookie

if TYPE_CHECKING:
    from collections.abc import Callable

    from msb_identity.foundation.protect import Protector
    from msb_identity.signin.passwords import Passwords
    from msb_identity.signin.scan import ScanSignIn
    from msb_identity.signin.sms import SmsSignIn
    from msb_identity.sso.http import Parameters
    from msb_identity.sso.provider import Provider
    from msb_identity.sso.sessions import NewSession, Session, Sessions

SITE = ("统一身份认证", "Unified sign-in")
SESSION, BROWSER = "msb-session", "msb-browser"
_GOES_ON = re.compile(r"/(?:authorize|logout)(?:\?[A-Za-z0-9._~%+&=-]*)?", re.ASCII)


@dataclass(frozen=True)
class Services:
    """What the pages call."""

    protector: Protector
    sessions: Sessions
    sms: SmsSignIn
    scans: ScanSignIn
    passwords: Passwords
    provider: Provider


@dataclass(frozen=True)
class Visit:
    """One request, with what its browser shows: who is signed in, and its own random value."""

    request: WebRequest
    session: Session | None
    browser: str


class Site:
    """The pages, by method and path; everything else is the provider's."""

    def __init__(self, services: Services) -> None:
        self._is = services
        self._scans = ScanPages(services.scans, mark=self._mark, finish=_signed_in, show=self._page)
        self._pages: dict[tuple[str, str], Callable[[Visit], WebResponse]] = {
            ("GET", "/"): self._home,
            ("GET", pages.STYLE_PATH): lambda _: pages.style(),
            ("GET", "/sign-in"): self._sign_in,
            ("GET", "/scan-in"): lambda v: self._scans.wait(v, _asked_to(v), _device(v)),
            ("GET", "/scan"): self._scans.app,
        }
        self._forms: dict[str, Callable[[Visit, Parameters], WebResponse]] = {
            "/sign-in/password": self._by_password,
            "/sign-in/code": self._send_code,
            "/sign-in/sms": self._by_sms,
            "/sign-in/cancel": self._cancel,
            "/scan": self._scans.scanned,
            "/scan/answer": self._scans.answered,
            "/sign-out": self._sign_out,
            "/sessions/end": self._end_session,
        }

    def handle(self, request: WebRequest) -> WebResponse:
        """Answer a request; a browser without a value of its own gets one."""
        known = read_cookie(request, BROWSER)
        secret = read_cookie(request, SESSION)
        session = None if secret is None else self._is.sessions.by_secret(secret)
        visit = Visit(request, session, known or secrets.token_urlsafe(32))
        response = self._route(visit)
        if known is None and response.header("Content-Type") == "text/html; charset=utf-8":
            return _with(response, set_cookie(BROWSER, visit.browser))
        return response

    def _route(self, visit: Visit) -> WebResponse:
        request = visit.request
        if (page := self._pages.get((request.method, request.path))) is not None:
            return page(visit)
        if request.method == "POST" and (form := self._forms.get(request.path)) is not None:
            return self._submit(visit, form)
        answered = self._is.provider.handle(request, visit.session)
        if isinstance(answered, SignInNeeded):
            return self._sign_in_page(visit, answered.return_to, needed=answered)
        if isinstance(answered, SignOutNeeded):
            return self._sign_out_page(visit, answered)
        return answered

    def _submit(
        self, visit: Visit, form: Callable[[Visit, Parameters], WebResponse]
    ) -> WebResponse:
        """Take a form of ours: one that another site sent has not this browser's mark."""
        try:
            fields = visit.request.form_parameters()
        except OAuthRefused:
            fields = {}
        mark = fields.get("mark", "").encode("utf-8", "replace")
        if not hmac.compare_digest(mark, self._mark(visit).encode()):
            return self._page(
                ("请重试", "Try again"),
                pages.notice(
                    "页面已过期，请返回重试", "This page is too old: go back and try again."
                ),
                status=403,
            )
        return form(visit, fields)

    def _mark(self, visit: Visit) -> str:
        return self._is.protector.index("browser-form", visit.browser).hex()

    def _sign_in(self, visit: Visit) -> WebResponse:
        return self._sign_in_page(visit, _asked_to(visit))

    def _sign_in_page(
        self,
        visit: Visit,
        to: str,
        *,
        needed: SignInNeeded | None = None,
        way: str = "",
        name: str = "",
        said: str = "",
        status: int = 200,
    ) -> WebResponse:
        """Show the ways to sign in; `to` is where the browser goes on afterwards."""
        if needed is None:
            needed = self._needed(to)
        way = way or dict(visit.request.query).get("way", "sms")
        hidden = {"mark": self._mark(visit), "to": to}
        here = f"/sign-in?{pages.query(to=to)}"
        body = pages.heading("登录", "Sign in") + _why(needed) + said
        body += pages.tabs(
            [
                (f"{here}&way=sms", "短信验证码", "text message", way in {"sms", "code"}),
                (f"{here}&way=password", "账号密码", "password", way == "password"),
                (f"/scan-in?{pages.query(to=to)}", "扫码", "scan", False),
            ]
        )
        body += _WAYS.get(way, _sms_form)(hidden, name)
        if to != "/":
            cancel = pages.button("取消", "Cancel", quiet=True)
            body += pages.form("/sign-in/cancel", cancel, hidden)
        content = pages.card(body)
        portal = "" if needed is None else needed.redirect_address
        return self._page(("登录", "Sign in"), content, status=status, returns_to=portal)

    def _needed(self, to: str, session: Session | None = None) -> SignInNeeded | None:
        """Ask the provider once more what it waits for, so that nothing is taken from a form."""
        if not to.startswith("/authorize?"):
            return None
        answered = self._is.provider.handle(_request_for(to), session)
        return answered if isinstance(answered, SignInNeeded) else None

    def _by_password(self, visit: Visit, fields: Parameters) -> WebResponse:
        return self._try(
            visit,
            fields,
            "password",
            lambda session: self._is.passwords.sign_in(
                fields.get("name", ""),
                fields.get("password", ""),
                address=visit.request.address,
                device=_device(visit),
                session=session,
            ),
        )

    def _send_code(self, visit: Visit, fields: Parameters) -> WebResponse:
        name, to = fields.get("name", ""), _local(fields.get("to", ""))
        try:
            self._is.sms.request_code(name, address=visit.request.address)
        except MsbError as error:
            return self._sign_in_page(visit, to, way="sms", name=name, said=_refusal(error))
        said = pages.notice(
            "如该号码已注册，验证码已发送",
            "If this number is registered, a code is on its way.",
            good=True,
        )
        return self._sign_in_page(visit, to, way="code", name=name, said=said)

    def _by_sms(self, visit: Visit, fields: Parameters) -> WebResponse:
        return self._try(
            visit,
            fields,
            "code",
            lambda session: self._is.sms.sign_in(
                fields.get("name", ""),
                fields.get("code", ""),
                address=visit.request.address,
                device=_device(visit),
                session=session,
            ),
        )

    def _try(
        self,
        visit: Visit,
        fields: Parameters,
        way: str,
        sign_in: Callable[[Session | None], NewSession],
    ) -> WebResponse:
        """Sign in and go on; a session that is there already is made stronger, or gives way."""
        to = _local(fields.get("to", ""))
        needed, there = self._needed(to, visit.session), visit.session
        gives_way = needed is not None and needed.reason is Reason.OTHER_ACCOUNT
        try:
            session = sign_in(None if gives_way else there)
        except MsbError as error:
            said, name = _refusal(error), fields.get("name", "")
            return self._sign_in_page(visit, to, way=way, name=name, said=said, status=403)
        if gives_way and there is not None:
            self._is.sessions.end(there.sid)
        return _signed_in(session.secret, to)

    def _cancel(self, _visit: Visit, fields: Parameters) -> WebResponse:
        return self._is.provider.cancel(_request_for(_local(fields.get("to", ""))))

    def _home(self, visit: Visit) -> WebResponse:
        """Show a person's sessions, and end them one by one (会话管理)."""
        if visit.session is None:
            return redirect("/sign-in", {})
        hidden = {"mark": self._mark(visit)}
        rows = "".join(
            pages.row(
                f"{one.device or '—'} · {one.auth_time:%Y-%m-%d %H:%M} UTC",
                "本机" if one.sid == visit.session.sid else "、".join(one.amr),
                pages.form(
                    "/sessions/end",
                    pages.button("结束", "End", quiet=True),
                    {**hidden, "sid": one.sid},
                ),
            )
            for one in self._is.sessions.of(visit.session.subject)
        )
        rows += pages.link("/scan", "扫一扫", "Scan to let a page in", quiet=True)
        out = pages.form("/sign-out", pages.button("退出登录", "Sign out everywhere"), hidden)
        body = pages.heading("我的登录", "Where I am signed in") + rows + out
        return self._page(("我的账号", "My account"), pages.card(body))

    def _end_session(self, visit: Visit, fields: Parameters) -> WebResponse:
        if visit.session is not None:
            theirs = self._is.sessions.get(fields.get("sid", ""))
            if theirs is not None and theirs.subject == visit.session.subject:
                self._is.sessions.end(theirs.sid)
        return redirect("/", {})

    def _sign_out(self, visit: Visit, fields: Parameters) -> WebResponse:
        """Sign out at a portal's wish, once the person has said yes, or at the person's own."""
        to = _local(fields.get("to", ""))
        if to != "/":
            answered = self._is.provider.end_session(
                _request_for(to), visit.session, confirmed=True
            )
            if isinstance(answered, WebResponse):
                return _with(answered, drop_cookie(SESSION))
        if visit.session is not None:
            self._is.sessions.end(visit.session.sid)
        return _with(redirect("/sign-in", {}), drop_cookie(SESSION))

    def _sign_out_page(self, visit: Visit, needed: SignOutNeeded) -> WebResponse:
        request = visit.request
        posted = request.method == "POST"
        asked = request.form_parameters() if posted else request.query_parameters()
        to = _local(f"{request.path}?{pages.query(**asked)}")
        body = pages.heading("退出登录？", "Sign out?") + pages.say(
            f"{needed.client_name or '有网站'}请求让您退出所有网站。",
            "A site asks to sign you out everywhere.",
        )
        body += pages.form(
            "/sign-out", pages.button("退出", "Sign out"), {"mark": self._mark(visit), "to": to}
        )
        content = pages.card(body)
        return self._page(("退出登录", "Sign out"), content, returns_to=needed.redirect_address)

    def _page(
        self,
        title: tuple[str, str],
        content: str,
        *,
        status: int = 200,
        returns_to: str = "",
        headers: tuple[tuple[str, str], ...] = (),
        again_seconds: int = 0,
    ) -> WebResponse:
        return pages.page(
            title,
            content,
            site=SITE,
            status=status,
            returns_to=returns_to,
            headers=headers,
            again_seconds=again_seconds,
        )


def _sms_form(hidden: dict[str, str], name: str) -> str:
    content = pages.field("name", "手机号", "mobile number", kind="tel", fill="tel", value=name)
    return pages.form("/sign-in/code", content + pages.button("获取验证码", "Send a code"), hidden)


def _code_form(hidden: dict[str, str], name: str) -> str:
    content = pages.field("code", "验证码", "code", fill="one-time-code")
    sent = {**hidden, "name": name}
    return pages.form("/sign-in/sms", content + pages.button("登录", "Sign in"), sent)


def _password_form(hidden: dict[str, str], name: str) -> str:
    content = pages.field(
        "name", "手机号或身份证号", "mobile or identity number", fill="username", value=name
    )
    content += pages.field("password", "密码", "password", kind="password", fill="current-password")
    return pages.form("/sign-in/password", content + pages.button("登录", "Sign in"), hidden)


# The first that stands in the text: every browser also claims to be some of the others.
_BROWSERS = ("MicroMessenger", "Edg", "Firefox", "Chrome", "Safari")
_SYSTEMS = ("HarmonyOS", "Android", "iPhone", "Windows", "Mac OS", "Linux")
_WAYS = {"sms": _sms_form, "code": _code_form, "password": _password_form}


def _why(needed: SignInNeeded | None) -> str:
    if needed is None:
        return ""
    asked = {
        "stronger-sign-in": ("需要再用一种方式验证身份", "One more proof of who you are is needed"),
        "fresh-sign-in": ("请重新验证身份", "Please sign in once more"),
        "other-account": ("请登录要使用的账号", "Please sign in with the account that is meant"),
        "higher-level": (
            "您的实名等级不足，请到窗口办理",
            "Your real-name level is too low: see a counter",
        ),
    }.get(needed.reason)
    to = pages.say(f"登录后前往：{needed.client_name}", "You go on to this site afterwards.")
    return to + (pages.notice(*asked) if asked else "")


def _refusal(error: MsbError) -> str:
    zh, en = getattr(error, "zh", "无法登录"), getattr(error, "en", "That did not work.")
    wait = error.retry_after if isinstance(error, SignInRefused) else None
    seconds = 0 if wait is None else int(wait.total_seconds()) + 1
    if seconds:
        zh, en = f"{zh}（{seconds} 秒后）", f"{en} (in {seconds} s)"
    return pages.notice(zh, en)


def _device(visit: Visit) -> str:
    """Say in a word or two which browser it is: enough for its owner to know it again."""
    said = visit.request.headers.get("user-agent", "")
    return " · ".join(next((n for n in names if n in said), "?") for names in (_BROWSERS, _SYSTEMS))


def _signed_in(secret: str, to: str) -> WebResponse:
    """Give the browser its session, and a new value of its own: the old one was anybody's."""
    cookie = set_cookie(SESSION, secret)
    return _with(redirect(to, {}), cookie, set_cookie(BROWSER, secrets.token_urlsafe(32)))


def _asked_to(visit: Visit) -> str:
    return _local(dict(visit.request.query).get("to", "/"))


def _local(to: str) -> str:
    """Give the path and query that the provider itself asked for, else the front page.

    Not what some parser makes of it but how it is spelt: one slash, a path of ours, and no
    character that a browser reads as another (a backslash, a space, a line's end).
    """
    return to if _GOES_ON.fullmatch(to) else "/"


def _request_for(to: str) -> WebRequest:
    path, _, query = to.partition("?")
    return WebRequest.of("GET", path, query_string=query)


def _with(response: WebResponse, *headers: tuple[str, str]) -> WebResponse:
    return WebResponse(response.status, (*response.headers, *headers), response.body)
