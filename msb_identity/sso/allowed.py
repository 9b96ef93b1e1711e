"""What a client may have of what it asks for, at the authorisation and at the token endpoint."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from msb_identity.errors import OAuthRefused, RingRefused
from msb_identity.sso.scopes import OPENID

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.sso.clients import Client
    from msb_identity.sso.parts import Parts, Standing
    from msb_identity.sso.sessions import Session

_log = logging.getLogger(__name__)


def check_fits(parts: Parts, client: Client, *, now: datetime) -> None:
    """Refuse a client whose registration this provider cannot keep to, rather than keep less.

    Its level may be of another scale, or its kind of key not in the ring: both are checked when it
    is registered, and both can change afterwards. OAuthRefused (`unauthorized_client`).
    """
    registration = client.registration
    lacks = "acr" if registration.acr and parts.assurance.rank(registration.acr) < 0 else ""
    try:
        parts.ring.signer(registration.token_key, now=now)
    except RingRefused:
        lacks = "token_key"
    if lacks:
        _log.error("client %s: this provider has nothing of its registered %s", client.id, lacks)
        message = f"the client is registered with {lacks} that this provider does not have"
        raise OAuthRefused("unauthorized_client", message)


def allowed_scope(client: Client, asked: str) -> tuple[str, ...]:
    """Give what a client may have of the scope it asks for (RFC 6749 section 3.3).

    Words that it is not registered for are left out, and the answer says what it got: libraries ask
    for `offline_access` unbidden.
    """
    words = tuple(dict.fromkeys(asked.split(" ")))
    allowed = tuple(word for word in words if word in client.registration.scopes)
    if not allowed:
        raise OAuthRefused("invalid_scope", "nothing of this scope is registered for this client")
    return allowed


def audiences(
    parts: Parts, client: Client, resource: str | None, scope: tuple[str, ...]
) -> tuple[str, ...]:
    """Give whom a token is for: the client's own audience or the one asked for (RFC 8707).

    With `openid` also this provider, since userinfo takes the token too.
    """
    registration = client.registration
    first = registration.audience if resource is None else resource
    if first not in {registration.audience, *registration.audiences}:
        raise OAuthRefused("invalid_target", "no token for that resource")
    return (first, parts.issuer) if OPENID in scope else (first,)


def level_needed(parts: Parts, client: Client, scope: tuple[str, ...]) -> int:
    """Give the lowest real-name level (实名等级) that will do for this client and scope."""
    levels = [parts.scopes[word].level if word in parts.scopes else 0 for word in scope]
    return max(client.registration.level, *levels)


def standing_for(
    parts: Parts,
    client: Client,
    session: Session,
    firm_id: str,
    *,
    now: datetime,
    mandate_id: str | None = None,
) -> Standing | None:
    """Say by what mandate the person acts for the firm in the matter that the client is for.

    mandate_id: the one it must be, of a token that names it; default whichever serves.
    """
    scope = client.registration.mandate_scope
    if scope is None:
        return None
    return parts.subjects.acting(session, firm_id, scope=scope, now=now, mandate_id=mandate_id)
