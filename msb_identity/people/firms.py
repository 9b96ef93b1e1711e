"""Legal persons and other organisations (法人和其他组织), and who represents them.

A firm is named by its credit code, which is public, as is its name. Its legal representative
(法定代表人) is a person with an account of a real-name level above the lowest: anybody can declare
to be anybody. Each appointment has an id of its own, which tokens carry as their mandate; a change
of representative ends it, and with it what he alone could do, in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from msb_identity.foundation.clock import aware, from_seconds, seconds
from msb_identity.foundation.text import is_showable
from msb_identity.people.identifiers import check_credit_code
from msb_identity.people.records import check_page, kept_id, new_id
from msb_identity.people.sentences import mandate_refused
from msb_identity.people.tables import MAX_FIRM_NAME_CHARS, firms, mandates
from msb_identity.sso.cutoffs import CutOffs
from msb_identity.sso.session_rows import end_sessions, sessions, sessions_lock

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.store import Store
    from msb_identity.people.accounts import Accounts

REPLACED = "replaced"
"""Why an offer of a representative ended who is it no longer."""


@dataclass(frozen=True, slots=True)
class Firm:
    """A legal person or other organisation.

    representative: the account of the 法定代表人; none: nobody acts, nor gives mandates.
    appointment: the id under which he acts. method, source: how it was found out that it is so.
    """

    id: str
    credit_code: str
    name: str
    representative: str | None
    appointment: str | None
    method: str
    source: str
    registered_at: datetime
    closed_at: datetime | None


class Firms:
    """The firms of one store."""

    def __init__(self, store: Store, accounts: Accounts, *, audit: Audit | None = None) -> None:
        """Use the store of the accounts; audit: where to record."""
        self._store, self._accounts, self._audit = store, accounts, audit
        self._cut_offs = CutOffs(store)

    def register(
        self,
        *,
        credit_code: str,
        name: str,
        representative: str | None = None,
        method: str,
        source: str = "",
        by: str | None = None,
        now: datetime | None = None,
    ) -> Firm:
        """Register a firm; representative: the account of its legal representative.

        method, source: how firm and representative were found out, a method of the scale above its
        lowest level, as "counter". by: who registers, as the log names people.
        Raises IdentifierRefused, and MandateRefused: `firm-known`, `firm-name`, `representative`.
        """
        moment = aware(now)
        self._check_method(method, source, moment)
        row: dict[str, Any] = {
            "id": new_id(),
            "credit_code": check_credit_code(credit_code),
            "name": _check_name(name),
            "method": method,
            "source": source,
            "registered_at": seconds(moment),
        }
        row |= self._appointed(representative, moment)
        try:
            with self._store.write(locks=()) as connection:
                row["representative"] = kept_id(connection, row["representative"])
                connection.execute(insert(firms).values(row))
                self._record(connection, "registered", row, by=by, now=moment)
                return _firm(self._row(connection, firms.c.id == row["id"]))
        except IntegrityError:
            raise mandate_refused("firm-known") from None

    def get(self, firm_id: str) -> Firm | None:
        """Find a firm by its id."""
        return self._find(firms.c.id == firm_id)

    def by_credit_code(self, credit_code: str) -> Firm | None:
        """Find a firm by its credit code."""
        return self._find(firms.c.credit_code == check_credit_code(credit_code))

    def page(self, *, after: str = "", limit: int = 100) -> list[Firm]:
        """Give firms in the order of their ids, from the one after `after`."""
        check_page(limit)
        query = select(firms).where(firms.c.id > after).order_by(firms.c.id).limit(limit)
        with self._store.read() as connection:
            return [_firm(row) for row in connection.execute(query)]

    def of_representative(self, person_id: str, *, after: str = "", limit: int = 100) -> list[Firm]:
        """Give a page of the open firms whom this person represents."""
        check_page(limit)
        person = self._accounts.get(person_id)
        query = select(firms).where(
            firms.c.representative == (None if person is None else person.id),
            firms.c.id > after,
            firms.c.closed_at.is_(None),
        )
        with self._store.read() as connection:
            return [
                _firm(row) for row in connection.execute(query.order_by(firms.c.id).limit(limit))
            ]

    def change_representative(
        self,
        firm_id: str,
        representative: str | None,
        *,
        method: str,
        source: str = "",
        by: str | None = None,
        now: datetime | None = None,
    ) -> Firm:
        """Appoint another representative, or none: what the old one alone could do ends at once.

        Mandates that he gave and agents accepted are the firm's and stay; what he offered and
        nobody has accepted ends. Raises MandateRefused: `no-firm`, `firm-closed`, `representative`.
        """
        moment = aware(now)
        self._check_method(method, source, moment)
        values = {**self._appointed(representative, moment), "method": method, "source": source}
        with self._store.write(locks=[firm_lock(firm_id)]) as connection:
            old = open_firm(connection, firm_id)
            values["representative"] = kept_id(connection, values["representative"])
            connection.execute(update(firms).where(firms.c.id == firm_id).values(values))
            self._end_appointment(connection, old, moment)
            self._record(
                connection, "representative-changed", {"id": firm_id, **values}, by=by, now=moment
            )
            return _firm(self._row(connection, firms.c.id == firm_id))

    def close(self, firm_id: str, *, by: str | None = None, now: datetime | None = None) -> Firm:
        """Close a firm (注销): nobody acts for it any more; all its sessions and tokens end."""
        moment = aware(now)
        with self._store.write(locks=[firm_lock(firm_id), sessions_lock(firm_id)]) as connection:
            old = open_firm(connection, firm_id)
            closed = update(firms).where(firms.c.id == firm_id)
            connection.execute(closed.values(closed_at=seconds(moment)))
            self._record(connection, "closed", {"id": firm_id, "method": ""}, by=by, now=moment)
            end_sessions(  # a firm signs in by its own certificate
                connection,
                sessions.c.subject == firm_id,
                cut_offs=self._cut_offs,
                audit=self._audit,
                by=by,
                now=moment,
            )
            self._end_appointment(connection, old, moment)
            self._cut_offs.end_subject(connection, firm_id, moment)
            return _firm(self._row(connection, firms.c.id == firm_id))

    def _check_method(self, method: str, source: str, now: datetime) -> None:
        scale = self._accounts.scale
        proof = scale.evidence(method, source=source, now=now)
        if proof.level == scale.lowest:
            message = "nobody is registered for a firm by his own words: name a method of proof"
            raise ValueError(message)

    def _appointed(self, person_id: str | None, now: datetime) -> dict[str, str | None]:
        if person_id is None:
            return {"representative": None, "appointment": None}
        person = self._accounts.get(person_id, now=now)
        if person is None or person.level == self._accounts.scale.lowest:
            raise mandate_refused("representative")
        return {"representative": person.id, "appointment": new_id()}

    def _end_appointment(self, connection: Connection, old: Firm, now: datetime) -> None:
        offered = (
            (mandates.c.firm_id == old.id)
            & mandates.c.accepted_at.is_(None)
            & mandates.c.ended_at.is_(None)
        )
        ended = {"ended_at": seconds(now), "end_reason": REPLACED}
        connection.execute(update(mandates).where(offered).values(ended))
        if old.appointment is not None:
            self._cut_offs.end_mandate(connection, old.appointment, now)

    def _find(self, condition: ColumnElement[bool]) -> Firm | None:
        with self._store.read() as connection:
            row = connection.execute(select(firms).where(condition)).first()
        return None if row is None else _firm(row)

    def _row(self, connection: Connection, condition: ColumnElement[bool]) -> Row[Any]:
        return connection.execute(select(firms).where(condition)).one()

    def _record(
        self,
        connection: Connection,
        event: str,
        row: dict[str, Any],
        *,
        by: str | None,
        now: datetime,
    ) -> None:
        if self._audit is not None:
            self._audit.record(
                f"firm.{event}",
                actor=by,
                subject=row.get("representative"),
                object_=row["id"],
                details={"method": row["method"], "source": row.get("source", "")},
                now=now,
                connection=connection,
            )


def firm_lock(firm_id: str) -> str:
    """Name the lock of what changes who may act for a firm."""
    return f"firm {firm_id}"


def open_firm(connection: Connection, firm_id: str) -> Firm:
    """Give a firm that has not been closed; MandateRefused (`no-firm`, `firm-closed`)."""
    row = connection.execute(select(firms).where(firms.c.id == firm_id)).first()
    if row is None:
        raise mandate_refused("no-firm")
    if row.closed_at is not None:
        raise mandate_refused("firm-closed")
    return _firm(row)


def _firm(row: Row[Any]) -> Firm:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    values["registered_at"] = from_seconds(row.registered_at)
    values["closed_at"] = None if row.closed_at is None else from_seconds(row.closed_at)
    return Firm(**values)


def _check_name(name: str) -> str:
    stripped = name.strip()
    if not 0 < len(stripped) <= MAX_FIRM_NAME_CHARS or not is_showable(stripped):
        raise mandate_refused("firm-name")
    return stripped
