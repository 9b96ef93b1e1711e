"""A store of before this room: its people stay, found, opened and protected as they were."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from msb_identity.errors import AccountRefused
from msb_identity.foundation.protect import Place, Protector
from msb_identity.foundation.rotation import finish_rebuild, rebuild, reseal, start_rebuild
from msb_identity.foundation.schema import IDENTITY
from msb_identity.foundation.store import Store, migrate_store
from msb_identity.people import Accounts, Identifier, IdentifierKind
from msb_identity.tables import SEALED, TABLES

if TYPE_CHECKING:
    from pathlib import Path

THEN = datetime(2025, 6, 1, tzinfo=UTC)
PROOFED, DECLARED = "a" * 26, "b" * 26
ROWS = {
    PROOFED: ("张三", "11010519491231002X", "13800138000", 3, "counter"),
    DECLARED: ("李四", "440524188001010014", "13900139000", 1, "self"),
}


def old_store(url: str, keys: Path, index_version: int) -> None:
    """Make a store as identity_2 was, with two people under that version of the index key."""
    with closing(Store.open(url)) as store:
        with store.write() as connection:
            IDENTITY.migrate(connection, "identity_2")
        protector = Protector.from_folder(store, keys)
        for _ in range(1, index_version):
            start_rebuild(store, protector)
        with store.write() as connection:
            indexes = protector.indexes(connection)
            for person, (name, number, mobile, level, method) in ROWS.items():
                values = {"name": name, "identity_number": number, "mobile": mobile}
                sealed = {
                    column: protector.seal(value, Place("people", column, person))
                    for column, value in values.items()
                }
                row = {
                    "id": person,
                    **sealed,
                    "identity_number_index": indexes.new("identity-number", number),
                    "mobile_index": indexes.new("mobile-number", mobile),
                    "level": level,
                    "level_method": method,
                    "level_time": int(THEN.timestamp()),
                    "index_version": indexes.version,
                }
                names = ", ".join(row)
                places = ", ".join(f":{name}" for name in row)
                connection.execute(text(f"INSERT INTO people ({names}) VALUES ({places})"), row)  # noqa: S608 - ours


@pytest.mark.parametrize("index_version", [1, 2])
def test_people_of_an_older_store_are_what_they_were(
    store_url: str, tmp_path: Path, index_version: int
) -> None:
    old_store(store_url, tmp_path / "keys", index_version)
    migrate_store(store_url, *TABLES)
    with closing(Store.open(store_url, *TABLES, existing=True)) as store:
        protector = Protector.from_folder(store, tmp_path / "keys")
        accounts = Accounts(store, protector)
        zhang, li = accounts.get(PROOFED), accounts.get(DECLARED)
        assert zhang is not None
        assert li is not None
        assert (zhang.name, zhang.mobile, zhang.verified_identity_number) == (
            "张三",
            "13800138000",
            "11010519491231002X",
        )
        assert (zhang.level, zhang.level_method, zhang.level_time) == (3, "counter", THEN)
        assert (li.level, li.identity_number, li.verified_identity_number) == (
            1,
            "440524188001010014",
            None,
        )
        assert accounts.by_identity_number("11010519491231002x") == zhang
        assert accounts.by_mobile("13900139000") == li
        with pytest.raises(AccountRefused):
            accounts.register(identity_number="11010519491231002X")
        _protection_goes_on(store, protector, accounts)


def _protection_goes_on(store: Store, protector: Protector, accounts: Accounts) -> None:
    """Keys are replaced under rows that came over, and those rows are linked and merged."""
    protector.rotate()
    start_rebuild(store, protector)
    changed = {}
    for sealed in SEALED:
        name = sealed.table.name
        changed[name] = sum(page.changed for page in reseal(store, protector, sealed))
        if sealed.index is not None:
            list(rebuild(store, protector, sealed))
    assert (changed["people"], changed["person_identifiers"]) == (2, 4)
    finish_rebuild(store, protector)
    passport = Identifier.of(IdentifierKind.PASSPORT, "CHN:E12345678")
    late = accounts.register(identifiers=[passport])
    merged = accounts.merge(PROOFED, late.id, by="officer", method="counter")
    assert accounts.find(passport) == merged == accounts.by_mobile("13800138000")


def test_the_migration_leaves_nothing_of_people_behind(store_url: str, tmp_path: Path) -> None:
    old_store(store_url, tmp_path / "keys", 1)
    migrate_store(store_url, *TABLES)
    with closing(Store.open(store_url, *TABLES)) as store, store.read() as connection:
        assert set(connection.execute(text("SELECT * FROM people")).keys()) == {
            "id",
            "name",
            "merged_into",
        }
        for table, count in (("person_identifiers", 4), ("person_evidence", 2)):
            query = text(f"SELECT count(*) FROM {table}")  # noqa: S608 - ours
            assert connection.scalar(query) == count
