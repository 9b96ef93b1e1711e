"""The units (用章单位) whose seals a registry keeps: 机关、事业单位、企业."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from msb_identity.people.identifiers import check_credit_code
from msb_seal.lifecycle.persons import check_person
from msb_seal.lifecycle.records import check_page, is_text, moment
from msb_seal.lifecycle.sentences import refused
from msb_seal.lifecycle.states import LIVING
from msb_seal.lifecycle.tables import MAX_NAME_CHARS, seals, units

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.store import Store

_REGION = re.compile(r"[0-9]{6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: its credit code (统一社会信用代码), name, and region by GB/T 2260."""

    code: str
    name: str
    region: str
    is_open: bool = True


class Units:
    """The units of one registry."""

    def __init__(self, store: Store, audit: Audit) -> None:
        """Keep units in this store."""
        self._store, self._audit = store, audit

    def register(self, unit: Unit, *, by: str, now: datetime | None = None) -> None:
        """Add a unit; the same again changes nothing, another name or region is refused.

        Raises IdentifierRefused for a credit code that cannot be right, LifecycleRefused else.
        """
        check_person(by)
        code = check_credit_code(unit.code)
        if code != unit.code or not is_text(unit.name, MAX_NAME_CHARS):
            raise refused("content", "unit")
        if not _REGION.fullmatch(unit.region):
            raise refused("content", "region")
        with self._store.write(locks=(f"seal unit {code}",)) as connection:
            known = find_unit(connection, code)
            if known is not None:
                if known != unit:
                    raise refused("unit-differs")
                return
            row = {"code": code, "name": unit.name, "region": unit.region}
            connection.execute(insert(units).values(**row))
            self._audit.record(
                "seal.unit-registered", actor=by, object_=code, now=now, connection=connection
            )

    def close(self, code: str, *, by: str, now: datetime | None = None) -> None:
        """Close a unit that was dissolved; LifecycleRefused while a seal of it has not ended."""
        check_person(by)
        with self._store.write(locks=(f"seal unit {code}",)) as connection:
            known = find_unit(connection, code)
            if known is None:
                raise refused("no-unit")
            if not known.is_open:
                return
            living = select(seals.c.record).where(
                seals.c.unit_code == code, seals.c.state.in_([str(state) for state in LIVING])
            )
            if connection.execute(living.limit(1)).first() is not None:
                raise refused("unit-in-use")
            here = units.c.code == code
            connection.execute(update(units).where(here).values(closed_at=moment(now)))
            self._audit.record(
                "seal.unit-closed", actor=by, object_=code, now=now, connection=connection
            )

    def page(self, *, after: str = "", limit: int = 100) -> list[Unit]:
        """Give a page of the open units in the order of their codes, from the one after `after`."""
        check_page(limit)
        query = select(units).where(units.c.code > after, units.c.closed_at.is_(None))
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(units.c.code).limit(limit))
            return [Unit(row.code, row.name, row.region) for row in rows]


def find_unit(connection: Connection, code: str) -> Unit | None:
    """Give a unit, closed or not."""
    row = connection.execute(select(units).where(units.c.code == code)).first()
    return None if row is None else Unit(row.code, row.name, row.region, row.closed_at is None)
