"""Grants (用印授权): who may use a seal, for what, how often and until when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from msb_identity.envelopes import cbor
from msb_identity.errors import ProtectionError
from msb_identity.foundation.clock import aware, from_seconds
from msb_identity.foundation.rotation import SealedTable
from msb_seal.lifecycle.persons import check_person, person_mark
from msb_seal.lifecycle.records import check_kind, check_page, find_record, moment, period_of
from msb_seal.lifecycle.sentences import refused
from msb_seal.lifecycle.states import LIVING
from msb_seal.lifecycle.tables import grants

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from sqlalchemy import Connection

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.protect import Place, Protector
    from msb_identity.foundation.store import Store
    from msb_seal.lifecycle.codes import Codes

MAX_USES = 10**12
SEALED = SealedTable(grants, ("user_id",))
"""What `foundation.rotation` needs to know of the users."""
_GRANT_DOMAIN = "seal-grant"
_GRANT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave for one user to use one seal for one purpose.

    used: how often it was used, uses that are reserved included; max_uses: none for any number.
    """

    grant_id: str
    record: str
    user: str = field(repr=False)
    purpose: str
    valid_from: datetime
    valid_until: datetime
    max_uses: int | None
    used: int
    withdrawn_at: datetime | None


class Grants:
    """The grants of one registry."""

    def __init__(self, store: Store, protector: Protector, audit: Audit, codes: Codes) -> None:
        """Keep grants in this store."""
        self._store, self._protector, self._audit = store, protector, audit
        self._codes = codes

    def give(
        self,
        record: str,
        *,
        user: str,
        purpose: str,
        valid_from: datetime,
        valid_until: datetime,
        max_uses: int | None,
        by: str,
        now: datetime | None = None,
    ) -> Grant:
        """Let a user use a seal; the very same grant again is the one there is.

        user, by: ids of persons or services, never the same one. Raises LifecycleRefused.
        """
        lasts = period_of(valid_from, valid_until)
        faults = {
            "purpose": purpose not in self._codes.purposes,
            "uses": max_uses is not None and not 0 < max_uses <= MAX_USES,
            "own-grant": check_person(user) == check_person(by),
        }
        for code, is_wrong in faults.items():
            if is_wrong:
                raise refused(code)
        row = self._new_row(record, user, purpose=purpose, period=lasts, max_uses=max_uses)
        with self._store.write(locks=()) as connection:
            known = find_record(connection, record, lock=True)  # equal grants follow each other
            if known.state not in LIVING:
                raise refused("state", str(known.state))
            there = _find(connection, row["grant_id"])
            if there is not None:
                if there.withdrawn_at is not None:
                    raise refused("grant-withdrawn")
                return self._grant(there)
            connection.execute(insert(grants).values(row))
            self._told(connection, "seal.granted", row, by=by, now=now)
            return self._grant(_find(connection, row["grant_id"]))

    def withdraw(self, grant_id: str, *, by: str, now: datetime | None = None) -> None:
        """Take a grant back; it holds within a second for every process, as a freeze does."""
        check_person(by)
        with self._store.write(locks=()) as connection:
            row = _find(connection, grant_id, lock=True)
            if row is None:
                raise refused("no-grant")
            if row.withdrawn_at is not None:
                return
            here = grants.c.grant_id == grant_id
            connection.execute(update(grants).where(here).values(withdrawn_at=moment(now)))
            told = {"grant_id": grant_id, "record": row.record, "purpose": row.purpose}
            self._told(connection, "seal.grant-withdrawn", told, by=by, now=now)

    def of(self, record: str, *, after: str = "", limit: int = 100) -> list[Grant]:
        """Give a page of a seal's grants in the order of their ids, from the one after `after`."""
        check_page(limit)
        query = select(grants).where(grants.c.record == record, grants.c.grant_id > after)
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(grants.c.grant_id).limit(limit)).all()
        return [self._grant(row) for row in rows]

    def _new_row(
        self,
        record: str,
        user: str,
        *,
        purpose: str,
        period: tuple[int, int],
        max_uses: int | None,
    ) -> dict[str, Any]:
        """Give the row of a grant; its id follows from what it says, so that it is given once."""
        mark = person_mark(self._protector, user)
        content = cbor.encode([record, mark, purpose, *period, max_uses])
        grant_id = self._protector.index(_GRANT_DOMAIN, content)[:_GRANT_BYTES].hex()
        return {
            "grant_id": grant_id,
            "record": record,
            "user_mark": mark,
            "user_id": self._protector.seal(user, _place(grant_id)),
            "purpose": purpose,
            "valid_from": period[0],
            "valid_until": period[1],
            "max_uses": max_uses,
            "used": 0,
        }

    def _told(
        self,
        connection: Connection,
        event: str,
        row: dict[str, Any],
        *,
        by: str,
        now: datetime | None,
    ) -> None:
        names = ("grant_id", "purpose", "valid_from", "valid_until", "max_uses")
        details = {name: row[name] for name in names if name in row}
        self._audit.record(
            event,
            actor=by,
            object_=row["record"],
            details=details,
            now=aware(now),
            connection=connection,
        )

    def _grant(self, row: Any) -> Grant:  # noqa: ANN401 - a row
        try:
            return self._read(row)
        except (TypeError, ValueError, ProtectionError) as error:
            raise refused("damaged", row.grant_id) from error

    def _read(self, row: Any) -> Grant:  # noqa: ANN401 - a row
        for column, value in zip(grants.c, row, strict=True):
            check_kind(column, value)
        ended = row.withdrawn_at
        return Grant(
            grant_id=row.grant_id,
            record=row.record,
            user=self._protector.open_text(row.user_id, _place(row.grant_id)),
            purpose=row.purpose,
            valid_from=from_seconds(row.valid_from),
            valid_until=from_seconds(row.valid_until),
            max_uses=row.max_uses,
            used=row.used,
            withdrawn_at=None if ended is None else from_seconds(ended),
        )


def _find(connection: Connection, grant_id: str, *, lock: bool = False) -> Any:  # noqa: ANN401 - a row
    query = select(grants).where(grants.c.grant_id == grant_id)
    return connection.execute(query.with_for_update() if lock else query).first()


def _place(grant_id: str) -> Place:
    return SEALED.place("user_id", grant_id)
