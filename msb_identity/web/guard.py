"""Who may pass: what a portal demands of the access token that comes with a request.

`Guard.admit` gives the verified token or raises AccessDenied, of which `answer` makes the response:
status, WWW-Authenticate (RFC 6750 section 3; RFC 9470 where a stronger or fresher sign-in would do)
and a body in Chinese and English. Whether a token is good is the `TokenVerifier`'s to say; here is
only whether it is good enough for this address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from msb_identity.errors import AccessDenied, Refused
from msb_identity.foundation.clock import aware
from msb_identity.foundation.report import Outcome
from msb_identity.signin.stepup import ASSURANCE
from msb_identity.sso.http import NO_STORE, json_response

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from msb_identity.foundation.report import Report
    from msb_identity.signin.stepup import Assurance
    from msb_identity.sso.http import WebRequest, WebResponse
    from msb_identity.sso.tokens import TokenVerifier, VerifiedToken

RETRY_SECONDS = 5
_UNAVAILABLE = 503
# RFC 6750 section 2.1: "Bearer" 1*SP b64token, once.
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE | re.ASCII)
_ACR = re.compile(r"[A-Za-z0-9:/._~+-]+", re.ASCII)
_SCOPE_WORD = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+", re.ASCII)  # RFC 6749 section 3.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one address of a portal demands; an empty one: a good token.

    acr: at least this authentication level (认证等级). max_age: signed in no longer ago than this.
    scope: every one of these words. roles: at least one of these (岗位角色). acting: True for those
    who act for a legal person (法人办事), False for those who act for themselves, None for both.
    """

    acr: str | None = None
    max_age: timedelta | None = None
    scope: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    acting: bool | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot stand in a header."""
        if self.acr is not None and not _ACR.fullmatch(self.acr):
            message = "acr is a name of RFC 6711's kind, without spaces and quotation marks"
            raise ValueError(message)
        if not all(_SCOPE_WORD.fullmatch(word) for word in self.scope):
            message = "scope is a tuple of words as RFC 6749 section 3.3 spells them"
            raise ValueError(message)


ANY_TOKEN = Demand()


def answer(denied: AccessDenied) -> WebResponse:
    """Give the answer to a request that was not admitted."""
    body = {
        "error": denied.error or "unauthorized",
        "code": denied.code,
        "zh": denied.zh,
        "en": denied.en,
    }
    retry = {"Retry-After": str(RETRY_SECONDS)} if denied.status == _UNAVAILABLE else {}
    challenge = {"WWW-Authenticate": denied.challenge} if denied.challenge else {}
    headers = (*challenge.items(), *retry.items(), *NO_STORE)
    return json_response(body, status=denied.status, headers=headers)


class Gate(Protocol):
    """What stands before an address: the Guard of an API, or the PortalSignIn of a site's pages."""

    def admit(
        self, request: WebRequest, demand: Demand = ANY_TOKEN, *, now: datetime | None = None
    ) -> VerifiedToken:
        """Give the token of a request that may pass, or raise AccessDenied."""

    def answer(self, denied: AccessDenied, request: WebRequest, demand: Demand) -> WebResponse:
        """Give the answer to a request that may not."""


def no_token() -> AccessDenied:
    """Give what a request is answered that shows nothing at all."""
    return _denied("no-token")


def not_checked(code: str) -> AccessDenied:
    """Give what a request is answered that cannot be judged now, for a reason of ours."""
    return AccessDenied(code, *_NOT_CHECKED, status=_UNAVAILABLE, error="temporarily_unavailable")


class Guard:
    """Admits requests by their access token, for one portal."""

    def __init__(self, verifier: TokenVerifier, *, assurance: Assurance = ASSURANCE) -> None:
        """Take the verifier that knows whose tokens, and meant for whom, this portal accepts.

        assurance: the order of authentication levels (认证等级), as the provider has it.
        """
        self._verifier, self._rank = verifier, assurance.rank

    def admit(
        self, request: WebRequest, demand: Demand = ANY_TOKEN, *, now: datetime | None = None
    ) -> VerifiedToken:
        """Give the token of a request that may pass; AccessDenied has the answer to any other.

        The token stands in the Authorization header and nowhere else: what stands in an address is
        logged on the way (RFC 9700 section 4.3.2).
        """
        header = request.headers.get("authorization")
        if header is None or header.partition(" ")[0].lower() != "bearer":
            raise no_token()
        if (match := _BEARER.fullmatch(header)) is None:
            raise _denied("unreadable-token")
        return self.judge(match[1], demand, now=now)

    def judge(
        self, token: str, demand: Demand = ANY_TOKEN, *, now: datetime | None = None
    ) -> VerifiedToken:
        """Do the same with a token that came another way, as from a browser's session.

        ValueError for a demand of a level that is not on the scale.
        """
        moment = aware(now)
        if demand.acr is not None and self._rank(demand.acr) < 0:
            message = f"{demand.acr} is not a level of this guard's scale"
            raise ValueError(message)
        try:
            verified = self._verifier.verify(token, now=moment)
        except Refused as error:
            raise _refusal(error.report) from None
        if demand.acr is not None and self._rank(verified.acr or "") < self._rank(demand.acr):
            raise _step_up("weak-sign-in", demand)
        _check_age(verified, demand, moment)
        _check_rights(verified, demand)
        return verified

    def answer(self, denied: AccessDenied, request: WebRequest, demand: Demand) -> WebResponse:  # noqa: ARG002
        """Give the answer to a request that may not pass; it is the same to all."""
        return answer(denied)


