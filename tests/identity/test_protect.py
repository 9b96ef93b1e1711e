from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from msb_identity.errors import ProtectionError
from msb_identity.foundation.protect import (
    Place,
    Protector,
    data_keys,
    mask_name,
    mask_number,
    mask_phone,
)

if TYPE_CHECKING:
    from tests.identity.conftest import Race, World

PLACE = Place("people", "name", "1")
KEY_A, KEY_B = b"a" * 32, b"b" * 32
same_world = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@same_world
@given(value=st.binary(max_size=300), table=st.text(), column=st.text(), row=st.text())
def test_what_was_sealed_opens_in_its_place(
    world: World, value: bytes, table: str, column: str, row: str
) -> None:
    place = Place(table, column, row)
    sealed = world.protector.seal(value, place)
    assert world.protector.open(sealed, place) == value
    assert len(sealed) == 1 + 4 + 12 + len(value) + 16


@same_world
@given(value=st.text())
def test_a_text_comes_back_as_it_was(world: World, value: str) -> None:
    assert world.protector.open_text(world.protector.seal(value, PLACE), PLACE) == value


@same_world
@given(a=st.tuples(st.text(), st.text(), st.text()), b=st.tuples(st.text(), st.text(), st.text()))
def test_no_two_places_open_each_others_values(
    world: World, a: tuple[str, str, str], b: tuple[str, str, str]
) -> None:
    sealed = world.protector.seal(b"value", Place(*a))
    if a != b:
        with pytest.raises(ProtectionError):
            world.protector.open(sealed, Place(*b))


@pytest.mark.parametrize(
    "place",
    [
        replace(PLACE, table="other"),
        replace(PLACE, column="mobile"),
        replace(PLACE, row="2"),
        Place("peoplename", "", "1"),
        Place("people", "name1", ""),
    ],
)
def test_another_place_does_not_open(world: World, place: Place) -> None:
    sealed = world.protector.seal("张三", PLACE)
    with pytest.raises(ProtectionError) as refused:
        world.protector.open(sealed, place)
    assert "张三" not in str(refused.value)


def test_no_bit_may_change(world: World) -> None:
    sealed = world.protector.seal("张三", PLACE)
    for position in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[position] ^= 1 << bit
            with pytest.raises(ProtectionError):
                world.protector.open(bytes(changed), PLACE)


def test_nothing_may_be_cut_off_or_added(world: World) -> None:
    sealed = world.protector.seal("张三", PLACE)
    for length in range(len(sealed)):
        with pytest.raises(ProtectionError):
            world.protector.open(sealed[:length], PLACE)
    with pytest.raises(ProtectionError):
        world.protector.open(sealed + b"\0", PLACE)


def test_equal_values_are_sealed_differently(world: World) -> None:
    assert len({world.protector.seal("张三", PLACE) for _ in range(100)}) == 100


def test_another_encryption_key_opens_nothing(world: World) -> None:
    Protector(world.store, encryption_key=(world.folder / "keys" / "encryption.key").read_bytes(),
              index_key=KEY_B)  # fmt: skip
    with pytest.raises(ProtectionError, match="data key 1"):
        Protector(world.store, encryption_key=KEY_A, index_key=KEY_B)


@pytest.mark.parametrize("key", [b"", b"x" * 16, b"x" * 31, b"x" * 33])
def test_a_key_of_another_length_is_refused(world: World, key: bytes) -> None:
    with pytest.raises(ProtectionError):
        Protector(world.store, encryption_key=key, index_key=KEY_B)
    with pytest.raises(ProtectionError):
        Protector(world.store, encryption_key=KEY_A, index_key=key)


def test_the_data_key_lies_in_the_store_only_wrapped(world: World) -> None:
    on_disk = world.bytes_on_disk()
    for name in ("encryption.key", "index.key"):
        assert (world.folder / "keys" / name).read_bytes() not in on_disk
    with world.store.read() as connection:
        query = select(data_keys.c.number, data_keys.c.wrapped)
        ((number, wrapped),) = connection.execute(query).all()
    assert (number, len(wrapped)) == (1, 12 + 32 + 16)


