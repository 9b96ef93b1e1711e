"""The life of a seal: what may follow what, by whom, and what is left of a change that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from msb_identity.foundation.audit import check_audit
from msb_identity.pki.callback import CallbackKey
from msb_identity.pki.keys import KeyKind
from msb_seal.errors import LifecycleRefused, SealRefused
from msb_seal.lifecycle import Act, LifeState, Unit
from msb_seal.lifecycle.states import RULES
from msb_seal.lifecycle.tables import bodies, seals
from msb_seal.seals.model import SealVersion
from msb_seal.seals.status import SealState
from tests.identity.authorities import NOW
from tests.seal.lifecycle.conftest import (
    APPLICANT,
    APPROVER,
    KEEPER,
    OTHER,
    REASON,
    change,
    in_state,
    is_in_chinese,
)
from tests.seal.makers import PICTURE, PNG, person, world

if TYPE_CHECKING:
    from tests.seal.lifecycle.conftest import Kept

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
        assert is_in_chinese(refusal.value)
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
    kept.make(record, certificate=maker.certificate, key=elsewhere, version=version)
    assert kept.registry.seal(record).version is version


def test_a_seal_that_cannot_be_made_leaves_the_record_as_it_was(kept: Kept) -> None:
    record = kept.approved()
    with pytest.raises(SealRefused):
        kept.make(record.record, key=person("another maker").key)
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


def test_a_seal_code_is_the_one_that_was_given_at_approval(kept: Kept) -> None:
    approved, made = kept.approved(reference="once").record, kept.made().record
    assert kept.applied(reference="once").record == approved
    with kept.store.write() as connection:
        for record, code in ((approved, "9" * 14), (made, "8" * 14)):
            here = seals.c.record == record
            connection.execute(update(seals).where(here).values(seal_code=code))
    acts = (
        lambda: kept.make(approved),
        lambda: change(kept, made, Act.ISSUE),
        lambda: kept.registry.seal(made),
    )
    for act in acts:
        with pytest.raises(LifecycleRefused) as refusal:
            act()
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
