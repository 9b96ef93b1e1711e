"""The life of a seal: what may follow what, by whom, and what is left of a change that failed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from msb_identity.foundation.audit import check_audit
from msb_identity.foundation.rotation import reseal
from msb_identity.pki.callback import CallbackKey
from msb_identity.pki.keys import KeyKind
from msb_seal.errors import LifecycleRefused, SealError, SealRefused
from msb_seal.lifecycle import Act, LifeState, Unit
from msb_seal.lifecycle.applications import SEALED
from msb_seal.lifecycle.records import list_records
from msb_seal.lifecycle.states import RULES
from msb_seal.lifecycle.tables import bodies, seals
from msb_seal.seals.model import SealPicture, SealVersion
from msb_seal.seals.status import SealState
from tests.identity.authorities import DAY, NOW
from tests.seal.lifecycle.conftest import APPLICANT, APPROVER, KEEPER, NAME, UNIT
from tests.seal.makers import PICTURE, PNG, person, world

if TYPE_CHECKING:
    from msb_seal.lifecycle import SealRecord
    from tests.seal.lifecycle.conftest import Kept

OTHER = "u-other"
REASON = {
    Act.REFUSE: "incomplete",
    Act.FREEZE: "under-review",
    Act.LOSE: "lost",
    Act.THAW: "found",
    Act.ASK_CANCEL: "dissolved",
    Act.ASK_VOID: "made-illegally",
}
# Written out once more, apart from the code: every act that the table allows, and where it leads.
ALLOWED = {
    ("applied", "withdraw"): "withdrawn",
    ("applied", "refuse"): "refused",
    ("applied", "approve"): "approved",
    ("made", "issue"): "active",
    ("made", "lose"): "frozen",
    ("active", "freeze"): "frozen",
    ("active", "lose"): "frozen",
    ("frozen", "lose"): "frozen",
    ("frozen", "thaw"): "active",
    **{
        (state, act): state
        for state in ("approved", "made", "active", "frozen")
        for act in ("ask-cancel", "ask-void", "keep")
    },
    ("cancelled", "ask-void"): "cancelled",
    ("cancelled", "keep"): "cancelled",
}


def change(kept: Kept, record: str, act: Act, by: str = OTHER) -> SealRecord:
    return kept.registry.change(record, act, by=by, reason=REASON.get(act, ""), now=NOW)


def in_state(kept: Kept, state: LifeState) -> SealRecord:
    steps = {
        LifeState.APPLIED: kept.applied,
        LifeState.APPROVED: kept.approved,
        LifeState.MADE: kept.made,
    }
    if state in steps:
        return steps[state]()
    if state in (LifeState.REFUSED, LifeState.WITHDRAWN):
        by = APPLICANT if state is LifeState.WITHDRAWN else APPROVER
        act = Act.WITHDRAW if state is LifeState.WITHDRAWN else Act.REFUSE
        return change(kept, kept.applied().record, act, by)
    record = kept.issued()
    if state is LifeState.FROZEN:
        return kept.freeze(record.record)
    if state in (LifeState.CANCELLED, LifeState.VOID):
        is_void = state is LifeState.VOID
        change(kept, record.record, Act.ASK_VOID if is_void else Act.ASK_CANCEL, KEEPER)
        return change(kept, record.record, Act.VOID if is_void else Act.CANCEL)
    return record


@pytest.mark.parametrize("state", LifeState)
def test_every_act_is_allowed_just_where_the_table_says(kept: Kept, state: LifeState) -> None:
    record = in_state(kept, state)
    assert record.state is state
    for act in set(Act) - {Act.APPLY, Act.MAKE, Act.CANCEL, Act.VOID}:
        if (state, act) in ALLOWED or RULES[act].to is state:
            continue
        with pytest.raises(LifecycleRefused) as refusal:
            change(kept, record.record, act)
        # Asking is never done by itself, so what is not there cannot be kept either.
        assert refusal.value.code == "state", act
    assert kept.registry.get(record.record) == record


@pytest.mark.parametrize(("state", "act"), ALLOWED)
def test_an_allowed_act_leads_where_the_table_says(kept: Kept, state: str, act: str) -> None:
    record = in_state(kept, LifeState(state))
    by = APPLICANT if act == "withdraw" else OTHER
    new = change(kept, record.record, Act(act), by)
    assert new.state == ALLOWED[state, act]
    moved = RULES[Act(act)].to is not None
    assert new.epoch == record.epoch + moved
    # Once more changes nothing: no epoch, no entry, no filing.
    entries, filed = len(kept.entries()), len(kept.registry.filings.of(record.record))
    assert change(kept, record.record, Act(act), by) == new
    assert len(kept.entries()) == entries
    assert len(kept.registry.filings.of(record.record)) == filed


def test_the_one_who_applies_does_not_approve(kept: Kept) -> None:
    record = kept.applied().record
    for act in (Act.APPROVE, Act.REFUSE):
        with pytest.raises(LifecycleRefused) as refusal:
            change(kept, record, act, APPLICANT)
        assert refusal.value.code == "same-person"
    with pytest.raises(LifecycleRefused) as refusal:
        change(kept, record, Act.WITHDRAW, APPROVER)
    assert refusal.value.code == "other-person"
    assert kept.registry.get(record).state is LifeState.APPLIED
    outcomes = [entry.outcome for entry in kept.entries(object_=record)]
    assert outcomes == ["ok", "same-person", "same-person", "other-person"]


def test_the_one_who_freezes_does_not_thaw(kept: Kept) -> None:
    record = kept.issued().record
    kept.freeze(record)
    with pytest.raises(LifecycleRefused) as refusal:
        change(kept, record, Act.THAW, KEEPER)
    assert refusal.value.code == "same-person"
    assert change(kept, record, Act.THAW).state is LifeState.ACTIVE


@pytest.mark.parametrize(
    ("ask", "end", "other"),
    [(Act.ASK_CANCEL, Act.CANCEL, Act.VOID), (Act.ASK_VOID, Act.VOID, Act.CANCEL)],
)
def test_an_end_is_asked_for_by_one_and_confirmed_by_another(
    kept_on_each: Kept, ask: Act, end: Act, other: Act
) -> None:
    kept = kept_on_each
    record = kept.issued().record
    for act in (end, other):
        with pytest.raises(LifecycleRefused) as refusal:
            change(kept, record, act)
        assert refusal.value.code == "not-asked"
    change(kept, record, ask, KEEPER)
    assert kept.registry.get(record).state is LifeState.ACTIVE
    for act, by, code in ((end, KEEPER, "same-person"), (other, OTHER, "not-asked")):
        with pytest.raises(LifecycleRefused) as refusal:
            change(kept, record, act, by)
        assert refusal.value.code == code
    ended = change(kept, record, end)
    assert ended.state is RULES[end].to
    assert ended.reason == REASON[ask]
    assert ended.asked_end is None


def test_an_end_that_is_not_wanted_after_all_is_dropped(kept: Kept) -> None:
    record = kept.issued().record
    change(kept, record, Act.ASK_CANCEL, KEEPER)
    assert change(kept, record, Act.KEEP).asked_end is None
    with pytest.raises(LifecycleRefused) as refusal:
        change(kept, record, Act.CANCEL)
    assert refusal.value.code == "not-asked"


def test_a_lost_seal_is_frozen_at_once(kept: Kept) -> None:
    lost = change(kept, kept.issued().record, Act.LOSE)
    assert (lost.state, lost.reason) == (LifeState.FROZEN, "lost")
    status = kept.registry.status_of(kept.registry.seal(lost.record), now=NOW)
    assert status is not None
    assert (status.state, status.reason, status.since) == (SealState.FROZEN, "lost", NOW)


@pytest.mark.parametrize(
    ("act", "reason"), [(Act.FREEZE, ""), (Act.FREEZE, "found"), (Act.ISSUE, "lost")]
)
def test_a_reason_is_one_of_the_act_s_own(kept: Kept, act: Act, reason: str) -> None:
    record = kept.issued().record
    with pytest.raises(LifecycleRefused) as refusal:
        kept.registry.change(record, act, by=OTHER, reason=reason, now=NOW)
    assert refusal.value.code == "reason"


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
        ({"renews": "0" * 32}, "no-record"),
    ],
)
def test_an_application_that_makes_no_seal_is_refused(
    kept: Kept, changes: dict[str, object], code: str
) -> None:
    with pytest.raises(LifecycleRefused) as refusal:
        kept.applied(**changes)
    assert refusal.value.code == code
    assert list_records(kept.store) == []


@pytest.mark.parametrize("by", ["", " ", "a\nb", "x" * 101])
def test_whoever_acts_has_an_id(kept: Kept, by: str) -> None:
    with pytest.raises(LifecycleRefused) as refusal:
        kept.registry.apply(kept.application(), by=by, now=NOW)
    assert refusal.value.code == "person"


def test_a_seal_is_made_of_just_what_was_approved(kept: Kept) -> None:
    record = kept.made()
    seal = kept.registry.seal(record.record)
    assert (seal.seal_id, seal.name, seal.type) == ("15060200000001", "测试单位", 1)
    assert seal.picture == PICTURE
    assert seal.signers.certificates == (world().signer.certificate.encoded,)
    assert (seal.valid_from, seal.valid_until) == (record.valid_from, record.valid_until)
    assert record.fingerprint == seal.fingerprint
    assert record.seal_code == seal.seal_id
    # Made again it is the same seal, byte for byte.
    kept.make(record.record)
    assert kept.registry.seal(record.record) == seal
    assert kept.approved().seal_code == "15060200000002"


@pytest.mark.parametrize("version", SealVersion)
def test_a_seal_is_made_with_a_maker_s_key_elsewhere_for_a_signer_s_key_elsewhere(
    kept: Kept, version: SealVersion
) -> None:
    maker = world(KeyKind.P256 if version is SealVersion.V1 else KeyKind.SM2).maker
    elsewhere = CallbackKey(maker.key.public, maker.key.sign)
    record = kept.approved().record
    kept.make(record, maker_certificate=maker.certificate, maker_key=elsewhere, version=version)
    assert kept.registry.seal(record).version is version


def test_a_seal_that_cannot_be_made_leaves_the_record_as_it_was(kept: Kept) -> None:
    record = kept.approved()
    with pytest.raises(SealRefused):
        kept.make(record.record, maker_key=person("another maker").key)
    assert kept.registry.get(record.record) == record
    with pytest.raises(LifecycleRefused) as refusal:
        kept.registry.seal(record.record)
    assert refusal.value.code == "not-made"
    for unready in (kept.applied().record, in_state(kept, LifeState.REFUSED).record):
        with pytest.raises(LifecycleRefused) as refusal:
            kept.make(unready)
        assert refusal.value.code == "state"


@pytest.mark.parametrize("act", [Act.APPROVE, Act.MAKE])
def test_what_was_changed_in_the_store_is_neither_approved_nor_made(kept: Kept, act: Act) -> None:
    record = kept.applied() if act is Act.APPROVE else kept.approved()
    changes = (
        update(bodies).values(picture=PNG + b"0"),
        update(bodies).values(picture=PNG, width_mm=41),
        update(seals).values(name="另一单位"),
    )
    for one in changes:
        with kept.store.write() as connection:
            connection.execute(one)
        with pytest.raises(LifecycleRefused) as refusal:
            kept.make(record.record) if act is Act.MAKE else change(kept, record.record, act)
        assert refusal.value.code == "changed"


def test_a_renewal_takes_the_old_seal_s_place_when_it_is_issued(kept_on_each: Kept) -> None:
    kept = kept_on_each
    old, successor = kept.issued(), person("successor")
    new = kept.made(renews=old.record, signers=(successor.certificate,))
    assert kept.registry.get(old.record) == old
    for again in (old.record, new.record):
        with pytest.raises(LifecycleRefused) as refusal:
            kept.applied(renews=again)
        assert refusal.value.code == ("renewal-open" if again == old.record else "not-renewable")
    issued = change(kept, new.record, Act.ISSUE)
    assert (issued.state, issued.renews) == (LifeState.ACTIVE, old.record)
    ended = kept.registry.get(old.record)
    assert (ended.state, ended.reason) == (LifeState.CANCELLED, "renewed")
    assert kept.registry.seal(new.record).signers.certificates == (successor.certificate.encoded,)
    assert kept.registry.seal(new.record).seal_id != kept.registry.seal(old.record).seal_id


def test_a_lost_and_cancelled_seal_is_renewed_too_but_not_another_unit_s(kept: Kept) -> None:
    lost = in_state(kept, LifeState.CANCELLED)
    other = Unit("11150600MB0000001E", "另一单位", "150600")
    kept.registry.units.register(other, by=KEEPER, now=NOW)
    for changes in ({"unit_code": other.code}, {"type": 6}):
        with pytest.raises(LifecycleRefused) as refusal:
            kept.applied(renews=lost.record, **changes)
        assert refusal.value.code == "not-renewable"
    new = kept.issued(renews=lost.record)
    assert kept.registry.get(lost.record) == lost
    assert new.renews == lost.record


def test_a_change_and_its_entry_are_one(
    kept_on_each: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = kept_on_each
    record = kept.issued()

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(kept.audit, "record", fail)
    with pytest.raises(KeyboardInterrupt):
        kept.freeze(record.record)
    monkeypatch.undo()
    assert kept.registry.get(record.record) == record
    filed = kept.registry.filings.of(record.record)
    assert len(filed) == 2
    assert kept.freeze(record.record).epoch == record.epoch + 1
    assert check_audit(kept.store).step("chain").code == "ok"


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
