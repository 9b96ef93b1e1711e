"""A seal's record as a value, and the look-ups over the records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, type_coerce
from sqlalchemy.types import NullType

from msb_identity.errors import ProtectionError
from msb_identity.foundation.clock import aware, from_seconds, seconds
from msb_identity.foundation.rotation import SealedTable
from msb_identity.foundation.text import is_showable
from msb_seal.errors import LifecycleRefused
from msb_seal.lifecycle.sentences import refused
from msb_seal.lifecycle.states import MADE_ONCE, LifeState
from msb_seal.lifecycle.tables import seals
from msb_seal.seals.model import SealType

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Column, Connection, Label, Row

    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store

MAX_PAGE = 1_000
PERSONAL_TYPES = frozenset({SealType.PERSONAL, SealType.LEGAL_REPRESENTATIVE})
"""Types of seals whose names are persons' names."""
SEALED = SealedTable(seals, ("sealed_name",))
"""What `foundation.rotation` needs to know of the names in personal seals."""


@dataclass(frozen=True, slots=True)
class SealRecord:
    """One seal's place in its life; what is in the seal lies elsewhere (`SealRegistry.seal`).

    name: what stands in the seal, empty for a personal seal (`open_name`).
    reference: the number under which the unit's application was taken in (受理编号).
    since: when it came into this state; inactive_since: since when nobody may use it, through all
    the states since, so that a lost seal counts from its loss when it is cancelled later; none
    while it is active. epoch: counts its states. asked_end: the end that somebody asked for and
    nobody has confirmed. usable_until: the end of its period, or of the last of its signer
    certificates, whichever comes first; none until it is made.
    """

    record: str
    unit_code: str
    reference: str
    type: int
    name: str
    valid_from: datetime
    valid_until: datetime
    renews: str | None
    state: LifeState
    reason: str
    since: datetime
    inactive_since: datetime | None
    epoch: int
    asked_end: LifeState | None
    asked_reason: str | None
    seal_code: str | None
    fingerprint: str | None
    usable_until: datetime | None
    applied_by: bytes = field(repr=False)
    changed_by: bytes = field(repr=False)
    asked_by: bytes | None = field(repr=False)
    sealed_name: bytes | None = field(repr=False)

    def open_name(self, protector: Protector) -> str:
        """Give the name in the seal; a personal seal's is personal data, masked where shown."""
        if self.sealed_name is None:
            return self.name
        try:
            return protector.open_text(self.sealed_name, SEALED.place("sealed_name", self.record))
        except ProtectionError as error:
            raise refused("damaged", self.record) from error

    def has_lapsed(self, now: datetime | None = None) -> bool:
        """Whether it could be used but for its period, which has ended."""
        ended = self.usable_until or self.valid_until
        return self.state in (LifeState.ACTIVE, LifeState.FROZEN) and aware(now) > ended

    @property
    def is_made(self) -> bool:
        """Whether there is, or was, a seal."""
        return self.state in MADE_ONCE and self.fingerprint is not None


@dataclass(frozen=True, slots=True)
class DamagedRecord:
    """A record whose row cannot be read: somebody must mend it; others are not held up by it."""

    record: str
    unit_code: str
    type: int


def raw(column: Column[Any]) -> Label[Any]:
    """Give a column without what SQLAlchemy makes of its values, which fails on damaged ones."""
    return type_coerce(column, NullType()).label(column.name)


_COLUMNS = tuple(raw(seals.c[name]) for name in SealRecord.__dataclass_fields__)
_TIMES = ("valid_from", "valid_until", "since", "usable_until", "inactive_since")


def find_record(connection: Connection, record: str, *, lock: bool = False) -> SealRecord:
    """Give a record; LifecycleRefused where there is none."""
    query = select(*_COLUMNS).where(seals.c.record == record)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise refused("no-record")
    return record_of(row)


def find_by_fingerprint(connection: Connection, fingerprint: str) -> SealRecord | None:
    """Give the record of exactly this seal."""
    query = select(*_COLUMNS).where(seals.c.fingerprint == fingerprint)
    row = connection.execute(query).first()
    return None if row is None else record_of(row)


def list_records(
    store: Store,
    *,
    unit_code: str | None = None,
    state: LifeState | None = None,
    after: str = "",
    limit: int = 100,
) -> list[SealRecord | DamagedRecord]:
    """Give a page of records in the order of their numbers, from the one after `after`.

    One that is damaged is named and stops no other.
    """
    check_page(limit)
    query = select(*_COLUMNS).where(seals.c.record > after).order_by(seals.c.record).limit(limit)
    if unit_code is not None:
        query = query.where(seals.c.unit_code == unit_code)
    if state is not None:
        query = query.where(seals.c.state == state.value)
    with store.read() as connection:
        return [_readable(row) for row in connection.execute(query)]


def records_of_units(
    connection: Connection, unit_codes: Sequence[str], types: Sequence[int]
) -> list[SealRecord | DamagedRecord]:
    """Give all records of these units and types."""
    query = select(*_COLUMNS).where(seals.c.unit_code.in_(unit_codes), seals.c.type.in_(types))
    return [_readable(row) for row in connection.execute(query.order_by(seals.c.record))]


def record_of(row: Row[Any]) -> SealRecord:
    """Take a row with the columns of a record; LifecycleRefused ("damaged") names one that is."""
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    try:
        for name, value in values.items():
            check_kind(seals.c[name], value)
        for name in _TIMES:
            if values[name] is not None:
                values[name] = from_seconds(values[name])
        values["state"] = LifeState(values["state"])
        if values["asked_end"] is not None:
            values["asked_end"] = LifeState(values["asked_end"])
    except ValueError as error:
        raise refused("damaged", str(values["record"])) from error
    return SealRecord(**values)


def check_kind(column: Column[Any], value: object) -> None:
    """Raise ValueError for a stored value that is not of its column's kind: SQLite takes any."""
    if value is None and column.nullable:
        return
    if type(value) is not column.type.python_type:
        message = f"{column.name} is of another kind"
        raise ValueError(message)


def _readable(row: Row[Any]) -> SealRecord | DamagedRecord:
    try:
        return record_of(row)
    except LifecycleRefused:
        return DamagedRecord(str(row.record), str(row.unit_code), row.type)


def check_page(limit: int) -> None:
    """Raise ValueError for a page that is no page."""
    if not 1 <= limit <= MAX_PAGE:
        message = f"a page has 1 … {MAX_PAGE} rows"
        raise ValueError(message)


def is_text(text: str, limit: int) -> bool:
    """Whether a text says something, shows all that it says, and keeps within its limit."""
    return 0 < len(text) <= limit and bool(text.strip()) and is_showable(text)


def moment(now: datetime | None) -> int:
    """Give `now` in seconds."""
    return seconds(aware(now))


def period_of(start: datetime, end: datetime) -> tuple[int, int]:
    """Give a period in seconds; LifecycleRefused for none within the years 1970 to 9999."""
    try:
        first, last = moment(start), moment(end)
    except ValueError as error:
        raise refused("period") from error
    if not 0 <= first < last:
        raise refused("period")
    return first, last
