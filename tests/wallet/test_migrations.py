"""The tables of all packages: made by migration from nothing, or brought up from older ones."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, inspect, text

from msb_identity.errors import StoreError
from msb_identity.foundation import protect
from msb_identity.foundation.audit.tables import AUDIT
from msb_identity.foundation.schema import IDENTITY, Schema, schema_of
from msb_identity.foundation.store import Store, migrate_store
from msb_seal.lifecycle.tables import LIFECYCLE
from msb_wallet.cli import main
from msb_wallet.folder import TABLES
from msb_wallet.licences.store import WALLET
from msb_wallet.scan.memory import CHECKER

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

EARLY = (IDENTITY, AUDIT, WALLET, CHECKER)
SCHEMAS = (*EARLY, LIFECYCLE)


def differences(connection: Connection) -> list[object]:
    """What autogeneration would change to come from the store to the declared tables."""
    declared, versions = MetaData(), {schema.version_table for schema in SCHEMAS}
    for metadata in TABLES:
        for table in metadata.sorted_tables:
            table.to_metadata(declared)

    def ours(_object: object, name: str | None, kind: str, *_: object) -> bool:
        return kind != "table" or name not in versions

    context = MigrationContext.configure(connection, opts={"include_object": ours})
    return list(compare_metadata(context, declared))


def test_migrations_make_what_is_declared(store_url: str) -> None:
    with closing(Store.open(store_url, *TABLES)) as store, store.read() as connection:
        assert differences(connection) == []


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_the_newest_migration_is_the_one_that_is_asked_for(schema: Schema) -> None:
    revisions = schema.revisions()
    assert (revisions[0], revisions[-1]) == (f"{schema.name}_1", schema.newest)


def test_every_table_belongs_to_a_schema() -> None:
    assert {schema_of(metadata) for metadata in TABLES} == {*SCHEMAS}


def test_one_room_s_tables_bring_those_of_its_package_and_no_others(store_url: str) -> None:
    with closing(Store.open(store_url, protect.metadata)) as store, store.read() as connection:
        found = {*inspect(connection).get_table_names()}
    assert {"people", "sessions", "data_keys"} <= found
    assert "licences" not in found


def test_a_current_store_is_opened_without_writing(store_url: str) -> None:
    with (
        closing(Store.open(store_url, *TABLES)) as store,
        store.write() as writer,  # nobody else could write now
    ):
        writer.execute(text("DELETE FROM people"))
        Store.open(store_url, *TABLES, existing=True).close()


def set_version(url: str, schema: Schema, version: str | None) -> None:
    with closing(Store.open(url)) as store, store.write() as connection:
        if version is None:
            connection.execute(text(f"DROP TABLE {schema.version_table}"))
        else:
            statement = f"UPDATE {schema.version_table} SET version_num = :it"  # noqa: S608 - ours
            connection.execute(text(statement), {"it": version})


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("migrate", [True, False])
def test_a_newer_store_is_refused(store_url: str, *, existing: bool, migrate: bool) -> None:
    Store.open(store_url, *TABLES).close()
    set_version(store_url, WALLET, "wallet_9999")
    with pytest.raises(StoreError, match="newer"):
        Store.open(store_url, *TABLES, existing=existing, migrate=migrate)


def test_a_database_without_our_tables_is_no_store(store_url: str) -> None:
    with closing(Store.open(store_url)) as store, store.write() as connection:
        connection.execute(text("CREATE TABLE theirs (x INTEGER)"))
    for migrate in (True, False):
        with pytest.raises(StoreError, match="no store"):
            Store.open(store_url, *TABLES, existing=True, migrate=migrate)
    with closing(Store.open(store_url)) as store, store.read() as connection:
        assert inspect(connection).get_table_names() == ["theirs"]


def early_store(url: str) -> None:
    """Tables of the time before migrations: the first ones, without a version."""
    with closing(Store.open(url)) as store, store.write() as connection:
        for schema in EARLY:
            schema.migrate(connection, f"{schema.name}_1")
            connection.execute(text(f"DROP TABLE {schema.version_table}"))
        connection.execute(
            text(
                "INSERT INTO sessions"
                " (sid, subject, level, acr, amr, auth_time, expires_at, device)"
                " VALUES ('s', 'p', 2, 'a', 'sms', 1, 2, '')"
            )
        )


def test_an_early_store_is_migrated_only_when_asked_and_keeps_its_rows(store_url: str) -> None:
    early_store(store_url)
    with pytest.raises(StoreError, match="must be migrated"):
        Store.open(store_url, *TABLES)
    assert migrate_store(store_url, *TABLES) == {s.name: s.newest for s in SCHEMAS}
    with (
        closing(Store.open(store_url, *TABLES, existing=True)) as store,
        store.read() as connection,
    ):
        assert differences(connection) == []
        assert connection.scalar(text("SELECT subject FROM sessions")) == "p"


def test_a_migration_that_fails_leaves_all_as_it_was(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    early_store(store_url)
    migrate = Schema.migrate

    def fail_in_the_middle(self: Schema, connection: Connection) -> None:
        migrate(self, connection)
        if self is WALLET:
            raise KeyboardInterrupt

    monkeypatch.setattr(Schema, "migrate", fail_in_the_middle)
    with pytest.raises(KeyboardInterrupt):
        migrate_store(store_url, *TABLES)
    monkeypatch.undo()
    with pytest.raises(StoreError, match="must be migrated"):
        Store.open(store_url, *TABLES)
    migrate_store(store_url, *TABLES)


def test_the_command_migrates_the_store_of_a_data_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    early_store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    assert main(["--data", str(tmp_path), "store", "migrate"]) == 0
    assert f"wallet: {WALLET.newest}" in capsys.readouterr().out
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as store:
        assert store.execute("SELECT count(*) FROM sessions").fetchone() == (1,)


def test_the_command_makes_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path / "none"), "store", "migrate"]) == 2
    assert "there is no store" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
