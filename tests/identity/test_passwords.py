from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, select

from msb_identity.errors import AccountRefused, IdentifierRefused, PasswordRefused, SignInRefused
from msb_identity.foundation import strict_json
from msb_identity.foundation.rotation import reseal
from msb_identity.signin import passwords as passwords_module
from msb_identity.signin.hashing import HashCost, Hasher
from msb_identity.signin.password_policy import COMMON, PasswordPolicy, normal_form
from msb_identity.signin.passwords import Passwords, passwords
from msb_identity.signin.scan import ScanSignIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import Engine, MetaData

    from msb_identity.people import Person
    from tests.databases import PreparedFiles
    from tests.identity.conftest import World

HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"
UNKNOWN = "13900139000"
GOOD, OTHER = "天空很蓝，草原很大 7", "another-good-one"
MINUTE = timedelta(minutes=1)
CHEAP = HashCost(time=1, memory_kib=64, lanes=1)


class CountingHasher(Hasher):
    """Counts what it is asked to compare."""

    def __init__(self, cost: HashCost = CHEAP) -> None:
        super().__init__(cost)
        self.compared = 0

    def matches(self, kept: str | None, password: bytes) -> bool:
        self.compared += 1
        return super().matches(kept, password)


@pytest.fixture
def prepared_url(
    tmp_path: Path, prepared_files: PreparedFiles, store_tables: Sequence[MetaData]
) -> str:
    """On SQLite alone: what depends on the database is in test_sign_in_races.py."""
    return prepared_files.new(tmp_path / "store.sqlite", *store_tables)


def desk_of(world: World, hasher: Hasher | None = None) -> Passwords:
    return Passwords(world.store, world.protector, world.accounts, hasher=hasher or Hasher(CHEAP))


@pytest.fixture
def person(world: World) -> Person:
    made = world.register()
    desk_of(world).set(made.id, GOOD, now=world.now)
    return made


def refusal(world: World, password: str, name: str = "", **more: str) -> SignInRefused:
    with pytest.raises(SignInRefused) as refused:
        desk_of(world).sign_in(
            name or world.mobile, password, address=more.get("address", HOME), now=world.now
        )
    return refused.value


@pytest.mark.parametrize("name", ["13800138000", "+86 13800138000", "11010519491231002x"])
def test_the_right_password_makes_a_session_by_either_number(
    world: World, person: Person, name: str
) -> None:
    session = desk_of(world).sign_in(
        name, GOOD, address=HOME, device="Firefox", place="呼和浩特", now=world.now
    )
    assert (session.subject, session.level, session.amr) == (person.id, 3, ("pwd",))
    assert (session.acr, session.device, session.place) == ("urn:msb:aal:1", "Firefox", "呼和浩特")
    assert world.sessions.by_secret(session.secret, now=world.now) is not None


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize(
    "password", ["", "wrong", GOOD + " ", GOOD.upper() + "x", "\ud800", "\0", "x" * 100_000]
)
def test_another_password_is_refused(world: World, password: str) -> None:
    assert refusal(world, password).code == "password-refused"


@pytest.mark.usefixtures("person")
def test_full_width_digits_of_an_input_method_are_the_same_password(world: World) -> None:
    desk_of(world).sign_in(world.mobile, GOOD.replace("7", "７"), address=HOME, now=world.now)


def test_an_account_without_a_password_is_like_none(world: World) -> None:
    world.register()
    assert refusal(world, GOOD).code == refusal(world, GOOD, UNKNOWN).code == "password-refused"


@pytest.mark.parametrize("name", ["", "１３８００１３８０００", "110105194912310021", "\ud800"])
def test_what_can_be_nobodys_name_is_refused_as_such(world: World, name: str) -> None:
    with pytest.raises(IdentifierRefused):
        desk_of(world).sign_in(name, GOOD, address=HOME)


