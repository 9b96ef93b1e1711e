"""Access tokens: JWT of type at+jwt (RFC 9068), signed with SM2 (GM/T 0125), ES256, EdDSA or RS256.

`TokenIssuer` makes one from a session; it never outlives the session. `TokenVerifier` is what a
portal needs and loads no database: it knows whose tokens, meant for whom, it accepts, and takes the
algorithm from its own key, never from the message. Whether what stands behind a token was ended is
asked of `cutoffs`, and of `sessions`, where the verifier has one; without them a token is good
until it expires, and the report says so.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from msb_identity.envelopes.jose import KeySet, sign_jws
from msb_identity.envelopes.jwk import verifying_key_from_jwk
from msb_identity.envelopes.keyfiles import read_public_file
from msb_identity.errors import FetchRefused, KeyRefused, Refused, SignInRefused, StoreError
from msb_identity.foundation import strict_json
from msb_identity.foundation.clock import aware, seconds
from msb_identity.foundation.report import ReportBuilder, Verdict
from msb_identity.pki.keys import SigningKey
from msb_identity.sso import token_checks
from msb_identity.sso.claims import (
    CLOCK_TOLERANCE,
    MAX_TOKEN_LIFE,
    TOKEN_LIFE,
    TOKEN_TYPE,
    Acting,
    Claims,
    VerifiedToken,
)
from msb_identity.sso.seen import MAX_SEEN, SeenToken, SeenTokens
from msb_identity.sso.token_checks import COMMON_STEPS
from msb_identity.sso.token_sentences import SENTENCES

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.report import Report
    from msb_identity.pki.keys import KeyKind
    from msb_identity.sso.basis import CutOffSource
    from msb_identity.sso.keyring import Signers
    from msb_identity.sso.sessions import Session, Sessions
    from msb_identity.sso.token_checks import KeySource

STEPS = (*COMMON_STEPS, "session")
_TOKEN_ID_BYTES = 16
__all__ = [
    "CLOCK_TOLERANCE",
    "MAX_TOKEN_LIFE",
    "STEPS",
    "TOKEN_LIFE",
    "TOKEN_TYPE",
    "Acting",
    "SingleKey",
    "TokenIssuer",
    "TokenVerifier",
    "VerifiedToken",
]


class SingleKey:
    """One signing key where a ring could be: for tests, and for issuers that bring their own."""

    def __init__(self, key: SigningKey) -> None:
        """Take the key."""
        self._key = key

    def signer(self, kind: KeyKind | None = None, *, now: datetime | None = None) -> SigningKey:  # noqa: ARG002
        """Give the key; ValueError where another kind is asked for."""
        if kind not in (None, self._key.kind):
            message = f"there is no {kind} key here"
            raise ValueError(message)
        return self._key

    def key_set(self, now: datetime | None = None) -> KeySet:  # noqa: ARG002 - it never changes
        """Give its public half."""
        return KeySet([self._key.public])


class TokenIssuer:
    """Makes access tokens in the name of one issuer."""

    def __init__(
        self, issuer: str, keys: SigningKey | Signers, *, audit: Audit | None = None
    ) -> None:
        """Take the issuer's name, as verifiers expect it in `iss`, and its key or key ring.

        audit: where each token is recorded before it is given out.
        """
        self.issuer = _name("issuer", issuer)
        self._keys: Signers = SingleKey(keys) if isinstance(keys, SigningKey) else keys
        self._audit = audit

    @property
    def key_set(self) -> KeySet:
        """The public keys that verifiers need."""
        return self._keys.key_set()

    def issue(
        self,
        session: Session,
        *,
        audience: str | Sequence[str],
        client_id: str,
        scope: str = "",
        acting: Acting | None = None,
        roles: Sequence[str] = (),
        ttl: timedelta = TOKEN_LIFE,
        kind: KeyKind | None = None,
        now: datetime | None = None,
    ) -> str:
        """Make a token for one portal, good for `ttl` but not beyond the session's end.

        scope: words with a space between. acting: for which firm the person acts; the caller has
        just asked `Mandates` whether they may. roles: of a member of staff, at the audience.
        ttl: a second to MAX_TOKEN_LIFE. kind: the kind of key to sign with, where a ring has
        several. Raises SignInRefused (`session-ended`) for a session that has ended or is over. The
        session is the caller's fresh reading of it.
        """
        moment = aware(now)
        if not session.is_live(moment):
            raise SignInRefused(
                "session-ended",
                "登录会话已结束，请重新登录",
                "the session has ended: sign in again",
            )
        claims: dict[str, Any] = {
            "sub": session.subject if acting is None else _name("firm_id", acting.firm_id),
            "exp": seconds(min(moment + _checked_life(ttl), session.expires_at)),
            "sid": session.sid,
            "acr": session.acr,
            "amr": list(session.amr),
            "auth_time": seconds(session.auth_time),
        }
        if acting is not None:
            mandate = _name("mandate_id", acting.mandate_id)
            claims["act"] = {"sub": session.subject, "mandate": mandate}
        if roles:
            claims["roles"] = list(roles)
        return self._sign(
            claims, audience=audience, client_id=client_id, scope=scope, kind=kind, now=moment
        )

    def issue_to_client(
        self,
        client_id: str,
        *,
        audience: str | Sequence[str],
        scope: str = "",
        ttl: timedelta = TOKEN_LIFE,
        kind: KeyKind | None = None,
        now: datetime | None = None,
    ) -> str:
        """Make a token that a client gets for itself, with nobody signed in (RFC 6749 4.4)."""
        moment = aware(now)
        claims = {"sub": client_id, "exp": seconds(moment + _checked_life(ttl))}
        return self._sign(
            claims, audience=audience, client_id=client_id, scope=scope, kind=kind, now=moment
        )

    def _sign(
        self,
        claims: dict[str, Any],
        *,
        audience: str | Sequence[str],
        client_id: str,
        scope: str,
        kind: KeyKind | None,
        now: datetime,
    ) -> str:
        """Add what every token says, sign, and record that it was issued."""
        audiences = [audience] if isinstance(audience, str) else list(audience)
        claims["iss"] = self.issuer
        claims["aud"] = _name("audience", audiences[0] if audiences else "")
        if len(audiences) > 1:
            claims["aud"] = [_name("audience", one) for one in audiences]
        claims["client_id"] = _name("client_id", client_id)
        claims["iat"] = seconds(now)
        claims["jti"] = secrets.token_urlsafe(_TOKEN_ID_BYTES)
        if scope:  # RFC 6749 section 3.3: an empty scope is not a scope
            claims["scope"] = scope
        signer = self._keys.signer(kind, now=now)
        token = sign_jws(strict_json.dump(claims), signer, type_=TOKEN_TYPE)
        if self._audit is not None:
            actor = claims["act"]["sub"] if "act" in claims else None
            subject, details = claims["sub"], _recorded(claims)
            self._audit.record(
                "token.issued", actor=actor, subject=subject, details=details, now=now
            )
        return token


class TokenVerifier:
    """Checks access tokens of one issuer for one audience."""

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        keys: KeySource,
        cutoffs: CutOffSource | None = None,
        sessions: Sessions | None = None,
        remember: int = MAX_SEEN,
    ) -> None:
        """Say what is expected.

        issuer, audience: compared exactly with `iss` and with one of `aud`.
        keys: the issuer's keys; nothing else in the world is trusted.
        cutoffs: what was ended, from the store or from the issuer's list.
        sessions: where ended sessions are known. Without both the step `session` is skipped.
        remember: how many good tokens are known again without their signature being checked anew.
        """
        self.issuer = _name("issuer", issuer)
        self.audience = _name("audience", audience)
        self._keys = keys
        self._cutoffs = cutoffs
        self._sessions = sessions
        self._seen = SeenTokens(remember)

    @classmethod
    def from_issuer(
        cls,
        url: str,
        *,
        audience: str,
        allow_http: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> TokenVerifier:
        """Take keys and cut-offs from the issuer at `url`, and keep them up to date.

        Nothing is fetched before the first token, and then in the background: keys every five
        minutes and for a key that is not known, cut-offs every ten seconds. While the issuer cannot
        be reached, keys serve for an hour and cut-offs for a minute; then tokens are indeterminate.
        A check waits for two seconds at most. url: https, as the issuer calls itself. allow_http:
        also http to this machine, for trying out. tls: whose certificates are believed.
        """
        from msb_identity.sso.cutoff_list import PublishedCutOffs
        from msb_identity.sso.keysets import PublishedKeys, issuer_fetcher

        fetcher = issuer_fetcher(url, allow_http=allow_http, tls=tls)
        keys = PublishedKeys(url, fetcher=fetcher)
        return cls(issuer=url, audience=audience, keys=keys, cutoffs=PublishedCutOffs(keys))

    @classmethod
    def from_key_set_file(
        cls, path: Path, *, issuer: str, audience: str, sessions: Sessions | None = None
    ) -> TokenVerifier:
        """Take the issuer's keys from a file with a JWK set, or with a single public JWK.

        Raises StoreError, EncodingRefused or KeyRefused where the file is not that.
        """
        content = read_public_file(path, limit=strict_json.MAX_JSON_BYTES)
        if "kty" in (single := strict_json.load_object(content)):
            verifying_key_from_jwk(single)  # a set would skip what it cannot use
            content = strict_json.dump({"keys": [single]})
        keys = KeySet.from_json(content)
        if keys.skipped and not len(keys):
            message = f"no key in {path.name} can be used: {keys.skipped[0].reason}"
            raise KeyRefused(message)
        return cls(issuer=issuer, audience=audience, keys=keys, sessions=sessions)

    def check(self, token: str, *, now: datetime | None = None) -> Report:
        """Check a token and say what was found; never raises on any text.

        The steps: `format`, `algorithm`, `key`, `signature-value`, `type`, `issuer`, `audience`,
        `validity`, `session`. A key that is not known leaves the token indeterminate. The report
        discloses what a token with a good signature says, and nothing personal.
        """
        builder, said, _ = self._judge(token, aware(now))
        return _report(builder, said)

    def verify(self, token: str, *, now: datetime | None = None) -> VerifiedToken:
        """Give what a good token says; raises Refused, with the report, for any other."""
        builder, said, good = self._judge(token, aware(now))
        if said is None or not good:
            raise Refused(_report(builder, said))
        return said

    def _judge(self, token: str, now: datetime) -> tuple[ReportBuilder, VerifiedToken | None, bool]:
        """Take what is known of a token seen before, where it still holds; else examine it.

        Gives the steps, what the token says if its signature is good, and whether all is good.
        """
        digest = self._seen.digest(token)
        if digest is not None and (seen := self._seen.find(digest)) is not None:
            if self._still_holds(seen, now):
                return seen.found, seen.verified, True
            self._seen.forget(digest)
        builder = ReportBuilder("token", required=STEPS, sentences=SENTENCES)
        examined = self._examine(builder, token, now)
        if examined is None:
            return builder, None, False
        good = builder.verdict is Verdict.VALID
        if good and digest is not None:
            self._seen.keep(digest, examined)
        return builder, examined.verified, good

    def _still_holds(self, seen: SeenToken, now: datetime) -> bool:
        """Whether nothing that can change has changed since the token was found good."""
        try:
            key = self._keys.get(seen.key_id)
            cut = None
            if self._cutoffs is not None and seen.basis is not None:
                cut = self._cutoffs.is_cut(seen.basis)
            fault = token_checks.session_fault(seen.verified.session, self._sessions, now)
        except (StoreError, FetchRefused):
            return False
        same = (key is seen.key or key == seen.key) and cut is seen.cut and fault is None
        return same and seen.begins <= now.timestamp() < seen.ends

    def _examine(self, builder: ReportBuilder, token: str, now: datetime) -> SeenToken | None:
        """Walk through the steps in order; give what the token says once its signature is good."""
        jws = token_checks.read_jws(builder, token)
        if jws is None:
            return None
        claims = token_checks.read_claims(builder, jws, Claims)
        key = token_checks.find_key(builder, jws, self._keys)
        signed = key is not None and token_checks.check_signature(builder, jws, key)
        token_checks.check_type(builder, jws, (TOKEN_TYPE,), "not-an-access-token")
        if claims is None:
            return None
        # What follows is also said of an unsigned claim, as a help to find the fault.
        token_checks.check_issuer(builder, claims, self.issuer)
        token_checks.check_audience(builder, claims, self.audience)
        # Cut-offs are kept for as long as a token may live, and no longer.
        token_checks.check_validity(builder, claims, now, longest=MAX_TOKEN_LIFE)
        if key is None or not signed:
            return None
        basis = None if self._cutoffs is None else claims.basis
        cut = token_checks.check_session(
            builder,
            claims.session,
            basis=basis,
            cutoffs=self._cutoffs,
            sessions=self._sessions,
            now=now,
        )
        return SeenToken(
            verified=claims.verified(),
            found=builder,
            basis=basis,
            key_id=jws.key_id or "",
            key=key,
            begins=max(claims.iat, claims.nbf) - CLOCK_TOLERANCE.total_seconds(),
            ends=claims.exp,
            cut=cut,
        )


def _report(builder: ReportBuilder, said: VerifiedToken | None) -> Report:
    if said is not None:
        token_checks.disclose(builder, said)
    return builder.conclude()


def _recorded(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Give what the log says of a token: who acts for whom, for which portal."""
    details = {"jti": claims["jti"], "client": claims["client_id"], "audience": claims["aud"]}
    if "act" in claims:
        details["mandate"] = claims["act"]["mandate"]
    return details


def _checked_life(ttl: timedelta) -> timedelta:
    if not timedelta(seconds=1) <= ttl <= MAX_TOKEN_LIFE:
        message = f"ttl is a second to {MAX_TOKEN_LIFE}"
        raise ValueError(message)
    return ttl


def _name(what: str, value: str) -> str:
    """Refuse an empty name, which would match nothing, or worse, another empty one."""
    if not value:
        message = f"{what} must not be empty"
        raise ValueError(message)
    return value
