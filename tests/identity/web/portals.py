"""A portal's world: an issuer with one key, a verifier, and tokens of every strength."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from msb_identity.pki.keys import KeyKind, generate_key
from msb_identity.sso.sessions import Session
from msb_identity.sso.tokens import TokenIssuer, TokenVerifier
from msb_identity.web.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Mapping

ISSUER, AUDIENCE = "https://id.example.gov.cn", "permits"
SUBJECT, FIRM = "p" * 26, "f" * 26
TOKENS = TokenIssuer(ISSUER, generate_key(KeyKind.P256))
VERIFIER = TokenVerifier(issuer=ISSUER, audience=AUDIENCE, keys=TOKENS.key_set)
GUARD = Guard(VERIFIER)


def session(*, acr: str = "urn:msb:aal:1", age: timedelta = timedelta(0)) -> Session:
    now = datetime.now(UTC).replace(microsecond=0)
    return Session(
        sid="s" * 22,
        subject=SUBJECT,
        level=3,
        acr=acr,
        amr=("sms",),
        auth_time=now - age,
        expires_at=now + timedelta(hours=1),
    )


def token(of: Session | None = None, **options: Any) -> str:  # noqa: ANN401 - as TokenIssuer.issue
    options = {"audience": AUDIENCE, "client_id": "app", **options}
    return TOKENS.issue(of or session(), **options)


def expired_token() -> str:
    now = datetime.now(UTC) - timedelta(hours=1)
    return token(replace(session(), auth_time=now), ttl=timedelta(seconds=1), now=now)


def challenge_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Read WWW-Authenticate: Bearer with quoted parameters (RFC 9110 section 11.2)."""
    scheme, _, rest = headers["www-authenticate"].partition(" ")
    assert scheme == "Bearer"
    found = dict(re.findall(r'([a-z_]+)="([^"\\]*)"', rest))
    assert rest == ", ".join(f'{name}="{value}"' for name, value in found.items())
    return found