@contextmanager
def statements(world: World) -> Iterator[list[str]]:
    """Keep the texts of all statements, without the numbers of locks."""
    engine: Engine = world.store._engine  # noqa: SLF001 - to listen to it
    found: list[str] = []

    def keep(_connection: object, _cursor: object, text: str, *_: object) -> None:
        found.append(re.sub(r"-?\d{9,}", "LOCK", text))

    event.listen(engine, "before_cursor_execute", keep)
    yield found
    event.remove(engine, "before_cursor_execute", keep)


@pytest.mark.usefixtures("person")
def test_an_unknown_name_costs_the_same_work_and_gets_the_same_answer(world: World) -> None:
    """As many hashes, and the very same statements: nothing is left whose time could differ."""
    hasher = CountingHasher()
    desk = desk_of(world, hasher)
    seen: dict[str, tuple[list[str], list[object]]] = {}
    for name in (world.mobile, UNKNOWN):
        answers: list[object] = []
        with statements(world) as texts:
            for _ in range(7):  # past the free ones, too
                with pytest.raises(SignInRefused) as refused:
                    desk.sign_in(name, "wrong", address=name, now=world.now)
                error = refused.value
                answers.append((error.code, error.zh, error.en, str(error), error.retry_after))
        seen[name] = (texts, answers)
    assert seen[world.mobile] == seen[UNKNOWN]
    assert hasher.compared == 2 * 5


def test_nobodys_hash_costs_what_a_real_one_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher, costs = Hasher(CHEAP), []
    verify = hasher._argon2.verify  # noqa: SLF001 - to see what it is given

    def spy(kept: str, password: bytes) -> bool:
        costs.append(kept.split("$")[1:4] + [len(part) for part in kept.split("$")[4:]])
        return verify(kept, password)

    monkeypatch.setattr(hasher, "_argon2", type("Spy", (), {"verify": staticmethod(spy)}))
    real = Hasher(CHEAP).make(b"password")
    assert not hasher.matches(None, b"password")
    assert hasher.matches(real, b"password")
    assert costs[0] == costs[1]


def test_the_default_cost_is_that_of_rfc_9106() -> None:
    cost = HashCost()
    assert (cost.time, cost.memory_kib, cost.lanes) == (3, 64 * 1024, 4)
    assert Hasher(CHEAP).make(b"x").startswith("$argon2id$v=19$m=64,t=1,p=1$")


@pytest.mark.usefixtures("person")
def test_a_hash_of_older_parameters_is_made_anew_when_its_password_is_right(world: World) -> None:
    def kept() -> str:
        return desk_of(world)._kept(person_id) or ""  # noqa: SLF001 - what stands in the store

    found = world.accounts.by_mobile(world.mobile)
    assert found is not None
    person_id, dearer = found.id, Hasher(HashCost(time=2, memory_kib=128, lanes=1))
    old = kept()
    with pytest.raises(SignInRefused):
        desk_of(world, dearer).sign_in(world.mobile, "wrong", address=HOME, now=world.now)
    assert kept() == old
    for _ in range(2):
        desk_of(world, dearer).sign_in(world.mobile, GOOD, address=HOME, now=world.now)
        assert "m=128,t=2" in kept()