def _check_age(token: VerifiedToken, demand: Demand, now: datetime) -> None:
    """Whether the sign-in was fresh enough: another one could be (RFC 9470)."""
    if demand.max_age is not None and (
        token.auth_time is None or now - token.auth_time > demand.max_age
    ):
        raise _step_up("old-sign-in", demand)


def _check_rights(token: VerifiedToken, demand: Demand) -> None:
    """Whether the token carries the rights: signing in again would bring no others."""
    if not set(demand.scope) <= set(token.scope):
        raise _denied("scope-missing", parameters={"scope": " ".join(demand.scope)})
    if demand.roles and not set(demand.roles) & set(token.roles):
        raise _denied("role-missing")
    if demand.acting is not None and demand.acting != (token.actor is not None):
        raise _denied("not-acting" if demand.acting else "acting")


# code: status, RFC 6750's error, Chinese, English. No credentials, no error (RFC 6750 3.1).
_ANSWERS: Mapping[str, tuple[int, str, str, str]] = {
    "no-token": (401, "", "请先登录", "sign in first"),
    "unreadable-token": (
        400,
        "invalid_request",
        "令牌的写法不正确",
        "the Authorization header is not one bearer token",
    ),
    "token-refused": (401, "invalid_token", "令牌无效，请重新登录", "the token is not accepted"),
    "weak-sign-in": (
        401,
        "insufficient_user_authentication",
        "本事项需要更强的登录方式",
        "a stronger sign-in is needed here",
    ),
    "old-sign-in": (
        401,
        "insufficient_user_authentication",
        "登录时间过久，请重新验证身份",
        "a fresher sign-in is needed here",
    ),
    "scope-missing": (
        403,
        "insufficient_scope",
        "令牌的授权范围不够",
        "the scope of the token does not reach here",
    ),
    "role-missing": (403, "insufficient_scope", "没有所需的角色", "a role is missing"),
    "not-acting": (
        403,
        "insufficient_scope",
        "本事项须代表法人办理",
        "this is done in the name of a legal person",
    ),
    "acting": (
        403,
        "insufficient_scope",
        "本事项须由本人以个人身份办理",
        "this is done in one's own name",
    ),
}
_NOT_CHECKED = ("暂时无法核验令牌，请稍后再试", "the token cannot be checked now; try again soon")
# Codes of steps that say our side could not look, not that the token is wrong.
_OUR_SIDE = frozenset({"keys-unavailable", "session-source-failed"})


def _denied(
    code: str,
    *,
    say: tuple[str, str] | None = None,
    parameters: Mapping[str, str] = MappingProxyType({}),
) -> AccessDenied:
    status, error, zh, en = _ANSWERS[code]
    named = {"error": error, "error_description": en, **parameters} if error else {}
    listed = ", ".join(f'{name}="{value}"' for name, value in named.items())
    challenge = f"Bearer {listed}".strip()
    zh, en = say or (zh, en)
    return AccessDenied(code, zh, en, status=status, error=error, challenge=challenge)


def _step_up(code: str, demand: Demand) -> AccessDenied:
    """Say what sign-in would do, so that the portal can ask the provider for it."""
    parameters = {}
    if demand.acr is not None:
        parameters["acr_values"] = demand.acr
    if demand.max_age is not None:
        parameters["max_age"] = str(int(demand.max_age.total_seconds()))
    return _denied(code, parameters=parameters)


def _refusal(report: Report) -> AccessDenied:
    """Answer for a token that is not good, or that could not be checked."""
    step = report.decisive_step
    if step is None or step.outcome is not Outcome.UNKNOWN or step.code not in _OUR_SIDE:
        return _denied("token-refused", say=(step.zh, step.en) if step else None)
    return not_checked(step.code)
