"""Sessions as the store keeps them, for all rooms that begin, read or end some.

Whoever takes from an account what it signed in by, ends its sessions in the same transaction, under
`sessions_lock`: a sign-in that is under way then either stands in the table already, or looks again
(`signin.desk`) and finds that it came too late.
"""

from __future__ import annotations

from dataclasses import fields
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    String,
    Table,
    column,
    func,
    or_,
    select,
    table,
    text,
    update,
)

from msb_identity.foundation.audit.entry import Draft
from msb_identity.foundation.clock import from_seconds, seconds
from msb_identity.foundation.schema import IDENTITY
from msb_identity.foundation.store import remove_some
from msb_identity.sso.session import NewSession, Session, SubjectKind

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, RowMapping

    from msb_identity.foundation.audit import Audit
    from msb_identity.sso.cutoffs import CutOffs

MAX_DEVICE_CHARS = 200
MAX_PLACE_CHARS = 100
MAX_TIMES_CHARS = 400
# `people.tables.people`, without that room, which stands on this one.
_people = table("people", column("id"), column("merged_into"))

metadata = IDENTITY.tables()
sessions = Table(
    "sessions",
    metadata,
    Column("sid", String(22), primary_key=True),
    Column("subject", String(26), nullable=False, index=True),
    Column("level", Integer, nullable=False),
    Column("acr", String(64), nullable=False),
    Column("amr", String(200), nullable=False),
    Column("auth_time", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("ended_at", BigInteger),
    Column("device", String(MAX_DEVICE_CHARS), nullable=False),
    Column("subject_kind", String(16), nullable=False, server_default=text("'person'")),
    Column("place", String(MAX_PLACE_CHARS), nullable=False, server_default=text("''")),
    # Sessions of the time before secrets have none, and are found by their sid only.
    Column("secret_hash", LargeBinary(32), unique=True, index=True),
    Column("idle_until", BigInteger),
    # When each of `amr` was shown; empty: at `auth_time`, of sessions of the time before.
    Column("amr_times", String(MAX_TIMES_CHARS), nullable=False, server_default=text("''")),
)


def sessions_lock(subject: str) -> str:
    """Name the lock under which an account's sessions begin, and are ended together."""
    return f"sessions {subject}"


def of_account(subject: str) -> ColumnElement[bool]:
    """Say which sessions are an account's: also those under ids that were merged into it."""
    kept = select(_people.c.merged_into).where(_people.c.id == subject).scalar_subquery()
    root = func.coalesce(kept, subject)
    merged = select(_people.c.id).where(_people.c.merged_into == root)
    return or_(sessions.c.subject == root, sessions.c.subject.in_(merged))


def end_sessions(
    connection: Connection,
    these: ColumnElement[bool],
    *,
    cut_offs: CutOffs,
    audit: Audit | None,
    by: str | None,
    now: datetime,
) -> int:
    """End sessions with their tokens, in the caller's transaction; call it last in it.

    by: who ends them, for the log; default their owner. Give how many there were.
    """
    open_ones = these & sessions.c.ended_at.is_(None)
    named = select(sessions.c.sid, sessions.c.subject).where(open_ones)
    found = connection.execute(named.order_by(sessions.c.sid).with_for_update()).all()
    ended = update(sessions).values(ended_at=seconds(now))
    for row in found:
        connection.execute(ended.where(sessions.c.sid == row.sid))
    for row in found:  # their tokens with them
        cut_offs.end_session(connection, row.sid, now)
    if audit is not None:
        drafts = [
            Draft(
                event="session.ended",
                actor=by or row.subject,
                subject=row.subject,
                object_=row.sid,
                now=now,
            )
            for row in found
        ]
        audit.record_many(drafts, connection=connection)
    return len(found)


def remove_expired_sessions(connection: Connection, now: datetime) -> None:
    """Remove some sessions past their absolute end: no token of theirs is good any more."""
    remove_some(connection, sessions, sessions.c.expires_at <= seconds(now))


def live_of(subject: str, at: int) -> ColumnElement[bool]:
    """Say which sessions of an account are live, at a time in seconds."""
    idle = sessions.c.idle_until.is_(None) | (sessions.c.idle_until > at)
    open_one = sessions.c.ended_at.is_(None) & (sessions.c.expires_at > at)
    return of_account(subject) & open_one & idle


def one_session(
    connection: Connection, condition: ColumnElement[bool], *, lock: bool = False
) -> Session | None:
    """Read the one session for which that holds; lock: for this transaction to change it."""
    query = select(sessions).where(condition)
    row = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    return None if row is None else read_session(row)


def read_session(row: RowMapping) -> Session:
    """Read a session from its row."""
    return Session(
        sid=row["sid"],
        subject=row["subject"],
        level=row["level"],
        acr=row["acr"],
        amr=tuple(row["amr"].split(" ")),
        auth_time=from_seconds(row["auth_time"]),
        expires_at=from_seconds(row["expires_at"]),
        device=row["device"],
        ended_at=_time(row["ended_at"]),
        place=row["place"],
        subject_kind=SubjectKind(row["subject_kind"]),
        idle_until=_time(row["idle_until"]),
        times=tuple(from_seconds(int(at)) for at in row["amr_times"].split()),
    )


def session_values(session: NewSession) -> dict[str, Any]:
    """Give what a session's row is written with."""
    return {
        "sid": session.sid,
        "subject": session.subject,
        "level": session.level,
        "acr": session.acr,
        "amr": " ".join(session.amr),
        "auth_time": seconds(session.auth_time),
        "expires_at": seconds(session.expires_at),
        "device": session.device,
        "subject_kind": str(session.subject_kind),
        "place": session.place,
        "secret_hash": secret_hash(session.secret),
        "idle_until": None if session.idle_until is None else seconds(session.idle_until),
        "amr_times": " ".join(str(seconds(at)) for at in session.times),
    }


def with_secret(session: Session, secret: str) -> NewSession:
    """Give a session with what its browser proves itself by."""
    return NewSession(**{f.name: getattr(session, f.name) for f in fields(session)}, secret=secret)


def _time(value: int | None) -> datetime | None:
    return None if value is None else from_seconds(value)


def secret_hash(secret: str) -> bytes:
    """Give what is stored of a session's secret."""
    # No key and no salt: 256 random bits cannot be guessed from their digest.
    return sha256(secret.encode("utf-8", "replace")).digest()
