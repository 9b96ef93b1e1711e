"""Cut-offs: one write ends a session, a person, a client, a mandate or a single token.

A cut-off is a name and a time in whole seconds; what it ends, says `basis`.

Every write takes the next version under the lock of one row, so that versions are committed in
their order and a reader who has seen version n has seen all up to n. Who only reads keeps the live
cut-offs in memory and asks for what is newer at most `max_age` ago. A cut-off is forgotten when no
token it could concern is alive.
"""

from __future__ import annotations

import time
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Integer, String, Table, insert, select, update

from msb_identity.errors import StoreError
from msb_identity.foundation.clock import aware, seconds
from msb_identity.foundation.schema import IDENTITY
from msb_identity.foundation.store import remove_some
from msb_identity.sso.basis import Ended, cut_off_name
from msb_identity.sso.claims import MAX_TOKEN_LIFE

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Connection

    from msb_identity.foundation.store import Store
    from msb_identity.sso.basis import Basis

MAX_AGE = timedelta(milliseconds=200)
KEPT = MAX_TOKEN_LIFE + timedelta(minutes=10)
"""A token's life, and clocks of machines that are minutes off."""
PRUNED_FROM = 10_000
MAX_ID_CHARS = 255
REPRESENTATIVE = "representative"
"""The mandate of every firm's legal representative: nobody's own, so it cannot be ended by id."""
_COUNTER = 1
_OWN_WRITE_SECONDS = 1.0

metadata = IDENTITY.tables()
cut_offs = Table(
    "cut_offs",
    metadata,
    Column("name", String(280), primary_key=True),
    Column("cut_at", BigInteger, nullable=False, index=True),
    Column("version", BigInteger, nullable=False, index=True),
)
counter = Table(
    "cut_off_counter",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)


class CutOffs:
    """The cut-offs of one store: written in the caller's transaction, read from memory."""

    def __init__(
        self,
        store: Store,
        *,
        max_age: timedelta = MAX_AGE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use the store that was opened with this module's `metadata`.

        max_age: how long what was read may be used: the time within which other processes see an
        end. This object's own writes it sees at once when they are committed.
        """
        self._store, self._clock = store, clock
        self._max_age = max_age.total_seconds()
        self._lock = Lock()
        self._read_at = float("-inf")
        self._written_at = float("-inf")
        self._version = 0
        self._cut: dict[str, int] = {}
        self._full_at = PRUNED_FROM

    def __len__(self) -> int:
        """How many cut-offs are kept in memory."""
        return len(self._cut)

    def end_session(self, connection: Connection, sid: str, now: datetime | None = None) -> None:
        """End every token of a session, in the caller's transaction; call it last in it."""
        self._end(connection, Ended.SESSION, sid, now)

    def end_subject(
        self, connection: Connection, subject: str, now: datetime | None = None
    ) -> None:
        """End what was issued so far to a person, a firm or a member of staff."""
        self._end(connection, Ended.SUBJECT, subject, now)

    def end_client(
        self, connection: Connection, client_id: str, now: datetime | None = None
    ) -> None:
        """End what was issued so far to one client."""
        self._end(connection, Ended.CLIENT, client_id, now)

    def end_mandate(
        self, connection: Connection, mandate_id: str, now: datetime | None = None
    ) -> None:
        """End every token made under a mandate; ValueError for that of representatives."""
        if mandate_id == REPRESENTATIVE:
            message = "a representative has no mandate of their own: end the firm's subject"
            raise ValueError(message)
        self._end(connection, Ended.MANDATE, mandate_id, now)

    def end_grant(
        self, connection: Connection, sid: str, client_id: str, now: datetime | None = None
    ) -> None:
        """End what one client was given so far in one session: its code or a token was stolen."""
        self._end(connection, Ended.GRANT, f"{sid}/{client_id}", now)

    def end_token(self, connection: Connection, token_id: str, now: datetime | None = None) -> None:
        """End one token, by its `jti`."""
        self._end(connection, Ended.TOKEN, token_id, now)

    def is_cut(self, basis: Basis) -> bool:
        """Whether what rests on this was ended; StoreError where the store cannot be asked."""
        self._refresh()
        return basis.is_ended_by(self._cut)

    def live(self, now: datetime | None = None) -> tuple[int, dict[str, int]]:
        """Give the version, and name → second of every cut-off that may still concern a token."""
        oldest = seconds(aware(now) - KEPT)
        with self._store.read() as connection:
            version = connection.scalar(select(counter.c.version)) or 0
            query = select(cut_offs.c.name, cut_offs.c.cut_at).where(cut_offs.c.cut_at >= oldest)
            return version, {row.name: row.cut_at for row in connection.execute(query)}

    def _end(self, connection: Connection, kind: Ended, id_: str, now: datetime | None) -> None:
        if not 0 < len(id_) <= MAX_ID_CHARS:
            message = f"what is ended has an id of 1 to {MAX_ID_CHARS} characters"
            raise ValueError(message)
        moment = aware(now)
        # The row's lock is held until the caller commits: versions come in the order of commits.
        version = connection.scalar(
            update(counter)
            .where(counter.c.id == _COUNTER)
            .values(version=counter.c.version + 1)
            .returning(counter.c.version)
        )
        if version is None:
            message = "the store has no counter of cut-offs"
            raise StoreError(message)
        name, cut_at = cut_off_name(kind, id_), seconds(moment)
        this = cut_offs.c.name == name
        known = connection.scalar(select(cut_offs.c.cut_at).where(this))
        if known is None:
            row = {"name": name, "cut_at": cut_at, "version": version}
            connection.execute(insert(cut_offs).values(row))
        else:
            later = {"cut_at": max(known, cut_at), "version": version}
            connection.execute(update(cut_offs).where(this).values(later))
        remove_some(connection, cut_offs, cut_offs.c.cut_at < seconds(moment - KEPT))
        self._written_at = self._clock()

    def _refresh(self) -> None:
        """Ask for what is newer, unless that was done a moment ago."""
        now = self._clock()
        age = now - self._read_at
        if age <= self._max_age and now - self._written_at > _OWN_WRITE_SECONDS:
            return
        with self._lock:
            if self._read_at >= now:  # another thread asked meanwhile
                return
            began = self._clock()
            with self._store.read() as connection:
                newer = cut_offs.c.version > self._version
                query = select(cut_offs.c.name, cut_offs.c.cut_at, cut_offs.c.version)
                rows = connection.execute(query.where(newer)).all()
            if rows:
                self._cut.update((row.name, row.cut_at) for row in rows)
                self._version = max(row.version for row in rows)
                self._prune()
            self._read_at = began

    def _prune(self) -> None:
        """Forget what concerns no token any more, whenever there is twice as much as last time."""
        if len(self._cut) < self._full_at:
            return
        oldest = max(self._cut.values()) - KEPT.total_seconds()
        self._cut = {name: at for name, at in self._cut.items() if at >= oldest}
        self._full_at = max(PRUNED_FROM, 2 * len(self._cut))
