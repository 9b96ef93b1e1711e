"""The authorisation endpoint: a browser comes from a portal and goes back with a code.

OpenID Connect Core section 3.1.2, RFC 6749 section 4.1, RFC 7636 (PKCE, S256 alone, of every
client), RFC 9207 (`iss` in every answer), RFC 9700. Whatever is wrong with the client or with where
to send the browser is told on a page of our own: nobody is sent to an address that is not
registered, character by character. Everything else is told to the portal.
"""

from __future__ import annotations

import hmac
import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from msb_identity.errors import OAuthRefused
from msb_identity.foundation.clock import from_seconds, seconds
from msb_identity.signin.stepup import fresh
from msb_identity.sso.allowed import (
    allowed_scope,
    audiences,
    check_fits,
    level_needed,
    standing_for,
)
from msb_identity.sso.authorizations import Authorization
from msb_identity.sso.clients import Grant
from msb_identity.sso.codes import MAX_NONCE_CHARS, CodeRequest, is_challenge, make_code
from msb_identity.sso.hints import read_hint
from msb_identity.sso.http import page, redirect
from msb_identity.sso.parts import Endpoint

if TYPE_CHECKING:
    from msb_identity.sso.clients import Client
    from msb_identity.sso.hints import Hint
    from msb_identity.sso.http import Parameters, WebRequest, WebResponse
    from msb_identity.sso.parts import Parts
    from msb_identity.sso.sessions import Session

MAX_STATE_CHARS = 2_000
MAX_AGE_SECONDS = 10**9
CONTINUED = "continued"
"""The parameter that says, under our MAC, since when a request has waited for a sign-in."""
CONTINUATION_LIFE = timedelta(hours=1)
RETURN_WITHIN = timedelta(minutes=5)
"""How soon a browser is back after its sign-in, of two methods even, where `max_age` is shorter."""
CONTINUATION_DOMAIN = "authorize-continued"
_ALMOST_A_SECOND = timedelta(microseconds=999_999)
_FORGOTTEN = frozenset({CONTINUED, "login_hint"})
"""What is not carried on in `return_to`: a login hint may be a telephone number."""
_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)
_FIRM_ID = re.compile(r"[a-z2-7]{26}", re.ASCII)
_PROMPTS = frozenset({"none", "login", "consent", "select_account"})
_ASKS_ANEW = frozenset({"login", "select_account"})
_NOT_HERE = {  # OpenID Connect Core section 3.1.2.6
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}
_NO_SUCH_RESPONSE = "unsupported_response_type"
_log = logging.getLogger(__name__)


class Reason(StrEnum):
    """Why a person must act before a portal gets its answer."""

    NO_SESSION = "no-session"
    FRESH_SIGN_IN = "fresh-sign-in"
    OTHER_ACCOUNT = "other-account"
    STRONGER_SIGN_IN = "stronger-sign-in"
    HIGHER_LEVEL = "higher-level"


@dataclass(frozen=True, slots=True)
class SignInNeeded:
    """The application's own pages are to come first.

    reason: what is missing; `HIGHER_LEVEL` is a matter of the account (实名), not of this sign-in.
    `OTHER_ACCOUNT`: whoever signs in now begins a session of his own, and the one there is ends.
    return_to: path and query, below the issuer's host, to send the browser to afterwards.
    acr: the authentication level (认证等级) that will do, "" where any does. level: the real-name
    level (实名等级). max_age: how old the sign-in may be. login_hint: what the portal believes the
    person's identifier to be; only for filling in a field, and kept out of `return_to`.
    redirect_address: the portal's, one of those registered, where the browser ends up: a page whose
    form leads there names it in its `form-action`.
    """

    reason: Reason
    client_id: str
    client_name: str
    return_to: str
    acr: str = ""
    level: int = 0
    max_age: timedelta | None = None
    login_hint: str = ""
    redirect_address: str = ""


