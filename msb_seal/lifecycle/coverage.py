"""Coverage (应发尽发): which units have the seals they should have, lack them, or let them lapse.

Which types every unit should have says the table of codes. Pages are cut by the unit's code; each
page is two look-ups by index, however many units and seals there are.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from msb_identity.foundation.clock import aware
from msb_seal.lifecycle.records import MAX_PAGE, DamagedRecord, SealRecord, records_of_units
from msb_seal.lifecycle.states import UNFINISHED, LifeState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from msb_identity.foundation.store import Store
    from msb_seal.lifecycle.units import Unit, Units

SOON = timedelta(days=60)
"""How long before its end a seal counts as ending."""


class Standing(StrEnum):
    """How a unit stands with one type of seal, the best first."""

    HAS = "has"  # 已有
    ENDING = "ending"  # 即将到期
    FROZEN = "frozen"  # 停用
    LAPSED = "lapsed"  # 已过期
    DAMAGED = "damaged"  # 记录损坏
    LACKS = "lacks"  # 缺


_BEST_FIRST = tuple(Standing)


@dataclass(frozen=True, slots=True)
class Coverage:
    """One unit and one type of seal that it should have.

    until: when the seal that decides ends; is_under_way: an application, or a seal that is not
    issued yet, is there as well.
    """

    unit: Unit
    type: int
    standing: Standing
    record: str | None
    until: datetime | None
    is_under_way: bool


def coverage_page(
    store: Store,
    units: Units,
    types: Sequence[int],
    *,
    after: str = "",
    limit: int = 100,
    soon: timedelta = SOON,
    now: datetime | None = None,
) -> list[Coverage]:
    """Give how a page of units stand with each of these types, from the unit after `after`.

    A page of fewer units than `limit` is the last one; units come in the order of their codes.
    """
    moment = aware(now)
    page = units.page(after=after, limit=limit)
    with store.read() as connection:
        found = records_of_units(connection, [unit.code for unit in page], types)
    kept: defaultdict[tuple[str, int], list[SealRecord | DamagedRecord]] = defaultdict(list)
    for record in found:
        kept[record.unit_code, record.type].append(record)
    return [
        _coverage(unit, type_, kept[unit.code, type_], moment, soon)
        for unit in page
        for type_ in types
    ]


def coverage_pages(
    store: Store, units: Units, types: Sequence[int], *, now: datetime | None = None
) -> Iterator[Coverage]:
    """Give how all units stand, page by page."""
    after = ""
    while page := coverage_page(store, units, types, after=after, limit=MAX_PAGE, now=now):
        yield from page
        after = page[-1].unit.code


def _coverage(
    unit: Unit,
    type_: int,
    records: list[SealRecord | DamagedRecord],
    now: datetime,
    soon: timedelta,
) -> Coverage:
    standing, record, until = Standing.LACKS, None, None
    for candidate in records:
        found = _standing(candidate, now, soon)
        if _BEST_FIRST.index(found) < _BEST_FIRST.index(standing):
            standing, record = found, candidate.record
            if isinstance(candidate, SealRecord):
                until = candidate.usable_until or candidate.valid_until
    under_way = any(
        isinstance(candidate, SealRecord) and candidate.state in UNFINISHED for candidate in records
    )
    return Coverage(unit, type_, standing, record, until, under_way)


def _standing(record: SealRecord | DamagedRecord, now: datetime, soon: timedelta) -> Standing:
    if isinstance(record, DamagedRecord):
        return Standing.DAMAGED
    if record.state not in (LifeState.ACTIVE, LifeState.FROZEN):
        return Standing.LACKS
    if record.has_lapsed(now):
        return Standing.LAPSED
    if record.state is LifeState.FROZEN:
        return Standing.FROZEN
    return Standing.ENDING if record.has_lapsed(now + soon) else Standing.HAS
