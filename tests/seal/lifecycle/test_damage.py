"""A damaged row is named, holds up no other, and its seal can still be stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from msb_seal.errors import LifecycleRefused, SealingRefused
from msb_seal.lifecycle import Act, LifeState, PublishedStates
from msb_seal.lifecycle.coverage import Standing, coverage_page
from msb_seal.lifecycle.records import DamagedRecord, list_records
from msb_seal.seals.status import SealState
from tests.identity.authorities import DAY, NOW, key
from tests.seal.lifecycle.conftest import change, refusal_of, sign

if TYPE_CHECKING:
    from tests.seal.lifecycle.conftest import Kept

ROWS = (
    "state = 'bogus'",
    "asked_end = 'zzz'",
    "valid_until = 9223372036854775807",
    "since = 'abc'",
    "name = x'ff00'",
    "applied_by = 'text'",
    "changed_by = 5",
    "type = 'x'",
)


def damage(kept: Kept, record: str, what: str, table: str = "seals") -> None:
    with kept.store.write() as connection:
        connection.execute(text(f"UPDATE {table} SET {what} WHERE record = '{record}'"))  # noqa: S608 - a test's own


def code_of(error: pytest.ExceptionInfo[LifecycleRefused], record: str) -> str:
    assert record in error.value.en
    return error.value.code


@pytest.mark.parametrize("what", ROWS)
def test_a_damaged_row_is_named_and_holds_up_no_other(kept: Kept, what: str) -> None:
    bad, good = kept.issued().record, kept.issued().record
    bad_seal, good_seal = kept.registry.seal(bad), kept.registry.seal(good)
    damage(kept, bad, what)
    with pytest.raises(LifecycleRefused) as refusal:
        kept.registry.get(bad)
    assert code_of(refusal, bad) == "damaged"
    found = {one.record: type(one) for one in list_records(kept.store)}
    assert found[bad] is DamagedRecord
    assert found[good] is not DamagedRecord
    [row] = coverage_page(kept.store, kept.registry.units, (1,), now=NOW)
    assert row.standing is Standing.HAS
    signer = key("state list")
    kept.registry.lists.publish(kept.folder / "public", name="n", key=signer, now=NOW)
    states = PublishedStates.from_folder(kept.folder / "public", signer=signer.public)
    status, other = (states.status_of(seal, now=NOW) for seal in (bad_seal, good_seal))
    assert status is not None
    assert other is not None
    assert other.state is SealState.ACTIVE
    if what.startswith(("state", "since")):
        assert (status.state, status.reason) == (SealState.FROZEN, "damaged")


@pytest.mark.parametrize("what", ROWS)
def test_a_damaged_seal_can_be_frozen(kept: Kept, what: str) -> None:
    record = kept.issued().record
    kept.granted(record)
    sealer = kept.sealer(record)
    damage(kept, record, what)
    with pytest.raises(LifecycleRefused) as refusal:
        change(kept, record, Act.FREEZE)
    frozen = "damaged" if what.startswith("state") else "frozen-damaged"
    assert code_of(refusal, record) == frozen
    with pytest.raises(SealingRefused):
        sign(sealer)
    with kept.store.read() as connection:
        state = connection.scalar(text("SELECT state FROM seals"))
    assert state == (LifeState.FROZEN if frozen == "frozen-damaged" else "bogus")
    [entry] = kept.entries("seal.freeze", object_=record)[:1]
    assert entry.outcome == ("ok" if frozen == "frozen-damaged" else "damaged")


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ("seal_bodies", "certificates = x'00'"),
        ("seal_bodies", "certificates = 'text'"),
        ("seal_bodies", "picture = 5"),
        ("seal_bodies", "width_mm = 'x'"),
        ("seals", "content_digest = 'text'"),
    ],
)
def test_nothing_is_made_of_what_is_damaged(kept: Kept, table: str, what: str) -> None:
    record = kept.approved().record
    damage(kept, record, what, table)
    with pytest.raises(LifecycleRefused) as refusal:
        kept.make(record)
    assert code_of(refusal, record) == "damaged"


@pytest.mark.parametrize("what", ["fingerprint = 'AB'", "fingerprint = x'00'", "fingerprint = 'z'"])
def test_a_damaged_fingerprint_is_in_no_list_and_stops_no_other(kept: Kept, what: str) -> None:
    bad, good = kept.issued().record, kept.issued().record
    seals = [kept.registry.seal(record) for record in (bad, good)]
    damage(kept, bad, what)
    signer = key("state list")
    kept.registry.lists.publish(kept.folder / "public", name="n", key=signer, now=NOW)
    states = PublishedStates.from_folder(kept.folder / "public", signer=signer.public)
    first, second = (states.status_of(seal, now=NOW) for seal in seals)
    assert first is None
    assert second is not None
    assert second.state is SealState.ACTIVE


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ("seal_grants", "valid_until = 'x'"),
        ("seal_grants", "max_uses = 'x'"),
        ("seal_grants", "used = 'x'"),
        ("seals", "usable_until = ''"),
        ("seals", "epoch = 'x'"),
        ("seals", "fingerprint = x'00'"),
    ],
)
def test_nobody_uses_a_seal_by_what_is_damaged(kept: Kept, table: str, what: str) -> None:
    record = kept.issued().record
    kept.granted(record)
    sealer = kept.sealer(record)
    damage(kept, record, what, table)
    assert refusal_of(sign, sealer) == "damaged"
    assert refusal_of(sealer.reserve, 1, now=NOW) == "damaged"
    assert [entry.outcome for entry in kept.entries("seal.used")] == ["damaged"]


@pytest.mark.parametrize("column", ["epoch", "size", "used", "lifetime_seconds", "expires_at"])
def test_a_damaged_reservation_signs_nothing_and_holds_up_no_other(kept: Kept, column: str) -> None:
    record = kept.issued().record
    kept.granted(record, max_uses=10)
    bad, good = (kept.sealer(record).reserve(2, now=NOW) for _ in range(2))
    here = f"WHERE reservation = '{bad.reservation}'"
    with kept.store.write() as connection:
        connection.execute(text(f"UPDATE seal_reservations SET {column} = 'x' {here}"))  # noqa: S608 - a test's own
    assert refusal_of(sign, bad) == "damaged"
    sign(good)
    given_back = 3 if column in ("epoch", "lifetime_seconds") else 1
    assert kept.registry.reservations.recover(now=NOW + DAY) == given_back


def test_damaged_seals_grants_and_filings_are_refused_by_name(kept: Kept) -> None:
    record = kept.issued().record
    kept.granted(record)
    sealer = kept.sealer(record)
    damage(kept, record, "valid_until = 'x'", "seal_grants")
    damage(kept, record, "content = '{'", "seal_filings")
    damage(kept, record, "encoded = x'00'", "seal_bodies")
    with pytest.raises(SealingRefused) as use:
        sign(sealer)
    assert use.value.code == "damaged"
    for read in (
        lambda: kept.registry.grants.of(record),
        kept.registry.filings.due,
        lambda: kept.registry.seal(record),
    ):
        with pytest.raises(LifecycleRefused) as refusal:
            read()
        assert refusal.value.code == "damaged"
