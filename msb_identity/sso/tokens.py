"""Access tokens: JWT of type at+jwt (RFC 9068), signed with SM2 (GM/T 0125) or ES256.

`TokenIssuer` makes one from a session; it never outlives the session. `TokenVerifier` is what a
portal needs and loads no database: it knows whose tokens, meant for whom, it accepts, and takes the
algorithm from its own key, never from the message. Whether the session still lives is asked of
`sessions`, where the verifier has one; without it a token is good until it expires.

Times are compared thus: `exp` exactly, `iat` and `nbf` with 60 s for clocks that differ.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from msb_identity.envelopes.algorithms import JOSE_ALGORITHM, check_jose_algorithm
from msb_identity.envelopes.jose import KeySet, parse_jws, sign_jws
from msb_identity.envelopes.keyfiles import read_public_file
from msb_identity.errors import (
    AlgorithmRefused,
    EncodingRefused,
    Refused,
    SignatureRefused,
    SignInRefused,
    StoreError,
)
from msb_identity.foundation import strict_json
from msb_identity.foundation.clock import aware, from_seconds, seconds
from msb_identity.foundation.report import ReportBuilder, Verdict
from msb_identity.sso.token_sentences import SENTENCES

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from msb_identity.envelopes.jose import Jws
    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.report import Report
    from msb_identity.pki.keys import SigningKey, VerifyingKey
    from msb_identity.sso.sessions import Session, Sessions

TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type (RFC 9068 section 2.1), not a secret
TOKEN_LIFE = timedelta(minutes=10)
CLOCK_TOLERANCE = timedelta(seconds=60)
MAX_AUDIENCES = 16
MAX_METHODS = 16
STEPS = (
    "format",
    "algorithm",
    "key",
    "signature-value",
    "type",
    "issuer",
    "audience",
    "validity",
    "session",
)
_TOKEN_ID_BYTES = 16
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z

# A text that can be shown: no control characters, so that no terminal obeys it.
_Text = Annotated[str, Field(min_length=1, max_length=1_000, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
_Time = Annotated[int, Field(ge=0, le=_LAST_SECOND)]


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What a token that was verified says."""

    issuer: str
    subject: str
    audience: tuple[str, ...]
    client_id: str
    session_id: str
    acr: str
    amr: tuple[str, ...]
    auth_time: datetime
    issued_at: datetime
    expires_at: datetime
    token_id: str
    scope: tuple[str, ...] = ()


class TokenIssuer:
    """Makes access tokens in the name of one issuer, with one key."""

    def __init__(self, issuer: str, key: SigningKey, *, audit: Audit | None = None) -> None:
        """Take the issuer's name, as verifiers expect it in `iss`, and its key.

        audit: where each token is recorded before it is given out.
        """
        self.issuer = _name("issuer", issuer)
        self._key = key
        self._audit = audit

    @property
    def key_set(self) -> KeySet:
        """The public keys that verifiers need."""
        return KeySet([self._key.public])

    def issue(
        self,
        session: Session,
        *,
        audience: str,
        client_id: str,
        scope: str = "",
        ttl: timedelta = TOKEN_LIFE,
        now: datetime | None = None,
    ) -> str:
        """Make a token for one portal, good for `ttl` but not beyond the session's end.

        scope: words with a space between. Raises SignInRefused (`session-ended`) for a session that
        has ended or is over. The session is the caller's fresh reading of it.
        """
        moment = aware(now)
        if ttl < timedelta(seconds=1):
            message = "ttl is at least a second"
            raise ValueError(message)
        if not session.is_live(moment):
            raise SignInRefused(
                "session-ended",
                "登录会话已结束，请重新登录",
                "the session has ended: sign in again",
            )
        claims = {
            "iss": self.issuer,
            "sub": session.subject,
            "aud": _name("audience", audience),
            "client_id": _name("client_id", client_id),
            "exp": seconds(min(moment + ttl, session.expires_at)),
            "iat": seconds(moment),
            "jti": secrets.token_urlsafe(_TOKEN_ID_BYTES),
            "sid": session.sid,
            "acr": session.acr,
            "amr": list(session.amr),
            "auth_time": seconds(session.auth_time),
        }
        if scope:  # RFC 6749 section 3.3: an empty scope is not a scope
            claims["scope"] = scope
        token = sign_jws(strict_json.dump(claims), self._key, type_=TOKEN_TYPE)
        if self._audit is not None:
            self._audit.record(
                "token.issued",
                subject=session.subject,
                details={"jti": claims["jti"], "client": client_id, "audience": audience},
                now=moment,
            )
        return token


