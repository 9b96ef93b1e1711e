"""What goes wrong beneath a store: each a clear StoreError, nothing lost, nothing done twice."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url

from msb_identity.errors import StoreError
from msb_identity.foundation import databases, protect
from msb_identity.foundation.audit import Audit, check_audit
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store
from msb_identity.pki.keys import KeyKind, generate_key
from msb_wallet.folder import TABLES
from msb_wallet.licences.issue import Issuer
from msb_wallet.licences.rows import NumberedRow
from msb_wallet.licences.store import licence_status, licences
from tests.databases import plain
from tests.support import missing, run_race
from tests.wallet.support_licences import AUTHORITY, NOW, PREFIX, TYPE, good_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.databases import Cluster, Server

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[[], Cluster]) -> Cluster:
    """A server that these tests may stop."""
    return make_cluster()


@pytest.fixture
def running(cluster: Cluster) -> Iterator[str]:
    with cluster.database() as url:
        yield url


def desk(store: Store, folder: Path) -> Issuer:
    return Issuer(
        store,
        Protector.from_folder(store, folder / "keys"),
        type_=TYPE,
        authority=AUTHORITY,
        key=generate_key(KeyKind.P256),
        status_prefix=PREFIX,
    )


def rows(count: int) -> Iterator[NumberedRow]:
    for i in range(count):
        yield NumberedRow(i + 2, good_row(f"蒙K01{i:09d}"))


def counts(store: Store) -> tuple[int, int]:
    with store.read() as connection:
        found = [
            connection.scalar(select(func.count()).select_from(table))
            for table in (licences, licence_status)
        ]
    return found[0] or 0, found[1] or 0


def test_a_writer_that_waits_too_long_gets_an_error(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "BUSY_TIMEOUT_MS", 200)
    with closing(Store.open(store_url, *TABLES)) as one, closing(Store.open(store_url)) as two:
        with one.write() as connection:
            connection.execute(text("DELETE FROM sessions"))
            for locks in (None, ("a",), ()):
                with pytest.raises(StoreError, match=r"LockNotAvailable|SQLITE_BUSY"):
                    write_nothing(two, locks)
            with two.read() as reader:  # which disturbs nobody
                assert reader.scalar(text("SELECT count(*) FROM sessions")) == 0
        write_nothing(two, None)


def write_nothing(store: Store, locks: tuple[str, ...] | None) -> None:
    with store.write(locks=locks):
        pass


def test_who_names_another_lock_does_not_wait(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "BUSY_TIMEOUT_MS", 200)
    with postgres.database() as url:
        one, two = Store.open(url), Store.open(url)
        with one.write(locks=("a", "b")):
            write_nothing(two, ("c", "d"))
            write_nothing(two, ())
            for locks in (("b", "x"), None):
                with pytest.raises(StoreError, match="LockNotAvailable"):
                    write_nothing(two, locks)
        write_nothing(two, ("b", "x"))
        one.close()
        two.close()


def stop_amid(store: Store, cluster: Cluster, before: str, after: str | None = None) -> None:
    with store.write(locks=()) as connection:
        connection.exec_driver_sql(before)
        cluster.stop()
        if after is not None:
            connection.exec_driver_sql(after)


def test_a_server_that_stops_in_a_transaction_loses_nothing_that_was_committed(
    cluster: Cluster, running: str, tmp_path: Path
) -> None:
    store = Store.open(running, *TABLES)
    issuer = desk(store, tmp_path)
    first = next(issuer.issue_rows(rows(1), now=NOW)).issued
    assert first is not None
    with pytest.raises(StoreError, match="the store cannot be used"):
        stop_amid(store, cluster, "DELETE FROM licence_status", "DELETE FROM licences")
    for call in (lambda: counts(store), lambda: next(issuer.issue_rows(rows(3), now=NOW))):
        with pytest.raises(StoreError):
            call()
    cluster.restart()
    # The same objects go on: the broken connections are noticed.
    assert counts(store) == (1, 1)
    assert [result.issued is not None for result in issuer.issue_rows(rows(3), now=NOW)] == [
        True
    ] * 3
    assert counts(store) == (3, 3)
    store.close()


def test_a_server_that_stops_between_reading_and_committing_undoes_the_write(
    cluster: Cluster, running: str
) -> None:
    store = Store.open(running, *TABLES)
    with pytest.raises(StoreError):
        stop_amid(store, cluster, "INSERT INTO newest_lists VALUES ('s', 1, 'd')")
    cluster.restart()
    with store.read() as reader:
        assert reader.scalar(text("SELECT count(*) FROM newest_lists")) == 0
    store.close()


def test_a_reader_whose_server_is_gone_gets_an_error(cluster: Cluster, running: str) -> None:
    store = Store.open(running, *TABLES)
    cluster.stop()
    with pytest.raises(StoreError), store.read():
        pass
    with pytest.raises(StoreError):
        Store.open(running, *TABLES)
    cluster.restart()
    with store.read() as reader:
        assert reader.scalar(text("SELECT 1")) == 1
    store.close()


def test_the_audit_log_goes_on_after_its_server_stopped(
    cluster: Cluster, running: str, tmp_path: Path
) -> None:
    with closing(Store.open(running, *TABLES)) as store:
        log = Audit(store, Protector.from_folder(store, tmp_path / "keys"), writer="web-1")
        assert [log.record("a.b").sequence for _ in range(3)] == [1, 2, 3]
        cluster.stop()
        with pytest.raises(StoreError):
            log.record("a.b")
        cluster.restart()
        assert [log.record("a.b").sequence for _ in range(2)] == [4, 5]
        report = check_audit(store)
        assert [step.code for step in report.steps if step.outcome == "failed"] == []


def test_a_connection_that_fell_silent_long_ago_is_asked(
    cluster: Cluster, running: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As where a server vanishes without a word: nothing is there to read, only time has passed.
    monkeypatch.setattr(databases, "_has_news", lambda _socket: False)
    with closing(Store.open(running, *TABLES)) as store:
        for trusted, works in ((60.0, False), (0.0, True)):
            counts(store)
            monkeypatch.setattr(databases, "TRUSTED_SECONDS", trusted)
            cluster.stop()
            cluster.restart()
            if works:
                assert counts(store) == (0, 0)
            else:
                with pytest.raises(StoreError):
                    counts(store)


def test_a_wrong_password_or_database_is_refused_without_repeating_it(postgres: Server) -> None:
    url = make_url(postgres.url)
    for wrong in (
        url.set(password="hunter2"),
        url.set(username="nobody-here", password="hunter2"),
        url.set(database="hunter2"),
        url.set(port=1, password="hunter2"),
        url.update_query_dict({"sslmode": "hunter2"}),
        url.update_query_dict({"nosuchoption": "hunter2"}),
    ):
        with pytest.raises(StoreError) as refused:
            Store.open(wrong, *TABLES)
        assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("driver", ["postgresql+psycopg2", "postgresql+asyncpg"])
def test_another_driver_is_refused(driver: str) -> None:
    with pytest.raises(StoreError):
        Store.open(f"{driver}://u:hunter2@127.0.0.1:1/db")


def test_the_plain_scheme_of_postgresql_will_do(postgres: Server) -> None:
    with postgres.database() as url:
        Store.open(plain(url), *TABLES).close()


def test_a_database_in_another_encoding_is_refused(postgres: Server) -> None:
    statement = "CREATE DATABASE {} ENCODING 'SQL_ASCII' TEMPLATE template0"
    postgres.run(statement, "msb_ascii")
    try:
        with pytest.raises(StoreError, match="UTF8"):
            Store.open(make_url(postgres.url).set(database="msb_ascii"), *TABLES)
    finally:
        postgres.run("DROP DATABASE {}", "msb_ascii")


def test_who_may_not_write_is_told(postgres: Server) -> None:
    with postgres.database() as url:
        Store.open(url, *TABLES).close()
        options = {"options": "-c default_transaction_read_only=on"}
        reader = Store.open(make_url(url).update_query_dict(options), *TABLES, existing=True)
        with pytest.raises(StoreError, match="ReadOnlySqlTransaction"), reader.write(locks=()) as c:
            c.execute(text("DELETE FROM sessions"))
        reader.close()


def test_values_do_not_stand_in_errors(store_url: str) -> None:
    store = Store.open(store_url, protect.metadata)
    for statement in (
        "INSERT INTO sessions (sid) VALUES ('hunter2')",
        "SELECT 'hunter2' FROM nowhere",
    ):
        with pytest.raises(Exception) as raised, store.write() as connection:  # noqa: PT011
            connection.exec_driver_sql(statement)
        original = raised.value
        assert not isinstance(original, StoreError) or "hunter2" not in str(original)
        assert original.__cause__ is None
    store.close()


def damaged(path: Path, kind: str) -> None:
    if kind == "another file":
        path.write_bytes(b"hunter2, and no database\n" * 400)
    elif kind == "a folder":
        path.mkdir()
    else:
        Store.open(f"sqlite:///{path}", *TABLES).close()
        content = path.read_bytes()
        path.write_bytes(content[:2000] + b"\xff" * (len(content) - 2000))


@pytest.mark.parametrize("kind", ["another file", "a folder", "overwritten"])
@pytest.mark.parametrize("existing", [True, False])
def test_a_file_that_is_no_database_is_left_as_it_is(
    tmp_path: Path, kind: str, *, existing: bool
) -> None:
    path = tmp_path / "store.sqlite"
    damaged(path, kind)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StoreError):
        Store.open(f"sqlite:///{path}", *TABLES, existing=existing)
    assert (path.read_bytes() if path.is_file() else b"") == before


FILL = """
import sys
from pathlib import Path
from msb_identity.errors import StoreError
from tests.wallet.test_store_failures import TABLES, desk, rows, NOW
from msb_identity.foundation.store import Store
folder = Path(sys.argv[1])
store = Store.open(f"sqlite:///{folder / 'store.sqlite'}", *TABLES)
done = 0
try:
    for result in desk(store, Path(sys.argv[2])).issue_rows(rows(100_000), now=NOW):
        done += result.issued is not None
