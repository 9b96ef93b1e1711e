"""One person, one account: found by any identifier, linked, merged, never doubled."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select, update

from msb_identity.errors import AccountRefused, ProtectionError
from msb_identity.foundation.audit import AuditReader
from msb_identity.foundation.rotation import finish_rebuild, rebuild, reseal, start_rebuild
from msb_identity.people import Identifier, IdentifierKind
from msb_identity.people.accounts import MAX_IDENTIFIERS
from msb_identity.people.tables import evidence, identifiers
from msb_identity.people.tables import people as people_table
from msb_identity.sso.sessions import Sessions
from msb_identity.tables import SEALED
from tests.identity.people.conftest import MOBILE, NOW, NUMBER, OTHER_MOBILE, OTHER_NUMBER, People

if TYPE_CHECKING:
    from collections.abc import Callable

NETWORK = Identifier.of(IdentifierKind.NETWORK_ID, "A1b2C3d4E5f6G7h8I9j0")
PASSPORT = Identifier.of(IdentifierKind.PASSPORT, "gbr:123456789")
NUMBER_ID = Identifier.of(IdentifierKind.IDENTITY_NUMBER, NUMBER)
OTHER_ID = Identifier.of(IdentifierKind.IDENTITY_NUMBER, OTHER_NUMBER)
MOBILE_ID = Identifier.of(IdentifierKind.MOBILE, MOBILE)


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(AccountRefused) as refused:
        call()
    for text in (NUMBER, OTHER_NUMBER, MOBILE):
        assert text not in f"{refused.value}{refused.value.zh}{refused.value.__cause__}"
    return refused.value.code


def phone(i: int) -> Identifier:
    return Identifier.of(IdentifierKind.MOBILE, f"139{i:08d}")


def test_a_person_is_found_by_every_identifier_that_was_linked(people: People) -> None:
    person = people.zhang()
    for identifier in (NETWORK, PASSPORT):
        person = people.accounts.link(person.id, identifier, method="counter", now=NOW)
    for identifier in (NUMBER_ID, MOBILE_ID, NETWORK, PASSPORT):
        assert people.accounts.find(identifier, now=NOW) == person
    assert {held.identifier for held in person.identifiers} == {
        NUMBER_ID,
        MOBILE_ID,
        NETWORK,
        PASSPORT,
    }
    assert people.accounts.by_identity_number("110105491231002", now=NOW) == person  # 15 digits
    shown = repr(person)
    for text in (NUMBER, MOBILE, NETWORK.value, "123456789", "张三"):
        assert text not in shown


def test_the_proof_of_a_person_proves_the_number_and_not_the_telephone(people: People) -> None:
    person = people.zhang()
    assert person.verified_identity_number == NUMBER
    mobile = person.held(MOBILE_ID)
    assert mobile is not None
    assert not mobile.is_verified
    declared = people.accounts.register(name="李四", identity_number=OTHER_NUMBER, now=NOW)
    assert (declared.level, declared.identity_number) == (1, OTHER_NUMBER)
    assert declared.verified_identity_number is None


def test_an_account_without_a_number_links_one_later_and_is_not_doubled(people: People) -> None:
    person = people.accounts.register(identifiers=[NETWORK], method="network-id", now=NOW)
    assert (person.name, person.identity_number, person.level) == ("", None, 2)
    linked = people.accounts.link(person.id, NUMBER_ID, method="counter", now=NOW)
    assert linked.id == person.id
    assert people.accounts.by_identity_number(NUMBER, now=NOW) == linked
    assert people.accounts.find(NETWORK, now=NOW) == linked


def test_a_number_with_an_account_leads_to_a_merge(people: People) -> None:
    zhang = people.zhang()
    late = people.accounts.register(identifiers=[NETWORK], method="network-id", now=NOW)
    with pytest.raises(AccountRefused) as refused:
        people.accounts.link(late.id, NUMBER_ID, method="two-factor", now=NOW)
    assert (refused.value.code, refused.value.other) == ("held-by-another", zhang.id)
    merged = people.accounts.merge(zhang.id, late.id, by="officer", method="counter", now=NOW)
    assert merged.id == zhang.id
    assert people.accounts.find(NETWORK, now=NOW) == merged == people.accounts.get(late.id, now=NOW)
    assert people.accounts.ids_of(late.id) == people.accounts.ids_of(zhang.id)
    assert set(people.accounts.ids_of(zhang.id)) == {zhang.id, late.id}


def test_registering_again_does_not_tell_which_number_is_known_nor_whose(people: People) -> None:
    people.zhang()
    for given in ({"identity_number": NUMBER}, {"mobile": MOBILE}):
        with pytest.raises(AccountRefused) as refused:
            people.accounts.register(name="王五", **given, now=NOW)  # type: ignore[arg-type]
        assert (refused.value.code, refused.value.other) == ("known", None)


def test_a_declared_number_gives_way_to_whoever_proves_it(people: People) -> None:
    squatter = people.accounts.register(
        name="王五", identity_number=NUMBER, mobile=OTHER_MOBILE, now=NOW
    )
    zhang = people.zhang()
    assert people.accounts.by_identity_number(NUMBER, now=NOW) == zhang
    left = people.accounts.get(squatter.id, now=NOW)
    assert left is not None
    assert (left.identity_number, left.mobile, left.level) == (None, OTHER_MOBILE, 1)
    (entry,) = people.log("person.displaced")
    reader = AuditReader(people.store, people.protector)
    assert entry.details == {"kind": "identity_number"}
    assert reader.entries(subject=[squatter.id]).entries[-1] == entry


def test_a_proven_number_gives_way_to_nobody(people: People) -> None:
    people.zhang()
    li = people.li()
    assert code_of(lambda: people.accounts.link(li.id, NUMBER_ID, method="face")) in (
        "held-by-another",
        "another-number",
    )
    assert people.accounts.by_identity_number(NUMBER) is not None


def test_a_telephone_number_goes_to_whoever_proved_it_last(people: People) -> None:
    """Telephone companies give numbers out again (二次放号)."""
    zhang, li = people.zhang(), people.li()
    people.accounts.link(zhang.id, MOBILE_ID, method="sms", now=NOW)
    assert code_of(lambda: people.accounts.link(li.id, MOBILE_ID, now=NOW)) == "held-by-another"
    people.accounts.link(li.id, MOBILE_ID, method="sms", now=NOW + timedelta(days=400))
    found = people.accounts.by_mobile(MOBILE)
    assert found is not None
    assert found.id == li.id
    before = people.accounts.get(zhang.id)
    assert before is not None
    assert before.mobile is None


def test_an_account_has_one_identity_number(people: People) -> None:
    zhang = people.zhang()
    assert code_of(lambda: people.accounts.link(zhang.id, OTHER_ID)) == "another-number"
    assert code_of(lambda: people.accounts.link(zhang.id, OTHER_ID, method="face")) == (
        "another-number"
    )
    typo = people.accounts.register(identity_number=OTHER_NUMBER, mobile=OTHER_MOBILE, now=NOW)
    people.accounts.unlink(zhang.id, NUMBER_ID, now=NOW)
    mended = people.accounts.link(typo.id, NUMBER_ID, method="face", now=NOW)
    assert mended.identity_number == NUMBER  # what was proven took the declared one's place
    assert people.accounts.by_identity_number(OTHER_NUMBER) is None


def test_a_number_of_a_residence_permit_is_one_number_under_either_kind(people: People) -> None:
    number = "810000199001010019"
    permit = Identifier.of(IdentifierKind.RESIDENCE_PERMIT, number)
    person = people.accounts.register(identity_number=number, method="face", now=NOW)
    assert people.accounts.find(permit, now=NOW) == person
    assert person.identifiers[0].identifier == permit
    assert code_of(lambda: people.accounts.register(identifiers=[permit])) == "known"


def test_linking_again_changes_nothing_but_the_proof(people: People) -> None:
    zhang = people.zhang()
    assert people.accounts.link(zhang.id, MOBILE_ID, now=NOW) == zhang
    proven = people.accounts.link(zhang.id, MOBILE_ID, method="sms", now=NOW).held(MOBILE_ID)
    assert proven is not None
    assert (proven.verified_method, proven.verified_at) == ("sms", NOW)
    assert people.accounts.link(zhang.id, MOBILE_ID, now=NOW).held(MOBILE_ID) == proven


def test_what_no_account_can_hold_is_refused(people: People) -> None:
    zhang = people.zhang()
    code = Identifier.of(IdentifierKind.CREDIT_CODE, "91350100M000100Y43")
    assert code_of(lambda: people.accounts.link(zhang.id, code)) == "not-of-people"
    assert code_of(lambda: people.accounts.register(name="王五")) == "no-identifier"
    assert code_of(lambda: people.accounts.link("nobody", PASSPORT)) == "no-account"
    for i in range(MAX_IDENTIFIERS - 2):
        people.accounts.link(zhang.id, phone(i), now=NOW)
    assert code_of(lambda: people.accounts.link(zhang.id, phone(99))) == "too-many-identifiers"
    with pytest.raises(ValueError, match="method"):
        people.accounts.link(zhang.id, MOBILE_ID, method="Über")


def test_unlinking_takes_the_evidence_about_it_too(people: People) -> None:
    zhang = people.zhang()
    assert code_of(lambda: people.accounts.unlink(zhang.id, PASSPORT)) == "not-held"
    after = people.accounts.unlink(zhang.id, NUMBER_ID, by="officer", now=NOW)
    assert (after.identity_number, after.level, after.level_method) == (None, 1, "")
    assert people.accounts.by_identity_number(NUMBER) is None
    assert code_of(lambda: people.accounts.unlink(zhang.id, MOBILE_ID)) == "last-identifier"


def test_a_merge_takes_everything_over_and_is_one_entry(people: People) -> None:
    zhang = people.zhang()
    late = people.accounts.register(
        name="张三", identifiers=[NETWORK], method="network-id-face", now=NOW
    )
    firm = people.firm(late.id)
    offered = people.mandates.offer(
        firm.id, agent=zhang.id, scope=["a"], valid_until=NOW + timedelta(9), by=late.id, now=NOW
    )
    department = people.departments.add("政务服务中心")
    officer = people.staff.register(
        number="001", name="张三", department_id=department.id, person_id=late.id
    )
    people.accounts.merge(zhang.id, late.id, by="officer", method="counter", now=NOW)
    kept = people.firms.get(firm.id)
    assert kept is not None
    assert (kept.representative, kept.appointment) == (zhang.id, firm.appointment)
    moved = people.mandates.find(offered.id)
    assert moved is not None
    assert (moved.agent, moved.offered_by) == (zhang.id, zhang.id)
    member = people.staff.get(officer.id)
    assert member is not None
    assert member.person_id == zhang.id
    (entry,) = people.log("person.merged")
    assert (entry.object_, entry.details) == (late.id, {"method": "counter"})
    assert people.mandates.require(late.id, firm.id, scope="x", now=NOW).is_representative


def test_what_was_proven_under_another_name_is_merged_into_no_account(people: People) -> None:
    bad = people.accounts.register(name="坏人", mobile=MOBILE, now=NOW)
    li, merge = people.li(), people.accounts.merge
    assert code_of(lambda: merge(bad.id, li.id, by="o", method="sms", now=NOW)) == "other-name"
    assert people.accounts.get(li.id, now=NOW) == li
    seen = people.accounts.register(name="王五", identifiers=[NETWORK], method="counter", now=NOW)
    assert code_of(lambda: merge(bad.id, seen.id, by="o", method="sms", now=NOW)) == "other-name"
    # Of a name that stands on its owner's word alone nothing is left.
    merged = merge(li.id, bad.id, by="o", method="counter", now=NOW)
    assert (merged.name, merged.level, merged.verified_identity_number) == (
        "李四",
        2,
        OTHER_NUMBER,
    )


def test_a_merge_ends_the_dropped_accounts_sessions_and_an_end_reaches_all_ids(
    people: People,
) -> None:
    kept, dropped = people.zhang(), people.accounts.register(mobile=OTHER_MOBILE, now=NOW)
    sessions = Sessions(people.store)
    begin = partial(sessions.start, level=1, acr="urn:msb:aal:1", amr=("sms",), now=NOW)
    before, stays = begin(dropped.id), begin(kept.id)
    people.accounts.merge(kept.id, dropped.id, by="officer", method="counter", now=NOW)
    assert not sessions.is_live(before.sid, NOW)
    (entry,) = people.log("session.ended")
    assert entry.object_ == before.sid
    late = begin(dropped.id)  # of a program that still uses the old id
    everything = sorted([late.sid, stays.sid])
    assert [one.sid for one in sessions.of(kept.id, now=NOW)] == everything
    assert [one.sid for one in sessions.of(dropped.id, now=NOW)] == everything
    assert sessions.end_all(dropped.id, now=NOW) == 2


def test_an_old_number_of_15_digits_finds_and_gives_nobody_that_number(people: People) -> None:
    old = Identifier.of(IdentifierKind.IDENTITY_NUMBER, "110105491231002")
    register = people.accounts.register
    declared = register(mobile=OTHER_MOBILE, now=NOW)
    for call in (
        lambda: register(identity_number="110105491231002", method="counter", now=NOW),
        lambda: register(identifiers=[old], method="counter", now=NOW),
        lambda: people.accounts.link(declared.id, old, method="counter", now=NOW),
    ):
        assert code_of(call) == "old-number"
    zhang = people.zhang()
    assert people.accounts.find(old, now=NOW) == zhang
    assert old == NUMBER_ID


def test_two_proven_people_are_not_merged(people: People) -> None:
    zhang, li = people.zhang(), people.li()
    merge = people.accounts.merge
    assert code_of(lambda: merge(zhang.id, li.id, by="o", method="counter")) == "two-people"
    assert code_of(lambda: merge(zhang.id, zhang.id, by="o", method="counter")) == "same-account"
    assert code_of(lambda: merge(zhang.id, "nobody", by="o", method="counter")) == "no-account"
    assert people.accounts.get(li.id) == people.accounts.by_identity_number(OTHER_NUMBER)
    assert people.log("person.merged") == []


def test_of_two_numbers_the_proven_one_stays(people: People) -> None:
    declared = people.accounts.register(name="张三", identity_number=OTHER_NUMBER, now=NOW)
    zhang = people.zhang()
    merged = people.accounts.merge(declared.id, zhang.id, by="o", method="counter", now=NOW)
    assert (merged.id, merged.verified_identity_number, merged.level) == (declared.id, NUMBER, 4)
    assert people.accounts.by_identity_number(OTHER_NUMBER) is None


def test_merges_make_no_ring_and_are_followed_at_once(people: People) -> None:
    one, two, three = (
        people.accounts.register(identifiers=[phone(i)], now=NOW).id for i in range(3)
    )
    merge = people.accounts.merge
    merge(two, one, by="o", method="counter", now=NOW)
    assert code_of(lambda: merge(one, two, by="o", method="counter")) == "merged-elsewhere"
    merge(three, two, by="o", method="counter", now=NOW)
    again = merge(three, two, by="o", method="counter", now=NOW)  # as where the answer was lost
    assert {again.id} == {
        found.id for found in map(people.accounts.get, (one, two, three)) if found
    }
    for pair in ((one, three), (two, three), (one, two)):
        with pytest.raises(AccountRefused):
            merge(*pair, by="o", method="counter")
    with people.store.read() as connection:
        query = select(people_table.c.merged_into).where(people_table.c.id != three)
        assert set(connection.scalars(query)) == {three}
    assert [person.id for person in people.accounts.page()] == [three]
    assert len(people.log("person.merged")) == 2


def test_a_merge_that_fails_leaves_all_as_it_was(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    zhang = people.zhang()
    late = people.accounts.register(identifiers=[NETWORK], now=NOW)

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(people.audit, "record", fail)
    with pytest.raises(KeyboardInterrupt):
        people.accounts.merge(zhang.id, late.id, by="o", method="counter", now=NOW)
    monkeypatch.undo()
    assert people.accounts.get(late.id, now=NOW) == late
    assert people.accounts.get(zhang.id, now=NOW) == zhang


def test_an_identifier_moved_to_another_person_does_not_open(people: People) -> None:
    zhang, li = people.zhang(), people.li()
    people.accounts.unlink(li.id, OTHER_ID)
    with people.store.write() as connection:
        moved = identifiers.c.id == (
            select(func.min(identifiers.c.id))
            .where(identifiers.c.person_id == zhang.id, identifiers.c.kind == "identity_number")
            .scalar_subquery()
        )
        connection.execute(update(identifiers).where(moved).values(person_id=li.id))
    with pytest.raises(ProtectionError):
        people.accounts.by_identity_number(NUMBER)


def test_pages_go_by_key(people: People) -> None:
    ids = sorted(people.accounts.register(identifiers=[phone(i)], now=NOW).id for i in range(5))
    pages = [people.accounts.page(limit=2)]
    while pages[-1]:
        pages.append(people.accounts.page(after=pages[-1][-1].id, limit=2))
    assert [[person.id for person in page] for page in pages] == [ids[:2], ids[2:4], ids[4:], []]
    for limit in (0, 1_001):
        with pytest.raises(ValueError, match="page"):
            people.accounts.page(limit=limit)


def test_a_level_falls_when_its_evidence_ends(people: People) -> None:
    zhang = people.accounts.register(
        name="张三", identity_number=NUMBER, method="two-factor", now=NOW
    )
    with people.store.write() as connection:
        ends = int((NOW + timedelta(days=1)).timestamp())
        connection.execute(update(evidence).values(expires_at=ends))
    levels = []
    for moment in (timedelta(0), timedelta(hours=24, seconds=-1), timedelta(hours=24)):
        found = people.accounts.get(zhang.id, now=NOW + moment)
        assert found is not None
        levels.append(found.level)
    assert levels == [2, 2, 1]


def test_keys_are_replaced_under_people_while_they_are_used(people: People) -> None:
    zhang = people.accounts.link(people.zhang().id, PASSPORT, now=NOW)
    people.protector.rotate()
    for sealed in SEALED:
        list(reseal(people.store, people.protector, sealed, page=1))
    assert start_rebuild(people.store, people.protector) == 2
    other = People.open(people.url, people.keys)
    assert other.accounts.find(PASSPORT, now=NOW) == zhang
    assert code_of(lambda: other.accounts.register(identifiers=[PASSPORT])) == "known"
    li = people.li()  # written under the new version
    assert code_of(lambda: other.accounts.link(li.id, PASSPORT)) == "held-by-another"
    other.accounts.unlink(li.id, OTHER_ID)
    other.accounts.merge(zhang.id, li.id, by="o", method="counter", now=NOW)
    for sealed in SEALED:
        if sealed.index is not None:
            list(rebuild(people.store, people.protector, sealed, page=1))
    assert finish_rebuild(people.store, people.protector) == [1]
    found = other.accounts.by_mobile(OTHER_MOBILE, now=NOW)
    assert found is not None
    assert replace(found, identifiers=()) == replace(zhang, identifiers=())
    other.store.close()
