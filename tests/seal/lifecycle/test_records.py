"""What a registry keeps: applications, units, filings, and what it tells verifiers."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from msb_identity.foundation import strict_json
from msb_identity.foundation.clock import CHINA_TIME
from msb_identity.foundation.rotation import reseal
from msb_seal.errors import LifecycleRefused, SealError
from msb_seal.lifecycle import Act, LifeState, Unit
from msb_seal.lifecycle.applications import SEALED
from msb_seal.lifecycle.records import SEALED as NAMES
from msb_seal.lifecycle.records import list_records
from msb_seal.lifecycle.tables import bodies, filings, seals
from msb_seal.seals.model import SealPicture, SealType
from msb_seal.seals.status import SealState
from tests.identity.authorities import DAY, NOW
from tests.seal.lifecycle.conftest import (
    APPLICANT,
    APPROVER,
    KEEPER,
    NAME,
    OTHER,
    UNIT,
    change,
    in_state,
    is_in_chinese,
)
from tests.seal.makers import PNG, world

if TYPE_CHECKING:
    from tests.seal.lifecycle.conftest import Kept

HOUR = timedelta(hours=1)


def test_applying_twice_is_applying_once(kept_on_each: Kept) -> None:
    kept = kept_on_each
    first = kept.applied(reference="2026-1")
    assert kept.applied(reference="2026-1") == first
    assert len(list_records(kept.store)) == 1
    for changes in ({"name": "另一单位"}, {"picture": SealPicture("PNG", PNG, 40, 40)}):
        with pytest.raises(LifecycleRefused) as refusal:
            kept.applied(reference="2026-1", **changes)
        assert refusal.value.code == "reference-taken"
    with pytest.raises(LifecycleRefused) as refusal:
        kept.registry.apply(kept.application(reference="2026-1"), by=OTHER, now=NOW)
    assert refusal.value.code == "reference-taken"
    assert kept.applied().record != kept.applied().record


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"unit_code": "11150600MB0000002H"}, "no-unit"),
        ({"type": 7}, "type"),
        ({"name": ""}, "content"),
        ({"name": "a" * 201}, "content"),
        ({"name": "a\u202eb"}, "content"),
        ({"applicant_name": " "}, "content"),
        ({"reference": "r" * 101}, "content"),
        ({"signers": ()}, "content"),
        ({"picture": SealPicture("PNG", b"", 42, 42)}, "content"),
        ({"picture": SealPicture("PNG", PNG, 0, 42)}, "content"),
        ({"picture": SealPicture("PNG", PNG, 42, 201)}, "content"),
        ({"picture": SealPicture("P/NG", PNG, 42, 42)}, "content"),
        ({"picture": SealPicture("PNG", bytes(1_000_001), 42, 42)}, "content"),
        ({"valid_until": NOW - 5 * DAY}, "period"),
        ({"valid_from": datetime(1969, 12, 31, tzinfo=UTC)}, "period"),
        ({"valid_from": datetime(1, 1, 1, tzinfo=CHINA_TIME)}, "period"),
        ({"valid_until": datetime(9999, 12, 31, 23, tzinfo=timezone(-8 * HOUR))}, "period"),
        ({"renews": "0" * 32}, "no-record"),
    ],
)
def test_an_application_that_makes_no_seal_is_refused(
    kept: Kept, changes: dict[str, object], code: str
) -> None:
    with pytest.raises(LifecycleRefused) as refusal:
        kept.applied(**changes)
    assert refusal.value.code == code
    assert is_in_chinese(refusal.value)
    assert list_records(kept.store) == []


@pytest.mark.parametrize(
    "by",
    [
        "",
        " ",
        "a\nb",
        "x" * 101,
        "a ",
        " a",
        "a b",
        "ａ",
        "zh\u0430ng",
        "e\u0301",
        "\uf900",
        "\u2f00",
    ],
)
def test_whoever_acts_has_an_id(kept: Kept, by: str) -> None:
    with pytest.raises(LifecycleRefused) as refusal:
        kept.registry.apply(kept.application(), by=by, now=NOW)
    assert refusal.value.code == "person"


def test_the_states_that_verifiers_are_told(kept: Kept) -> None:
    told = {
        LifeState.MADE: SealState.FROZEN,
        LifeState.ACTIVE: SealState.ACTIVE,
        LifeState.FROZEN: SealState.FROZEN,
        LifeState.CANCELLED: SealState.CANCELLED,
        LifeState.VOID: SealState.VOID,
    }
    for state, published in told.items():
        record = in_state(kept, state)
        status = kept.registry.status_of(kept.registry.seal(record.record), now=NOW)
        assert status is not None
        assert (status.state, status.since, status.known_at) == (published, NOW, NOW)
    assert kept.registry.status_of(world().seal(), now=NOW) is None


def test_a_lost_seal_counts_from_its_loss_when_it_is_cancelled_later(kept: Kept) -> None:
    record = kept.issued().record
    steps = (
        (Act.FREEZE, "under-review", "a"),
        (Act.LOSE, "lost", "b"),
        (Act.ASK_CANCEL, "lost", "a"),
        (Act.CANCEL, "", "b"),
    )
    for day, (act, reason, by) in enumerate(steps):
        kept.registry.change(record, act, by=by, reason=reason, now=NOW + day * DAY)
    ended = kept.registry.get(record)
    assert (ended.since, ended.inactive_since) == (NOW + 3 * DAY, NOW)
    status = kept.registry.status_of(kept.registry.seal(record), now=NOW + 9 * DAY)
    assert status is not None
    # A signature proven to be of the days between was made with a seal that nobody might use.
    assert (status.state, status.since) == (SealState.CANCELLED, NOW)
    assert kept.issued().inactive_since is None


def test_a_store_that_is_gone_is_no_answer(kept_on_each: Kept) -> None:
    kept = kept_on_each
    from sqlalchemy import text

    seal = kept.registry.seal(kept.issued().record)
    with kept.store.write() as connection:
        connection.execute(text("ALTER TABLE seals RENAME TO elsewhere"))
    with pytest.raises(SealError):
        kept.registry.status_of(seal, now=NOW)


def test_names_of_applicants_are_sealed_and_rotate(kept: Kept) -> None:
    record = kept.issued().record
    kept.granted(record)
    with kept.store.read() as connection:
        rows = [
            *connection.execute(bodies.select()),
            *connection.execute(seals.select()),
        ]
        from msb_seal.lifecycle.tables import grants

        rows += connection.execute(grants.select())
    flat = b"\n".join(v if isinstance(v, bytes) else str(v).encode() for row in rows for v in row)
    for name in (NAME, APPLICANT, APPROVER, KEEPER, "u-use"):
        assert name.encode() not in flat
    logged = "".join(str(entry) for entry in kept.entries())
    assert NAME not in logged
    kept.protector.rotate()
    assert [p.changed for p in reseal(kept.store, kept.protector, SEALED)] == [1]
    assert kept.registry.body(record).applicant_name(kept.protector, record) == NAME


@pytest.mark.parametrize("type_", [SealType.PERSONAL, SealType.LEGAL_REPRESENTATIVE])
def test_names_in_personal_seals_are_sealed_and_rotate(kept_on_each: Kept, type_: int) -> None:
    kept, name = kept_on_each, "李四丰"
    record = kept.issued(type=type_, name=name, reference="1").record
    assert kept.applied(type=type_, name=name, reference="1").record == record
    with kept.store.read() as connection:
        rows = [*connection.execute(seals.select()), *connection.execute(filings.select())]
    assert name not in repr(rows)
    assert name.encode() not in b"".join(v for row in rows for v in row if isinstance(v, bytes))
    assert kept.registry.seal(record).name == name
    for _ in range(2):
        known = kept.registry.get(record)
        assert (known.name, known.open_name(kept.protector)) == ("", name)
        due = kept.registry.filings.due()
        assert [strict_json.load_object(one.content.encode())["name"] for one in due] == [name] * 2
        kept.protector.rotate()
        assert [p.changed for p in reseal(kept.store, kept.protector, NAMES)] == [1]
    assert name not in repr(kept.registry.filings.due())


def test_records_are_listed_by_pages(kept_on_each: Kept) -> None:
    kept = kept_on_each
    records = sorted(kept.applied().record for _ in range(5))
    page = list_records(kept.store, limit=3)
    rest = list_records(kept.store, after=page[-1].record, limit=3)
    assert [record.record for record in (*page, *rest)] == records
    change(kept, records[2], Act.APPROVE)
    assert [r.record for r in list_records(kept.store, state=LifeState.APPROVED)] == [records[2]]
    assert len(list_records(kept.store, unit_code=UNIT.code)) == 5
    assert list_records(kept.store, unit_code="11150600MB0000002H") == []


def test_each_change_of_a_seal_is_filed_once(kept_on_each: Kept) -> None:
    kept = kept_on_each
    record = kept.issued().record
    kept.freeze(record)
    due = kept.registry.filings.due()
    assert [filing.record for filing in due] == [record] * 3
    contents = [filing.content for filing in due]
    codes = kept.registry.codes
    for content, state in zip(contents, ("made", "active", "frozen"), strict=True):
        assert f'"state":{{"code":"{codes.states[state].code}"' in content
        assert '"seal_code":"15060200000001"' in content
        assert NAME not in content
    assert codes.reasons["under-review"].code in contents[2]
    for epoch, receipt, code in (
        (0, "", "content"),
        (0, " ", "content"),
        (2**64, "R", "no-filing"),
    ):
        with pytest.raises(LifecycleRefused) as refusal:
            kept.registry.filings.note(record, epoch, receipt, by=KEEPER, now=NOW)
        assert refusal.value.code == code
    kept.registry.filings.note(record, due[0].epoch, "R-1", by=KEEPER, now=NOW)
    kept.registry.filings.note(record, due[0].epoch, "R-1", by=KEEPER, now=NOW)
    with pytest.raises(LifecycleRefused) as refusal:
        kept.registry.filings.note(record, due[0].epoch, "R-2", by=KEEPER, now=NOW)
    assert refusal.value.code == "filed-otherwise"
    left = kept.registry.filings.due()
    assert left == due[1:]
    assert kept.registry.filings.due(after=(record, left[0].epoch)) == due[2:]
    assert kept.registry.filings.of(record)[0].receipt == "R-1"


def test_a_unit_is_closed_when_its_seals_have_ended(kept_on_each: Kept) -> None:
    kept = kept_on_each
    record = kept.issued().record
    with pytest.raises(LifecycleRefused) as refusal:
        kept.registry.units.close(UNIT.code, by=KEEPER, now=NOW)
    assert refusal.value.code == "unit-in-use"
    change(kept, record, Act.ASK_CANCEL, KEEPER)
    change(kept, record, Act.CANCEL)
    kept.registry.units.close(UNIT.code, by=KEEPER, now=NOW)
    with pytest.raises(LifecycleRefused) as refusal:
        kept.applied()
    assert refusal.value.code == "no-unit"
    assert kept.registry.units.page() == []


def test_a_unit_is_registered_once_and_under_one_name(kept: Kept) -> None:
    kept.registry.units.register(UNIT, by=KEEPER, now=NOW)
    with pytest.raises(LifecycleRefused) as refusal:
        kept.registry.units.register(Unit(UNIT.code, "另一单位", UNIT.region), by=KEEPER)
    assert refusal.value.code == "unit-differs"
    for unit in (Unit(UNIT.code, " ", UNIT.region), Unit(UNIT.code, "甲", "15060")):
        with pytest.raises(LifecycleRefused) as refusal:
            kept.registry.units.register(unit, by=KEEPER)
        assert refusal.value.code == "content"


def test_the_fingerprint_is_that_of_the_whole_seal(kept: Kept) -> None:
    record = kept.made()
    body = kept.registry.body(record.record)
    assert body.encoded is not None
    assert record.fingerprint == hashlib.sha256(body.encoded).hexdigest()
    with kept.store.write() as connection:
        connection.execute(update(bodies).values(encoded=world().seal().encoded))
    with pytest.raises(LifecycleRefused) as refusal:
        kept.registry.seal(record.record)
    assert refusal.value.code == "changed"
