"""Audit: records what was done, each writer in a chain of its own.

An entry is written in the caller's transaction (`connection=`), so that an act and its entry are
one commit, or in one of our own. Threads that append at the same moment share a commit: whoever
comes first writes for all that wait. A chain's head is locked from an entry to the end of its
transaction, so that no chain has a gap or a fork, whatever is undone or killed. Therefore record
last in a transaction, and give processes writers of their own.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, LargeBinary, String, Text, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from msb_identity.errors import StoreError
from msb_identity.foundation.audit.chain import ChainEnd
from msb_identity.foundation.audit.entry import (
    OK,
    Draft,
    Receipt,
    chain_start,
    check_writer,
    entry_hash,
)
from msb_identity.foundation.audit.group import GroupCommit
from msb_identity.foundation.audit.personal import (
    SUBJECT_DOMAIN,
    erase_keys,
    seal_personal,
    subject_indexes,
)
from msb_identity.foundation.audit.tables import LOG_ID_BYTES, THE_LOG, entries, heads, logs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store

# Built once: building a statement costs as much as a small one takes to run.
_INSERT = insert(entries)
_LOCK_HEAD = (
    select(heads.c.sequence, heads.c.hash)
    .where(heads.c.writer == bindparam("of"))
    .with_for_update()
)
_MOVE_HEAD = (
    update(heads)
    .where(
        heads.c.writer == bindparam("of"),
        heads.c.sequence == bindparam("old_sequence"),
        heads.c.hash == bindparam("old_hash"),
    )
    .values(sequence=bindparam("new_sequence"), hash=bindparam("new_hash"))
)
# To text, since a cast to VARCHAR(n) would cut what is too long instead of refusing it.
_CAST = {BigInteger: "bigint", LargeBinary: "bytea", String: "text", Text: "text"}
_APPEND_ONE = f"""
WITH store AS MATERIALIZED (SELECT {{lock}}),
moved AS (
    UPDATE {heads.name} SET sequence = %(sequence)s::bigint, hash = %(hash)s::bytea FROM store
    WHERE writer = %(writer)s::text
        AND sequence = %(sequence)s::bigint - 1 AND hash = %(previous)s::bytea
    RETURNING 1
)
INSERT INTO {entries.name} ({", ".join(column.name for column in entries.columns)})
SELECT {", ".join(f"%({c.name})s::{_CAST[type(c.type)]}" for c in entries.columns)} FROM moved
"""  # noqa: S608 - made of the names of our own columns
"""An entry and the move of its chain's head, where the head is still the entry before."""
ERASED_EVENT = "audit.personal-erased"


