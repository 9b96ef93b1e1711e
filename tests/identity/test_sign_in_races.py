"""What must hold between processes and for floods, on both databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from msb_identity.errors import SignInRefused
from msb_identity.signin.challenge import Challenges
from msb_identity.signin.hashing import HashCost, Hasher
from msb_identity.signin.history import sign_ins
from msb_identity.signin.limits import limits
from msb_identity.signin.passwords import Passwords
from msb_identity.signin.scan import ScanSignIn

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.identity.conftest import Race, World

HOME = "192.0.2.1"
MANY = 100
"""Each attempt after these is like the one before: ten thousand give the same answer."""
GOOD = "a wide sky over grass"
MINUTE = timedelta(minutes=1)
HEAD = """
from datetime import datetime
from pathlib import Path
from msb_identity.errors import SignInRefused
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store
from msb_identity.people import Accounts
url, keys, now, *given = arguments
now = datetime.fromisoformat(now)
store = Store.open(url)
protector = Protector.from_folder(store, Path(keys))
def tell(count, act):
    answers = []
    for _ in range(count):
        try:
            answers.append(act() or "ok")
        except SignInRefused as error:
            answers.append(error.code)
    print(" ".join(answers))
"""


def run(world: World, race: Race, script: str, *given: str, processes: int = 2) -> list[str]:
    keys = str(world.folder / "keys")
    found = race(HEAD + script, world.url, keys, world.now.isoformat(), *given, processes=processes)
    return sorted(" ".join(found).split())


def at_once(act: Callable[[], str], *, threads: int = 4) -> list[str]:
    """Do it in several threads, each on a connection of its own; give the answers."""
    barrier = threading.Barrier(threads)

    def wait_and_act() -> str:
        barrier.wait()
        try:
            return act()
        except SignInRefused as error:
            return error.code

    with ThreadPoolExecutor(threads) as pool:
        return sorted(done.result() for done in [pool.submit(wait_and_act) for _ in range(threads)])


class FreeHasher(Hasher):
    """No hash at all: what is tested is who may try."""

    def matches(self, kept: str | None, password: bytes) -> bool:
        return kept is not None and password == GOOD.encode()


def desk_of(world: World) -> Passwords:
    hasher = FreeHasher(HashCost(time=1, memory_kib=64, lanes=1))
    return Passwords(world.store, world.protector, world.accounts, hasher=hasher)


def codes_of(world: World, tries: list[tuple[str, str, str]], now: datetime) -> dict[str, int]:
    """Try name, password and address in turn; count the answers."""
    desk, found = desk_of(world), dict[str, int]()
    for name, password, address in tries:
        try:
            desk.sign_in(name, password, address=address, now=now)
            code = "ok"
        except SignInRefused as error:
            code = error.code
        found[code] = found.get(code, 0) + 1
    return found


PASSWORD = """
from msb_identity.signin.hashing import HashCost, Hasher
from msb_identity.signin.passwords import Passwords
hasher = Hasher(HashCost(time=1, memory_kib=64, lanes=1))
desk = Passwords(store, protector, Accounts(store, protector), hasher=hasher)
go()
tell(6, lambda: desk.sign_in(given[0], "wrong", address="192.0.2.1", now=now).acr)
"""


def test_passwords_guessed_in_parallel_are_never_more_than_the_tries_allowed(
    world: World, race: Race
) -> None:
    world.register()
    answers = run(world, race, PASSWORD, world.mobile)
    assert answers == ["password-refused"] * 5 + ["too-many-tries"] * 7


CODE = """
from msb_identity.signin.sms import ConsoleSender, SmsSignIn
sms = SmsSignIn(store, protector, Accounts(store, protector), ConsoleSender())
addresses = iter(range(100))
def guess():
    address = f"198.51.{given[1]}.{next(addresses)}"
    return sms.sign_in(given[0], "wrong", address=address, now=now).acr
