from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import (
    URL,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from msb_identity.errors import StoreError
from msb_identity.foundation.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.identity.conftest import Race

metadata = MetaData()
counters = Table(
    "counters",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("value", Integer, nullable=False),
)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    opened = Store.open(store_url, metadata)
    yield opened
    opened.close()


def values(store: Store) -> dict[str, int]:
    with store.read() as connection:
        return {row.name: row.value for row in connection.execute(select(counters))}


def test_what_was_written_is_there_when_opened_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a' / 'b' / 'store.sqlite'}"  # folders are made
    for value in (1, 2):
        store = Store.open(url, metadata)
        with store.write() as connection:
            connection.execute(insert(counters).values(name=str(value), value=value))
        store.close()
    store = Store.open(url, metadata)
    assert values(store) == {"1": 1, "2": 2}
    store.close()


def test_an_error_undoes_the_whole_transaction(store: Store) -> None:
    with pytest.raises(RuntimeError):
        add_and_fail(store)
    assert values(store) == {}
    with pytest.raises(IntegrityError):
        add_twice(store, "a")
    assert values(store) == {}


def add_and_fail(store: Store) -> None:
    with store.write() as connection:
        connection.execute(insert(counters).values(name="a", value=1))
        raise RuntimeError


def add_twice(store: Store, name: str) -> None:
    with store.write() as connection:
        for _ in range(2):
            connection.execute(insert(counters).values(name=name, value=1))


def test_nothing_is_kept_of_what_a_reader_writes(store: Store) -> None:
    with store.read() as connection:
        connection.execute(insert(counters).values(name="a", value=1))
    assert values(store) == {}


def test_a_reader_sees_one_state(store: Store) -> None:
    with store.read() as reader:
        assert reader.scalar(select(func.count()).select_from(counters)) == 0
        with store.write() as writer:
            writer.execute(insert(counters).values(name="a", value=1))
        assert reader.scalar(select(func.count()).select_from(counters)) == 0
    assert values(store) == {"a": 1}


def test_commits_are_on_disk_when_they_return(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}", metadata)
    with store.read() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 2  # FULL
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    store.close()


def test_a_connection_that_wrote_begins_its_next_reading_as_a_reader(store: Store) -> None:
    """The pool gives the same connection again: it must not go on taking the write lock."""
    with store.write() as connection:
        connection.execute(insert(counters).values(name="a", value=1))
    with store.read() as reader:
        assert reader.scalar(select(counters.c.value)) == 1
        with store.write() as connection:  # would wait for the lock, and fail
            connection.execute(update(counters).values(value=2))


def test_threads_lose_no_write(store: Store) -> None:
    with store.write() as connection:
        connection.execute(insert(counters).values(name="a", value=0))

    def add() -> None:
        for _ in range(20):
            with store.write() as connection:
                value = connection.scalar(select(counters.c.value))
                connection.execute(update(counters).values(value=(value or 0) + 1))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values(store) == {"a": 80}


ADD = """
from sqlalchemy import text
from msb_identity.foundation.store import Store
store = Store.open(arguments[0])
go()
for _ in range(100):
    with store.write() as connection:
        # read, think, write: without the lock at the start, two would read the same value
        value = connection.scalar(text("SELECT value FROM counters WHERE name = 'a'"))
        connection.execute(text("UPDATE counters SET value = :value WHERE name = 'a'"),
                           {"value": value + 1})
store.close()
print("done")
"""


def test_processes_lose_no_write(store_url: str, store: Store, race: Race) -> None:
    with store.write() as connection:
        connection.execute(insert(counters).values(name="a", value=0))
    assert race(ADD, store_url, processes=3) == ["done"] * 3
    assert values(store) == {"a": 300}


OPEN = """
from sqlalchemy import Column, Integer, MetaData, Table, text
from msb_identity.foundation.store import Store
metadata = MetaData()
Table("counters", metadata, Column("value", Integer))
go()
store = Store.open(arguments[0], metadata)
with store.write() as connection:
    connection.execute(text("INSERT INTO counters VALUES (1)"))
store.close()
print("done")
"""


@pytest.mark.parametrize("_round", range(3))
def test_processes_may_make_one_store_at_once(store_url: str, race: Race, _round: int) -> None:
    assert race(OPEN, store_url, processes=4) == ["done"] * 4
    store = Store.open(store_url)
    with store.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM counters")) == 4
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "store.sqlite",
        "sqlite",
        "sqlite://host/store",
        "nosuchdatabase:///x",
        "sqlite+nosuchdriver:///x",
        "sqlite:////proc/none/store.sqlite",
        "sqlite:////dev/null/store.sqlite",
        "postgresql://user:hunter2@host/db",
        "mysql://user:hunter2@host/db",
        "postgresql://user:hunter2@host:port/db",
        "user:hunter2@host",
        "sqlite+aiosqlite:///x",  # a driver that is not installed
        "sqlite:///x?timeout=hunter2",
    ],
)
def test_a_url_that_opens_nothing_is_a_store_error_without_its_password(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError) as refused:
        Store.open(url, metadata)
    assert "hunter2" not in str(refused.value)


def test_a_file_that_is_no_database_is_a_store_error(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"this is no database, and longer than the head of one" * 40)
    with pytest.raises(StoreError):
        Store.open(f"sqlite:///{path}", metadata)
    assert path.read_bytes().startswith(b"this is no database")


def test_an_error_in_a_statement_does_not_show_its_values(store: Store) -> None:
    with pytest.raises(IntegrityError) as refused:
        add_twice(store, "secret")
    assert "secret" not in str(refused.value)


def test_a_store_opened_for_reading_is_never_written(store_url: str) -> None:
    Store.open(store_url, metadata).close()
    store = Store.open(store_url, metadata, read_only=True)
    assert values(store) == {}
    with pytest.raises(StoreError), store.write() as connection:
        connection.execute(insert(counters).values(name="a", value=1))
    assert values(store) == {}
    store.close()
    other = MetaData()
    Table("others", other, Column("name", String(20), primary_key=True))
    with pytest.raises(StoreError):
        Store.open(store_url, other, read_only=True)


@pytest.mark.parametrize("content", [b"", b"SQLite format", b"nonsense" * 100, None])
def test_what_is_no_database_stays_as_it_is(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "store.sqlite"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    for options in ({"existing": True}, {"read_only": True}):
        with pytest.raises(StoreError, match="no store"):
            Store.open(f"sqlite:///{file}", **options)
    assert [*tmp_path.iterdir()] == [file]
    assert content is None or file.read_bytes() == content


@pytest.mark.parametrize("name", ["store.sqlite", "a b?c#d%41&é.sqlite"])
def test_a_copy_that_nobody_can_write_is_read_without_files_beside_it(
    tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    url = URL.create("sqlite", database=str(file))
    store = Store.open(url, metadata)
    with store.write() as connection:
        connection.execute(insert(counters).values(name="a", value=1))
    kept = tmp_path / "kept" / name
    kept.parent.mkdir()
    log = file.with_name(f"{name}-wal")
    for path in (file, log):  # while it is in use: the row is in the log of writes
        (kept.parent / path.name).write_bytes(path.read_bytes())
    store.close()
    kept.chmod(0o444)
    file.chmod(0o444)
    for place, database in ((kept, url.set(database=str(kept))), (file, url)):
        copy = Store.open(database, read_only=True)
        assert values(copy) == {"a": 1}
        beside = [path.name for path in place.parent.iterdir() if path.is_file()]
        copy.close()
        if place == file:
            assert beside == [name]
