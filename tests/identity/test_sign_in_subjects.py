from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.errors import IdentifierRefused, SignInRefused
from msb_identity.people import Identifier, IdentifierKind
from msb_identity.people.departments import Departments
from msb_identity.people.firms import Firms
from msb_identity.people.staff import Staff
from msb_identity.signin.hashing import HashCost, Hasher
from msb_identity.signin.passwords import Passwords
from msb_identity.signin.sms import SmsSignIn
from msb_identity.signin.subjects import (
    FirmDirectory,
    PeopleDirectory,
    StaffByMobile,
    StaffDirectory,
    Subject,
)
from msb_identity.sso.sessions import Sessions, SubjectKind
from tests.identity.conftest import MOBILE

if TYPE_CHECKING:
    from msb_identity.people.staff import StaffMember
    from msb_identity.sso.sessions import NewSession
    from tests.identity.conftest import World

MOBILE_ID = Identifier.of(IdentifierKind.MOBILE, MOBILE)
HOME, GOOD = "192.0.2.1", "a wide sky over grass"
CODE = "91150100MA0N000000"


@pytest.fixture
def staff(world: World) -> Staff:
    return Staff(world.store, world.protector)


def employ(world: World, staff: Staff, number: str, person_id: str | None = None) -> StaffMember:
    department = Departments(world.store).add("行政审批局", now=world.now)
    return staff.register(
        number=number,
        name="李四",
        department_id=department.id,
        person_id=person_id,
        now=world.now,
    )


def test_a_persons_two_numbers_find_one_account_and_are_counted_apart(world: World) -> None:
    person = world.register()
    directory = PeopleDirectory(world.store, world.protector, world.accounts)
    assert directory.find(world.mobile) == directory.find(world.number) == person.id
    assert directory.mark(world.mobile) != directory.mark(world.number)
    assert directory.mark(world.number) == directory.mark(world.number.lower())
    assert directory.find("13900139000") is None
    assert directory.get(person.id) == Subject(person.id, SubjectKind.PERSON, 3)
    assert directory.get("nobody") is None
    assert {world.name, world.number, world.mobile} == {*directory.personal_texts(person.id)}
    assert directory.personal_texts("nobody") == ()


def test_who_leaves_during_a_sign_in_is_not_in(
    world: World, staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = employ(world, staff, "A1")
    directory = StaffDirectory(world.store, world.protector, staff)
    hasher = Hasher(HashCost(time=1, memory_kib=64, lanes=1))
    passwords = Passwords(world.store, world.protector, directory, hasher=hasher)
    passwords.set(member.id, GOOD, now=world.now)
    start = Sessions.start

    def leave_and_start(self: Sessions, *given: Any, **more: Any) -> NewSession:  # noqa: ANN401
        staff.leave(member.id, now=world.now)
        return start(self, *given, **more)

    monkeypatch.setattr(Sessions, "start", leave_and_start)
    with pytest.raises(SignInRefused) as refused:
        passwords.sign_in("a1", GOOD, address=HOME, now=world.now)
    assert refused.value.code == "changed-meanwhile"
    assert world.sessions.of(member.id, now=world.now) == []


def test_staff_sign_in_by_password_until_they_leave(world: World, staff: Staff) -> None:
    member = employ(world, staff, "A1")
    directory = StaffDirectory(world.store, world.protector, staff)
    hasher = Hasher(HashCost(time=1, memory_kib=64, lanes=1))
    passwords = Passwords(world.store, world.protector, directory, hasher=hasher)
    passwords.set(member.id, GOOD, now=world.now)
    made = passwords.sign_in("a1", GOOD, address=HOME, now=world.now)
    assert (made.subject, made.subject_kind, made.level) == (member.id, SubjectKind.STAFF, 0)
    found = world.sessions.get(made.sid)
    assert found is not None
    assert found.subject_kind is SubjectKind.STAFF
    staff.leave(member.id, now=world.now)
    assert not world.sessions.is_live(made.sid, world.now)
    for name in ("A1", "A2"):
        with pytest.raises(SignInRefused) as refused:
            passwords.sign_in(name, GOOD, address=HOME, now=world.now)
        assert refused.value.code == "password-refused"
    with pytest.raises(IdentifierRefused):
        passwords.sign_in("no number", GOOD, address=HOME, now=world.now)


def test_staff_sign_in_by_the_mobile_number_of_the_person_they_are(
    world: World, staff: Staff
) -> None:
    person = world.register()
    member = employ(world, staff, "A1", person.id)
    assert StaffByMobile(world.store, world.protector, staff).find(world.mobile) is None
    world.accounts.link(person.id, MOBILE_ID, method="sms", now=world.now)
    directory = StaffByMobile(world.store, world.protector, staff)
    sms = SmsSignIn(world.store, world.protector, directory, world.sender)
    sms.request_code(world.mobile, address=HOME, now=world.now)
    code = world.sender.last_code
    with pytest.raises(SignInRefused):  # a code of staff is no code of a person
        world.sms.sign_in(world.mobile, code, address=HOME, now=world.now)
    made = sms.sign_in(world.mobile, code, address=HOME, now=world.now)
    assert (made.subject, made.subject_kind) == (member.id, SubjectKind.STAFF)
    assert directory.find("13900139000") is None


def test_a_person_who_is_several_members_of_staff_says_which(world: World, staff: Staff) -> None:
    person = world.register_proven()
    members = [employ(world, staff, number, person.id) for number in ("A1", "A2")]
    directory = StaffByMobile(world.store, world.protector, staff)
    assert directory.find(world.mobile) is None
    staff.leave(members[0].id, now=world.now + timedelta(hours=1))
    assert directory.find(world.mobile) == members[1].id


def test_codes_go_to_no_staff_number_that_looks_like_a_mobile_number(
    world: World, staff: Staff
) -> None:
    employ(world, staff, "13900139000")
    directory = StaffDirectory(world.store, world.protector, staff)
    with pytest.raises(ValueError, match="mobile"):
        SmsSignIn(world.store, world.protector, directory, world.sender)


def test_a_firm_signs_in_until_it_is_closed(world: World) -> None:
    firms = Firms(world.store, world.accounts)
    directory = FirmDirectory(world.protector, firms)
    firm = firms.register(credit_code=CODE, name="示例公司", method="counter", now=world.now)
    assert directory.find(CODE.lower()) == firm.id
    assert directory.mark(CODE) == directory.mark(CODE.lower())
    assert directory.get(firm.id) == Subject(firm.id, SubjectKind.FIRM, 0)
    assert directory.personal_texts(firm.id) == ("示例公司", CODE)
    firms.close(firm.id, now=world.now)
    assert directory.get(firm.id) is None
