"""Logout tokens: how a provider tells its clients that a session has ended.

OpenID Connect Back-Channel Logout 1.0 sections 2.4 (made by the provider) and 2.6 (verified by a
portal). They have a type of their own, so that no other JWT is taken for one.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from msb_identity.envelopes.jose import sign_jws
from msb_identity.errors import Refused
from msb_identity.foundation import strict_json
from msb_identity.foundation.clock import aware, from_seconds, seconds
from msb_identity.foundation.report import ReportBuilder, Verdict
from msb_identity.sso import token_checks
from msb_identity.sso.claims import CLOCK_TOLERANCE, BaseClaims, Text
from msb_identity.sso.token_checks import COMMON_STEPS
from msb_identity.sso.token_sentences import SENTENCES

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.foundation.report import Report
    from msb_identity.pki.keys import SigningKey
    from msb_identity.sso.token_checks import KeySource

LOGOUT_TOKEN_TYPE = "logout+jwt"  # noqa: S105 - a media type, not a secret
LOGOUT_TOKEN_LIFE = timedelta(minutes=2)
LONGEST_LOGOUT_TOKEN = timedelta(minutes=15)
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_TOKEN_STEPS = (*COMMON_STEPS, "event", "replay")
MAX_REMEMBERED = 100_000
_JTI_BYTES = 16


@dataclass(frozen=True, slots=True)
class LogoutNotice:
    """Whose sessions a portal must end: those of `session_id`, or all of `subject`."""

    issuer: str
    subject: str | None
    session_id: str | None
    token_id: str


class Replays(Protocol):
    """Remembers which logout tokens were acted upon."""

    def first_sight(self, token_id: str, until: datetime, *, now: datetime) -> bool:
        """Whether this id was not seen before; it is remembered until then."""


class ReplayMemory:
    """The memory of one process: at most MAX_REMEMBERED ids, the oldest forgotten first."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._lock = threading.Lock()
        self._seen: dict[str, datetime] = {}

    def first_sight(self, token_id: str, until: datetime, *, now: datetime) -> bool:
        """Whether this id was not seen before; it is remembered until then."""
        with self._lock:
            if self._seen.get(token_id, now) > now:
                return False
            if len(self._seen) >= MAX_REMEMBERED:
                self._seen = {id_: end for id_, end in self._seen.items() if end > now}
            if len(self._seen) >= MAX_REMEMBERED:
                del self._seen[next(iter(self._seen))]
            self._seen[token_id] = until
            return True


def sign_logout_token(
    signer: SigningKey,
    *,
    issuer: str,
    client_id: str,
    subject: str | None = None,
    sid: str | None = None,
    ttl: timedelta = LOGOUT_TOKEN_LIFE,
    now: datetime | None = None,
) -> str:
    """Tell a client that a session, or every one of a subject, has ended (section 2.4)."""
    if subject is None and sid is None:
        message = "a logout token names a subject or a session"
        raise ValueError(message)
    moment = aware(now)
    said: dict[str, Any] = {
        "iss": issuer,
        "aud": client_id,
        "iat": seconds(moment),
        "exp": seconds(moment + ttl),
        "jti": secrets.token_urlsafe(_JTI_BYTES),
        "events": {LOGOUT_EVENT: {}},
    }
    named = {"sub": subject, "sid": sid}
    said |= {name: value for name, value in named.items() if value is not None}
    return sign_jws(strict_json.dump(said), signer, type_=LOGOUT_TOKEN_TYPE)


def check_logout_token(
    token: str,
    *,
    issuer: str,
    client_id: str,
    keys: KeySource,
    seen: Replays,
    now: datetime | None = None,
) -> Report:
    """Check a logout token as its client (section 2.6); never raises on any text.

    seen: what was acted upon before; a good token is in it afterwards.
    """
    return _examine_logout_token(token, (issuer, client_id), keys, seen, aware(now))[0]


def verify_logout_token(
    token: str,
    *,
    issuer: str,
    client_id: str,
    keys: KeySource,
    seen: Replays,
    now: datetime | None = None,
) -> LogoutNotice:
    """Say whose sessions a good logout token ends; Refused for any other."""
    names = (issuer, client_id)
    report, notice = _examine_logout_token(token, names, keys, seen, aware(now))
    if notice is None or report.verdict is not Verdict.VALID:
        raise Refused(report)
    return notice


class _LogoutClaims(BaseClaims):
    jti: Text
    events: dict[str, Any]
    sub: Text | None = None
    sid: Text | None = None
    # What has one is an ID token, whatever else it says (section 2.4).
    nonce: None = None

    @property
    def missing(self) -> tuple[str, ...]:
        return ("sid", "sub") if self.sid is None and self.sub is None else ()


def _examine_logout_token(
    token: str, names: tuple[str, str], keys: KeySource, seen: Replays, now: datetime
) -> tuple[Report, LogoutNotice | None]:
    builder = ReportBuilder("token", required=LOGOUT_TOKEN_STEPS, sentences=SENTENCES)
    jws = token_checks.read_jws(builder, token)
    if jws is None:
        return builder.conclude(), None
    claims = token_checks.read_claims(builder, jws, _LogoutClaims)
    key = token_checks.find_key(builder, jws, keys)
    signed = key is not None and token_checks.check_signature(builder, jws, key)
    token_checks.check_type(builder, jws, (LOGOUT_TOKEN_TYPE,), "not-a-logout-token")
    if claims is None:
        return builder.conclude(), None
    token_checks.check_issuer(builder, claims, names[0])
    token_checks.check_audience(builder, claims, names[1])
    token_checks.check_validity(builder, claims, now, longest=LONGEST_LOGOUT_TOKEN)
    if isinstance(claims.events.get(LOGOUT_EVENT), dict):
        builder.ok("event")
    else:
        builder.failed("event", "no-logout-event")
    if not signed:
        return builder.conclude(), None
    # Only what is good in all else is remembered.
    until = from_seconds(claims.exp) + CLOCK_TOLERANCE
    if builder.good_so_far() and not seen.first_sight(claims.jti, until, now=now):
        builder.failed("replay", "seen-before")
    elif builder.good_so_far():
        builder.ok("replay")
    return builder.conclude(), LogoutNotice(claims.iss, claims.sub, claims.sid, claims.jti)