except StoreError as error:
    print(done, error)
"""


def test_a_full_disk_keeps_what_was_given_back(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        missing("tmpfs", "a small file system cannot be mounted here")
    try:
        ran = subprocess.run(
            [sys.executable, "-c", FILL, str(folder), str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            timeout=300,
        )
        done, message = ran.stdout.strip().split(" ", 1)
        assert "SQLITE_FULL" in message or "SQLITE_IOERR" in message
        for path in folder.iterdir():
            shutil.copy(path, tmp_path)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    store = Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}", *TABLES)
    assert counts(store) == (int(done), int(done))
    assert int(done) > 0
    store.close()


ISSUE = """
from pathlib import Path
from tests.wallet.test_store_failures import TABLES, desk, rows, NOW
from msb_identity.foundation.store import Store
store = Store.open(sys.argv[1], *TABLES)
issuer = desk(store, Path(sys.argv[2]))
go()
print(sum(result.issued.new for result in issuer.issue_rows(rows(450), now=NOW)))
store.close()
"""


def test_processes_that_issue_one_file_issue_each_licence_once(
    store_url: str, tmp_path: Path
) -> None:
    Store.open(store_url, *TABLES).close()
    issued = run_race(ISSUE, store_url, str(tmp_path), processes=3)
    assert sum(int(count) for count in issued) == 450
    with closing(Store.open(store_url, *TABLES)) as store:
        assert counts(store) == (450, 450)
