"""Reservations: uses of a grant set aside for a batch, and given back.

Reserved uses count as used, so that no two batches can have the same ones. A reservation lives on
with each group of uses recorded under it; that of a killed batch expires, and what it had not used
comes back with `recover`, or when the next one is reserved under its grant.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from msb_identity.foundation.clock import seconds
from msb_seal.lifecycle.sentences import use_refused
from msb_seal.lifecycle.tables import grants, reservations
from msb_seal.lifecycle.uses import are_whole, choose_grant, grants_of_user

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.store import Store
    from msb_seal.lifecycle.uses import Asking

DEFAULT_LIFETIME = timedelta(minutes=10)
MAX_LIFETIME = timedelta(days=1)
MAX_RESERVED = 10_000_000
RECOVERED_AT_ONCE = 100
_ID_BYTES = 16


class Reservations:
    """The reservations of one registry."""

    def __init__(self, store: Store, audit: Audit) -> None:
        """Keep reservations in this store."""
        self._store, self._audit = store, audit

    def reserve(
        self, asking: Asking, count: int, *, lifetime: timedelta | None = None, now: datetime
    ) -> str:
        """Set uses aside, all of them or none, and give the reservation's id."""
        life = DEFAULT_LIFETIME if lifetime is None else lifetime
        if not 0 < count <= MAX_RESERVED or not timedelta(seconds=1) <= life <= MAX_LIFETIME:
            raise use_refused("too-many")
        at, reservation = seconds(now), secrets.token_hex(_ID_BYTES)
        fault = ""
        with self._store.write(locks=()) as connection:
            for row in grants_of_user(connection, asking):  # which locks them
                self._recover_of(connection, row, now)
            row, fault = choose_grant(grants_of_user(connection, asking), count, at)
            if row is not None:
                here = grants.c.grant_id == row.grant_id
                connection.execute(update(grants).where(here).values(used=row.used + count))
                new = {"reservation": reservation, "grant_id": row.grant_id, "epoch": row.epoch}
                new |= {"size": count, "used": 0, "lifetime_seconds": int(life.total_seconds())}
                new["expires_at"] = at + int(life.total_seconds())
                connection.execute(insert(reservations).values(new))
            details: dict[str, object] = {"purpose": asking.purpose, "count": count}
            if row is not None:
                details |= {"reservation": reservation, "grant": row.grant_id}
            self._audit.record(
                "seal.reserved",
                actor=asking.user,
                object_=asking.record,
                outcome=fault or "ok",
                details=details,
                now=now,
                connection=connection,
            )
        if fault:
            raise use_refused(fault)
        return reservation

    def close(self, reservation: str, *, by: str, now: datetime) -> int:
        """End a reservation and give back what is left of it; 0 where it has ended already."""
        with self._store.write(locks=()) as connection:
            record = _lock_grant(connection, reservation)
            return self._close_locked(connection, reservation, record, now, by=by)

    def recover(self, *, now: datetime) -> int:
        """Give back what killed batches had reserved, and say how many uses that is."""
        at, given = seconds(now), 0
        while True:
            expired = (
                select(reservations.c.reservation)
                .where(reservations.c.closed_at.is_(None), reservations.c.expires_at < at)
                .limit(RECOVERED_AT_ONCE)
            )
            with self._store.read() as connection:
                found = connection.scalars(expired).all()
            if not found:
                return given
            for reservation in found:
                given += self._close_if_expired(reservation, now)

    def _close_if_expired(self, reservation: str, now: datetime) -> int:
        """Close it unless it was used again since."""
        until = select(reservations.c.expires_at).where(reservations.c.reservation == reservation)
        with self._store.write(locks=()) as connection:
            record = _lock_grant(connection, reservation)
            if connection.execute(until).scalar_one() >= seconds(now):
                return 0
            return self._close_locked(connection, reservation, record, now)

    def _recover_of(self, connection: Connection, grant: Row[Any], now: datetime) -> None:
        """Give back what expired under one grant, whose row is locked."""
        expired = select(reservations.c.reservation).where(
            reservations.c.grant_id == grant.grant_id,
            reservations.c.closed_at.is_(None),
            reservations.c.expires_at < seconds(now),
        )
        for reservation in connection.scalars(expired).all():
            self._close_locked(connection, reservation, grant.record, now)

    def _close_locked(
        self,
        connection: Connection,
        reservation: str,
        record: str,
        now: datetime,
        *,
        by: str | None = None,
    ) -> int:
        """Close a reservation whose grant is locked, so that nobody else uses or closes it."""
        here = reservations.c.reservation == reservation
        row: Any = connection.execute(select(reservations).where(here).with_for_update()).one()
        if row.closed_at is not None:
            return 0
        left = row.size - row.used if are_whole(row.size, row.used) else 0
        connection.execute(update(reservations).where(here).values(closed_at=seconds(now)))
        of_grant = grants.c.grant_id == row.grant_id
        connection.execute(update(grants).where(of_grant).values(used=grants.c.used - left))
        self._audit.record(
            "seal.reservation-closed",
            actor=by,
            object_=record,
            details={"reservation": reservation, "used": row.used, "given-back": left},
            now=now,
            connection=connection,
        )
        return left


def _lock_grant(connection: Connection, reservation: str) -> str:
    """Lock the grant that a reservation is under, and give its seal's record."""
    under = select(grants.c.record).join(reservations, reservations.c.grant_id == grants.c.grant_id)
    here = reservations.c.reservation == reservation
    record: str | None = connection.scalar(under.where(here).with_for_update(of=grants))
    if record is None:
        raise use_refused("no-grant")
    return record
