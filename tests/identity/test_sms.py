from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from msb_identity.errors import IdentifierRefused, SignInRefused, StepUpRequired
from msb_identity.signin.hashing import HashCost, Hasher
from msb_identity.signin.limits import microseconds
from msb_identity.signin.passwords import Passwords
from msb_identity.signin.sms import ConsoleSender, SmsSignIn, sms_codes
from msb_identity.signin.stepup import require
from msb_identity.sso.subjects import StoredSubjects
from tests.identity.conftest import plain

if TYPE_CHECKING:
    from datetime import datetime

    from tests.identity.conftest import Race, World

HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"
UNKNOWN = "13900139000"
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


def request(world: World, now: datetime | None = None, *, address: str = HOME) -> str:
    world.sms.request_code(world.mobile, address=address, now=now or world.now)
    return world.sender.last_code


def refusal(
    world: World, code: str, *, mobile: str = "", address: str = HOME, now: datetime | None = None
) -> SignInRefused:
    with pytest.raises(SignInRefused) as refused:
        world.sms.sign_in(mobile or world.mobile, code, address=address, now=now or world.now)
    return refused.value


def request_refusal(
    world: World, mobile: str, now: datetime, *, address: str = HOME
) -> SignInRefused:
    with pytest.raises(SignInRefused) as refused:
        world.sms.request_code(mobile, address=address, now=now)
    return refused.value


def other_than(code: str, number: int = 1) -> str:
    return f"{(int(code) + number) % 1_000_000:06d}"


def test_a_code_to_a_number_that_was_only_declared_brings_none_of_the_level(world: World) -> None:
    """Mistyped at a counter, or given to another since: the holder need not be the person."""
    person, hasher = world.register(), Hasher(HashCost(time=1, memory_kib=64, lanes=1))
    passwords = Passwords(world.store, world.protector, world.accounts, hasher=hasher)
    passwords.set(person.id, "a wide sky over grass", now=world.now)
    code = request(world)
    session = world.sms.sign_in(world.mobile, code, address=HOME, now=world.now)
    assert (session.level, session.is_tentative) == (0, True)
    with pytest.raises(StepUpRequired) as needed:
        require(session, level=1, now=world.now)
    assert ("pwd",) in needed.value.ways
    with pytest.raises(SignInRefused) as refused:
        passwords.reset(session, "another wide sky", now=world.now)
    assert refused.value.code == "sign-in-again"
    subjects = StoredSubjects(world.accounts)
    assert subjects.level(session, now=world.now) == 0
    held = world.accounts.get(person.id)
    assert held is not None
    assert sorted(one.is_verified for one in held.identifiers) == [False, True]
    # Something else of the account's gives the level, and then a code proves the number.
    both = passwords.sign_in(
        world.mobile, "a wide sky over grass", address=HOME, session=session, now=world.now
    )
    assert (both.sid, both.level) == (session.sid, 3)
    later = world.now + 2 * MINUTE
    code = request(world, now=later)
    world.sms.sign_in(world.mobile, code, address=HOME, session=both, now=later)
    late = later + 2 * MINUTE
    alone = world.sms.sign_in(world.mobile, request(world, now=late), address=HOME, now=late)
    assert alone.level == 3


def test_a_code_proves_the_number_of_whom_nothing_else_is_known(world: World) -> None:
    person = world.accounts.register(name="李四", mobile=world.mobile, now=world.now)
    session = world.sms.sign_in(world.mobile, request(world), address=HOME, now=world.now)
    assert (session.level, session.is_tentative) == (1, False)
    held = world.accounts.get(person.id)
    assert held is not None
    assert held.identifiers[0].verified_method == "sms"


def test_the_right_code_makes_a_session(world: World) -> None:
    person = world.register_proven()
    code = request(world)
    session = world.sms.sign_in(
        world.mobile, code, address=HOME, device="Firefox \x1b[31m 微信", now=world.now + MINUTE
    )
    assert session.subject == person.id
    assert (session.level, session.acr, session.amr) == (3, "urn:msb:aal:1", ("sms",))
    assert session.auth_time == world.now + MINUTE
    assert session.device == "Firefox [31m 微信"
    assert world.sessions.get(session.sid) == plain(session)


def test_the_message_goes_to_the_number_and_holds_the_code_in_both_languages(world: World) -> None:
    world.register()
    code = request(world)
    ((mobile, text),) = world.sender.sent
    assert mobile == world.mobile
    assert f"验证码 {code}" in text
    assert f"code is {code}" in text


def test_codes_are_six_digits_and_differ(world: World) -> None:
    world.register()
    codes = {request(world, world.now + i * 2 * MINUTE, address=f"192.0.2.{i}") for i in range(8)}
    assert all(len(code) == 6 and code.isascii() and code.isdigit() for code in codes)
    assert len(codes) > 6


