"""Which clients a session has been to, and so who must hear that it has ended.

A row is written with the tokens that a client gets, in one transaction; it becomes a notice to
deliver however the session ends: by its owner, an administrator, a cut-off, or by lying unused.
No way of ending needs to know of it: the log of cut-offs, which is in the order of its commits, is
followed, and every session is looked at when it should be over (keycloak/keycloak#39604).
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    String,
    Table,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from msb_identity.errors import StoreError
from msb_identity.foundation.clock import from_seconds, seconds
from msb_identity.foundation.schema import IDENTITY
from msb_identity.signin.limits import microseconds
from msb_identity.sso.basis import Ended
from msb_identity.sso.cutoffs import cut_offs
from msb_identity.sso.sessions import sessions

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

    from msb_identity.foundation.store import Store
    from msb_identity.sso.authorizations import Authorization

FOLLOWED_AT_ONCE = 200
_PROGRESS = 1
_TRIES = 3
"""Each time somebody else must have written the row meanwhile."""

metadata = IDENTITY.tables()
client_sessions = Table(
    "client_sessions",
    metadata,
    Column("name", String(87), primary_key=True),
    Column("sid", String(22), nullable=False, index=True),
    Column("client_id", String(64), nullable=False),
    Column("subject", String(26), nullable=False, index=True),
    Column("firm_id", String(26), index=True),
    Column("mandate_id", String(26), index=True),
    Column("began_at", BigInteger, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("tries", Integer, nullable=False),
    # When to look at the session next; of one that has ended, when to tell the client.
    Column("next_at_us", BigInteger, nullable=False, index=True),
)
progress = Table(
    "logout_progress",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)
_COLUMNS_OF = {
    Ended.SESSION: (client_sessions.c.sid,),
    Ended.SUBJECT: (client_sessions.c.subject, client_sessions.c.firm_id),
    Ended.MANDATE: (client_sessions.c.mandate_id,),
}


def session_end(connection: Connection, sid: str, *, now: datetime) -> tuple[datetime, int] | None:
    """Give a session's absolute end, and when (µs) it would be over unused; None: it is over."""
    query = select(sessions.c.expires_at, sessions.c.idle_until, sessions.c.ended_at)
    row = connection.execute(query.where(sessions.c.sid == sid)).one_or_none()
    if row is None or row.ended_at is not None:
        return None
    ends = row.expires_at if row.idle_until is None else min(row.expires_at, row.idle_until)
    if ends <= seconds(now):
        return None
    return from_seconds(row.expires_at), microseconds(from_seconds(ends))


def remember_client(
    connection: Connection, authorization: Authorization, *, look_at_us: int, now: datetime
) -> None:
    """Note, in the transaction that gives the client its tokens, that it must hear of the end.

    A notice of an earlier end that still waits to be delivered stays, as a row of its own.
    """
    acting = authorization.acting
    name = f"{authorization.sid}/{authorization.client_id}"
    values = {
        "sid": authorization.sid,
        "client_id": authorization.client_id,
        "subject": authorization.subject,
        "firm_id": None if acting is None else acting.firm_id,
        "mandate_id": None if acting is None else acting.mandate_id,
        "began_at": seconds(now),
        "ended": False,
        "tries": 0,
        "next_at_us": look_at_us,
    }
    this, ended = client_sessions.c.name == name, client_sessions.c.ended
    for _ in range(_TRIES):
        apart = update(client_sessions).where(this, ended.is_(True))
        connection.execute(apart.values(name=secrets.token_urlsafe()))
        live = update(client_sessions).where(this, ended.is_(False))
        if connection.execute(live.values(values)).rowcount:
            return
        try:
            with connection.begin_nested():
                connection.execute(insert(client_sessions).values(name=name, **values))
        except IntegrityError:  # another request of the same client and session was first
            continue
        return
    message = "the client could not be noted among those of the session"
    raise StoreError(message)


def follow_cut_offs(store: Store, *, now: datetime) -> bool:
    """Make notices of what was cut off since the last time; whether there may be more.

    Several may do this at once: they follow each other, and doing it twice changes nothing.
    """
    with store.read() as connection:
        if not _newer(connection, _followed(connection), limit=1):
            return False
    with store.write(locks=("logout-progress",)) as connection:
        found = _newer(connection, _followed(connection), limit=FOLLOWED_AT_ONCE)
        for name, cut_at, _ in found:
            _end_those(connection, name, cut_at, now)
        if found:
            moved = update(progress).where(progress.c.id == _PROGRESS)
            connection.execute(moved.values(version=found[-1][2]))
    return len(found) == FOLLOWED_AT_ONCE


def _followed(connection: Connection) -> int:
    query = select(progress.c.version).where(progress.c.id == _PROGRESS)
    return connection.scalar(query) or 0


def _newer(connection: Connection, version: int, *, limit: int) -> list[tuple[str, int, int]]:
    query = select(cut_offs.c.name, cut_offs.c.cut_at, cut_offs.c.version)
    newer = query.where(cut_offs.c.version > version).order_by(cut_offs.c.version).limit(limit)
    return [(row.name, row.cut_at, row.version) for row in connection.execute(newer)]


def _end_those(connection: Connection, name: str, cut_at: int, now: datetime) -> None:
    kind, _, id_ = name.partition(":")
    columns = _COLUMNS_OF.get(Ended(kind), ())
    for column in columns:
        these: ColumnElement[bool] = (column == id_) & client_sessions.c.ended.is_(False)
        if kind == Ended.SUBJECT:  # who signs in again later is not meant
            these &= client_sessions.c.began_at <= cut_at
        ended = update(client_sessions).where(these)
        connection.execute(ended.values(ended=True, next_at_us=microseconds(now)))
