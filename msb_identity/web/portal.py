"""Signing in at a portal with a browser (接入): four addresses, and who a request comes from.

    sso = PortalSignIn(client, PortalSessions(store), guard, prefix="/sso")

    GET  /sso/login?to=/permits     to the provider, and back to where the person was going;
                                    &acting_for=FIRM in a legal person's name (法人办事)
    GET  /sso/callback              the provider's answer
    POST /sso/logout                out of everything (单点退出)
    POST /sso/ended                 the provider's own word that a session has ended (back-channel)

`handle` serves them; mount it with `asgi` or `flask`. `admit` gives the verified token of who is
behind a request, renewed where it is old, or raises AccessDenied; `answer` turns that into the way
to the sign-in. A session here never outlives the provider's: an ended one is refused at the next
renewal of its token at the latest, by the cut-offs and the back-channel notice long before.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from msb_identity.envelopes.jose import decode_base64url, encode_base64url
from msb_identity.errors import (
    AccessDenied,
    EncodingRefused,
    FetchRefused,
    OAuthRefused,
    Refused,
    StoreError,
)
from msb_identity.foundation.clock import aware
from msb_identity.sso.http import NO_STORE, WebResponse, json_response, page, redirect
from msb_identity.sso.signin_client import Pending
from msb_identity.web.cookies import drop_cookie, read_cookie, set_cookie
from msb_identity.web.guard import ANY_TOKEN, answer, no_token, not_checked
from msb_identity.web.portal_sessions import LONGEST

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from msb_identity.sso.http import Parameters, WebRequest
    from msb_identity.sso.signin_client import SignInClient
    from msb_identity.sso.tokens import VerifiedToken
    from msb_identity.web.guard import Demand, Guard
    from msb_identity.web.portal_sessions import PortalSessions, Visitor

PENDING_LIFE = timedelta(minutes=15)
MAX_PATH_CHARS = 300
RENEW_AHEAD = timedelta(seconds=30)
_SECRET_CHARS = 43  # 256 bits in base64url
_MAX_AGE_DIGITS = 6


@dataclass(frozen=True, slots=True)
class _Texts:
    zh: str
    en: str


_NOT_SIGNED_IN = _Texts(
    "登录未完成，请返回后重新登录", "You are not signed in: go back and try again."
)
_NO_PROVIDER = _Texts(
    "暂时无法连接统一认证，请稍后再试", "The sign-in service cannot be reached now."
)
_NO_STORE = _Texts("服务暂不可用，请稍后重试", "The service is not available now.")
_NO_SUCH_PAGE = _Texts("没有此页面", "There is no such page.")
_log = logging.getLogger(__name__)
_SEND_ON = frozenset({"no-token", "token-refused", "weak-sign-in", "old-sign-in"})


class PortalSignIn:
    """The browser's side of one portal."""

    def __init__(
        self,
        client: SignInClient,
        sessions: PortalSessions,
        guard: Guard,
        *,
        prefix: str,
        signed_out_address: str = "",
    ) -> None:
        """Join what knows the provider, what keeps sessions, and what judges tokens.

        prefix: where `handle` is mounted, as "/sso". signed_out_address: where the browser comes
        back to when it is signed out, as registered.
        """
        self._client, self._sessions, self._guard = client, sessions, guard
        self._prefix, self._signed_out_address = prefix, signed_out_address
        # Hosts share cookies between their ports: two portals on one host must not mix theirs up.
        name = "".join(c if c.isalnum() else "-" for c in client.client_id.lower())[:40]
        self._cookie, self._pending_cookie = f"msb-{name}", f"msb-{name}-pending"
        self._routes: dict[tuple[str, str], Callable[[WebRequest, datetime], WebResponse]] = {
            ("GET", "/login"): self._login,
            ("GET", "/callback"): self._callback,
            ("POST", "/logout"): self._logout,
            ("POST", "/ended"): self._ended,
        }

    def handle(self, request: WebRequest, *, now: datetime | None = None) -> WebResponse:
        """Serve an address below the prefix."""
        route = self._routes.get((request.method, request.path))
        if route is None:
            return page(404, _NO_SUCH_PAGE.zh, _NO_SUCH_PAGE.en)
        try:
            return route(request, aware(now))
        except FetchRefused:
            return page(503, _NO_PROVIDER.zh, _NO_PROVIDER.en)
        except StoreError:
            _log.exception("the portal's sessions cannot be read or written")
            return page(503, _NO_STORE.zh, _NO_STORE.en)

    def admit(
        self, request: WebRequest, demand: Demand = ANY_TOKEN, *, now: datetime | None = None
    ) -> VerifiedToken:
        """Give the token of who is signed in with this browser; AccessDenied says why nobody is."""
        moment = aware(now)
        try:
            visitor = self._visitor(request, moment)
        except StoreError:
            _log.exception("the portal's sessions cannot be read or written")
            raise not_checked("store-failed") from None
        return self._guard.judge(visitor.access_token, demand, now=moment)

    def answer(self, denied: AccessDenied, request: WebRequest, demand: Demand) -> WebResponse:
        """Answer a browser that was not admitted: to the sign-in where that helps, or why not."""
        if denied.code not in _SEND_ON or request.method != "GET":
            return answer(denied)
        asked = {"to": _local_path(request.path)}
        if demand.acr is not None:
            asked["acr"] = demand.acr
        if demand.max_age is not None:
            asked["max_age"] = str(int(demand.max_age.total_seconds()))
        return redirect(f"{self._prefix}/login", asked)

    def _login(self, request: WebRequest, _now: datetime) -> WebResponse:
        try:
            asked = request.query_parameters()
        except OAuthRefused:
            return page(400, _NOT_SIGNED_IN.zh, _NOT_SIGNED_IN.en)
        pending = Pending.new()
        age = asked.get("max_age", "")
        fresh = age.isascii() and age.isdigit() and len(age) <= _MAX_AGE_DIGITS
        address = self._client.begin(
            pending,
            acr=asked.get("acr", ""),
            max_age=timedelta(seconds=int(age)) if fresh else None,
            further={"acting_for": asked.get("acting_for", "")},
        )
        to = encode_base64url(_local_path(asked.get("to", "/")).encode())
        kept = set_cookie(self._pending_cookie, pending.secret + to, life=PENDING_LIFE)
        return _with(redirect(address, {}), kept)

    def _callback(self, request: WebRequest, now: datetime) -> WebResponse:
        kept = read_cookie(request, self._pending_cookie) or ""
        done = drop_cookie(self._pending_cookie)
        try:
            signed_in = self._client.complete(
                request.query_parameters(), Pending(kept[:_SECRET_CHARS]), now=now
            )
            secret = self._sessions.begin(signed_in, now=now)
        except (OAuthRefused, Refused):
            secret = None
        if secret is None or len(kept) < _SECRET_CHARS:
            return _with(page(400, _NOT_SIGNED_IN.zh, _NOT_SIGNED_IN.en), done)
        if (before := read_cookie(request, self._cookie)) is not None:
            self._sessions.drop(before)
        cookie = set_cookie(self._cookie, secret, life=LONGEST)
        return _with(redirect(_path_of(kept[_SECRET_CHARS:]), {}), cookie, done)

    def _logout(self, request: WebRequest, now: datetime) -> WebResponse:
        """Sign out here, and send the browser to sign out everywhere.

        A form of another site comes without our cookie (SameSite), so it signs nobody out.
        """
        secret = read_cookie(request, self._cookie)
        visitor = None if secret is None else self._sessions.find(secret, now=now)
        gone = drop_cookie(self._cookie)
        if secret is None or visitor is None:
            return _with(redirect("/", {}), gone)
        self._sessions.drop(secret)
        address = self._client.sign_out_address(
            id_token=visitor.id_token, back_to=self._signed_out_address
        )
        return _with(redirect(address, {}), gone)

    def _ended(self, request: WebRequest, now: datetime) -> WebResponse:
        """Take a back-channel notice (Back-Channel Logout 1.0 sections 2.5 to 2.8)."""
        try:
            token = _logout_token(request.form_parameters())
            self._sessions.end(self._client.read_logout_token(token, now=now), now=now)
        except (OAuthRefused, Refused):
            error = {"error": "invalid_request", "error_description": "not a good logout token"}
            return json_response(error, status=400)
        return WebResponse(200, NO_STORE)

    def _visitor(self, request: WebRequest, now: datetime) -> Visitor:
        """Find who is signed in with this browser, with tokens that are not about to end."""
        secret = read_cookie(request, self._cookie)
        visitor = None if secret is None else self._sessions.find(secret, now=now)
        if secret is None or visitor is None:
            raise no_token()
        if now < visitor.fresh_until - RENEW_AHEAD:
            return visitor
        return self._renewed(secret, visitor, now)

    def _renewed(self, secret: str, visitor: Visitor, now: datetime) -> Visitor:
        """Get new tokens; a session that is over at the provider ends here."""
        if visitor.refresh_token is None:
            if now < visitor.fresh_until:
                return visitor
            raise no_token()
        try:
            tokens = self._client.refresh(visitor.refresh_token, now=now)
        except OAuthRefused:
            self._sessions.drop(secret)
            raise no_token() from None
        except FetchRefused:
            if now < visitor.fresh_until:
                return visitor
            raise no_token() from None  # but kept: the provider may be back in a minute
        return self._sessions.renew(secret, visitor, tokens)


def _logout_token(form: Parameters) -> str:
    if "logout_token" not in form:
        raise OAuthRefused("invalid_request", "no logout token")
    return form["logout_token"]


def _local_path(path: str) -> str:
    """Give a path of this very site; the front page instead of anything else.

    Two slashes, or a slash and a backslash, would lead to another host.
    """
    plain = path.isprintable() and path.isascii() and "\\" not in path
    ours = path.startswith("/") and not path.startswith("//")
    return path if plain and ours and len(path) <= MAX_PATH_CHARS else "/"


def _path_of(encoded: str) -> str:
    """Read back where the person was going; a cookie, too, is only what the browser says."""
    try:
        return _local_path(decode_base64url(encoded).decode("ascii", "replace"))
    except EncodingRefused:
        return "/"


def _with(response: WebResponse, *headers: tuple[str, str]) -> WebResponse:
    return WebResponse(response.status, (*response.headers, *headers), response.body)
