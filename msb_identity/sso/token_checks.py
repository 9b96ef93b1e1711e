"""The steps by which an access token is judged, each a finding in the report.

Sources: RFC 9068 section 4, RFC 8725. Times are compared thus: `exp` exactly, `iat` and `nbf` with
60 s for clocks that differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

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
from msb_identity.sso.claims import CLOCK_TOLERANCE, BaseClaims

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime, timedelta

    from msb_identity.envelopes.jose import Jws
    from msb_identity.foundation.report import ReportBuilder
    from msb_identity.pki.keys import VerifyingKey
    from msb_identity.sso.basis import Basis, CutOffSource
    from msb_identity.sso.claims import VerifiedToken
    from msb_identity.sso.sessions import Sessions

COMMON_STEPS = (
    "format",
    "algorithm",
    "key",
    "signature-value",
    "type",
    "issuer",
    "audience",
    "validity",
)
"""The steps that every kind of token shares."""
MAX_TOKEN_CHARS = 16_384
"""What servers take as a header field is shorter."""
_EMBEDDED_KEYS = frozenset({"jwk", "x5c"})
_TOLERANCE = CLOCK_TOLERANCE.total_seconds()
_Model = TypeVar("_Model", bound=BaseClaims)


class KeySource(Protocol):
    """Where an issuer's keys come from: a key set, its own ring, or its published keys."""

    def get(self, key_id: str | None) -> VerifyingKey | None:
        """Give the key of that id; None where there is none, FetchRefused where none is known."""


def read_jws(builder: ReportBuilder, token: str) -> Jws | None:
    """Step `format`, where it fails: the compact form, and a header without a key in it."""
    try:
        if len(token) > MAX_TOKEN_CHARS:
            message = f"a token of more than {MAX_TOKEN_CHARS} characters"
            raise EncodingRefused(message)
        jws = parse_jws(token)
    except EncodingRefused as error:
        builder.failed("format", "malformed", str(error))
        return None
    if not _EMBEDDED_KEYS.isdisjoint(jws.header):
        embedded = ", ".join(sorted(_EMBEDDED_KEYS & jws.header.keys()))
        builder.failed("format", "embedded-key", embedded)
        return None
    return jws


def read_claims(builder: ReportBuilder, jws: Jws, model: type[_Model]) -> _Model | None:
    """Step `format`: claims of the right names and types, each that must be there."""
    try:
        claims = model.model_validate(strict_json.load_object(jws.payload))
        wrong = list(claims.missing)
    except EncodingRefused as error:
        builder.failed("format", "malformed", str(error))
        return None
    except ValidationError as error:
        # Only our own names of claims: what the message wrote there stays out of the report.
        claims = None
        wrong = sorted({str(fault["loc"][0]) for fault in error.errors(include_input=False)})
    if wrong:
        builder.failed("format", "claims", ", ".join(wrong))
        return None
    builder.ok("format")
    return claims


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


def check_type(
    builder: ReportBuilder, jws: Jws, accepted: Collection[str | None], code: str
) -> None:
    """Step `type`: no other JWT of the same issuer (RFC 8725 section 3.11)."""
    named = jws.type
    if named in accepted and (named is not None or "typ" not in jws.header):
        builder.ok("type")
    else:
        builder.failed("type", code)


def check_issuer(builder: ReportBuilder, claims: BaseClaims, issuer: str) -> None:
    """Step `issuer`: compared exactly."""
    if claims.iss == issuer:
        builder.ok("issuer")
    else:
        builder.failed("issuer", "other-issuer")


def check_audience(builder: ReportBuilder, claims: BaseClaims, audience: str) -> None:
    """Step `audience`: one of those named, compared exactly."""
    if audience in claims.audiences:
        builder.ok("audience")
    else:
        builder.failed("audience", "other-audience")


def check_validity(
    builder: ReportBuilder, claims: BaseClaims, now: datetime, *, longest: timedelta
) -> None:
    """Step `validity`: begun, not over, and living no longer than its kind may."""
    at = now.timestamp()
    if claims.exp <= claims.iat:
        builder.failed("validity", "never-valid")
    elif claims.exp - claims.iat > longest.total_seconds():
        builder.failed("validity", "lives-too-long")
    elif at >= claims.exp:
        builder.failed("validity", "expired", from_seconds(claims.exp).isoformat())
    elif claims.iat - at > _TOLERANCE:
        builder.failed("validity", "issued-in-future", from_seconds(claims.iat).isoformat())
    elif claims.nbf - at > _TOLERANCE:
        builder.failed("validity", "not-yet-valid", from_seconds(claims.nbf).isoformat())
    else:
        builder.ok("validity")


def check_session(
    builder: ReportBuilder,
    session: tuple[str, str] | None,
    *,
    basis: Basis | None,
    cutoffs: CutOffSource | None,
    sessions: Sessions | None,
    now: datetime,
) -> bool | None:
    """Step `session`: whether what stands behind the token was ended.

    Gives what the source of cut-offs answered, None where there is none.
    """
    cut = None
    try:
        cut = None if cutoffs is None or basis is None else cutoffs.is_cut(basis)
        fault = "ended" if cut else session_fault(session, sessions, now)
    except (StoreError, FetchRefused):
        builder.unknown("session", "session-source-failed")
        return cut
    if fault is not None:
        builder.failed("session", fault)
    elif cut is None and (sessions is None or session is None):
        builder.skipped("session", "no-session-source")
    else:
        builder.ok("session")
    return cut


def session_fault(
    session: tuple[str, str] | None, sessions: Sessions | None, now: datetime
) -> str | None:
    """Say what is wrong with a session, by its id and its person; None where nothing is."""
    if sessions is None or session is None:
        return None
    sid, person = session
    found = sessions.get(sid)
    if found is None or found.subject != person:
        return "unknown-session"
    return None if found.is_live(now) else "session-ended"


def disclose(builder: ReportBuilder, token: VerifiedToken) -> None:
    """Show what a token with a good signature says."""
    builder.disclose("subject", token.subject)
    if token.actor is not None:
        builder.disclose("actor", token.actor)
        builder.disclose("mandate", token.mandate)
    if token.session_id is not None:
        builder.disclose("sid", token.session_id)
        builder.disclose("acr", token.acr)
    builder.disclose("client_id", token.client_id)
    builder.disclose("expires", token.expires_at.isoformat())
