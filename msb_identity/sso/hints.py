"""ID tokens that come back to their provider as a hint of who, and which session, is meant.

OpenID Connect Core 3.1.2.1 (`id_token_hint`) and RP-Initiated Logout 1.0 section 2. A hint may have
expired long ago; that it was signed here, for one client, is all that counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from msb_identity.envelopes.jose import parse_jws
from msb_identity.errors import AlgorithmRefused, EncodingRefused, SignatureRefused
from msb_identity.foundation import strict_json
from msb_identity.sso.claims import Text

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.sso.parts import Parts

MAX_HINT_CHARS = 8_000


@dataclass(frozen=True, slots=True)
class Hint:
    """Whose ID token it is: the person's, in a session, given to a client."""

    person_id: str
    session_id: str
    client_id: str


def read_hint(parts: Parts, token: str, *, now: datetime) -> Hint | None:
    """Give what an ID token of this provider says; None for any other text."""
    if len(token) > MAX_HINT_CHARS:
        return None
    try:
        jws = parse_jws(token)
        key = parts.ring.key_set(now).get(jws.key_id)
        if key is None or jws.type not in {"jwt", None}:
            return None
        jws.verify(key)
        claims = _HintClaims.model_validate(strict_json.load_object(jws.payload))
    except (AlgorithmRefused, EncodingRefused, SignatureRefused, ValidationError):
        return None
    if claims.iss != parts.issuer:
        return None
    person = claims.sub if claims.act is None else claims.act.sub
    return Hint(person, claims.sid, claims.aud)


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


class _Actor(_Strict):
    sub: Text


class _HintClaims(_Strict):
    iss: Text
    sub: Text
    aud: Text
    sid: Text
    act: _Actor | None = None