def test_a_code_works_once(world: World) -> None:
    world.register()
    code = request(world)
    world.sms.sign_in(world.mobile, code, address=HOME, now=world.now)
    assert refusal(world, code).code == "code-refused"


@pytest.mark.parametrize(
    ("age", "good"),
    [
        (timedelta(0), True),
        (5 * MINUTE - timedelta(microseconds=1), True),
        (5 * MINUTE, False),
        (6 * MINUTE, False),
    ],
)
def test_a_code_lives_exactly_five_minutes(world: World, age: timedelta, good: bool) -> None:  # noqa: FBT001
    world.register()
    code = request(world)
    if good:
        world.sms.sign_in(world.mobile, code, address=HOME, now=world.now + age)
    else:
        assert refusal(world, code, now=world.now + age).code == "code-refused"


def test_a_new_code_replaces_the_old_one(world: World) -> None:
    world.register()
    old = request(world)
    new = request(world, world.now + MINUTE)
    if old != new:
        assert refusal(world, old, now=world.now + MINUTE).code == "code-refused"
    world.sms.sign_in(world.mobile, new, address=HOME, now=world.now + MINUTE)


def test_a_code_dies_with_its_fifth_wrong_try_wherever_they_come_from(world: World) -> None:
    world.register()
    code = request(world)
    for i in range(5):
        wrong = refusal(world, other_than(code, i + 1), address=f"198.51.100.{i}")
        assert wrong.code == "code-refused"
    assert refusal(world, code).code == "code-refused"


def test_a_code_lives_through_four_wrong_tries(world: World) -> None:
    world.register()
    code = request(world)
    for i in range(4):
        refusal(world, other_than(code, i + 1), address=f"198.51.100.{i}")
    world.sms.sign_in(world.mobile, code, address=HOME, now=world.now)


def test_a_code_belongs_to_its_number(world: World) -> None:
    world.register()
    code = request(world)
    world.accounts.register(
        name="李四", identity_number="440524188001010014", mobile=UNKNOWN, level=1, method="self"
    )
    assert refusal(world, code, mobile=UNKNOWN).code == "code-refused"
    world.sms.request_code(UNKNOWN, address=HOME, now=world.now)
    assert refusal(world, code, mobile=UNKNOWN).code == "code-refused"


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "１２３４５６", "\ud800" * 6, "١٢٣٤٥٦", " ", "a" * 10_000]
)
def test_what_is_no_code_is_a_wrong_code(world: World, code: str) -> None:
    world.register()
    request(world)
    assert refusal(world, code).code == "code-refused"


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(code=st.text(max_size=8), address=st.ip_addresses().map(str))
def test_no_text_but_the_code_signs_in(world: World, code: str, address: str) -> None:
    if world.accounts.by_mobile(world.mobile) is None:
        world.register()
        request(world)
    if code != world.sender.last_code:
        assert refusal(world, code, address=address).code in {"code-refused", "too-many-tries"}


def test_a_right_code_is_not_looked_at_while_the_pair_must_wait(world: World) -> None:
    world.register()
    code = request(world)
    for i in range(3):
        refusal(world, other_than(code, i + 1))
    error = refusal(world, code)
    assert (error.code, error.retry_after) == ("too-many-tries", 2 * MINUTE)
    almost = world.now + 2 * MINUTE - SECOND
    assert refusal(world, code, now=almost).retry_after == SECOND
    world.sms.sign_in(world.mobile, code, address=HOME, now=world.now + 2 * MINUTE)


def test_an_attacker_at_one_address_does_not_lock_the_owner_out(world: World) -> None:
    """All day long wrong codes come from one address; the owner signs in every hour."""
    world.register()
    now = world.now
    for _ in range(10):
        code = request(world, now)
        for minute in range(5):
            for i in range(5):
                refusal(
                    world, other_than(code, i + 1), address=ELSEWHERE, now=now + minute * MINUTE
                )
        # 60 s is the longest that failures elsewhere can hold him up.
        world.sms.sign_in(
            world.mobile, code, address=HOME, now=now + 5 * MINUTE - timedelta(microseconds=1)
        )
        now += timedelta(hours=1)


def test_a_crowd_of_addresses_is_slowed(world: World) -> None:
    world.register()
    code = request(world)
    for i in range(20):
        refusal(world, other_than(code, i + 1), address=f"198.51.100.{i}")
    error = refusal(world, other_than(code), address="198.51.100.99")
    assert error.code == "too-many-tries"
    assert error.retry_after is not None
    assert error.retry_after <= MINUTE


