"""msb-identity store rotate: each key of protection, on a store with a person in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from msb_identity.cli import main
from msb_identity.foundation.profile import Profile
from msb_identity.foundation.protect import Protector, data_keys, index_versions
from msb_identity.foundation.secret_ring import SecretRing
from msb_identity.people import Accounts
from msb_identity.people.tables import identifiers, people

if TYPE_CHECKING:
    from pathlib import Path

    from tests.identity.conftest import World


def rotate(world: World, secret: str, *more: str) -> int:
    keys = str(world.folder / "keys")
    return main(["store", "rotate", secret, "--store", world.url, "--keys", keys, *more])


def found(world: World, profile: Profile = Profile.INTERNATIONAL) -> tuple[str, str]:
    """The person as a process sees them that starts now, by number and by telephone."""
    protector = Protector.from_folder(world.store, world.folder / "keys", profile=profile)
    accounts = Accounts(world.store, protector)
    by_number = accounts.by_identity_number(world.number)
    by_mobile = accounts.by_mobile(world.mobile)
    assert by_number is not None
    assert by_mobile is not None
    return by_number.name, by_mobile.name


def sealed_under(world: World) -> set[int]:
    with world.store.read() as connection:
        values = [
            *connection.scalars(select(people.c.name)),
            *connection.scalars(select(identifiers.c.value)),
        ]
    assert len(values) == 3
    return {int.from_bytes(value[1:5]) for value in values}


def count_of_keys(world: World) -> int:
    with world.store.read() as connection:
        return connection.scalar(select(func.count()).select_from(data_keys)) or 0


def test_a_data_key_is_replaced(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.register()
    assert sealed_under(world) == {1}
    assert rotate(world, "data") == 0
    assert "people: 1 rows, 1 changed" in capsys.readouterr().out
    assert sealed_under(world) == {2}
    assert found(world) == (world.name, world.name)


def test_what_was_stopped_goes_on_without_another_key(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.register()
    world.protector.rotate()
    for changed in (1, 0):
        assert rotate(world, "data", "--continue") == 0
        assert f"people: 1 rows, {changed} changed" in capsys.readouterr().out
        assert (sealed_under(world), count_of_keys(world)) == ({2}, 2)


def test_a_key_encryption_key_is_replaced(world: World) -> None:
    world.register()
    path = world.folder / "keys" / "encryption.key"
    old = path.read_bytes()
    assert rotate(world, "encryption") == 0
    assert SecretRing.open(path).versions == (2,)
    assert SecretRing.open(path).get(2) not in old
    with world.store.read() as connection:
        assert set(connection.scalars(select(data_keys.c.wrapping_key))) == {2}
    assert found(world) == (world.name, world.name)
    assert rotate(world, "encryption", "--continue") == 0
    assert SecretRing.open(path).versions == (2,)


def test_a_key_of_indexes_is_replaced(world: World) -> None:
    world.register()
    query = select(identifiers).order_by(identifiers.c.id)
    with world.store.read() as connection:
        before = connection.execute(query).mappings().all()
    assert rotate(world, "index") == 0
    with world.store.read() as connection:
        after = connection.execute(query).mappings().all()
        assert list(connection.scalars(select(index_versions.c.version))) == [2]
    assert SecretRing.open(world.folder / "keys" / "index.key").versions == (2,)
    for old, new in zip(before, after, strict=True):
        assert (old["index_version"], new["index_version"]) == (1, 2)
        changed = {name for name in old if old[name] != new[name]}
        assert changed == {"index_version", "value_index"}
    assert found(world) == (world.name, world.name)
    assert rotate(world, "index", "--continue") == 0
    assert SecretRing.open(world.folder / "keys" / "index.key").versions == (2,)


@pytest.mark.parametrize(
    ("secret", "file"), [("encryption", "encryption.key"), ("index", "index.key")]
)
def test_a_version_that_the_key_file_has_already_is_taken(
    world: World, secret: str, file: str
) -> None:
    world.register()
    assert SecretRing.open(world.folder / "keys" / file).add() == 2
    assert rotate(world, secret, "--continue") == 0
    assert SecretRing.open(world.folder / "keys" / file).versions == (2,)
    assert found(world) == (world.name, world.name)


def test_a_store_keeps_its_profile(world: World) -> None:
    protector = Protector.from_folder(world.store, world.folder / "keys", profile=Profile.GM)
    protector.rotate()
    assert rotate(world, "data") == 0
    with world.store.read() as connection:
        newest = select(data_keys.c.algorithm).order_by(data_keys.c.number.desc()).limit(1)
        assert connection.scalar(newest) == "SM4-GCM"


@pytest.mark.parametrize("secret", ["data", "encryption", "index"])
def test_without_its_keys_nothing_is_done(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], secret: str
) -> None:
    world.register()
    empty = tmp_path / "empty"
    empty.mkdir()
    command = ["store", "rotate", secret, "--store", world.url, "--keys", str(empty)]
    assert main(command) == 2
    assert "encryption.key" in capsys.readouterr().err
    assert list(empty.iterdir()) == []
    assert (sealed_under(world), count_of_keys(world)) == ({1}, 1)
