"""The token endpoint: a code, a refresh token or a client's own name for tokens.

RFC 6749 sections 4.1.3, 4.4, 5 and 6; OpenID Connect Core section 3.1.3. What stands behind a grant
(session, client, mandate, real-name level) is asked anew each time, so that what has ended brings
no more tokens, whatever was stored. What a grant finds out is committed before it is refused.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from msb_identity.errors import OAuthRefused
from msb_identity.foundation.clock import seconds
from msb_identity.signin.stepup import fresh
from msb_identity.sso.allowed import (
    allowed_scope,
    audiences,
    check_fits,
    level_needed,
    standing_for,
)
from msb_identity.sso.basis import Basis
from msb_identity.sso.claims import TOKEN_LIFE
from msb_identity.sso.client_sessions import remember_client, session_end
from msb_identity.sso.clients import Grant
from msb_identity.sso.codes import invalid_code, redeem_code
from msb_identity.sso.http import json_response
from msb_identity.sso.idtokens import sign_id_token
from msb_identity.sso.parts import Endpoint
from msb_identity.sso.refresh import Finding
from msb_identity.sso.scopes import OPENID

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from msb_identity.sso.authorizations import Authorization
    from msb_identity.sso.clients import Client
    from msb_identity.sso.codes import Redeemed
    from msb_identity.sso.http import Parameters, WebRequest, WebResponse
    from msb_identity.sso.parts import Parts
    from msb_identity.sso.sessions import Session

_NO_SUCH_GRANT = "unsupported_grant_type"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Good:
    """A session of which everything still holds, and how long a token of it may live."""

    session: Session
    ttl: timedelta


def token(parts: Parts, request: WebRequest, *, now: datetime) -> WebResponse:
    """Answer a token request; OAuthRefused with a code of RFC 6749 section 5.2."""
    form = request.form_parameters()
    where = parts.address(Endpoint.TOKEN)
    client = parts.authenticator.authenticate(request, form, endpoint=where, now=now)
    named = form.get("grant_type", "")
    if named not in _GRANTS:
        raise OAuthRefused(_NO_SUCH_GRANT, "grant_type is none that this provider has")
    grant = Grant(named)
    if grant not in client.registration.grants:
        raise OAuthRefused("unauthorized_client", "the client is not registered for this grant")
    check_fits(parts, client, now=now)
    return json_response(_GRANTS[grant](parts, client, form, now))


def _by_code(parts: Parts, client: Client, form: Parameters, now: datetime) -> dict[str, object]:
    """RFC 6749 section 4.1.3, with the code verifier of RFC 7636 section 4.5."""
    with_refresh = Grant.REFRESH_TOKEN in client.registration.grants
    family = parts.refresh.new_family() if with_refresh else None
    with parts.store.write(locks=()) as connection:
        redeemed = redeem_code(
            connection,
            form.get("code", ""),
            client_id=client.id,
            redirect_address=form.get("redirect_uri"),
            verifier=form.get("code_verifier", ""),
            family=family,
            now=now,
        )
        if redeemed.reused:  # to be committed before it is refused
            _end_grant(parts, connection, redeemed, now)
            refresh_token = ""
        else:
            given = redeemed.authorization
            refresh_token = _begin(parts, connection, client, given, family=family, now=now)
    if redeemed.reused:
        raise invalid_code("reused")
    given = redeemed.authorization
    # Read after the commit: a session that ends from here on finds the client among those to tell.
    good = _still_good(parts, client, given, issued_at=redeemed.made_at, now=now)
    return _answer(parts, client, given, good, refresh_token, nonce=redeemed.nonce, now=now)


def _begin(
    parts: Parts,
    connection: Connection,
    client: Client,
    authorization: Authorization,
    *,
    family: str | None,
    now: datetime,
) -> str:
    """Begin what the code brings, unless the session is over; give the refresh token or ""."""
    end = session_end(connection, authorization.sid, now=now)
    if end is None:
        return ""
    if client.registration.logout_address is not None:
        remember_client(connection, authorization, look_at_us=end[1], now=now)
    if family is None:
        return ""
    return parts.refresh.begin(connection, family, authorization, expires_at=end[0], now=now)


def _by_refresh_token(
    parts: Parts, client: Client, form: Parameters, now: datetime
) -> dict[str, object]:
    """RFC 6749 section 6, rotating as RFC 9700 section 4.14.2 demands of public clients."""
    presented = form.get("refresh_token", "")
    with parts.store.read() as connection:
        seen = parts.refresh.look(connection, presented, now=now)
    if seen is None or seen.authorization.client_id != client.id:
        raise _invalid_token("unknown")
    given = _narrowed(seen.authorization, form.get("scope"))
    # Asked before the family goes on, so that no use of it counts as a check that was not made.
    good = _still_good(parts, client, given, issued_at=seen.began_at, now=now)
    with parts.store.write(locks=()) as connection:
        exchanged = parts.refresh.exchange(connection, presented, client_id=client.id, now=now)
        if exchanged is not None and exchanged[0].finding is Finding.REUSED:
            _end_theft(parts, connection, given, "refresh-token", now)
    if exchanged is None or not exchanged[0].is_good:
        raise _invalid_token("unknown" if exchanged is None else str(exchanged[0].finding))
    return _answer(parts, client, given, good, exchanged[1], nonce=None, now=now)


def _by_client(parts: Parts, client: Client, form: Parameters, now: datetime) -> dict[str, object]:
    """RFC 6749 section 4.4: a department's system signs itself in; nobody stands behind it."""
    own = [word for word in client.registration.scopes if word not in parts.scopes]
    scope = allowed_scope(client, form["scope"]) if "scope" in form else tuple(own)
    if not {*scope} <= {*own}:
        raise OAuthRefused("invalid_scope", "a scope of people needs a person who signed in")
    access = parts.tokens.issue_to_client(
        client.id,
        audience=audiences(parts, client, form.get("resource"), scope),
        scope=" ".join(scope),
        kind=client.registration.token_key,
        now=now,
    )
    return _bearer(access, TOKEN_LIFE) | ({"scope": " ".join(scope)} if scope else {})


