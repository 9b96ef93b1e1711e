"""The steps by which an access token is judged, each a finding in the report.

Sources: RFC 9068 section 4, RFC 8725. Times are compared thus: `exp` exactly, `iat` and `nbf` with
60 s for clocks that differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pydantic import ValidationError

from msb_identity.envelopes.algorithms import JOSE_ALGORITHM, check_jose_algorithm
from msb_identity.envelopes.jose import parse_jws
from msb_identity.errors import (
    AlgorithmRefused,
    EncodingRefused,
    FetchRefused,
    SignatureRefused,
    StoreError,
)
from msb_identity.foundation import strict_json
from msb_identity.foundation.clock import from_seconds
from msb_identity.sso.claims import CLOCK_TOLERANCE, MAX_TOKEN_LIFE, TOKEN_TYPE, Claims

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.envelopes.jose import Jws
    from msb_identity.foundation.report import ReportBuilder
    from msb_identity.pki.keys import VerifyingKey
    from msb_identity.sso.basis import CutOffSource
    from msb_identity.sso.sessions import Sessions


class KeySource(Protocol):
    """Where an issuer's keys come from: a key set, its own ring, or its published keys."""

    def get(self, key_id: str | None) -> VerifyingKey | None:
        """Give the key of that id; None where there is none, FetchRefused where none is known."""


def read(builder: ReportBuilder, token: str) -> tuple[Jws | None, Claims | None]:
    """Step `format`: the compact form, and claims of the right names and types."""
    try:
        jws = parse_jws(token)
    except EncodingRefused:
        builder.failed("format", "malformed")
        return None, None
    try:
        claims = Claims.model_validate(strict_json.load_object(jws.payload))
    except EncodingRefused:
        builder.failed("format", "malformed")
        return jws, None
    except ValidationError as error:
        # Only our own names of claims: what the message wrote there stays out of the report.
        wrong = sorted({str(fault["loc"][0]) for fault in error.errors(include_input=False)})
        builder.failed("format", "claims", ", ".join(wrong))
        return jws, None
    if claims.missing:
        builder.failed("format", "claims", ", ".join(claims.missing))
        return jws, None
    builder.ok("format")
    return jws, claims


def find_key(builder: ReportBuilder, jws: Jws, keys: KeySource) -> VerifyingKey | None:
    """Steps `key` and `algorithm`: the named key, and the header naming that key's algorithm."""
    code = "no-key-id" if jws.key_id is None else "unknown-key"
    try:
        key = keys.get(jws.key_id)
    except (FetchRefused, StoreError):
        key, code = None, "keys-unavailable"
    if key is None:
        builder.unknown("key", code)
        if jws.header.get("alg") in JOSE_ALGORITHM.values():
            builder.ok("algorithm")
        else:
            builder.failed("algorithm", "unknown-algorithm")
        return None
    builder.ok("key", detail=f"{key.kind} {key.key_id_text}")
    try:
        check_jose_algorithm(jws.header.get("alg"), key.kind)
    except AlgorithmRefused as error:
        builder.failed("algorithm", "not-the-keys-algorithm", str(error))
        return None
    builder.ok("algorithm", detail=JOSE_ALGORITHM[key.kind])
    return key


def check_signature(builder: ReportBuilder, jws: Jws, key: VerifyingKey) -> bool:
    """Step `signature-value`: over the very bytes that came."""
    try:
        jws.verify(key)
    except SignatureRefused as error:
        builder.failed("signature-value", "bad-signature", str(error))
        return False
    builder.ok("signature-value")
    return True


def check_type(builder: ReportBuilder, jws: Jws) -> None:
    """Step `type`: an access token, no other JWT of the same issuer."""
    if jws.type == TOKEN_TYPE:
        builder.ok("type")
    else:  # an ID token or another JWT of the same issuer (RFC 8725 section 3.11)
        builder.failed("type", "not-an-access-token")


def check_issuer(builder: ReportBuilder, claims: Claims, issuer: str) -> None:
    """Step `issuer`: compared exactly."""
    if claims.iss == issuer:
        builder.ok("issuer")
    else:
        builder.failed("issuer", "other-issuer")


def check_audience(builder: ReportBuilder, claims: Claims, audience: str) -> None:
    """Step `audience`: one of those named."""
    if audience in claims.audiences:
        builder.ok("audience")
    else:
        builder.failed("audience", "other-audience")


def check_validity(builder: ReportBuilder, claims: Claims, now: datetime) -> None:
    """Step `validity`: begun, not over, and no longer than any token lives."""
    if claims.exp <= claims.iat:
        builder.failed("validity", "never-valid")
    elif claims.exp - claims.iat > MAX_TOKEN_LIFE.total_seconds():
        builder.failed("validity", "lives-too-long")  # cut-offs are not kept for as long
    elif now >= from_seconds(claims.exp):
        builder.failed("validity", "expired", from_seconds(claims.exp).isoformat())
    elif from_seconds(claims.iat) - now > CLOCK_TOLERANCE:
        builder.failed("validity", "issued-in-future", from_seconds(claims.iat).isoformat())
    elif from_seconds(claims.nbf) - now > CLOCK_TOLERANCE:
        builder.failed("validity", "not-yet-valid", from_seconds(claims.nbf).isoformat())
    else:
        builder.ok("validity")


def check_session(
    builder: ReportBuilder,
    claims: Claims,
    cutoffs: CutOffSource | None,
    sessions: Sessions | None,
    now: datetime,
) -> None:
    """Step `session`: whether what stands behind the token was ended."""
    if cutoffs is None and (sessions is None or claims.sid is None):
        builder.skipped("session", "no-session-source")
        return
    try:
        if cutoffs is not None and cutoffs.is_cut(claims.basis):
            builder.failed("session", "ended")
            return
        fault = _session_fault(claims, sessions, now)
    except (StoreError, FetchRefused):
        builder.unknown("session", "session-source-failed")
        return
    if fault is None:
        builder.ok("session")
    else:
        builder.failed("session", fault)


def _session_fault(claims: Claims, sessions: Sessions | None, now: datetime) -> str | None:
    if sessions is None or claims.sid is None:
        return None
    session = sessions.get(claims.sid)
    person = claims.sub if claims.act is None else claims.act.sub
    if session is None or session.subject != person:
        return "unknown-session"
    return None if session.is_live(now) else "session-ended"


def disclose(builder: ReportBuilder, claims: Claims) -> None:
    """Show what a token with a good signature says."""
    builder.disclose("subject", claims.sub)
    if claims.act is not None:
        builder.disclose("actor", claims.act.sub)
        builder.disclose("mandate", claims.act.mandate)
    if claims.sid is not None:
        builder.disclose("sid", claims.sid)
        builder.disclose("acr", claims.acr)
    builder.disclose("client_id", claims.client_id)
    builder.disclose("expires", from_seconds(claims.exp).isoformat())