@dataclass(frozen=True, slots=True)
class _Destination:
    """Where the answer goes, once that is certain."""

    client: Client
    address: str
    state: str | None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the portal asks for, read and found to be allowed."""

    scope: tuple[str, ...]
    audience: tuple[str, ...]
    challenge: str
    nonce: str | None
    prompts: frozenset[str]
    max_age: timedelta | None
    acr: str
    level: int
    firm_id: str | None
    hint: Hint | None
    waiting_since: int | None


def authorize(
    parts: Parts, request: WebRequest, session: Session | None, *, now: datetime
) -> WebResponse | SignInNeeded:
    """Answer with a redirect, with a page where nobody may be redirected, or with SignInNeeded."""
    try:
        parameters = _read(request)
        destination = _destination(parts, parameters)
    except OAuthRefused as refused:
        return _refused_here(refused)
    try:
        wanted = _wanted(parts, destination.client, parameters, now)
        reason = _missing(parts, wanted, session, now)
        if reason is not None and "none" in wanted.prompts:
            raise _cannot_ask(reason)
        if reason is not None or session is None:
            # Since the first time: a sign-in by two methods comes back twice.
            where = _return_to(parts, parameters, wanted.waiting_since or seconds(now))
            return _needed(reason or Reason.NO_SESSION, destination, wanted, parameters, where)
        return _with_code(parts, destination, wanted, session, now)
    except OAuthRefused as refused:
        return _refused_there(parts, destination, refused)


def cancel(parts: Parts, request: WebRequest) -> WebResponse:
    """Answer a portal whose person did not sign in after all."""
    try:
        destination = _destination(parts, _read(request))
    except OAuthRefused as refused:
        return _refused_here(refused)
    cancelled = OAuthRefused("access_denied", "the person did not sign in")
    return _refused_there(parts, destination, cancelled)


def _read(request: WebRequest) -> Parameters:
    """OpenID Connect Core 3.1.2.1: GET and POST both."""
    if request.method == "POST":
        return request.form_parameters()
    return request.query_parameters()


def _destination(parts: Parts, parameters: Parameters) -> _Destination:
    """Find the client and compare the address with its own, exactly (RFC 9700 section 2.1)."""
    client = parts.clients.live(parameters.get("client_id", ""))
    if client is None:
        raise OAuthRefused("invalid_client", "the portal is not registered")
    address = parameters.get("redirect_uri", "")
    if address not in client.registration.redirect_addresses:
        detail = f"client {client.id}"
        raise OAuthRefused("invalid_redirect_uri", "the address is not registered", detail=detail)
    state = parameters.get("state")
    if state is not None and len(state) > MAX_STATE_CHARS:
        raise OAuthRefused("invalid_request", "state is too long")
    return _Destination(client, address, state)


def _wanted(parts: Parts, client: Client, parameters: Parameters, now: datetime) -> _Wanted:
    """Read all else; whatever is refused from here on is told to the portal."""
    for name, code in _NOT_HERE.items():
        if name in parameters:
            raise OAuthRefused(code, f"{name} is not supported")
    if Grant.AUTHORIZATION_CODE not in client.registration.grants:
        raise OAuthRefused("unauthorized_client", "this client gets no codes")
    check_fits(parts, client, now=now)
    if parameters.get("response_type") != "code":
        raise OAuthRefused(_NO_SUCH_RESPONSE, "response_type is code")
    if parameters.get("response_mode", "query") != "query":
        raise OAuthRefused("invalid_request", "response_mode is query")
    challenge = parameters.get("code_challenge", "")
    if parameters.get("code_challenge_method") != "S256" or not is_challenge(challenge):
        raise OAuthRefused("invalid_request", "PKCE with code_challenge_method S256 is required")
    nonce = parameters.get("nonce")
    if nonce is not None and len(nonce) > MAX_NONCE_CHARS:
        raise OAuthRefused("invalid_request", "nonce is too long")
    scope = allowed_scope(client, parameters.get("scope", ""))
    return _Wanted(
        scope=scope,
        audience=audiences(parts, client, parameters.get("resource"), scope),
        challenge=challenge,
        nonce=nonce,
        prompts=_prompts(parameters),
        max_age=_max_age(parameters),
        acr=_acr(parts, client, parameters),
        level=level_needed(parts, client, scope),
        firm_id=_firm_id(parameters),
        hint=_hint(parts, parameters, now),
        waiting_since=_waiting_since(parts, parameters, now),
    )


def _prompts(parameters: Parameters) -> frozenset[str]:
    prompts = frozenset(parameters.get("prompt", "").split(" ")) - {""}
    if not prompts <= _PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise OAuthRefused("invalid_request", "prompt is none, or login, consent, select_account")
    return prompts


def _max_age(parameters: Parameters) -> timedelta | None:
    text = parameters.get("max_age")
    if text is None:
        return None
    if not _NUMBER.fullmatch(text) or int(text) > MAX_AGE_SECONDS:
        raise OAuthRefused("invalid_request", "max_age is a number of seconds")
    return timedelta(seconds=int(text))


def _acr(parts: Parts, client: Client, parameters: Parameters) -> str:
    """Give the weakest sign-in that will do: of those asked for, but no weaker than registered."""
    asked = [acr for acr in parameters.get("acr_values", "").split(" ") if acr]
    rank = parts.assurance.rank
    # acr_values is a wish (OpenID Connect Core 3.1.2.1): levels of other scales are passed over.
    known = sorted((acr for acr in asked if rank(acr) >= 0), key=rank)
    return max((known[0] if known else "", client.registration.acr), key=rank)


def _firm_id(parameters: Parameters) -> str | None:
    firm_id = parameters.get("acting_for")
    if firm_id is not None and not _FIRM_ID.fullmatch(firm_id):
        raise OAuthRefused("invalid_request", "acting_for is a firm's id")
    return firm_id


def _hint(parts: Parts, parameters: Parameters, now: datetime) -> Hint | None:
    token = parameters.get("id_token_hint")
    if token is None:
        return None
    hint = read_hint(parts, token, now=now)
    if hint is None:
        raise OAuthRefused("invalid_request", "id_token_hint is no ID token of this provider")
    return hint


def _missing(
    parts: Parts, wanted: _Wanted, session: Session | None, now: datetime
) -> Reason | None:
    """Say what the session lacks of what is wanted, the first thing first."""
    if session is None or not session.is_live(now):
        return Reason.NO_SESSION
    if wanted.hint is not None and wanted.hint.person_id != session.subject:
        return Reason.OTHER_ACCOUNT  # that of the person whom the portal means
    since = _shown_since(wanted, now)
    seen = session if since is None else fresh(session, since, assurance=parts.assurance)
    if seen is None:
        chooses = "select_account" in wanted.prompts
        return Reason.OTHER_ACCOUNT if chooses else Reason.FRESH_SIGN_IN
    if parts.assurance.rank(seen.acr) < parts.assurance.rank(wanted.acr):
        return Reason.STRONGER_SIGN_IN
    if parts.subjects.level(session, now=now) < wanted.level:
        return Reason.STRONGER_SIGN_IN if session.is_tentative else Reason.HIGHER_LEVEL
    return None


def _shown_since(wanted: _Wanted, now: datetime) -> datetime | None:
    """Give since when a method counts, in whole seconds; None: whenever it was shown."""
    waiting = None if wanted.waiting_since is None else from_seconds(wanted.waiting_since)
    if wanted.prompts & _ASKS_ANEW:
        return waiting or datetime.max.replace(tzinfo=UTC)
    if wanted.max_age is None:
        return None
    # Rounded up: sessions know whole seconds, rounded down.
    youngest = from_seconds(seconds(now - wanted.max_age + _ALMOST_A_SECOND))
    if waiting is None:
        return youngest
    return min(youngest, max(waiting, from_seconds(seconds(now - RETURN_WITHIN))))


def _with_code(
    parts: Parts, destination: _Destination, wanted: _Wanted, session: Session, now: datetime
) -> WebResponse:
    client, standing = destination.client, None
    if wanted.firm_id is not None:
        standing = standing_for(parts, client, session, wanted.firm_id, now=now)
        if standing is None:
            raise OAuthRefused("access_denied", "the person may not act for this firm here")
    acting = None if standing is None else standing.acting
    authorization = Authorization(
        client.id,
        session.sid,
        session.subject,
        wanted.scope,
        wanted.audience,
        acting,
        shown_since=_shown_since(wanted, now),
    )
    asked = CodeRequest(authorization, destination.address, wanted.challenge, wanted.nonce)
    with parts.store.write(locks=()) as connection:
        code = make_code(connection, asked, now=now)
    return _back(parts, destination, {"code": code})


def _back(parts: Parts, destination: _Destination, answer: Parameters) -> WebResponse:
    state = {} if destination.state is None else {"state": destination.state}
    return redirect(destination.address, {**answer, **state, "iss": parts.issuer})


def _refused_here(refused: OAuthRefused) -> WebResponse:
    _log.info("authorize: %s (%s)", refused.code, refused.detail)
    zh = "登录请求有误，请返回原网站重试"
    en = f"This sign-in request cannot be answered: {refused.description}"
    return page(400, zh, en)


def _refused_there(parts: Parts, destination: _Destination, refused: OAuthRefused) -> WebResponse:
    _log.info("authorize: client %s: %s", destination.client.id, refused.code)
    answer = {"error": refused.code, "error_description": refused.description}
    return _back(parts, destination, answer)


def _cannot_ask(reason: Reason) -> OAuthRefused:
    """OpenID Connect Core section 3.1.2.6: why `prompt=none` does not work now."""
    code = "interaction_required" if reason is Reason.HIGHER_LEVEL else "login_required"
    return OAuthRefused(code, f"the person must act first: {reason}")


def _needed(
    reason: Reason,
    destination: _Destination,
    wanted: _Wanted,
    parameters: Parameters,
    return_to: str,
) -> SignInNeeded:
    return SignInNeeded(
        reason=reason,
        client_id=destination.client.id,
        client_name=destination.client.registration.name,
        return_to=return_to,
        acr=wanted.acr,
        level=wanted.level,
        max_age=wanted.max_age,
        login_hint=parameters.get("login_hint", ""),
        redirect_address=destination.address,
    )


def _return_to(parts: Parts, parameters: Parameters, since: int) -> str:
    """Give the same request once more, with since when it has been waiting.

    Without that, `prompt=login` would ask again for ever. The MAC covers all of it, so that nobody
    passes an old sign-in off as a new one.
    """
    kept = {name: value for name, value in parameters.items() if name not in _FORGOTTEN}
    path = urlsplit(parts.address(Endpoint.AUTHORIZE)).path
    kept[CONTINUED] = f"{since}.{_mac(parts, kept, since)}"
    return f"{path}?{urlencode(kept)}"


def _waiting_since(parts: Parts, parameters: Parameters, now: datetime) -> int | None:
    number, _, mac = parameters.get(CONTINUED, "").partition(".")
    if not _NUMBER.fullmatch(number):
        return None
    since = int(number)
    kept = {name: value for name, value in parameters.items() if name not in _FORGOTTEN}
    expected = _mac(parts, kept, since)
    is_ours = hmac.compare_digest(expected.encode(), mac.encode("utf-8", "replace"))
    age = seconds(now) - since
    return since if is_ours and 0 <= age <= CONTINUATION_LIFE.total_seconds() else None


def _mac(parts: Parts, parameters: Parameters, since: int) -> str:
    said = f"{since} {urlencode(sorted(parameters.items()))}".encode()
    return hmac.new(parts.continuation_key, said, sha256).hexdigest()