go()
tell(10, guess)
"""


def test_a_code_guessed_in_parallel_from_everywhere_dies_at_its_fifth_try(
    world: World, race: Race
) -> None:
    world.register()
    world.sms.request_code(world.mobile, address=HOME, now=world.now)
    answers = run(world, race, CODE, world.mobile, "100", processes=2)
    assert answers == ["code-refused"] * 20
    later = world.now + MINUTE  # when nobody must wait, the right one
    with pytest.raises(SignInRefused) as refused:
        world.sms.sign_in(world.mobile, world.sender.last_code, address=HOME, now=later)
    assert refused.value.code == "code-refused"


def test_a_challenge_is_used_by_one_answer(world: World) -> None:
    challenges = Challenges(world.store, world.protector)
    made = challenges.make(audience="https://id.example", address=HOME, now=world.now)

    def answer() -> str:
        return challenges.use_up(
            made.nonce, audience="https://id.example", purpose="sign-in", now=world.now
        )

    assert at_once(answer) == ["ok", "unknown", "unknown", "unknown"]


def test_each_step_of_a_scan_is_taken_once(world: World) -> None:
    scans = ScanSignIn(world.store, world.protector)
    app = world.sessions.start("someone", level=3, acr="a", amr=("sms",), now=world.now)
    shown = scans.begin(address=HOME, now=world.now)

    def scan() -> str:
        return f"{len(scans.scan(shown.code, app, now=world.now).choices)}"

    def confirm() -> str:
        scans.confirm(shown.code, app, shown.number, now=world.now)
        return "ok"

    def collect() -> str:
        return scans.collect(shown.secret, address=HOME, now=world.now).acr

    for act, done in ((scan, "3"), (confirm, "ok"), (collect, "a")):
        assert at_once(act) == sorted([done, *["scan-refused"] * 3])
    assert len(world.sessions.of("someone", now=world.now)) == 2


def test_sessions_raised_at_once_lose_no_method(world: World) -> None:
    made = world.sessions.start("someone", level=3, acr="a", amr=("sms",), now=world.now)
    methods = iter(["x0", "x1", "x2", "x3"])

    def strengthen() -> str:
        method = next(methods)
        world.sessions.strengthen(made.sid, level=3, acr="a", amr=(method,), now=world.now)
        return method

    assert at_once(strengthen) == ["x0", "x1", "x2", "x3"]
    found = world.sessions.get(made.sid)
    assert found is not None
    assert {*found.amr} == {"sms", "x0", "x1", "x2", "x3"}


def test_any_number_of_tries_on_one_account_from_one_address_are_five(world: World) -> None:
    world.register()
    found = codes_of(world, [(world.mobile, "wrong", HOME)] * MANY, world.now)
    assert found == {"password-refused": 5, "too-many-tries": MANY - 5}


def test_a_crowd_of_addresses_on_one_account_is_slowed_to_one_a_minute(world: World) -> None:
    world.register()
    tries = [(world.mobile, "wrong", f"198.{i // 250 % 250}.{i % 250}.1") for i in range(MANY)]
    found = codes_of(world, tries, world.now)
    assert found == {"password-refused": 20, "too-many-tries": MANY - 20}
    assert codes_of(world, tries, world.now + 10 * MINUTE) == {
        "password-refused": 1,
        "too-many-tries": MANY - 1,
    }


def test_one_address_on_many_accounts_is_slowed_and_nobody_else_is(world: World) -> None:
    person = world.register()
    desk_of(world).set(person.id, GOOD, now=world.now)
    tries = [(f"139{i:08d}", "wrong", "198.51.100.7") for i in range(MANY)]
    assert codes_of(world, tries, world.now) == {
        "password-refused": 60,
        "too-many-tries": MANY - 60,
    }
    assert codes_of(world, [(world.mobile, GOOD, HOME)], world.now) == {"ok": 1}


def test_many_addresses_on_many_accounts_leave_a_bounded_number_of_rows(world: World) -> None:
    for day in range(4):
        tries = [(f"139{day}{i:07d}", "wrong", f"198.51.{i}.{day}") for i in range(15)]
        assert codes_of(world, tries, world.now + timedelta(days=2 * day)) == {
            "password-refused": 15
        }
    with world.store.read() as connection:
        rows = connection.scalar(select(func.count()).select_from(limits))
        history = connection.scalar(select(func.count()).select_from(sign_ins))
    assert rows is not None
    assert rows == 3 * 15  # the last day's
    assert history == 50  # of nobody's, as many as of anybody's


def test_the_owner_at_a_known_address_gets_in_while_a_crowd_never_stops(world: World) -> None:
    person = world.register()
    desk = desk_of(world)
    desk.set(person.id, GOOD, now=world.now)
    desk.sign_in(world.mobile, GOOD, address=HOME, now=world.now)
    for hour in (1, 2):
        now = world.now + timedelta(hours=hour)
        crowd = [(world.mobile, "wrong", f"198.51.{hour}.{i}") for i in range(40)]
        codes_of(world, crowd, now)
        assert codes_of(world, [(world.mobile, GOOD, "203.0.113.9")], now) == {"too-many-tries": 1}
        assert codes_of(world, [(world.mobile, GOOD, HOME)], now) == {"ok": 1}
        # and asks for codes, though strangers have used up theirs
        for i in range(12):
            world_requests(world, f"198.51.{hour}.{i}", now)
        before = len(world.sender.sent)
        world.sms.request_code(world.mobile, address=HOME, now=now + 2 * MINUTE)
        assert len(world.sender.sent) == before + 1
        code = world.sender.last_code
        world.sms.sign_in(world.mobile, code, address=HOME, now=now + 2 * MINUTE)


def world_requests(world: World, address: str, now: datetime) -> None:
    """A stranger asks for a code in the owner's name."""
    with suppress(SignInRefused):
        world.sms.request_code(world.mobile, address=address, now=now)


def test_right_passwords_use_up_nobodys_tries(world: World) -> None:
    """A service hall: hundreds sign in from one address within an hour."""
    person = world.register()
    desk_of(world).set(person.id, GOOD, now=world.now)
    assert codes_of(world, [(world.mobile, GOOD, HOME)] * 100, world.now) == {"ok": 100}


def test_a_known_address_has_no_more_tries_than_any_other(world: World) -> None:
    person = world.register()
    desk_of(world).set(person.id, GOOD, now=world.now)
    codes_of(world, [(world.mobile, GOOD, HOME)], world.now)
    found = codes_of(world, [(world.mobile, "wrong", HOME)] * 50, world.now)
    assert found == {"password-refused": 5, "too-many-tries": 45}
    assert codes_of(world, [(world.mobile, GOOD, HOME)], world.now) == {"too-many-tries": 1}


def test_passwords_and_codes_are_counted_apart(world: World) -> None:
    world.register()
    codes_of(world, [(world.mobile, "wrong", HOME)] * 10, world.now)
    world.sms.request_code(world.mobile, address=HOME, now=world.now)
    world.sms.sign_in(world.mobile, world.sender.last_code, address=HOME, now=world.now)
