from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from msb_identity.errors import AccountRefused, IdentifierRefused, ProtectionError
from msb_identity.people.identifiers import IDENTITY_NUMBER_DOMAIN
from msb_identity.people.tables import people

if TYPE_CHECKING:
    from tests.identity.conftest import Race, World

OTHER_NUMBER, OTHER_MOBILE = "440524188001010014", "13900139000"


def test_a_person_is_found_by_number_by_mobile_and_by_id(world: World) -> None:
    person = world.register()
    assert (person.name, person.identity_number, person.mobile) == (
        "张三",
        world.number,
        world.mobile,
    )
    assert (person.level, person.level_method, person.level_time) == (3, "counter", world.now)
    assert world.accounts.by_identity_number(world.number.lower()) == person
    assert world.accounts.by_mobile("+86 " + world.mobile) == person
    assert world.accounts.get(person.id) == person


def test_nobody_is_found_who_is_not_there(world: World) -> None:
    assert world.accounts.by_identity_number(world.number) is None
    world.register()
    assert world.accounts.by_identity_number(OTHER_NUMBER) is None
    assert world.accounts.by_mobile(OTHER_MOBILE) is None
    assert world.accounts.get("") is None


def test_ids_are_random_and_say_nothing(world: World) -> None:
    first = world.register()
    second = world.accounts.register(
        name="李四", identity_number=OTHER_NUMBER, mobile=OTHER_MOBILE, level=1, method="self"
    )
    assert len(first.id) == len(second.id) == 26
    assert first.id != second.id


def test_the_licence_index_is_the_one_of_the_named_domain(world: World) -> None:
    assert IDENTITY_NUMBER_DOMAIN == "identity-number"
    with world.store.read() as connection:
        found = world.accounts.holder_indexes(connection, " " + world.number.lower())
        indexes = world.protector.indexes(connection)
    assert found == [indexes.new("identity-number", world.number)]
    assert found != [indexes.new("mobile-number", world.number)]


@pytest.mark.parametrize(
    ("number", "mobile"),
    [("11010519491231002x", OTHER_MOBILE), (OTHER_NUMBER, "+8613800138000")],
)
def test_one_number_and_one_mobile_have_one_account(world: World, number: str, mobile: str) -> None:
    person = world.register()
    with pytest.raises(AccountRefused) as refused:
        world.accounts.register(
            name="李四", identity_number=number, mobile=mobile, level=1, method="self"
        )
    shown = f"{refused.value}{refused.value.__cause__}"
    assert world.number not in shown
    assert world.mobile not in shown
    assert world.accounts.by_identity_number(world.number) == person
    assert world.accounts.by_mobile(OTHER_MOBILE) is None


def test_of_threads_that_register_one_person_one_succeeds(world: World) -> None:
    barrier, done = threading.Barrier(8), []

    def register() -> None:
        barrier.wait()
        try:
            world.register()
        except AccountRefused:
            done.append("refused")
        else:
            done.append("registered")

    threads = [threading.Thread(target=register) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == ["refused"] * 7 + ["registered"]


def test_of_processes_that_register_one_person_one_succeeds(world: World, race: Race) -> None:
    script = """
from pathlib import Path
from msb_identity.errors import AccountRefused
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store
from msb_identity.people.accounts import Accounts
store = Store.open(arguments[0])
accounts = Accounts(store, Protector.from_folder(store, Path(arguments[1])))
go()
try:
    accounts.register(name="张三", identity_number="11010519491231002X", mobile="13800138000",
                      level=1, method="self")
    print("registered")
except AccountRefused:
    print("refused")
"""
    results = race(script, world.url, str(world.folder / "keys"), processes=3)
    assert sorted(results) == ["refused", "refused", "registered"]


def test_the_database_shows_no_name_number_or_mobile(world: World) -> None:
    person = world.register()
    on_disk = world.bytes_on_disk()
    assert person.id.encode() in on_disk  # it is the right file, and the row is in it
    for text in (world.name, world.number, world.number[:17], world.mobile, world.mobile[3:]):
        assert text.encode() not in on_disk
        assert text.encode("utf-16-le") not in on_disk


def test_what_a_person_is_never_shows_in_a_repr(world: World) -> None:
    person = world.register()
    shown = f"{person!r} {person} {[person]}"
    assert person.id in shown
    for text in (world.name, world.number, world.mobile, "19491231"):
        assert text not in shown


def test_a_field_moved_to_another_person_does_not_open(world: World) -> None:
    first = world.register()
    second = world.accounts.register(
        name="李四", identity_number=OTHER_NUMBER, mobile=OTHER_MOBILE, level=1, method="self"
    )
    with world.store.write() as connection:
        moved = people.alias()
        lifted = moved.select().with_only_columns(moved.c.name).where(moved.c.id == first.id)
        connection.execute(
            update(people).where(people.c.id == second.id).values(name=lifted.scalar_subquery())
        )
    with pytest.raises(ProtectionError):
        world.accounts.get(second.id)


@pytest.mark.parametrize(
    "name", ["", "  ", "张\n三", "张\x00三", "\x1b[31m张三", "\ud800", "张" * 101]
)
def test_what_cannot_be_a_name_is_refused(world: World, name: str) -> None:
    with pytest.raises(AccountRefused):
        world.accounts.register(
            name=name, identity_number=world.number, mobile=world.mobile, level=1, method="self"
        )
    assert world.accounts.by_identity_number(world.number) is None


@pytest.mark.parametrize(
    ("number", "mobile"), [("110105194912310021", OTHER_MOBILE), (OTHER_NUMBER, "138")]
)
def test_numbers_that_cannot_be_right_are_refused(world: World, number: str, mobile: str) -> None:
    with pytest.raises(IdentifierRefused):
        world.accounts.register(
            name="王五", identity_number=number, mobile=mobile, level=1, method="self"
        )
    assert world.accounts.by_mobile(OTHER_MOBILE) is None


@pytest.mark.parametrize(("level", "method"), [(0, "self"), (5, "self"), (1, ""), (1, "x" * 41)])
def test_a_level_off_the_scale_or_without_a_method_is_a_mistake(
    world: World, level: int, method: str
) -> None:
    with pytest.raises(ValueError, match="level"):
        world.accounts.register(
            name="王五",
            identity_number=OTHER_NUMBER,
            mobile=OTHER_MOBILE,
            level=level,
            method=method,
        )