_GRANTS = {
    Grant.AUTHORIZATION_CODE: _by_code,
    Grant.REFRESH_TOKEN: _by_refresh_token,
    Grant.CLIENT_CREDENTIALS: _by_client,
}


def _still_good(
    parts: Parts,
    client: Client,
    authorization: Authorization,
    *,
    issued_at: datetime,
    now: datetime,
) -> _Good:
    """Give what tokens are made of, if all that the authorisation rests on is as it was.

    OAuthRefused (`invalid_grant`) where it is not.
    issued_at: when the code or the first refresh token was given out.
    """
    session = parts.sessions.get(authorization.sid)
    if session is None or session.subject != authorization.subject or not session.is_live(now):
        raise _invalid_token("session-ended")
    acting = authorization.acting
    basis = Basis.of(
        iat=seconds(issued_at),
        sid=session.sid,
        client=client.id,
        sub=session.subject if acting is None else acting.firm_id,
        actor=None if acting is None else session.subject,
        mandate=None if acting is None else acting.mandate_id,
    )
    if parts.cutoffs.is_cut(basis):
        raise _invalid_token("cut-off")
    level = level_needed(parts, client, authorization.scope)
    if parts.subjects.level(session, now=now) < level:
        raise _invalid_token("level-too-low")
    until = session.expires_at
    if acting is not None:
        # Of this very mandate: another one, though it lasts longer, is not what was asked for.
        this, firm_id = acting.mandate_id, acting.firm_id
        standing = standing_for(parts, client, session, firm_id, now=now, mandate_id=this)
        if standing is None or standing.acting != acting:
            raise _invalid_token("mandate-ended")
        until = min(until, standing.until or until)
    ttl = timedelta(seconds=min(seconds(until) - seconds(now), int(TOKEN_LIFE.total_seconds())))
    if ttl < timedelta(seconds=1):
        raise _invalid_token("all-but-over")
    since = authorization.shown_since
    seen = None if since is None else fresh(session, since, assurance=parts.assurance)
    return _Good(seen or session, ttl)


def _answer(
    parts: Parts,
    client: Client,
    authorization: Authorization,
    good: _Good,
    refresh_token: str,
    *,
    nonce: str | None,
    now: datetime,
) -> dict[str, object]:
    scope = " ".join(authorization.scope)
    kind, session = client.registration.token_key, good.session
    access = parts.tokens.issue(
        session,
        audience=authorization.audience,
        client_id=client.id,
        scope=scope,
        acting=authorization.acting,
        roles=parts.subjects.roles(session, now=now),
        ttl=good.ttl,
        kind=kind,
        now=now,
    )
    answer = _bearer(access, good.ttl) | {"scope": scope}
    if refresh_token:
        answer["refresh_token"] = refresh_token
    if OPENID in authorization.scope:
        answer["id_token"] = sign_id_token(
            session,
            parts.ring.signer(kind, now=now),
            issuer=parts.issuer,
            client_id=client.id,
            nonce=nonce,
            access_token=access,
            acting=authorization.acting,
            now=now,
        )
    return answer


def _bearer(access_token: str, life: timedelta) -> dict[str, object]:
    expires_in = int(life.total_seconds())
    return {"access_token": access_token, "token_type": "Bearer", "expires_in": expires_in}


def _end_grant(parts: Parts, connection: Connection, redeemed: Redeemed, now: datetime) -> None:
    """End what a code brought: its refresh tokens and its client's access tokens in the session."""
    if redeemed.family is not None:
        parts.refresh.end(connection, redeemed.family, now=now)
    _end_theft(parts, connection, redeemed.authorization, "code", now)


def _end_theft(
    parts: Parts, connection: Connection, given: Authorization, what: str, now: datetime
) -> None:
    """Cut off what the client holds of this session, and leave word: somebody has a copy."""
    _log.warning("token: client %s: a %s was used again", given.client_id, what)
    parts.cutoffs.end_grant(connection, given.sid, given.client_id, now)
    if parts.audit is not None:
        parts.audit.record(
            "grant.reused",
            subject=given.subject,
            object_=given.client_id,
            outcome="refused",
            details={"what": what, "sid": given.sid},
            now=now,
            connection=connection,
        )


def _narrowed(authorization: Authorization, asked: str | None) -> Authorization:
    """RFC 6749 section 6: a refresh may ask for less, never for more."""
    if asked is None:
        return authorization
    words = tuple(dict.fromkeys(word for word in asked.split(" ") if word))
    if not words or not {*words} <= {*authorization.scope}:
        raise OAuthRefused("invalid_scope", "the scope is wider than what was granted")
    return replace(authorization, scope=words)


def _invalid_token(detail: str) -> OAuthRefused:
    return OAuthRefused("invalid_grant", "the token is not valid", detail=f"grant: {detail}")
