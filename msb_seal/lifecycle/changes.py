"""What changes of a record are made of: the rules, held against a locked row, and the first row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import case, insert, select, update

from msb_seal.lifecycle.records import PERSONAL_TYPES, SEALED, SealRecord, find_record, moment, raw
from msb_seal.lifecycle.sentences import refused
from msb_seal.lifecycle.states import LIVING, RULES, Act, LifeState
from msb_seal.lifecycle.tables import numbers, seals
from msb_seal.lifecycle.units import find_unit

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from msb_identity.foundation.protect import Protector
    from msb_seal.lifecycle.applications import Application
    from msb_seal.lifecycle.states import Person

SERIALS = range(1, 100_000_000)
"""The last eight digits of a seal code, counted for each region."""
_RENEWABLE = {LifeState.ACTIVE, LifeState.FROZEN, LifeState.CANCELLED}


def first_row(
    protector: Protector, application: Application, record: str, *, at: int
) -> dict[str, Any]:
    """Give the row of a new application, a person's name sealed."""
    name, sealed = application.name, None
    if application.type in PERSONAL_TYPES:
        name, sealed = "", protector.seal(name, SEALED.place("sealed_name", record))
    return {
        "record": record,
        "unit_code": application.unit_code,
        "reference": application.reference,
        "type": application.type,
        "name": name,
        "sealed_name": sealed,
        "valid_from": moment(application.valid_from),
        "valid_until": moment(application.valid_until),
        "renews": application.renews,
        "state": str(LifeState.APPLIED),
        "reason": "",
        "since": at,
        "inactive_since": at,
        "epoch": 0,
    }


def find_reference(connection: Connection, application: Application) -> Any:  # noqa: ANN401 - a row
    """Give record, code and digest of the application with this one's reference."""
    query = select(seals.c.record, seals.c.seal_code, seals.c.content_digest).where(
        seals.c.unit_code == application.unit_code, seals.c.reference == application.reference
    )
    return connection.execute(query).first()


def digest_of(connection: Connection, record: str) -> bytes:
    """Give the HMAC of what was applied for."""
    query = select(raw(seals.c.content_digest)).where(seals.c.record == record)
    digest = connection.execute(query).scalar_one()
    if not isinstance(digest, bytes):
        raise refused("damaged", record)
    return digest


def check_renewal(connection: Connection, application: Application) -> None:
    """Refuse to renew what is another unit's or type's, is void, or has a renewal already.

    The unit's lock keeps two renewals of one seal from being taken in at once.
    """
    old = find_record(connection, application.renews or "")
    same = (old.unit_code, old.type) == (application.unit_code, application.type)
    if not same or old.state not in _RENEWABLE:
        raise refused("not-renewable")
    living = select(seals.c.record).where(
        seals.c.renews == old.record, seals.c.state.in_([str(state) for state in LIVING])
    )
    if connection.execute(living.limit(1)).first() is not None:
        raise refused("renewal-open")


def lock(connection: Connection, record: str) -> SealRecord:
    """Lock a record, and the one that it renews, in one order for all."""
    renews = connection.scalar(select(seals.c.renews).where(seals.c.record == record))
    names = sorted({record, renews or record})
    return {name: find_record(connection, name, lock=True) for name in names}[record]


def freeze_damaged(
    connection: Connection, record: str, *, act: Act, person: bytes, reason: str, at: int
) -> bool:
    """Freeze a record whose row cannot be read but for its state; say whether that could be."""
    sources = [str(state) for state in RULES[act].sources]
    was_active = seals.c.state == str(LifeState.ACTIVE)
    values = {
        "state": str(LifeState.FROZEN),
        "reason": reason,
        "since": at,
        "inactive_since": case((was_active, at), else_=seals.c.inactive_since),
        "epoch": seals.c.epoch + 1,
        "changed_by": person,
    }
    here = (seals.c.record == record) & seals.c.state.in_(sources)
    return connection.execute(update(seals).where(here).values(values)).rowcount == 1


def is_done(record: SealRecord, act: Act, reason: str) -> bool:
    """Whether the record is already as this act would leave it."""
    rule = RULES[act]
    if act is Act.KEEP:
        return record.asked_end is None and record.state in rule.sources
    if rule.asks is not None:
        return (record.asked_end, record.asked_reason) == (rule.asks, reason)
    if record.state is not rule.to:
        return False
    # Active after issuing has no reason, active after thawing one: that tells the two apart.
    return rule.needs is not None or record.reason == reason


def check_rule(record: SealRecord, act: Act, person: bytes) -> None:
    """Raise LifecycleRefused unless the table lets this person do this now."""
    rule = RULES[act]
    if record.state not in rule.sources:
        raise refused("state", str(record.state))
    if rule.needs is not None and record.asked_end is not rule.needs:
        raise refused("not-asked")
    if rule.not_by is not None and _person_of(record, rule.not_by) == person:
        raise refused("same-person")
    if rule.only_by is not None and _person_of(record, rule.only_by) != person:
        raise refused("other-person")


def _person_of(record: SealRecord, role: Person) -> bytes | None:
    remembered: bytes | None = getattr(record, role.value)
    return remembered


def take_code(connection: Connection, unit_code: str) -> str:
    """Take the next seal code of the unit's region; the numbers' lock is held."""
    unit = find_unit(connection, unit_code)
    if unit is None:
        raise refused("no-unit")
    here = numbers.c.region == unit.region
    used = connection.scalar(select(numbers.c.used).where(here))
    if used is None:
        used = 0
        connection.execute(insert(numbers).values(region=unit.region, used=0))
    if used + 1 not in SERIALS:
        raise refused("numbers-exhausted")
    connection.execute(update(numbers).where(here).values(used=used + 1))
    return f"{unit.region}{used + 1:08d}"
