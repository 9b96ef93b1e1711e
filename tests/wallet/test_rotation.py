"""Keys are replaced while everything goes on: nothing is lost, nobody has two accounts."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, text, update

from msb_identity.errors import AccountRefused, ProtectionError, StoreError
from msb_identity.foundation.profile import Profile
from msb_identity.foundation.protect import Place, Protector, data_keys, index_versions
from msb_identity.foundation.rotation import (
    SealedTable,
    finish_rebuild,
    rebuild,
    reseal,
    start_rebuild,
)
from msb_identity.foundation.secret_ring import SecretRing
from msb_identity.foundation.store import Store
from msb_identity.people import Accounts, records
from msb_identity.pki.keys import KeyKind, generate_key
from msb_wallet.cli import main
from msb_wallet.folder import TABLES
from msb_wallet.licences import issue
from msb_wallet.licences.issue import Issuer
from msb_wallet.licences.store import licences, list_by_holder
from tests.wallet.conftest import NOW as SHOWN
from tests.wallet.conftest import assert_valid
from tests.wallet.support_licences import AUTHORITY, NAME, NUMBER, PREFIX, TYPE, good_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import MetaData

    from tests.wallet.conftest import World

OTHER_NUMBER = "440524188001010014"
PLACE = Place("t", "c", "1")


@dataclass
class Office:
    """A store with accounts and licences, as one process sees it."""

    store: Store
    keys: Path
    protector: Protector
    accounts: Accounts
    issuer: Issuer

    @classmethod
    def open(cls, url: str, keys: Path, profile: Profile = Profile.INTERNATIONAL) -> Office:
        store = Store.open(url, *TABLES)
        protector = Protector.from_folder(store, keys, profile=profile)
        issuer = Issuer(
            store,
            protector,
            type_=TYPE,
            authority=AUTHORITY,
            key=generate_key(KeyKind.P256),
            status_prefix=PREFIX,
        )
        return cls(store, keys, protector, Accounts(store, protector), issuer)

    def register(self, number: str = NUMBER, mobile: str = "13800138000") -> None:
        self.accounts.register(
            name=NAME, identity_number=number, mobile=mobile, level=2, method="counter"
        )

    def holds(self, number: str = NUMBER) -> int:
        with self.store.read() as connection:
            indexes = self.accounts.holder_indexes(connection, number)
            return len(list_by_holder(connection, indexes))


@pytest.fixture(scope="module")
def store_tables() -> Sequence[MetaData]:
    return TABLES


@pytest.fixture
def url_and_keys(prepared_url: str, tmp_path: Path) -> tuple[str, Path]:
    return prepared_url, tmp_path / "keys"


@pytest.fixture
def office(url_and_keys: tuple[str, Path]) -> Iterator[Office]:
    opened = Office.open(*url_and_keys)
    opened.register()
    for i in range(7):
        opened.issuer.issue(good_row(f"蒙K01{i:09d}"))
    yield opened
    opened.store.close()


@pytest.fixture
def other(office: Office, url_and_keys: tuple[str, Path]) -> Iterator[Office]:
    """Another process with the same keys, started before anything was replaced."""
    opened = Office.open(*url_and_keys)
    yield opened
    opened.store.close()
    assert office.store is not opened.store


def test_old_values_open_after_a_rotation_and_new_ones_elsewhere(
    office: Office, other: Office
) -> None:
    old = office.protector.seal("old", PLACE)
    assert office.protector.rotate() == 2
    new = office.protector.seal("new", PLACE)
    assert (old[:5], new[:5]) == (b"\x01\0\0\0\x01", b"\x01\0\0\0\x02")
    for protector in (office.protector, other.protector):
        assert protector.open_text(old, PLACE) == "old"
        assert protector.open_text(new, PLACE) == "new"
    # Who has met the new key seals with it.
    assert other.protector.is_current(other.protector.seal("x", PLACE)[:5])
    assert other.protector.seal("x", PLACE)[4] == 2


@pytest.mark.parametrize(
    "sealed", [records.SEALED_IDENTIFIERS, issue.SEALED], ids=["people", "licences"]
)
def test_resealing_goes_by_pages_and_on_after_a_stop(office: Office, sealed: object) -> None:
    assert isinstance(sealed, SealedTable)
    office.protector.rotate()
    for progress in islice(reseal(office.store, office.protector, sealed, page=3), 1):
        assert progress.seen == progress.changed <= 3
    found = list(reseal(office.store, office.protector, sealed, page=3))
    total = found[-1].seen
    assert found[-1].changed == total - min(3, total)
    with office.store.read() as connection:
        for row in connection.execute(select(sealed.table)).mappings():
            assert all(office.protector.is_current(row[name]) for name in sealed.columns)
    assert list(reseal(office.store, office.protector, sealed))[-1].changed == 0
    person = office.accounts.by_identity_number(NUMBER)
    assert person is not None
    assert person.name == NAME


def test_a_key_encryption_key_is_replaced(
    office: Office, url_and_keys: tuple[str, Path], other: Office
) -> None:
    sealed = office.protector.seal("value", PLACE)
    office.protector.rotate()
    ring = office.protector.encryption_ring
    old = ring.get(1)
    assert ring.add() == 2
    assert office.protector.rewrap() == 2
    assert office.protector.rewrap() == 0
    ring.drop(1)
    with closing(Office.open(*url_and_keys).store):
        again = Office.open(*url_and_keys)
        assert again.protector.open_text(sealed, PLACE) == "value"
        again.store.close()
    # A process that knows only the old one reads the file again when it meets a new data key.
    assert other.protector.open_text(office.protector.seal("later", PLACE), PLACE) == "later"
    with pytest.raises(ProtectionError):
        Protector(office.store, encryption_key=old, index_key=old)


@pytest.mark.parametrize("number", [1, 2])
def test_both_profiles_open_each_others_values(
    office: Office, url_and_keys: tuple[str, Path], number: int
) -> None:
    gm = Office.open(*url_and_keys, profile=Profile.GM)
    values = {
        "aes": office.protector.seal("value", PLACE),
        "sm4": gm.protector.seal("value", PLACE),
    }
    assert (values["aes"][0], values["sm4"][0]) == (1, 2)
    for protector in (office.protector, gm.protector):
        for sealed in values.values():
            assert protector.open_text(sealed, PLACE) == "value"
            with pytest.raises(ProtectionError):
                protector.open(sealed, Place("t", "c", "2"))
            changed = bytearray(sealed)
            changed[-number] ^= 1
            with pytest.raises(ProtectionError):
                protector.open(bytes(changed), PLACE)
            other_version = bytes((3 - sealed[0],)) + sealed[1:]
            with pytest.raises(ProtectionError):
                protector.open(other_version, PLACE)
    # Each goes on sealing by its own profile, though the other's key is newer or older.
    assert office.protector.seal("x", PLACE)[0] == 1
    assert gm.protector.seal("x", PLACE)[0] == 2
    gm.store.close()


def test_a_store_of_the_gm_profile_has_nothing_else(store_url: str, tmp_path: Path) -> None:
    with closing(Store.open(store_url, *TABLES)) as store:
        protector = Protector.from_folder(store, tmp_path / "keys", profile=Profile.GM)
        with store.read() as connection:
            keys = connection.execute(select(data_keys)).all()
            versions = connection.execute(select(index_versions)).all()
            index = protector.indexes(connection).new("d", "v")
        assert [(row.algorithm, row.wrapped_with) for row in keys] == [("SM4-GCM", "SM4-GCM")]
        assert [tuple(row) for row in versions] == [(1, "HMAC-SM3")]
        assert index != protector.index("d", "v")


def test_a_data_key_of_another_algorithm_is_refused(office: Office) -> None:
    with office.store.write() as connection:
        connection.execute(update(data_keys).values(algorithm="SM4-GCM"))
    with pytest.raises(ProtectionError):
        Protector.from_folder(office.store, office.keys, profile=Profile.GM)


def test_two_rows_ciphertexts_swapped_do_not_open(office: Office) -> None:
    office.register(OTHER_NUMBER, "13900139000")
    with office.store.write() as connection:
        first, second = connection.execute(text("SELECT id, name FROM people")).all()
        for row, name in ((first, second.name), (second, first.name)):
            connection.execute(
                text("UPDATE people SET name = :name WHERE id = :id"), {"name": name, "id": row.id}
            )
    for row in (first, second):
        with pytest.raises(ProtectionError):
            office.accounts.get(row.id)


def rebuild_all(office: Office) -> None:
    for sealed in (records.SEALED_IDENTIFIERS, issue.SEALED):
        list(rebuild(office.store, office.protector, sealed, page=3))


def test_indexes_are_rebuilt_while_in_use(office: Office, other: Office) -> None:
    assert start_rebuild(office.store, office.protector) == 2
    again = good_row("蒙K01000000003")

    def everything_goes_on() -> None:
        for one in (office, other):
            assert one.accounts.by_identity_number(NUMBER) is not None
            assert one.accounts.by_mobile("13800138000") is not None
            assert one.holds() == 7
            assert not one.issuer.issue(again).new
            with pytest.raises(AccountRefused):
                one.register()
            with pytest.raises(AccountRefused):
                one.register(OTHER_NUMBER)

    everything_goes_on()
    with pytest.raises(ProtectionError, match="rebuild them first"):
        finish_rebuild(office.store, office.protector)
    for _ in islice(rebuild(office.store, office.protector, issue.SEALED, page=3), 1):
        everything_goes_on()
    # Whoever was already running writes under the new key from now on.
    other.issuer.issue(good_row("蒙K01000000100", CZZTDM=OTHER_NUMBER))
    assert start_rebuild(other.store, other.protector) == 2
    rebuild_all(office)
    everything_goes_on()
    assert finish_rebuild(office.store, office.protector) == [1]
    everything_goes_on()
    assert SecretRing.open(office.keys / "index.key").versions == (2,)
    assert office.holds(OTHER_NUMBER) == 1
    with office.store.read() as connection:
        assert {*connection.scalars(select(licences.c.index_version))} == {2}
        assert not office.protector.indexes(connection).several


def test_a_machine_without_the_new_index_key_refuses_to_work(
    office: Office, tmp_path: Path, url_and_keys: tuple[str, Path]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    for path in office.keys.iterdir():
        (elsewhere / path.name).write_bytes(path.read_bytes())
        (elsewhere / path.name).chmod(0o600)
    remote = Office.open(url_and_keys[0], elsewhere)
    start_rebuild(office.store, office.protector)
    for call in (remote.register, remote.holds, lambda: remote.issuer.issue(good_row())):
        with pytest.raises(ProtectionError, match="version 2"):
            call()
    (elsewhere / "index.key").write_bytes((office.keys / "index.key").read_bytes())
    assert remote.holds() == 7
    remote.store.close()


def test_places_in_status_lists_do_not_depend_on_keys_that_are_replaced(office: Office) -> None:
    before = office.protector.derived_key("status-index")
    start_rebuild(office.store, office.protector)
    rebuild_all(office)
    finish_rebuild(office.store, office.protector)
    again = Protector.from_folder(office.store, office.keys)
    assert again.derived_key("status-index") == before
    assert again.index("limits", "x") == office.protector.index("limits", "x")


def test_a_store_of_the_time_before_keeps_its_marks(office: Office) -> None:
    """Then one key made both marks and indexes."""
    early = (office.keys / "index.key").read_bytes()
    (office.keys / "marks.key").unlink()
    with pytest.raises(ProtectionError, match=r"marks\.key is missing"):
        Protector.from_folder(office.store, office.keys)
    with office.store.write() as connection:
        connection.execute(index_versions.delete())
    Protector.from_folder(office.store, office.keys)
    assert (office.keys / "marks.key").read_bytes() == early


@pytest.mark.parametrize(
    "content",
    [b"", b"x" * 31, b"{}", b'{"format":"MSB-secrets-1","secrets":{}}',
     b'{"format":"MSB-secrets-1","secrets":{"1":"00"}}',
     b'{"format":"MSB-secrets-1","secrets":{"01":"' + b"00" * 32 + b'"}}',
     b'{"format":"MSB-secrets-1","secrets":{"0":"' + b"00" * 32 + b'"}}',
     b'{"format":"MSB-secrets-1","secrets":["' + b"00" * 32 + b'"]}',
     b'{"format":"MSB-secrets-2","secrets":{"1":"' + b"00" * 32 + b'"}}'],
)  # fmt: skip
def test_a_key_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "index.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(StoreError, match=r"index\.key"):
        SecretRing.open(path)


def test_the_newest_version_of_a_secret_is_not_dropped(tmp_path: Path) -> None:
    ring = SecretRing.open(tmp_path / "a.key")
    first = ring.get(1)
    with pytest.raises(ProtectionError):
        ring.drop(1)
    assert SecretRing.open(tmp_path / "a.key").add() == 2
    assert ring.get(2) != first  # seen without opening it again
    ring.drop(1)
    assert SecretRing.open(tmp_path / "a.key").versions == (2,)
    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("secret", ["data", "encryption", "index"])
def test_the_command_replaces_a_key_under_people_and_licences(
    world: World, capsys: pytest.CaptureFixture[str], secret: str
) -> None:
    assert main(["--data", str(world.path), "store", "rotate", secret]) == 0
    told = capsys.readouterr().out
    if secret != "encryption":
        assert "person_identifiers: 2 rows, 2 changed" in told
        assert "licences: 2 rows, 2 changed" in told
    cards = world.pack.cards(world.holder, now=SHOWN)
    assert {card.identifier for card in cards} == {*world.licences.values()}
    assert_valid(world.verifier(online=True).scan(world.online(), now=SHOWN))


def test_the_command_makes_no_folder(tmp_path: Path) -> None:
    assert main(["--data", str(tmp_path / "none"), "store", "rotate", "data"]) == 2
    assert not (tmp_path / "none").exists()