def test_a_changed_or_renumbered_data_key_is_refused(world: World) -> None:
    keys = world.folder / "keys"
    with world.store.write() as connection:
        wrapped = connection.scalar(select(data_keys.c.wrapped)) or b""
        changed = wrapped[:-1] + bytes([wrapped[-1] ^ 1])
        connection.execute(update(data_keys).values(wrapped=changed))
    with pytest.raises(ProtectionError):
        Protector.from_folder(world.store, keys)
    with world.store.write() as connection:
        connection.execute(update(data_keys).values(wrapped=wrapped, number=2))
    with pytest.raises(ProtectionError):
        Protector.from_folder(world.store, keys)


def test_a_field_of_a_data_key_that_is_gone_does_not_open(world: World) -> None:
    sealed = world.protector.seal("张三", PLACE)
    with world.store.write() as connection:
        connection.execute(delete(data_keys))
    fresh = Protector.from_folder(world.store, world.folder / "keys")
    with pytest.raises(ProtectionError):
        fresh.open(sealed, PLACE)


def test_a_protector_opened_later_opens_what_was_sealed(world: World) -> None:
    sealed = world.protector.seal("张三", PLACE)
    again = Protector.from_folder(world.store, world.folder / "keys")
    assert again.open_text(sealed, PLACE) == "张三"
    assert again.index("a", "x") == world.protector.index("a", "x")


FIRST_KEY = """
from pathlib import Path
from msb_identity.foundation import protect
from msb_identity.foundation.protect import Place, Protector
from msb_identity.foundation.store import Store
store = Store.open(arguments[0], protect.metadata)
go()
protector = Protector.from_folder(store, Path(arguments[1]))
print(protector.seal("value", Place("t", "c", "r")).hex(), protector.index("d", "value").hex())
"""


def test_processes_that_make_the_first_data_key_agree(world: World, race: Race) -> None:
    for i in range(3):
        with world.store.write() as connection:
            connection.execute(delete(data_keys))
        folder = world.folder / f"keys-{i}"
        results = [line.split() for line in race(FIRST_KEY, world.url, str(folder), processes=4)]
        opener = Protector.from_folder(world.store, folder)
        for sealed, _ in results:
            assert opener.open_text(bytes.fromhex(sealed), Place("t", "c", "r")) == "value"
        assert {index for _, index in results} == {opener.index("d", "value").hex()}


@same_world
@given(st.text(), st.text(), st.text(), st.text())
def test_an_index_is_equal_only_for_equal_values_in_one_domain(
    world: World, domain: str, value: str, other_domain: str, other_value: str
) -> None:
    index = world.protector.index
    assert len(index(domain, value)) == 32
    assert index(domain, value) == index(domain, value.encode())
    equal = (domain, value) == (other_domain, other_value)
    assert (index(domain, value) == index(other_domain, other_value)) is equal


def test_an_index_depends_on_the_index_key_alone(world: World) -> None:
    encryption_key = (world.folder / "keys" / "encryption.key").read_bytes()
    one = Protector(world.store, encryption_key=encryption_key, index_key=KEY_A)
    two = Protector(world.store, encryption_key=encryption_key, index_key=KEY_B)
    assert one.index("d", "v") != two.index("d", "v")
    assert one.derived_key("d") != one.derived_key("e") != KEY_A


@pytest.mark.parametrize(
    ("name", "masked"),
    [("", ""), ("张", "*"), ("张三", "张*"), ("张三三", "张*三"), ("张三三三", "张**三")],
)
def test_names_are_masked(name: str, masked: str) -> None:
    assert mask_name(name) == masked


@pytest.mark.parametrize(
    ("number", "masked"),
    [("11010519491231002X", "110105********002X"), ("1234567890", "*" * 10), ("", ""),
     ("12345678901", "123456*8901")],
)  # fmt: skip
def test_numbers_are_masked(number: str, masked: str) -> None:
    assert mask_number(number) == masked


@pytest.mark.parametrize(
    ("phone", "masked"),
    [("13800138000", "138****8000"), ("1380000", "*******"), ("13800001", "138*0001"), ("", "")],
)
def test_telephone_numbers_are_masked(phone: str, masked: str) -> None:
    assert mask_phone(phone) == masked


@given(st.text())
def test_a_mask_keeps_the_length_and_hides_something(text: str) -> None:
    for mask in (mask_name, mask_number, mask_phone):
        masked = mask(text)
        assert len(masked) == len(text)
        assert masked.count("*") >= min(len(text), 1)