class TokenVerifier:
    """Checks access tokens of one issuer for one audience."""

    def __init__(
        self, *, issuer: str, audience: str, keys: KeySet, sessions: Sessions | None = None
    ) -> None:
        """Say what is expected.

        issuer, audience: compared exactly with `iss` and with one of `aud`.
        keys: the issuer's keys; nothing else in the world is trusted.
        sessions: where ended sessions are known; without it the step `session` is skipped.
        """
        self.issuer = _name("issuer", issuer)
        self.audience = _name("audience", audience)
        self._keys = keys
        self._sessions = sessions

    @classmethod
    def from_key_set_file(
        cls, path: Path, *, issuer: str, audience: str, sessions: Sessions | None = None
    ) -> TokenVerifier:
        """Take the issuer's keys from a file with a JWK set, or with a single public JWK.

        Raises StoreError, EncodingRefused or KeyRefused where the file is not that.
        """
        content = read_public_file(path, limit=strict_json.MAX_JSON_BYTES)
        if "kty" in (single := strict_json.load_object(content)):
            content = strict_json.dump({"keys": [single]})
        keys = KeySet.from_json(content)
        return cls(issuer=issuer, audience=audience, keys=keys, sessions=sessions)

    def check(self, token: str, *, now: datetime | None = None) -> Report:
        """Check a token and say what was found; never raises on any text.

        The steps: `format`, `algorithm`, `key`, `signature-value`, `type`, `issuer`, `audience`,
        `validity`, `session`. A key that is not known leaves the token indeterminate. The report
        discloses what a token with a good signature says, and nothing personal.
        """
        return self._examine(token, aware(now))[0]

    def verify(self, token: str, *, now: datetime | None = None) -> VerifiedToken:
        """Give what a good token says; raises Refused, with the report, for any other."""
        report, verified = self._examine(token, aware(now))
        if verified is None or report.verdict is not Verdict.VALID:
            raise Refused(report)
        return verified

    def _examine(self, token: str, now: datetime) -> tuple[Report, VerifiedToken | None]:
        """Walk through the steps in order; RFC 9068 section 4, RFC 8725."""
        builder = ReportBuilder("token", required=STEPS, sentences=SENTENCES)
        jws, claims = _read(builder, token)
        if jws is None:
            return builder.conclude(), None
        key = _find_key(builder, jws, self._keys)
        signed = key is not None and _check_signature(builder, jws, key)
        _check_type(builder, jws)
        if claims is None:
            return builder.conclude(), None
        # What follows is also said of an unsigned claim, as a help to find the fault.
        _check_issuer(builder, claims, self.issuer)
        _check_audience(builder, claims, self.audience)
        _check_validity(builder, claims, now)
        if not signed:
            return builder.conclude(), None
        _check_session(builder, claims, self._sessions, now)
        _disclose(builder, claims)
        return builder.conclude(), _verified(claims)


class _Claims(BaseModel):
    """The claims as they must be typed; others are let through unread (RFC 7519 section 4)."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)

    iss: _Text
    sub: _Text
    aud: _Text | Annotated[list[_Text], Field(min_length=1, max_length=MAX_AUDIENCES)]
    exp: _Time
    iat: _Time
    nbf: _Time = 0
    jti: _Text
    client_id: _Text
    sid: _Text
    acr: _Text
    amr: Annotated[list[_Text], Field(min_length=1, max_length=MAX_METHODS)]
    auth_time: _Time
    scope: _Text | None = None
    # These change whom a token speaks for, or who may use it: until they are understood here, a
    # token that has one is not taken for a plain one (RFC 8693 section 4.1, RFC 7800).
    act: None = None
    cnf: None = None

    @property
    def audiences(self) -> tuple[str, ...]:
        """`aud` as a list, whichever form it has."""
        return (self.aud,) if isinstance(self.aud, str) else tuple(self.aud)


def _read(builder: ReportBuilder, token: str) -> tuple[Jws | None, _Claims | None]:
    """Step `format`: the compact form, and claims of the right names and types."""
    try:
        jws = parse_jws(token)
    except EncodingRefused:
        builder.failed("format", "malformed")
        return None, None
    try:
        claims = _Claims.model_validate(strict_json.load_object(jws.payload))
    except EncodingRefused:
        builder.failed("format", "malformed")
        return jws, None
    except ValidationError as error:
        # Only our own names of claims: what the message wrote there stays out of the report.
        wrong = sorted({str(fault["loc"][0]) for fault in error.errors(include_input=False)})
        builder.failed("format", "claims", ", ".join(wrong))
        return jws, None
    builder.ok("format")
    return jws, claims


def _find_key(builder: ReportBuilder, jws: Jws, keys: KeySet) -> VerifyingKey | None:
    """Steps `key` and `algorithm`: the named key, and the header naming that key's algorithm."""
    key = keys.get(jws.key_id)
    if key is None:
        code = "no-key-id" if jws.key_id is None else "unknown-key"
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


