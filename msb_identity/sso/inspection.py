"""What registered systems may ask about tokens, and end: introspection, revocation, userinfo.

RFC 7662, RFC 7009, OpenID Connect Core section 5.3, RFC 6750. Introspection tells a system about
access tokens that are meant for it, and a client about its own refresh tokens; of every other token
it says no more than of a text that was made up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.errors import OAuthRefused, Refused
from msb_identity.foundation.clock import seconds
from msb_identity.sso.clients import Authentication
from msb_identity.sso.http import json_response
from msb_identity.sso.parts import Endpoint
from msb_identity.sso.scopes import OPENID
from msb_identity.sso.session import NO_LEVEL
from msb_identity.sso.tokens import TokenVerifier

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.sso.claims import VerifiedToken
    from msb_identity.sso.clients import Client
    from msb_identity.sso.http import Parameters, WebRequest, WebResponse
    from msb_identity.sso.parts import Parts
    from msb_identity.sso.refresh import Family

MAX_TOKEN_CHARS = 8_000
_INACTIVE = {"active": False}

_LEVEL = "real_name_level"


def introspect(parts: Parts, request: WebRequest, *, now: datetime) -> WebResponse:
    """RFC 7662 section 2: only for clients that can prove who they are."""
    form = request.form_parameters()
    client = _authenticated(parts, request, form, Endpoint.INTROSPECT, now)
    if client.registration.authentication is Authentication.NONE:
        raise OAuthRefused("invalid_client", "only a client that proves itself", status=401)
    token = form.get("token", "")
    verified = _verified(parts, token, client.registration.audience, now)
    if verified is not None:
        return json_response({"active": True, **_said(verified)})
    family = _own_family(parts, client, token, now)
    if family is not None and family.is_good and parts.sessions.is_live(_sid(family), now):
        return json_response({"active": True, **_said_of_refresh(parts, family)})
    return json_response(_INACTIVE)


def revoke(parts: Parts, request: WebRequest, *, now: datetime) -> WebResponse:
    """RFC 7009 section 2: a token that is not this client's is answered as one that is gone.

    A refresh token ends its family, and its client's access tokens in that session with it (section
    2.1); neither the session nor another client's tokens (keycloak/keycloak#35486). An access token
    ends alone.
    """
    form = request.form_parameters()
    client = _authenticated(parts, request, form, Endpoint.REVOKE, now)
    token = form.get("token", "")
    if not token:
        raise OAuthRefused("invalid_request", "token is missing")
    family = _own_family(parts, client, token, now)
    if family is not None:
        with parts.store.write(locks=()) as connection:
            parts.refresh.end(connection, family.id, now=now)
            parts.cutoffs.end_grant(connection, _sid(family), client.id, now)
        return json_response({})
    for audience in {client.registration.audience, *client.registration.audiences}:
        verified = _verified(parts, token, audience, now)
        if verified is not None and verified.client_id == client.id:
            with parts.store.write(locks=()) as connection:
                parts.cutoffs.end_token(connection, verified.token_id, now)
            break
    return json_response({})


def userinfo(parts: Parts, request: WebRequest, *, now: datetime) -> WebResponse:
    """OpenID Connect Core 5.3: claims of the person, or of the firm that it acts for, by scope.

    The token comes in the header alone: RFC 6750 section 2.2's form, and 2.3's query, end in logs.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        # RFC 6750 section 3.1: who brings no token is told no more than how to bring one.
        raise OAuthRefused("invalid_token", "no token", status=401, challenge="Bearer")
    verified = _verified(parts, token, parts.issuer, now)
    if verified is None:
        raise _bearer_refused("invalid_token", "the token is not valid", 401)
    if OPENID not in verified.scope or verified.session_id is None:
        raise _bearer_refused("insufficient_scope", "the scope openid is needed", 403)
    known = parts.subjects.claims(verified, now=now)
    names = {name for word in verified.scope for name in _claims_of(parts, word)}
    shown = {name: value for name, value in known.items() if name in names}
    session = parts.sessions.get(verified.session_id)
    if _LEVEL in shown and (session is None or session.is_tentative):
        shown[_LEVEL] = NO_LEVEL
    return json_response({**shown, "sub": verified.subject, **_actor(verified)})


def _claims_of(parts: Parts, scope: str) -> tuple[str, ...]:
    found = parts.scopes.get(scope)
    return () if found is None else found.claims


def _authenticated(
    parts: Parts, request: WebRequest, form: Parameters, endpoint: Endpoint, now: datetime
) -> Client:
    where = parts.address(endpoint)
    return parts.authenticator.authenticate(request, form, endpoint=where, now=now)


def _verified(parts: Parts, token: str, audience: str, now: datetime) -> VerifiedToken | None:
    """Give what an access token of ours for that audience says, with its client still there."""
    if not 0 < len(token) <= MAX_TOKEN_CHARS:
        return None
    verifier = TokenVerifier(
        issuer=parts.issuer,
        audience=audience,
        keys=parts.ring.key_set(now),
        cutoffs=parts.cutoffs,
        sessions=parts.sessions,
    )
    try:
        verified = verifier.verify(token, now=now)
    except Refused:
        return None
    return verified if parts.clients.live(verified.client_id) is not None else None


def _own_family(parts: Parts, client: Client, token: str, now: datetime) -> Family | None:
    with parts.store.read() as connection:
        family = parts.refresh.look(connection, token, now=now)
    mine = family is not None and family.authorization.client_id == client.id
    return family if mine else None


def _sid(family: Family) -> str:
    return family.authorization.sid


def _said(verified: VerifiedToken) -> dict[str, object]:
    """RFC 7662 section 2.2."""
    audience = list(verified.audience)
    said: dict[str, object] = {
        "iss": verified.issuer,
        "sub": verified.subject,
        "aud": audience[0] if len(audience) == 1 else audience,
        "client_id": verified.client_id,
        "token_type": "Bearer",
        "iat": seconds(verified.issued_at),
        "exp": seconds(verified.expires_at),
        "jti": verified.token_id,
        **_actor(verified),
    }
    if verified.scope:
        said["scope"] = " ".join(verified.scope)
    if verified.session_id is not None and verified.auth_time is not None:
        said |= {"sid": verified.session_id, "acr": verified.acr, "amr": list(verified.amr)}
        said["auth_time"] = seconds(verified.auth_time)
    if verified.roles:
        said["roles"] = list(verified.roles)
    return said


def _said_of_refresh(parts: Parts, family: Family) -> dict[str, object]:
    granted = family.authorization
    return {
        "iss": parts.issuer,
        "sub": granted.subject if granted.acting is None else granted.acting.firm_id,
        "client_id": granted.client_id,
        "scope": " ".join(granted.scope),
        "sid": granted.sid,
        "iat": seconds(family.began_at),
        "exp": seconds(family.expires_at),
    }


def _actor(verified: VerifiedToken) -> dict[str, object]:
    """RFC 8693 section 4.1, as in the tokens themselves."""
    if verified.actor is None:
        return {}
    return {"act": {"sub": verified.actor, "mandate": verified.mandate}}


def _bearer_refused(code: str, description: str, status: int) -> OAuthRefused:
    challenge = f'Bearer error="{code}", error_description="{description}"'
    return OAuthRefused(code, description, status=status, challenge=challenge)
