"""The end-session endpoint: a portal, or the person, wants to be signed out everywhere.

OpenID Connect RP-Initiated Logout 1.0. Anybody may send a browser here, so a session is ended
without asking only for a portal that shows an ID token of that very session; else the person is
asked (section 2). Every client of the session hears of it through the queue of logout notices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_identity.errors import OAuthRefused
from msb_identity.sso.hints import read_hint
from msb_identity.sso.http import page, redirect

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.sso.clients import Client
    from msb_identity.sso.hints import Hint
    from msb_identity.sso.http import Parameters, WebRequest, WebResponse
    from msb_identity.sso.parts import Parts
    from msb_identity.sso.sessions import Session

MAX_STATE_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class SignOutNeeded:
    """The person is to be asked whether to sign out, since no portal proved that it may ask.

    client_name: of the portal that sent the browser, "" where that is not known. Call `end_session`
    again with `confirmed=True` and the same request after a yes, on a page protected against forged
    requests. redirect_address: the portal's registered one where the browser ends up, for that
    page's `form-action`; "" where it stays here.
    """

    client_name: str
    redirect_address: str = ""


def end_session(
    parts: Parts,
    request: WebRequest,
    session: Session | None,
    *,
    confirmed: bool,
    now: datetime,
) -> WebResponse | SignOutNeeded:
    """End the browser's session and send it to where the portal registered, or to a page of ours.

    OAuthRefused for an address that is not registered: nobody is sent there, nothing is ended.
    """
    parameters = _read(request)
    hint = read_hint(parts, parameters.get("id_token_hint", ""), now=now)
    client = _client(parts, parameters, hint)
    after = _after(client, parameters)
    live = session is not None and session.is_live(now)
    if live and session is not None:
        is_meant = hint is not None and hint.session_id == session.sid
        if not confirmed and not is_meant:
            name = "" if client is None else client.registration.name
            return SignOutNeeded(name, "" if after is None else after[0])
        parts.sessions.end(session.sid, now)
    elif hint is not None:
        # The browser has lost its cookie, and the portal still knows the session it came from.
        parts.sessions.end(hint.session_id, now)
    if after is None:
        return page(200, "已退出登录", "You are signed out.")
    return redirect(*after)


def _read(request: WebRequest) -> Parameters:
    if request.method == "POST":
        return request.form_parameters()
    return request.query_parameters()


def _client(parts: Parts, parameters: Parameters, hint: Hint | None) -> Client | None:
    named = parameters.get("client_id")
    if hint is not None and named not in {None, hint.client_id}:
        raise OAuthRefused("invalid_request", "client_id is not that of the ID token")
    client_id = hint.client_id if hint is not None else named
    return None if client_id is None else parts.clients.live(client_id)


def _after(client: Client | None, parameters: Parameters) -> tuple[str, Parameters] | None:
    address = parameters.get("post_logout_redirect_uri")
    if address is None:
        return None
    if client is None or address not in client.registration.signed_out_addresses:
        raise OAuthRefused("invalid_redirect_uri", "the address is not registered")
    state = parameters.get("state")
    if state is not None and len(state) > MAX_STATE_CHARS:
        raise OAuthRefused("invalid_request", "state is too long")
    return address, {} if state is None else {"state": state}