def test_one_address_that_tries_many_numbers_is_slowed(world: World) -> None:
    for i in range(60):
        refusal(world, "123456", mobile=f"139001390{i:02d}", address=ELSEWHERE)
    assert (
        refusal(world, "123456", mobile="13900139099", address=ELSEWHERE).code == "too-many-tries"
    )
    assert refusal(world, "123456", mobile="13900139099").code == "code-refused"


def test_one_address_that_asks_codes_for_many_numbers_is_slowed(world: World) -> None:
    for i in range(60):
        world.sms.request_code(f"139001390{i:02d}", address=ELSEWHERE, now=world.now)
    error = request_refusal(world, "13900138000", world.now, address=ELSEWHERE)
    assert error.retry_after == MINUTE
    world.sms.request_code("13900138000", address=HOME, now=world.now)


def test_signing_in_forgives_earlier_mistakes(world: World) -> None:
    world.register()
    for hour in range(3):
        now = world.now + timedelta(hours=hour)
        code = request(world, now)
        for i in range(2):
            refusal(world, other_than(code, i + 1), now=now)
        world.sms.sign_in(world.mobile, code, address=HOME, now=now)


def test_signing_in_forgives_the_codes_asked_for_from_there_but_not_the_days_ten(
    world: World,
) -> None:
    world.register()
    for hour in range(11):  # the first as a stranger, ten as the owner
        now = world.now + timedelta(hours=hour)
        world.sms.sign_in(world.mobile, request(world, now), address=HOME, now=now)
    assert request_refusal(world, world.mobile, world.now + timedelta(hours=11)).retry_after == (
        timedelta(hours=14)
    )


def test_codes_come_one_a_minute(world: World) -> None:
    world.register()
    request(world)
    error = request_refusal(world, world.mobile, world.now + 59 * SECOND, address=ELSEWHERE)
    assert (error.code, error.retry_after) == ("too-many-requests", SECOND)
    assert len(world.sender.sent) == 1
    request(world, world.now + MINUTE)
    assert len(world.sender.sent) == 2


def test_a_refused_request_leaves_the_code_alone(world: World) -> None:
    world.register()
    code = request(world)
    request_refusal(world, world.mobile, world.now + SECOND)
    world.sms.sign_in(world.mobile, code, address=HOME, now=world.now + SECOND)


def test_a_number_gets_ten_codes_a_day_and_five_from_one_address(world: World) -> None:
    world.register()
    for i in range(5):
        request(world, world.now + i * MINUTE, address=ELSEWHERE)
    late = world.now + 6 * MINUTE
    assert (
        request_refusal(world, world.mobile, late, address=ELSEWHERE).retry_after
        == DAY - 6 * MINUTE
    )
    for i in range(5):  # the other half of the day is left to the owner
        request(world, late + i * MINUTE)
    error = request_refusal(world, world.mobile, world.now + 20 * MINUTE, address="203.0.113.1")
    assert error.retry_after == DAY - 20 * MINUTE
    request(world, world.now + DAY, address="203.0.113.1")


def test_an_unknown_number_is_answered_like_a_known_one(world: World) -> None:
    """The same calls at the same times give the same answers, whoever is registered."""
    world.register()
    answers: dict[str, list[object]] = {world.mobile: [], UNKNOWN: []}
    for mobile, said in answers.items():
        for minute in (0, 0, 1, 2, 3, 4, 5, 6, 7, 1500):
            now = world.now + minute * MINUTE
            try:
                # mypy: the answer is None, and that is what is compared
                said.append(world.sms.request_code(mobile, address=mobile, now=now))  # type: ignore[func-returns-value]
            except SignInRefused as error:
                said.append((error.code, error.zh, error.en, str(error), error.retry_after))
            for code in ("no", "12345", "", "no", "no"):
                wrong = refusal(world, code, mobile=mobile, address=mobile, now=now)
                said.append((wrong.code, wrong.zh, wrong.en, str(wrong), wrong.retry_after))
    assert answers[world.mobile] == answers[UNKNOWN]
    assert {mobile for mobile, _ in world.sender.sent} == {world.mobile}


def test_both_numbers_leave_the_same_rows(world: World) -> None:
    world.register()
    for mobile in (world.mobile, UNKNOWN):
        world.sms.request_code(mobile, address=mobile, now=world.now)
    with world.store.read() as connection:
        rows = connection.execute(select(sms_codes)).all()
    assert len(rows) == 2
    assert {
        (len(row.mobile_index), len(row.code), row.tries, row.expires_at_us) for row in rows
    } == {(32, 32, 0, microseconds(world.now + 5 * MINUTE))}


