"""Authorisation codes (授权码): one use, a minute, for one client, address and PKCE challenge.

256 random bits, stored as a SHA-256. RFC 6749 section 4.1.2: a code that comes a second time was
overheard or lost, so everything that came of it is ended. A used code is remembered as long as a
token made from it could live. Who brings a wrong verifier does not use the code up: he cannot guess
256 bits, and could else take a person's code away by being first.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    LargeBinary,
    String,
    Table,
    insert,
    select,
    update,
)

from msb_identity.envelopes.jose import encode_base64url
from msb_identity.errors import OAuthRefused
from msb_identity.foundation.clock import from_seconds, seconds
from msb_identity.foundation.schema import IDENTITY
from msb_identity.foundation.store import remove_some
from msb_identity.signin.limits import microseconds
from msb_identity.sso.addresses import MAX_ADDRESS_CHARS
from msb_identity.sso.authorizations import (
    Authorization,
    authorization_columns,
    authorization_values,
    read_authorization,
)
from msb_identity.sso.claims import MAX_TOKEN_LIFE
from msb_identity.sso.clients import hash_secret

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

CODE_LIFE = timedelta(seconds=60)
MAX_NONCE_CHARS = 500
_CODE_BYTES = 32
_CODE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_CHALLENGE = _CODE  # base64url of a SHA-256 as well
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)  # RFC 7636 section 4.1

metadata = IDENTITY.tables()
codes = Table(
    "authorization_codes",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    *authorization_columns(),
    Column("redirect_address", String(MAX_ADDRESS_CHARS), nullable=False),
    Column("challenge", String(43), nullable=False),
    Column("nonce", String(MAX_NONCE_CHARS)),
    Column("expires_at_us", BigInteger, nullable=False),
    Column("used", Boolean, nullable=False),
    Column("family", String(22)),
    Column("removed_at", BigInteger, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """What a code is made for."""

    authorization: Authorization
    redirect_address: str
    challenge: str
    nonce: str | None


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a code gives; `reused`: it had been used before, and `family` came of it then."""

    authorization: Authorization
    nonce: str | None
    made_at: datetime
    reused: bool
    family: str | None


def is_challenge(text: str) -> bool:
    """Whether this can be an S256 code challenge (RFC 7636 section 4.2)."""
    return _CHALLENGE.fullmatch(text) is not None


def challenge_of(verifier: str) -> str:
    """Give the S256 code challenge of a verifier (RFC 7636 section 4.2)."""
    return encode_base64url(sha256(verifier.encode()).digest())


def make_code(connection: Connection, request: CodeRequest, *, now: datetime) -> str:
    """Make a code, in the caller's transaction."""
    code = secrets.token_urlsafe(_CODE_BYTES)
    connection.execute(
        insert(codes).values(
            hash=hash_secret(code),
            **authorization_values(request.authorization),
            redirect_address=request.redirect_address,
            challenge=request.challenge,
            nonce=request.nonce,
            expires_at_us=microseconds(now + CODE_LIFE),
            used=False,
            removed_at=seconds(now + CODE_LIFE + MAX_TOKEN_LIFE),
        )
    )
    remove_some(connection, codes, codes.c.removed_at <= seconds(now))
    return code


def redeem_code(
    connection: Connection,
    code: str,
    *,
    client_id: str,
    redirect_address: str | None,
    verifier: str,
    family: str | None,
    now: datetime,
) -> Redeemed:
    """Use a code up, in the caller's write transaction, which must commit also where it was reused.

    redirect_address: as the request repeats it, None where it does not (OAuth 2.1 left that out).
    family: of the refresh token that will come of it. OAuthRefused (`invalid_grant`) for a code
    that is unknown, another's, expired, or comes with another address or verifier.
    """
    this = codes.c.hash == hash_secret(code if _CODE.fullmatch(code) else "")
    row = connection.execute(select(codes).where(this).with_for_update()).one_or_none()
    if row is None:
        raise invalid_code("unknown")
    rules = {
        "another client": row.client_id == client_id,
        "another redirect address": redirect_address in {None, row.redirect_address},
        "wrong verifier": _proves(verifier, row.challenge),
        "expired": row.used or row.expires_at_us > microseconds(now),
    }
    for detail, holds in rules.items():
        if not holds:
            raise invalid_code(detail)
    if not row.used:
        connection.execute(update(codes).where(this).values(used=True, family=family))
    made_at = from_seconds(row.expires_at_us // 1_000_000) - CODE_LIFE
    return Redeemed(read_authorization(row), row.nonce, made_at, row.used, row.family)


def invalid_code(detail: str) -> OAuthRefused:
    """Give the one answer to every code that is not good; the detail is for the log alone."""
    return OAuthRefused("invalid_grant", "the code is not valid", detail=f"code: {detail}")


def _proves(verifier: str, challenge: str) -> bool:
    if not _VERIFIER.fullmatch(verifier):
        return False
    return hmac.compare_digest(challenge_of(verifier), challenge)
