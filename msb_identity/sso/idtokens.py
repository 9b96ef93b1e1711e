"""ID tokens: made by the provider, verified by a portal.

OpenID Connect Core 1.0 section 2, 3.1.3.6 and 3.1.3.7. `at_hash` and `c_hash` are the left half of
the digest that belongs to the algorithm: SHA-256 for ES256 and RS256, SHA-512 for EdDSA, SM3 for
SGD_SM3_SM2.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from msb_identity.envelopes.jose import encode_base64url, sign_jws
from msb_identity.errors import Refused
from msb_identity.foundation import strict_json
from msb_identity.foundation.clock import aware, from_seconds, seconds
from msb_identity.foundation.report import ReportBuilder, Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.pki.sm import sm3
from msb_identity.sso import token_checks
from msb_identity.sso.claims import (
    CLOCK_TOLERANCE,
    MAX_METHODS,
    Acting,
    BaseClaims,
    StrictModel,
    Text,
    Time,
)
from msb_identity.sso.token_checks import COMMON_STEPS
from msb_identity.sso.token_sentences import SENTENCES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from msb_identity.foundation.report import Report
    from msb_identity.pki.keys import SigningKey
    from msb_identity.sso.sessions import Session
    from msb_identity.sso.token_checks import KeySource

ID_TOKEN_TYPE = "JWT"  # noqa: S105 - a media type, not a secret
ID_TOKEN_LIFE = timedelta(minutes=10)
LONGEST_ID_TOKEN = timedelta(days=1)
ID_TOKEN_STEPS = (*COMMON_STEPS, "nonce", "hashes", "authentication")
_HASHES: Mapping[KeyKind, Callable[[bytes], bytes]] = {
    KeyKind.P256: lambda data: hashlib.sha256(data).digest(),
    KeyKind.RSA: lambda data: hashlib.sha256(data).digest(),
    KeyKind.ED25519: lambda data: hashlib.sha512(data).digest(),
    KeyKind.SM2: sm3,
}


@dataclass(frozen=True, slots=True)
class VerifiedIdToken:
    """Who signed in, as the provider says; `claims` has what else stands in the token."""

    issuer: str
    subject: str
    session_id: str | None
    acr: str | None
    amr: tuple[str, ...]
    auth_time: datetime | None
    issued_at: datetime
    expires_at: datetime
    actor: str | None
    mandate: str | None
    claims: Mapping[str, Any]


def sign_id_token(
    session: Session,
    signer: SigningKey,
    *,
    issuer: str,
    client_id: str,
    nonce: str | None = None,
    access_token: str | None = None,
    code: str | None = None,
    acting: Acting | None = None,
    claims: Mapping[str, Any] | None = None,
    ttl: timedelta = ID_TOKEN_LIFE,
    now: datetime | None = None,
) -> str:
    """Tell a client who signed in (OpenID Connect Core section 2).

    nonce: the client's, repeated as it came. access_token, code: those given out with it; their
    hashes bind it to them. acting: the firm that the person acts for; the subject then is the firm,
    as in the access token. claims: what else a scope allows the client to see.
    """
    moment = aware(now)
    said: dict[str, Any] = {
        **(claims or {}),
        "iss": issuer,
        "sub": session.subject if acting is None else acting.firm_id,
        "aud": client_id,
        "azp": client_id,
        "exp": seconds(moment + ttl),
        "iat": seconds(moment),
        "auth_time": seconds(session.auth_time),
        "acr": session.acr,
        "amr": list(session.amr),
        "sid": session.sid,
    }
    if acting is not None:
        said["act"] = {"sub": session.subject, "mandate": acting.mandate_id}
    if nonce is not None:
        said["nonce"] = nonce
    for name, value in (("at_hash", access_token), ("c_hash", code)):
        if value is not None:
            said[name] = half_hash(value, signer.kind)
    return sign_jws(strict_json.dump(said), signer, type_=ID_TOKEN_TYPE)


def half_hash(value: str, kind: KeyKind) -> str:
    """Give `at_hash` or `c_hash` of an ASCII value, by the digest of that kind of key."""
    digest = _HASHES[kind](value.encode())
    return encode_base64url(digest[: len(digest) // 2])


def check_id_token(
    token: str,
    *,
    issuer: str,
    client_id: str,
    keys: KeySource,
    nonce: str | None,
    access_token: str | None = None,
    code: str | None = None,
    max_age: timedelta | None = None,
    now: datetime | None = None,
) -> Report:
    """Check an ID token as its client (section 3.1.3.7); never raises on any text.

    nonce: what this browser's request carried; None only where it carried none. access_token, code:
    those that came with it. max_age: how long ago the sign-in may have been, where it was asked.
    """
    expected = _Expected(issuer, client_id, nonce, access_token, code, max_age)
    return _examine_id_token(token, expected, keys, aware(now))[0]


def verify_id_token(
    token: str,
    *,
    issuer: str,
    client_id: str,
    keys: KeySource,
    nonce: str | None,
    access_token: str | None = None,
    code: str | None = None,
    max_age: timedelta | None = None,
    now: datetime | None = None,
) -> VerifiedIdToken:
    """Give what a good ID token says; Refused for any other. Arguments as `check_id_token`."""
    expected = _Expected(issuer, client_id, nonce, access_token, code, max_age)
    report, verified = _examine_id_token(token, expected, keys, aware(now))
    if verified is None or report.verdict is not Verdict.VALID:
        raise Refused(report)
    return verified


@dataclass(frozen=True, slots=True)
class _Expected:
    issuer: str
    client_id: str
    nonce: str | None
    access_token: str | None
    code: str | None
    max_age: timedelta | None


class _Actor(StrictModel):
    sub: Text
    mandate: Text


class _IdClaims(BaseClaims):
    sub: Text
    nonce: Text | None = None
    azp: Text | None = None
    sid: Text | None = None
    acr: Text | None = None
    amr: Annotated[list[Text], Field(max_length=MAX_METHODS)] | None = None
    auth_time: Time | None = None
    at_hash: Text | None = None
    c_hash: Text | None = None
    act: _Actor | None = None


def _examine_id_token(
    token: str, expected: _Expected, keys: KeySource, now: datetime
) -> tuple[Report, VerifiedIdToken | None]:
    builder = ReportBuilder("token", required=ID_TOKEN_STEPS, sentences=SENTENCES)
    jws = token_checks.read_jws(builder, token)
    if jws is None:
        return builder.conclude(), None
    claims = token_checks.read_claims(builder, jws, _IdClaims)
    key = token_checks.find_key(builder, jws, keys)
    signed = key is not None and token_checks.check_signature(builder, jws, key)
    token_checks.check_type(builder, jws, ("jwt", None), "not-an-id-token")
    if claims is None:
        return builder.conclude(), None
    token_checks.check_issuer(builder, claims, expected.issuer)
    _check_parties(builder, claims, expected.client_id)
    token_checks.check_validity(builder, claims, now, longest=LONGEST_ID_TOKEN)
    _check_nonce(builder, claims, expected.nonce)
    _check_authentication(builder, claims, expected.max_age, now)
    if key is None or not signed:
        return builder.conclude(), None
    _check_hashes(builder, claims, expected, key.kind)
    said = strict_json.load_object(jws.payload)
    return builder.conclude(), _verified(claims, said)


def _check_parties(builder: ReportBuilder, claims: _IdClaims, client_id: str) -> None:
    """Step `audience`: for this client, and where it is for others too, given to this one."""
    if claims.azp not in (None, client_id) or (claims.azp is None and len(claims.audiences) > 1):
        builder.failed("audience", "other-party")
    else:
        token_checks.check_audience(builder, claims, client_id)


def _check_nonce(builder: ReportBuilder, claims: _IdClaims, nonce: str | None) -> None:
    if nonce is None:
        builder.skipped("nonce", "none-was-sent")
    elif claims.nonce is not None and _same(claims.nonce, nonce):
        builder.ok("nonce")
    else:
        builder.failed("nonce", "other-nonce")


def _check_hashes(
    builder: ReportBuilder, claims: _IdClaims, expected: _Expected, kind: KeyKind
) -> None:
    """Step `hashes`: a hash that stands there must be that of what came with the token."""
    pairs = ((claims.at_hash, expected.access_token), (claims.c_hash, expected.code))
    compared = [(said, value) for said, value in pairs if said is not None and value is not None]
    if not all(_same(said, half_hash(value, kind)) for said, value in compared):
        builder.failed("hashes", "other-hash")
    elif compared:
        builder.ok("hashes")
    else:
        builder.skipped("hashes", "nothing-to-compare")


def _check_authentication(
    builder: ReportBuilder, claims: _IdClaims, max_age: timedelta | None, now: datetime
) -> None:
    if max_age is None:
        builder.skipped("authentication", "no-age-was-asked")
    elif claims.auth_time is None:
        builder.failed("authentication", "no-time")
    elif now - from_seconds(claims.auth_time) > max_age + CLOCK_TOLERANCE:
        builder.failed("authentication", "too-long-ago", from_seconds(claims.auth_time).isoformat())
    else:
        builder.ok("authentication")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _verified(claims: _IdClaims, said: Mapping[str, Any]) -> VerifiedIdToken:
    return VerifiedIdToken(
        issuer=claims.iss,
        subject=claims.sub,
        session_id=claims.sid,
        acr=claims.acr,
        amr=tuple(claims.amr or ()),
        auth_time=None if claims.auth_time is None else from_seconds(claims.auth_time),
        issued_at=from_seconds(claims.iat),
        expires_at=from_seconds(claims.exp),
        actor=None if claims.act is None else claims.act.sub,
        mandate=None if claims.act is None else claims.act.mandate,
        claims={name: value for name, value in said.items() if name not in _IdClaims.model_fields},
    )