def test_hashes_are_made_with_no_transaction_open(
    world: World, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hash takes a tenth of a second: on SQLite nobody else could write so long."""
    hasher = Hasher(CHEAP)
    make, matches = hasher.make, hasher.matches

    def writing(hash_: Callable[..., object]) -> Callable[..., object]:
        def write_and_hash(*given: object) -> object:
            with world.store.write() as connection:  # would wait for an open one, and fail
                connection.execute(select(passwords))
            return hash_(*given)

        return write_and_hash

    monkeypatch.setattr(hasher, "make", writing(make))
    monkeypatch.setattr(hasher, "matches", writing(matches))
    desk = desk_of(world, hasher)
    desk.sign_in(world.mobile, GOOD, address=HOME, now=world.now)
    desk.set(person.id, OTHER, now=world.now)


def test_a_flood_makes_no_more_hashes_at_once_than_allowed() -> None:
    cost = HashCost(time=1, memory_kib=64, lanes=1, at_once=2, patience=timedelta(seconds=5))
    hasher, lock, most, running = Hasher(cost), threading.Lock(), [0], [0]
    verify = hasher._argon2.verify  # noqa: SLF001 - slowed down

    def slow(kept: str, password: bytes) -> bool:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        threading.Event().wait(0.02)
        with lock:
            running[0] -= 1
        return verify(kept, password)

    hasher._argon2 = type("Slow", (), {"verify": staticmethod(slow)})()  # noqa: SLF001
    threads = [threading.Thread(target=hasher.matches, args=(None, b"x")) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 2


def test_who_waits_too_long_for_a_hash_is_told_to_come_back() -> None:
    patience = timedelta(milliseconds=10)
    hasher = Hasher(HashCost(time=1, memory_kib=64, lanes=1, at_once=1, patience=patience))
    with hasher._turn(), pytest.raises(SignInRefused) as refused:  # noqa: SLF001 - takes the turn
        hasher.matches(None, b"x")
    assert (refused.value.code, refused.value.retry_after) == ("busy", patience)


@pytest.mark.usefixtures("person")
def test_a_flood_that_leaves_nothing_judged_uses_up_nobodys_tries(world: World) -> None:
    patience = timedelta(milliseconds=1)
    hasher = Hasher(HashCost(time=1, memory_kib=64, lanes=1, at_once=1, patience=patience))
    desk = desk_of(world, hasher)
    with hasher._turn():  # noqa: SLF001 - takes the turn
        for _ in range(8):
            with pytest.raises(SignInRefused) as refused:
                desk.sign_in(world.mobile, GOOD, address=HOME, now=world.now)
            assert refused.value.code == "busy"
    desk.sign_in(world.mobile, GOOD, address=HOME, now=world.now)


def test_a_password_set_during_a_sign_in_with_the_old_one_leaves_no_session(
    world: World, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, forgive = desk_of(world), Passwords._forgive  # noqa: SLF001 - between judging and session

    def set_meanwhile(self: Passwords, *given: object) -> None:
        forgive(self, *given)  # type: ignore[arg-type]
        desk_of(world).set(person.id, OTHER, now=world.now)

    monkeypatch.setattr(Passwords, "_forgive", set_meanwhile)
    with pytest.raises(SignInRefused) as refused:
        desk.sign_in(world.mobile, GOOD, address=HOME, now=world.now)
    assert refused.value.code == "changed-meanwhile"
    assert world.sessions.of(person.id, now=world.now) == []


def test_a_password_is_set_for_the_account_that_an_id_stands_for(
    world: World, person: Person
) -> None:
    other = world.accounts.register(mobile=UNKNOWN, now=world.now)
    world.accounts.merge(person.id, other.id, by="officer", method="counter", now=world.now)
    desk_of(world).set(other.id, OTHER, now=world.now)
    desk_of(world).sign_in(world.mobile, OTHER, address=HOME, now=world.now)
    with pytest.raises(AccountRefused):
        desk_of(world).set("nobody", OTHER, now=world.now)


def test_nothing_in_the_store_helps_to_guess(world: World, person: Person) -> None:
    disk = world.bytes_on_disk()
    assert b"argon2" not in disk
    assert GOOD.encode() not in disk
    assert (normal_form(GOOD) or b"") not in disk
    world.protector.rotate()
    (progress,) = reseal(world.store, world.protector, passwords_module.SEALED)
    assert progress.changed == 1
    assert desk_of(world).sign_in(world.mobile, GOOD, address=HOME, now=world.now).subject == (
        person.id
    )


def test_a_hash_moved_to_another_account_does_not_sign_in_there(
    world: World, person: Person
) -> None:
    other = world.accounts.register(name="李四", mobile=UNKNOWN, level=1, method="self")
    desk_of(world).set(other.id, OTHER, now=world.now)
    with world.store.write() as connection:
        mine = select(passwords.c.hash).where(passwords.c.subject == person.id)
        stolen = passwords.update().where(passwords.c.subject == other.id)
        connection.execute(stolen.values(hash=connection.scalar(mine)))
    with pytest.raises(Exception, match="does not open in its place"):
        desk_of(world).sign_in(UNKNOWN, GOOD, address=HOME, now=world.now)


def test_a_change_needs_the_old_one_and_ends_the_owners_other_sessions(
    world: World, person: Person
) -> None:
    desk = desk_of(world)
    here, there = (desk.sign_in(world.mobile, GOOD, address=HOME, now=world.now) for _ in range(2))
    with pytest.raises(SignInRefused) as refused:
        desk.change(here, "wrong", OTHER, address=HOME, now=world.now)
    assert refused.value.code == "password-refused"
    with pytest.raises(PasswordRefused):
        desk.change(here, GOOD, "short", address=HOME, now=world.now)
    assert world.sessions.is_live(there.sid, world.now)
    desk.change(here, GOOD, OTHER, address=HOME, now=world.now)
    assert world.sessions.is_live(here.sid, world.now)
    assert not world.sessions.is_live(there.sid, world.now)
    assert refusal(world, GOOD).code == "password-refused"
    assert desk.sign_in(world.mobile, OTHER, address=HOME, now=world.now).subject == person.id


@pytest.mark.usefixtures("person")
def test_a_stolen_session_cannot_guess_the_old_password_without_end(world: World) -> None:
    desk = desk_of(world)
    session = desk.sign_in(world.mobile, GOOD, address=HOME, now=world.now)
    codes = []
    for _ in range(8):
        with pytest.raises(SignInRefused) as refused:
            desk.change(session, "wrong", OTHER, address=ELSEWHERE, now=world.now)
        codes.append(refused.value.code)
    assert codes == ["password-refused"] * 5 + ["too-many-tries"] * 3
    # It is a counter of its own: signing in goes on.
    desk.sign_in(world.mobile, GOOD, address=ELSEWHERE, now=world.now)


def test_a_reset_needs_a_fresh_sign_in_by_something_else(world: World) -> None:
    desk = desk_of(world)
    desk.set(world.register_proven().id, GOOD, now=world.now)
    by_password = desk.sign_in(world.mobile, GOOD, address=HOME, now=world.now)
    world.sms.request_code(world.mobile, address=HOME, now=world.now)
    by_sms = world.sms.sign_in(world.mobile, world.sender.last_code, address=HOME, now=world.now)
    ended = desk.sign_in(world.mobile, GOOD, address=HOME, now=world.now)
    world.sessions.end(ended.sid, world.now)
    late = world.now + 11 * MINUTE
    for session, now in ((by_password, world.now), (by_sms, late)):
        with pytest.raises(SignInRefused) as refused:
            desk.reset(session, OTHER, now=now)
        assert refused.value.code == "sign-in-again"
    desk.reset(by_sms, OTHER, now=world.now + 9 * MINUTE)
    assert not world.sessions.is_live(by_password.sid, late)
    assert world.sessions.is_live(by_sms.sid, late)
    desk.sign_in(world.mobile, OTHER, address=HOME, now=late)


@pytest.mark.usefixtures("person")
def test_a_scan_of_ones_own_code_resets_no_password(world: World) -> None:
    """A thief of a fresh session can scan: it must give him no more than he has."""
    desk, scans = desk_of(world), ScanSignIn(world.store, world.protector)
    stolen = desk.sign_in(world.mobile, GOOD, address=HOME, now=world.now)
    shown = scans.begin(address=ELSEWHERE, now=world.now)
    scans.scan(shown.code, stolen, now=world.now)
    scans.confirm(shown.code, stolen, shown.number, now=world.now)
    scanned = scans.collect(shown.secret, address=ELSEWHERE, now=world.now)
    for amr in (scanned.amr, ("pwd", "mca"), ("mca",), ("pwd", "unheard-of")):
        with pytest.raises(SignInRefused) as refused:
            desk.reset(replace(scanned, amr=amr, times=()), OTHER, now=world.now)
        assert refused.value.code == "sign-in-again"


@pytest.mark.usefixtures("person")
def test_a_reset_needs_the_other_method_itself_to_be_fresh(world: World) -> None:
    desk, later = desk_of(world), world.now + 60 * MINUTE
    world.sms.request_code(world.mobile, address=HOME, now=world.now)
    by_sms = world.sms.sign_in(world.mobile, world.sender.last_code, address=HOME, now=world.now)
    both = desk.sign_in(world.mobile, GOOD, address=HOME, session=by_sms, now=later)
    with pytest.raises(SignInRefused) as refused:
        desk.reset(both, OTHER, now=later)
    assert refused.value.code == "sign-in-again"


def test_a_password_that_was_removed_signs_in_no_more(world: World, person: Person) -> None:
    desk = desk_of(world)
    assert desk.remove(person.id)
    assert not desk.remove(person.id)
    assert refusal(world, GOOD).code == "password-refused"


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "too-short"),
        ("九个字符的口令不够", "too-short"),
        ("x" * 129, "too-long"),
        ("contains\na line", "not-text"),
        ("lone \ud800 surrogate", "not-text"),
        ("1234567890", "common"),
        ("１２３４５６７８９０", "common"),
        ("WOAINI1314", "common"),
        ("aaaaaaaaaaaa", "common"),
        ("ababababab", "common"),
        ("0987654321", "common"),
        ("abcdefghijkl", "common"),
        ("poiuytrewq", "common"),
        ("11010519491231002X", "personal"),
        ("11010519491231002x", "personal"),
        ("19491231002X", "personal"),
        ("a13800138000", "personal"),
        ("张三李四王五赵六钱", "too-short"),
    ],
)
def test_a_bad_new_password_is_refused_by_its_rule(password: str, code: str) -> None:
    personal = ("张三", "11010519491231002X", "13800138000")
    with pytest.raises(PasswordRefused) as refused:
        PasswordPolicy().check(password, personal=personal)
    assert refused.value.code == code
    assert not password or password not in f"{refused.value}{refused.value.zh}"


@pytest.mark.parametrize(
    "password", ["correct horse battery", "我在草原上等你来喝奶茶", "kx7!pQ2m9z"]
)
def test_no_kinds_of_characters_are_asked_for(password: str) -> None:
    personal = ("张三", "11010519491231002X", "13800138000")
    assert PasswordPolicy().check(password, personal=personal) == password.encode("utf-8") or (
        "，" in password
    )


def test_the_list_of_common_ones_holds_none_that_length_refuses() -> None:
    assert all(len(one) >= PasswordPolicy().minimum for one in COMMON)
    assert all(one == one.casefold() for one in COMMON)
    with pytest.raises(ValueError, match="8"):
        PasswordPolicy(minimum=6)


def test_setting_checks_against_the_accounts_own_numbers(world: World) -> None:
    person = world.register()
    with pytest.raises(PasswordRefused) as refused:
        desk_of(world).set(person.id, world.number, now=world.now)
    assert refused.value.code == "personal"


def test_what_is_kept_of_an_attempt_is_no_password(world: World, person: Person) -> None:
    refusal(world, "my-real-secret-typed-wrong")
    history = desk_of(world)._desk.history.page(person.id)  # noqa: SLF001 - what was written
    assert b"my-real-secret" not in world.bytes_on_disk()
    assert "my-real-secret" not in strict_json.dump([one.outcome for one in history]).decode()
