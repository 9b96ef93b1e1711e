"""Refresh tokens (刷新令牌): their use gives the family's next one; an old one ends them all.

A family is one row: what it was authorised to, the hashes of its current token and of the one
before. A token is `FAMILY.SECRET`, the secret 256 bits. The next secret is the HMAC, under a key
that is not in the store, of the one before: so whoever brings the same token twice gets the very
same next token, no second branch grows, and the store still holds nothing that could be used
(ory/hydra#1831, #3860).

A family goes on once in GRACE at most; whoever comes again before that, with the current token or
the one before, gets the current one. So of all its tokens only the one before can have been
replaced less than GRACE ago, and no token that was the current one within GRACE is ever taken for a
stolen one: not of two processes that bring the same, nor where an answer was lost, nor of a
straggler behind any number of refreshes by others.

Any other secret than these two of a known family is an old token, or was made up by somebody who
holds one: the family is ended by one write, and so are its client's access tokens in that session.
RFC 9700 section 4.14. A family never outlives its session: there is no `offline_access`. One that
lay unused longer than cut-offs are kept is over, since nobody knows any more what ended meanwhile.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table, insert, select, update

from msb_identity.envelopes.jose import encode_base64url
from msb_identity.foundation.clock import from_seconds, seconds
from msb_identity.foundation.schema import IDENTITY
from msb_identity.foundation.store import remove_some
from msb_identity.signin.limits import microseconds
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

    from sqlalchemy import ColumnElement, Connection, Row

    from msb_identity.foundation.protect import Protector

GRACE = timedelta(seconds=30)
"""How long a token that was replaced may still be brought, and how long its follower stays."""
IDLE = MAX_TOKEN_LIFE
"""How long a family may lie unused; cut-offs are kept for longer (`cutoffs.KEPT`)."""
KEY_DOMAIN = "refresh-token"
_FAMILY_BYTES = 16
_SECRET_BYTES = 32
_TOKEN = re.compile(r"([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})", re.ASCII)

metadata = IDENTITY.tables()
families = Table(
    "refresh_families",
    metadata,
    Column("id", String(22), primary_key=True),
    *authorization_columns(),
    Column("token_hash", LargeBinary(32), nullable=False),
    Column("previous_hash", LargeBinary(32)),
    Column("began_at", BigInteger, nullable=False),
    Column("rotated_at_us", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("ended_at", BigInteger),
)


class Finding(StrEnum):
    """What a refresh token that came turned out to be."""

    CURRENT = "current"
    RECENT = "recent"
    """The current one, made within GRACE: it stays."""
    GRACE = "grace"
    """The one before, replaced within GRACE."""
    REUSED = "reused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Family:
    """A family as it was found, and what the token that was brought is in it."""

    id: str
    authorization: Authorization
    began_at: datetime
    expires_at: datetime
    finding: Finding

    @property
    def is_good(self) -> bool:
        """Whether the token may be exchanged."""
        return self.finding in {Finding.CURRENT, Finding.RECENT, Finding.GRACE}


class RefreshTokens:
    """Makes, exchanges and ends refresh tokens, each in a transaction of the caller's."""

    def __init__(self, protector: Protector) -> None:
        """Use the protector's key of the domain "refresh-token"."""
        self._key = protector.derived_key(KEY_DOMAIN)

    def new_family(self) -> str:
        """Give the id of a family that is about to begin."""
        return secrets.token_urlsafe(_FAMILY_BYTES)

    def begin(
        self,
        connection: Connection,
        family: str,
        authorization: Authorization,
        *,
        expires_at: datetime,
        now: datetime,
    ) -> str:
        """Begin a family and give its first token; expires_at: the end of the session."""
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        connection.execute(
            insert(families).values(
                id=family,
                **authorization_values(authorization),
                token_hash=hash_secret(secret),
                began_at=seconds(now),
                rotated_at_us=microseconds(now),
                expires_at=seconds(expires_at),
            )
        )
        remove_some(connection, families, families.c.expires_at <= seconds(now))
        return f"{family}.{secret}"

    def look(self, connection: Connection, token: str, *, now: datetime) -> Family | None:
        """Find the family of a token without changing anything; None for what is no token."""
        found = _split(token)
        if found is None:
            return None
        row = connection.execute(select(families).where(_is(found[0]))).one_or_none()
        return None if row is None else _family(row, found[1], now)

    def exchange(
        self, connection: Connection, token: str, *, client_id: str, now: datetime
    ) -> tuple[Family, str] | None:
        """Use a token: give its family and, where that is good, the current token, else "".

        None for what is no token of this client. A reused one ends the family in this transaction,
        which must therefore commit.
        """
        found = _split(token)
        if found is None:
            return None
        name, secret = found
        row = connection.execute(select(families).where(_is(name)).with_for_update()).one_or_none()
        if row is None or row.client_id != client_id:
            return None
        family = _family(row, secret, now)
        if family.finding is Finding.REUSED:
            self.end(connection, name, now=now)
        if not family.is_good:
            return family, ""
        if family.finding is Finding.RECENT:
            return family, token
        following = self._next(name, secret)
        if family.finding is Finding.CURRENT:
            rotated = {
                "token_hash": hash_secret(following),
                "previous_hash": row.token_hash,
                "rotated_at_us": microseconds(now),
            }
            connection.execute(update(families).where(_is(name)).values(rotated))
        return family, f"{name}.{following}"

    def end(self, connection: Connection, family: str, *, now: datetime) -> None:
        """End a family for good, by one write."""
        open_one = _is(family) & families.c.ended_at.is_(None)
        connection.execute(update(families).where(open_one).values(ended_at=seconds(now)))

    def _next(self, family: str, secret: str) -> str:
        said = f"MSB-refresh-1 {family} {secret}".encode()
        return encode_base64url(hmac.new(self._key, said, sha256).digest())


def _family(row: Row[Any], secret: str, now: datetime) -> Family:
    return Family(
        id=row.id,
        authorization=read_authorization(row),
        began_at=from_seconds(row.began_at),
        expires_at=from_seconds(row.expires_at),
        finding=_find(row, hash_secret(secret), now),
    )


def _find(row: Row[Any], given: bytes, now: datetime) -> Finding:
    is_idle = row.rotated_at_us <= microseconds(now - IDLE)
    if row.ended_at is not None or row.expires_at <= seconds(now) or is_idle:
        return Finding.ENDED
    # A family's first token was never a follower, and goes on at once.
    in_grace = row.previous_hash is not None and microseconds(now - GRACE) <= row.rotated_at_us
    if hmac.compare_digest(given, row.token_hash):
        return Finding.RECENT if in_grace else Finding.CURRENT
    if in_grace and hmac.compare_digest(given, row.previous_hash):
        return Finding.GRACE
    return Finding.REUSED


def _split(token: str) -> tuple[str, str] | None:
    parts = _TOKEN.fullmatch(token)
    return None if parts is None else (parts[1], parts[2])


def _is(family: str) -> ColumnElement[bool]:
    return families.c.id == family
