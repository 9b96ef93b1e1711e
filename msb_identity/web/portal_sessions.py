"""Who is signed in at a portal: rows in the portal's own store, behind one opaque cookie each.

The cookie's value is 256 random bits. A row is found by one value derived from it and sealed under
another (HKDF), so that whoever copies the store has neither sessions nor tokens. What the provider
said has ended is kept as long as a session could live, so that a sign-in that was under way at that
moment is not begun after its end.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from msb_identity.foundation.ciphers import AES_256_GCM, HMAC_SHA256, open_with, seal_with
from msb_identity.foundation.clock import aware, from_seconds, seconds
from msb_identity.foundation.schema import Schema
from msb_identity.foundation.store import remove_some

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from msb_identity.foundation.store import Store
    from msb_identity.sso.logout_tokens import LogoutNotice
    from msb_identity.sso.signin_client import SignedIn, Tokens

LONGEST = timedelta(hours=12)
"""As long as a session of the provider lives at most."""
_SECRET_BYTES = 32
PORTAL = Schema("portal", "msb_identity.web.migrations", newest="portal_1")
metadata = PORTAL.tables()
portal_sessions = Table(
    "portal_sessions",
    metadata,
    Column("id", LargeBinary(32), primary_key=True),
    Column("sid", String(255), nullable=False, index=True),
    Column("subject", String(255), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)
portal_endings = Table(
    "portal_endings",
    metadata,
    Column("name", String(300), primary_key=True),
    Column("ended_at", BigInteger, nullable=False),
    Column("keep_until", BigInteger, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser that is signed in at this portal, with the tokens to act for its person.

    fresh_until: when the access token has to be renewed.
    """

    person_id: str
    session_id: str
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    id_token: str = field(repr=False)
    fresh_until: datetime


class PortalSessions:
    """The sessions of one portal; also remembers which logout tokens it has seen."""

    def __init__(self, store: Store) -> None:
        """Use the store that was opened with this module's `metadata`."""
        self._store = store

    def begin(self, signed_in: SignedIn, *, now: datetime | None = None) -> str | None:
        """Begin a session and give its cookie; None where it ended while it was being begun."""
        at = seconds(aware(now))
        person, tokens = signed_in.person, signed_in.tokens
        visitor = Visitor(
            person_id=person.actor or person.subject,
            session_id=person.session_id or "",
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            id_token=tokens.id_token or "",
            fresh_until=tokens.expires_at,
        )
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        row = {
            "id": _row_id(secret),
            "sid": visitor.session_id,
            "subject": visitor.person_id,
            "sealed": _seal(secret, visitor),
            "expires_at": at + int(LONGEST.total_seconds()),
        }
        with self._store.write(locks=_names(visitor)) as connection:
            if _has_ended(connection, visitor, seconds(person.issued_at)):
                return None
            connection.execute(insert(portal_sessions).values(row))
            remove_some(connection, portal_sessions, portal_sessions.c.expires_at <= at)
        return secret

    def find(self, secret: str, *, now: datetime | None = None) -> Visitor | None:
        """Give whose cookie this is; None where the session is over or never was."""
        query = select(portal_sessions.c.sealed, portal_sessions.c.expires_at)
        with self._store.read() as connection:
            found = connection.execute(query.where(_is(secret))).one_or_none()
        if found is None or found.expires_at <= seconds(aware(now)):
            return None
        return _open(secret, found.sealed)

    def renew(self, secret: str, visitor: Visitor, tokens: Tokens) -> Visitor:
        """Keep the new tokens of a session; one that has ended meanwhile stays ended."""
        renewed = replace(
            visitor,
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token or visitor.refresh_token,
            id_token=tokens.id_token or visitor.id_token,
            fresh_until=tokens.expires_at,
        )
        with self._store.write(locks=()) as connection:
            sealed = _seal(secret, renewed)
            connection.execute(update(portal_sessions).where(_is(secret)).values(sealed=sealed))
        return renewed

    def drop(self, secret: str) -> None:
        """End the session of one browser at this portal."""
        with self._store.write(locks=()) as connection:
            connection.execute(delete(portal_sessions).where(_is(secret)))

    def end(self, notice: LogoutNotice, *, now: datetime | None = None) -> None:
        """End what the provider says has ended, here and in sign-ins that are under way."""
        moment = aware(now)
        if notice.session_id is not None:
            name, theirs = f"sid {notice.session_id}", portal_sessions.c.sid == notice.session_id
        else:
            name, theirs = f"sub {notice.subject}", portal_sessions.c.subject == notice.subject
        with self._store.write(locks=[name]) as connection:
            connection.execute(delete(portal_sessions).where(theirs))
            connection.execute(delete(portal_endings).where(portal_endings.c.name == name))
            _remember(connection, name, moment, moment + LONGEST)

    def first_sight(self, token_id: str, until: datetime, *, now: datetime) -> bool:
        """Whether a logout token was not seen before; it is remembered until then."""
        try:
            with self._store.write(locks=()) as connection:
                _remember(connection, f"jti {token_id}", now, until)
        except IntegrityError:
            return False
        return True


class _Sealed(BaseModel):
    """What is inside a row; it comes from our own hand, or does not open."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    person_id: str
    session_id: str
    access_token: str
    refresh_token: str | None
    id_token: str
    fresh_until: int


def _seal(secret: str, visitor: Visitor) -> bytes:
    said = _Sealed(
        person_id=visitor.person_id,
        session_id=visitor.session_id,
        access_token=visitor.access_token,
        refresh_token=visitor.refresh_token,
        id_token=visitor.id_token,
        fresh_until=seconds(visitor.fresh_until),
    )
    cipher = AES_256_GCM.aead(_derive(secret, "content"))
    return seal_with(cipher, said.model_dump_json().encode(), _row_id(secret))


def _open(secret: str, sealed: bytes) -> Visitor | None:
    cipher = AES_256_GCM.aead(_derive(secret, "content"))
    try:
        said = _Sealed.model_validate_json(open_with(cipher, sealed, _row_id(secret)))
    except (InvalidTag, ValidationError):  # changed in the store: nobody's session
        return None
    return Visitor(**{**said.model_dump(), "fresh_until": from_seconds(said.fresh_until)})


def _row_id(secret: str) -> bytes:
    return _derive(secret, "row")


def _derive(secret: str, what: str) -> bytes:
    return HMAC_SHA256.derive(secret.encode("utf-8", "replace"), f"portal {what}".encode())


def _is(secret: str) -> ColumnElement[bool]:
    return portal_sessions.c.id == _row_id(secret)


def _names(visitor: Visitor) -> list[str]:
    return [f"sid {visitor.session_id}", f"sub {visitor.person_id}"]


def _has_ended(connection: Connection, visitor: Visitor, issued_at: int) -> bool:
    """Whether the session has ended, or all of the person's have since the ID token was made."""
    query = select(portal_endings).where(portal_endings.c.name.in_(_names(visitor)))
    return any(
        row.name.startswith("sid ") or issued_at <= row.ended_at
        for row in connection.execute(query)
    )


def _remember(connection: Connection, name: str, now: datetime, until: datetime) -> None:
    row = {"name": name, "ended_at": seconds(now), "keep_until": seconds(until)}
    connection.execute(insert(portal_endings).values(row))
    remove_some(connection, portal_endings, portal_endings.c.keep_until <= seconds(now))
