"""Tokens of one issuer for one portal, made well and badly, and what must come of them."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from msb_identity.envelopes.jose import KeySet, sign_jws
from msb_identity.errors import Refused
from msb_identity.foundation import strict_json
from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki.keys import KeyKind, generate_key
from msb_identity.sso.sessions import Session
from msb_identity.sso.tokens import STEPS, TokenIssuer, TokenVerifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msb_identity.foundation.report import Report
    from msb_identity.pki.keys import SigningKey

ISSUER, AUDIENCE = "https://id.example.gov.cn", "https://portal.example.gov.cn"
NOW = datetime(2026, 1, 31, 4, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SESSION = Session(
    sid="s" * 22,
    subject="p" * 26,
    level=3,
    acr="urn:msb:aal:1",
    amr=("sms",),
    auth_time=NOW,
    expires_at=NOW + timedelta(hours=12),
)
KEYS = {kind: generate_key(kind) for kind in KeyKind}
JOSE_NAMES = {
    KeyKind.SM2: "SGD_SM3_SM2",
    KeyKind.P256: "ES256",
    KeyKind.RSA: "RS256",
    KeyKind.ED25519: "EdDSA",
}
BOTH = pytest.mark.parametrize("kind", list(KeyKind), ids=str)
P256 = KEYS[KeyKind.P256]
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": SESSION.subject,
    "aud": AUDIENCE,
    "exp": int(NOW.timestamp()) + 600,
    "iat": int(NOW.timestamp()),
    "jti": "j" * 22,
    "sid": SESSION.sid,
    "acr": SESSION.acr,
    "amr": ["sms"],
    "auth_time": int(NOW.timestamp()),
    "client_id": "portal",
    "scope": "licence.read licence.show",
}


def issue(key: SigningKey = P256, **options: Any) -> str:  # noqa: ANN401
    asked: dict[str, Any] = {"audience": AUDIENCE, "client_id": "portal", "now": NOW} | options
    return TokenIssuer(ISSUER, key).issue(SESSION, **asked)


def verifier(key: SigningKey = P256, **options: Any) -> TokenVerifier:  # noqa: ANN401
    known = {"issuer": ISSUER, "audience": AUDIENCE, "keys": KeySet([key.public])}
    return TokenVerifier(**{**known, **options})


def signed(claims: Mapping[str, Any] | bytes, key: SigningKey = P256, type_: str = "at+jwt") -> str:
    payload = claims if isinstance(claims, bytes) else strict_json.dump(claims)
    return sign_jws(payload, key, type_=type_)


def encode(part: bytes | dict[str, Any]) -> str:
    raw = json.dumps(part).encode() if isinstance(part, dict) else part
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def found(report: Report, step: str) -> tuple[str, str]:
    return str(report.step(step).outcome), report.step(step).code


def check(token: str, now: datetime = NOW, **options: Any) -> Report:  # noqa: ANN401
    """Check with the P-256 key; whatever comes out is a full report with both languages."""
    report = verifier(**options).check(token, now=now)
    assert [step.id for step in report.steps] == list(STEPS)
    assert all(step.zh and step.en and step.zh != step.en for step in report.steps)
    assert report.kind == "token"
    return report


def must_fail(token: str, step: str, code: str, now: datetime = NOW, **options: Any) -> Report:  # noqa: ANN401
    """Assert that exactly this step fails, and that verify refuses with the same report."""
    report = check(token, now, **options)
    assert report.verdict is Verdict.INVALID
    failed = [(s.id, s.code) for s in report.steps if s.outcome is Outcome.FAILED]
    assert failed == [(step, code)]
    with pytest.raises(Refused) as refused:
        verifier(**options).verify(token, now=now)
    assert refused.value.report == report
    return report


def by_hand(header: dict[str, Any], claims: dict[str, Any] = CLAIMS) -> str:
    """Sign with PyJWT's own ES256, whatever the header says."""
    signing_input = f"{encode(header)}.{encode(claims)}"
    private = ec.derive_private_key(int.from_bytes(P256.private_bytes(), "big"), ec.SECP256R1())
    algorithm = jwt.get_algorithm_by_name("ES256")
    return f"{signing_input}.{encode(algorithm.sign(signing_input.encode(), private))}"
