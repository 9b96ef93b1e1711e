"""Reading the audit log: by object, person, event and time, a page at a time.

Reading verifies nothing; `check_audit` does. Pages are cut by key (time, writer, sequence), so that
a page deep in the log costs what the first one costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import literal, or_, select, tuple_

from msb_identity.foundation.audit.entry import Entry, microseconds
from msb_identity.foundation.audit.personal import (
    PersonalPart,
    PersonalState,
    open_personal,
    subject_indexes,
)
from msb_identity.foundation.audit.tables import entries
from msb_identity.foundation.clock import aware

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store

MAX_PAGE = 1_000
_NOTHING_PERSONAL = PersonalPart(PersonalState.NONE)
_ORDER = (entries.c.time, entries.c.writer, entries.c.sequence)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended; opaque to its reader."""

    time: int
    writer: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, and where to go on; `next` is None on the last page."""

    entries: tuple[Entry, ...]
    next: Cursor | None


@dataclass(frozen=True, slots=True)
class OwnEntry:
    """What a person sees of an entry about them: not who else acted, nor internal details."""

    time: datetime
    event: str
    object_: str | None
    outcome: str
    personal: PersonalPart


class AuditReader:
    """Reads the audit log of one store."""

    def __init__(self, store: Store, protector: Protector) -> None:
        """Use the store and the protector that the writers use."""
        self._store, self._protector = store, protector

    def entries(
        self,
        *,
        object_: str | None = None,
        subject: Sequence[str] | None = None,
        actor: Sequence[str] | None = None,
        event: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: Cursor | None = None,
        limit: int = 100,
        newest_first: bool = False,
    ) -> Page:
        """Give a page of the entries for which all that is named holds.

        subject, actor: the names that one person has, any of which may stand in the entry.
        since is inclusive, until exclusive; after: where the page before ended.
        """
        conditions: list[ColumnElement[bool]] = []
        if object_ is not None:
            conditions.append(entries.c.object == object_)
        if subject is not None:
            conditions.append(entries.c.subject.in_(subject_indexes(self._protector, subject)))
        if actor is not None:
            conditions.append(entries.c.actor.in_(subject_indexes(self._protector, actor)))
        if event is not None:
            conditions.append(entries.c.event == event)
        if since is not None:
            conditions.append(entries.c.time >= microseconds(aware(since)))
        if until is not None:
            conditions.append(entries.c.time < microseconds(aware(until)))
        return self._page(conditions, after=after, limit=limit, newest_first=newest_first)

    def own(
        self, *names: str, after: Cursor | None = None, limit: int = 100
    ) -> tuple[tuple[OwnEntry, ...], Cursor | None]:
        """Give a page of what this person may see of the entries about or by them, newest first.

        The caller has made sure that all `names` are the person's own. The personal part is given
        only where the person is the subject: that of another is not theirs to see.
        """
        indexes = subject_indexes(self._protector, names)
        theirs = or_(entries.c.subject.in_(indexes), entries.c.actor.in_(indexes))
        page = self._page([theirs], after=after, limit=limit, newest_first=True)
        shown = tuple(
            OwnEntry(
                time=entry.time,
                event=entry.event,
                object_=entry.object_,
                outcome=entry.outcome,
                personal=self.personal(entry) if entry.subject in indexes else _NOTHING_PERSONAL,
            )
            for entry in page.entries
        )
        return shown, page.next

    def personal(self, entry: Entry) -> PersonalPart:
        """Open the personal part of an entry, or say that it was erased."""
        with self._store.read() as connection:
            return open_personal(connection, self._protector, entry)

    def _page(
        self,
        conditions: Sequence[ColumnElement[bool]],
        *,
        after: Cursor | None,
        limit: int,
        newest_first: bool,
    ) -> Page:
        if not 1 <= limit <= MAX_PAGE:
            message = f"a page has 1 … {MAX_PAGE} entries"
            raise ValueError(message)
        query = select(entries).where(*conditions).limit(limit + 1)
        query = query.order_by(*(c.desc() if newest_first else c for c in _ORDER))
        if after is not None:
            place = tuple_(literal(after.time), literal(after.writer), literal(after.sequence))
            here = tuple_(*_ORDER)
            query = query.where(here < place if newest_first else here > place)
        with self._store.read() as connection:
            rows = connection.execute(query).mappings().all()
        found = tuple(Entry.from_row(row) for row in rows[:limit])
        return Page(found, _cursor(found[-1]) if len(rows) > limit else None)


def _cursor(entry: Entry) -> Cursor:
    return Cursor(microseconds(entry.time), entry.writer, entry.sequence)