class Audit:
    """One writer's end of the audit log of a store; threads may share it."""

    def __init__(self, store: Store, protector: Protector, *, writer: str) -> None:
        """Use the store that was opened with `metadata`.

        writer: the stable name of this process or instance, as "web-1". Chains are never removed,
        so it must not be made anew at each start; a name that two share works, and makes them wait
        for each other.
        """
        check_writer(writer)
        self.writer = writer
        self._store, self._protector = store, protector
        self._commit = GroupCommit(self._append_now)
        self._known_end: ChainEnd | None = None
        self._begin_chain()

    def record(
        self,
        event: str,
        *,
        actor: str | None = None,
        subject: str | None = None,
        object_: str | None = None,
        outcome: str = OK,
        details: Mapping[str, object] | None = None,
        personal: Mapping[str, object] | None = None,
        now: datetime | None = None,
        connection: Connection | None = None,
    ) -> Receipt:
        """Append one entry; the arguments are those of `Draft`.

        connection: the write transaction that the entry belongs to; it is on disk when that
        commits. Without one it is on disk on return. StoreError where it cannot be written.
        """
        draft = Draft(
            event=event,
            actor=actor,
            subject=subject,
            object_=object_,
            outcome=outcome,
            details=details,
            personal=personal,
            now=now,
        )
        if connection is None:
            return self._commit.append(draft)
        return self.record_many([draft], connection=connection)[0]

    def record_many(self, drafts: Sequence[Draft], *, connection: Connection) -> list[Receipt]:
        """Append entries in the caller's write transaction, in this order."""
        if not drafts:
            return []
        head = connection.execute(_LOCK_HEAD, {"of": self.writer}).first()
        if head is None:
            message = f"the audit log has lost the head of chain {self.writer}: verify it"
            raise StoreError(message)
        rows = self._chain(connection, drafts, ChainEnd(head.sequence, head.hash))
        connection.execute(_MOVE_HEAD, self._move(head, rows))
        return self._insert(connection, rows)

    def _insert(self, connection: Connection, rows: list[dict[str, Any]]) -> list[Receipt]:
        with self._entries_after_head():
            connection.execute(_INSERT, rows)
        return [_receipt(row) for row in rows]

    @contextmanager
    def _entries_after_head(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            message = f"the audit log has entries after the head of chain {self.writer}: verify it"
            raise StoreError(message) from None

    def erase(self, *names: str, actor: str | None = None, now: datetime | None = None) -> int:
        """Make every personal part of this person unreadable for good; give how many keys went.

        names: all the names under which entries have this person as their subject. The chains stay
        verifiable, the HMACs stay findable. The erasure is an entry itself. Copies of the store
        made before (backups) still hold the keys: docs/security.md, "audit log".
        """
        subjects = subject_indexes(self._protector, names)
        drafts = [Draft(event=ERASED_EVENT, actor=actor, subject=name, now=now) for name in names]
        with self._store.write(locks=()) as connection:
            count = erase_keys(connection, subjects, at=drafts[0].time)
            self.record_many(drafts, connection=connection)
        with self._store.read() as connection:
            if connection.dialect.name == "sqlite":
                # The log of writes still holds the page with the key until it is cut; a reader who
                # holds it open delays that. Not in a transaction, so past SQLAlchemy.
                raw: Any = connection.connection.driver_connection
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
        return count

    def _chain(
        self, connection: Connection, drafts: Sequence[Draft], end: ChainEnd
    ) -> list[dict[str, Any]]:
        sequence, previous = end.sequence, end.hash
        rows: list[dict[str, Any]] = []
        names: dict[str, bytes] = {}  # a batch has one actor: its HMAC is made once
        for draft in drafts:
            sequence += 1
            personal = self._sealed(connection, draft, sequence, names)
            row = self._row(
                draft, sequence=sequence, previous=previous, names=names, personal=personal
            )
            previous = row["hash"]
            rows.append(row)
        return rows

    def _sealed(
        self, connection: Connection, draft: Draft, sequence: int, names: dict[str, bytes]
    ) -> bytes | None:
        subject = self._index(draft.subject, names)
        if draft.personal_bytes is None or subject is None:
            return None
        return seal_personal(
            connection,
            self._protector,
            draft.personal_bytes,
            subject=subject,
            writer=self.writer,
            sequence=sequence,
        )

    def _row(
        self,
        draft: Draft,
        *,
        sequence: int,
        previous: bytes,
        names: dict[str, bytes],
        personal: bytes | None = None,
    ) -> dict[str, Any]:
        actor, subject = self._index(draft.actor, names), self._index(draft.subject, names)
        digest = None if personal is None else sha256(personal).digest()
        hashed = [
            *(self.writer, sequence, draft.time, draft.event, actor, subject),
            *(draft.object_, draft.outcome, draft.details_text, digest, previous),
        ]
        return {
            "writer": self.writer,
            "sequence": sequence,
            "time": draft.time,
            "event": draft.event,
            "actor": actor,
            "subject": subject,
            "object": draft.object_,
            "outcome": draft.outcome,
            "details": draft.details_text,
            "personal": personal,
            "personal_digest": digest,
            "previous": previous,
            "hash": entry_hash(hashed),
        }

    def _index(self, name: str | None, known: dict[str, bytes]) -> bytes | None:
        if name is None:
            return None
        if name not in known:
            known[name] = self._protector.index(SUBJECT_DOMAIN, name)
        return known[name]

    def _begin_chain(self) -> None:
        """Make the log's name and this chain's head, unless they are there."""
        known = select(heads.c.writer).where(heads.c.writer == self.writer)
        with self._store.read() as connection:
            if connection.scalar(known) is not None:
                return
        with self._store.write() as connection:
            log_id = connection.scalar(select(logs.c.id))
            if log_id is None:
                log_id = secrets.token_bytes(LOG_ID_BYTES)
                connection.execute(insert(logs).values(number=THE_LOG, id=log_id))
            if connection.scalar(known) is None:
                start = chain_start(log_id, self.writer)
                connection.execute(insert(heads).values(writer=self.writer, sequence=0, hash=start))

    def _append_now(self, drafts: Sequence[Draft]) -> list[Receipt]:
        """Append in a transaction of our own.

        It goes on from where our last one ended, if nobody has written to the chain since: the
        head moves only from there, so that asking first would tell nothing more.
        """
        known, self._known_end = self._known_end, None
        receipts = None
        if known is not None:
            receipts = self._append_one(drafts, known) or self._append_from(drafts, known)
        if receipts is None:
            with self._store.write(locks=()) as connection:  # the chain's head is the lock
                receipts = self.record_many(drafts, connection=connection)
        self._known_end = ChainEnd(receipts[-1].sequence, receipts[-1].hash)
        return receipts

    def _append_one(self, drafts: Sequence[Draft], known: ChainEnd) -> list[Receipt] | None:
        """Append an entry that stands alone in one statement; None where that cannot be."""
        if len(drafts) > 1 or drafts[0].personal_bytes is not None:
            return None
        row = self._row(drafts[0], sequence=known.sequence + 1, previous=known.hash, names={})
        with self._entries_after_head():
            written = self._store.write_at_once(_APPEND_ONE, row)
        return [_receipt(row)] if written else None

    def _append_from(self, drafts: Sequence[Draft], known: ChainEnd) -> list[Receipt] | None:
        """Append after the end that we know; None where the chain has gone on since."""
        with self._store.write(locks=()) as connection:
            rows = self._chain(connection, drafts, known)
            moved = connection.execute(_MOVE_HEAD, self._move(known, rows)).rowcount
            return self._insert(connection, rows) if moved else None

    def _move(self, end: Any, rows: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: ANN401 - a row
        return {
            "of": self.writer,
            "old_sequence": end.sequence,
            "old_hash": end.hash,
            "new_sequence": rows[-1]["sequence"],
            "new_hash": rows[-1]["hash"],
        }


def _receipt(row: Mapping[str, Any]) -> Receipt:
    return Receipt(row["writer"], row["sequence"], row["hash"])
