"""Sessions: who signed in, how strongly, when, and until when.

A session is made by an authenticator and ended by signing out; tokens name it as `sid`. Times are
whole seconds. Nothing here is personal: the subject is an account's random id.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Integer, String, Table, insert, select, update

from msb_identity.foundation.clock import aware, from_seconds, seconds
from msb_identity.foundation.schema import IDENTITY

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.foundation.store import Store

SESSION_LIFE = timedelta(hours=12)
MAX_DEVICE_CHARS = 200
_SID_BYTES = 16

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
    Column("expires_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("device", String(MAX_DEVICE_CHARS), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in of one person."""

    sid: str
    subject: str
    level: int
    acr: str
    amr: tuple[str, ...]
    auth_time: datetime
    expires_at: datetime
    device: str = ""
    ended_at: datetime | None = None

    def is_live(self, now: datetime | None = None) -> bool:
        """Whether the session was neither ended nor over at that time, as far as was known."""
        return self.ended_at is None and aware(now) < self.expires_at


class Sessions:
    """The sessions of one store."""

    def __init__(self, store: Store) -> None:
        """Use the store that was opened with this module's `metadata`."""
        self._store = store

    def start(
        self,
        person_id: str,
        *,
        level: int,
        acr: str,
        amr: tuple[str, ...],
        device: str = "",
        now: datetime | None = None,
    ) -> Session:
        """Begin a session of 12 hours.

        level: the person's real-name level. acr, amr: how strongly, and by what, this sign-in was
        made (RFC 8176 names). device: what to show the person in a list of sessions.
        """
        if not amr or any(not method or " " in method for method in amr):
            message = "amr names at least one method, none with a space"
            raise ValueError(message)
        began = from_seconds(seconds(aware(now)))
        session = Session(
            sid=secrets.token_urlsafe(_SID_BYTES),
            subject=person_id,
            level=level,
            acr=acr,
            amr=amr,
            auth_time=began,
            expires_at=began + SESSION_LIFE,
            device=_printable(device),
        )
        with self._store.write(locks=()) as connection:
            connection.execute(
                insert(sessions).values(
                    sid=session.sid,
                    subject=person_id,
                    level=level,
                    acr=acr,
                    amr=" ".join(amr),
                    auth_time=seconds(began),
                    expires_at=seconds(session.expires_at),
                    device=session.device,
                )
            )
        return session

    def end(self, sid: str, now: datetime | None = None) -> bool:
        """End a session at once; whether there was one that had not been ended."""
        open_one = (sessions.c.sid == sid) & sessions.c.ended_at.is_(None)
        with self._store.write(locks=()) as connection:
            ended = update(sessions).where(open_one).values(ended_at=seconds(aware(now)))
            return connection.execute(ended).rowcount == 1

    def get(self, sid: str) -> Session | None:
        """Find a session, ended or not; StoreError where the store cannot be asked."""
        with self._store.read() as connection:
            query = select(sessions).where(sessions.c.sid == sid)
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return Session(
            sid=row.sid,
            subject=row.subject,
            level=row.level,
            acr=row.acr,
            amr=tuple(row.amr.split(" ")),
            auth_time=from_seconds(row.auth_time),
            expires_at=from_seconds(row.expires_at),
            device=row.device,
            ended_at=None if row.ended_at is None else from_seconds(row.ended_at),
        )

    def is_live(self, sid: str, now: datetime | None = None) -> bool:
        """Whether the session exists, was not ended and is not over; an ended one stays ended."""
        session = self.get(sid)
        return session is not None and session.is_live(now)


def _printable(device: str) -> str:
    """Keep what can be shown of a text that the device itself sent."""
    return "".join(c for c in device[:MAX_DEVICE_CHARS] if c.isprintable())