def _check_signature(builder: ReportBuilder, jws: Jws, key: VerifyingKey) -> bool:
    try:
        jws.verify(key)
    except SignatureRefused as error:
        builder.failed("signature-value", "bad-signature", str(error))
        return False
    builder.ok("signature-value")
    return True


def _check_type(builder: ReportBuilder, jws: Jws) -> None:
    if jws.type == TOKEN_TYPE:
        builder.ok("type")
    else:  # an ID token or another JWT of the same issuer (RFC 8725 section 3.11)
        builder.failed("type", "not-an-access-token")


def _check_issuer(builder: ReportBuilder, claims: _Claims, issuer: str) -> None:
    if claims.iss == issuer:
        builder.ok("issuer")
    else:
        builder.failed("issuer", "other-issuer")


def _check_audience(builder: ReportBuilder, claims: _Claims, audience: str) -> None:
    if audience in claims.audiences:
        builder.ok("audience")
    else:
        builder.failed("audience", "other-audience")


def _check_validity(builder: ReportBuilder, claims: _Claims, now: datetime) -> None:
    if claims.exp <= claims.iat:
        builder.failed("validity", "never-valid")
    elif now >= from_seconds(claims.exp):
        builder.failed("validity", "expired", from_seconds(claims.exp).isoformat())
    elif from_seconds(claims.iat) - now > CLOCK_TOLERANCE:
        builder.failed("validity", "issued-in-future", from_seconds(claims.iat).isoformat())
    elif from_seconds(claims.nbf) - now > CLOCK_TOLERANCE:
        builder.failed("validity", "not-yet-valid", from_seconds(claims.nbf).isoformat())
    else:
        builder.ok("validity")


def _check_session(
    builder: ReportBuilder, claims: _Claims, sessions: Sessions | None, now: datetime
) -> None:
    if sessions is None:
        builder.skipped("session", "no-session-source")
        return
    try:
        session = sessions.get(claims.sid)
    except StoreError:
        builder.unknown("session", "session-source-failed")
        return
    if session is None or session.subject != claims.sub:
        builder.failed("session", "unknown-session")
    elif not session.is_live(now):
        builder.failed("session", "session-ended")
    else:
        builder.ok("session")


def _disclose(builder: ReportBuilder, claims: _Claims) -> None:
    builder.disclose("subject", claims.sub)
    builder.disclose("sid", claims.sid)
    builder.disclose("acr", claims.acr)
    builder.disclose("client_id", claims.client_id)
    builder.disclose("expires", from_seconds(claims.exp).isoformat())


def _verified(claims: _Claims) -> VerifiedToken:
    return VerifiedToken(
        issuer=claims.iss,
        subject=claims.sub,
        audience=claims.audiences,
        client_id=claims.client_id,
        session_id=claims.sid,
        acr=claims.acr,
        amr=tuple(claims.amr),
        auth_time=from_seconds(claims.auth_time),
        issued_at=from_seconds(claims.iat),
        expires_at=from_seconds(claims.exp),
        token_id=claims.jti,
        scope=tuple((claims.scope or "").split()),
    )


def _name(what: str, value: str) -> str:
    """Refuse an empty name, which would match nothing, or worse, another empty one."""
    if not value:
        message = f"{what} must not be empty"
        raise ValueError(message)
    return value