def test_a_code_kept_for_one_number_is_no_good_for_another(world: World) -> None:
    """A code lifted in the database to another number's row does not sign in there."""
    world.register()
    code = request(world)
    world.sms.request_code(UNKNOWN, address=ELSEWHERE, now=world.now)
    index = world.accounts.mobile_index
    with world.store.write() as connection:
        mine = sms_codes.c.mobile_index == index(world.mobile)
        kept = connection.scalar(select(sms_codes.c.code).where(mine))
        theirs = sms_codes.c.mobile_index == index(UNKNOWN)
        connection.execute(update(sms_codes).where(theirs).values(code=kept))
    world.accounts.register(
        name="李四", identity_number="440524188001010014", mobile=UNKNOWN, level=1, method="self"
    )
    assert refusal(world, code, mobile=UNKNOWN).code == "code-refused"
    world.sms.sign_in(world.mobile, code, address=HOME, now=world.now)


def test_no_error_or_row_tells_number_or_code(world: World) -> None:
    world.register()
    code = request(world)
    wrong = other_than(code)
    errors = [refusal(world, wrong), request_refusal(world, world.mobile, world.now)]
    for text in (code, wrong, world.mobile):
        assert all(text not in f"{e}{e.zh}{e.en}{e.__cause__}" for e in errors)
        assert text.encode() not in world.bytes_on_disk()


def test_codes_that_nobody_used_are_removed(world: World) -> None:
    for i in range(60):
        world.sms.request_code(f"139001390{i:02d}", address=f"192.0.2.{i}", now=world.now)
    for i in range(2):
        later = world.now + timedelta(hours=1 + i)
        world.sms.request_code(world.mobile, address=HOME, now=later)
    with world.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(sms_codes)) == 1


@pytest.mark.parametrize("mobile", ["", "12345", "１3800138000", "\ud800"])
def test_what_is_no_mobile_number_is_refused_as_such(world: World, mobile: str) -> None:
    with pytest.raises(IdentifierRefused):
        world.sms.request_code(mobile, address=HOME)
    with pytest.raises(IdentifierRefused):
        world.sms.sign_in(mobile, "123456", address=HOME)


class FailingSender:
    def send(self, mobile: str, text: str) -> None:
        message = f"cannot reach {mobile}: {text}"
        raise ConnectionError(message)


def test_a_failing_sender_is_logged_without_number_or_code_and_answered_alike(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.register()
    failing = SmsSignIn(world.store, world.protector, world.accounts, FailingSender())
    with caplog.at_level(logging.DEBUG):
        failing.request_code(world.mobile, address=HOME, now=world.now)
    assert "ConnectionError" in caplog.text
    assert world.mobile not in caplog.text
    assert "验证码" not in caplog.text


def test_nothing_personal_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        world.register()
        code = request(world)
        refusal(world, other_than(code))
        world.sms.sign_in(world.mobile, code, address=HOME, now=world.now)
    for text in (world.name, world.number, world.mobile, code, HOME):
        assert text not in caplog.text


def test_the_console_sender_prints_one_bilingual_line_with_the_number_masked(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.register()
    console = SmsSignIn(world.store, world.protector, world.accounts, ConsoleSender())
    console.request_code(world.mobile, address=HOME, now=world.now)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "验证码" in err
    assert "sign-in code" in err
    assert "138****8000" in err
    assert world.mobile not in err


SIGN_IN = """
from datetime import datetime
from pathlib import Path
from msb_identity.errors import SignInRefused
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store
from msb_identity.people.accounts import Accounts
from msb_identity.signin.sms import ConsoleSender, SmsSignIn
url, keys, mobile, code, now = arguments
store = Store.open(url)
protector = Protector.from_folder(store, Path(keys))
sms = SmsSignIn(store, protector, Accounts(store, protector), ConsoleSender())
go()
answers = []
for _ in range(10):
    try:
        sms.sign_in(mobile, code, address="192.0.2.1", now=datetime.fromisoformat(now))
        answers.append("in")
    except SignInRefused as error:
        answers.append(error.code)
print(" ".join(answers))
"""


def test_two_processes_cannot_both_use_a_code(world: World, race: Race) -> None:
    world.register()
    for i in range(3):
        now = world.now + timedelta(days=i)
        code = request(world, now)
        keys = str(world.folder / "keys")
        results = race(SIGN_IN, world.url, keys, world.mobile, code, now.isoformat(), processes=3)
        assert " ".join(results).split().count("in") == 1, results


def test_processes_share_the_five_tries(world: World, race: Race) -> None:
    """Thirty wrong tries at once from one address: no more than its free ones are counted."""
    world.register()
    wrong = other_than(request(world))
    keys = str(world.folder / "keys")
    results = race(
        SIGN_IN, world.url, keys, world.mobile, wrong, world.now.isoformat(), processes=3
    )
    answers = " ".join(results).split()
    assert answers.count("code-refused") == 3
    assert answers.count("too-many-tries") == 27
