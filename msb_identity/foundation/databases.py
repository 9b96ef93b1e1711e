"""What differs between SQLite and PostgreSQL; all else in these packages is the same on both.

Each database is opened with the same promises: commits are on disk when they return, a wait for a
lock ends with an error, values of statements stay out of messages, and transactions that ask for
the same lock follow each other. How: docs/decisions/store.md.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from functools import partial
from pathlib import Path
from select import POLLIN, poll
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from sqlalchemy import create_engine, event, func, select
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError, InvalidatePoolError

from msb_identity.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS = 20_000
"""How long a transaction waits for others before it gives up."""
IDLE_TIMEOUT_MS = 60_000
"""A PostgreSQL client that fell silent in a transaction loses it, and its locks, after this."""
CONNECT_TIMEOUT_S = 10
TRUSTED_SECONDS = 10.0
"""A PostgreSQL connection used less long ago is taken without asking whether it still works."""
OLDEST_POSTGRESQL = 15
_WRITE, _FILE, _USED = "msb_write", "msb_file", "msb_used"
_SQLITE_START = b"SQLite format 3\0"


class Database(Protocol):
    """How one kind of database is opened, and how its transactions begin."""

    def engine(self, url: URL, *, existing: bool, read_only: bool = False) -> Engine:
        """Give an engine; StoreError where there is nothing to open. It may not connect yet.

        read_only: nothing is ever written, whatever a transaction asks for.
        """

    def check(self, connection: Connection) -> None:
        """Refuse, with StoreError, a server that cannot keep the promises."""

    def reader(self, engine: Engine) -> Engine:
        """Give the engine whose transactions each see one state."""

    def lock(self, connection: Connection, names: Iterable[str] | None) -> None:
        """Wait for transactions that hold one of these locks; None waits for every other one."""

    @property
    def statement_lock(self) -> str | None:
        """The SQL by which a single statement shares the store; None where it had better not."""


class Sqlite:
    """A file: one writer at a time, which takes the write lock when it begins."""

    def engine(self, url: URL, *, existing: bool, read_only: bool = False) -> Engine:
        """Make the folder of the file, unless it must exist already."""
        if not url.database or url.database == ":memory:":
            message = "a store is a file: sqlite:///FILE"
            raise StoreError(message)
        file = Path(url.database)
        if existing or read_only:
            _check_sqlite_file(file)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            _read_only_url(url, file) if read_only else url, hide_parameters=True
        )
        event.listen(engine, "connect", _set_up_sqlite)
        if not read_only:
            event.listen(engine, "connect", _begin_wal)
        event.listen(engine, "begin", _begin_sqlite)
        _watch_file(engine, file)
        return engine.execution_options(**{_WRITE: True})

    def check(self, connection: Connection) -> None:
        """Any SQLite that Python brings will do."""

    def reader(self, engine: Engine) -> Engine:
        """A reader begins without the write lock."""
        return engine.execution_options(**{_WRITE: False})

    def lock(self, connection: Connection, names: Iterable[str] | None) -> None:
        """BEGIN IMMEDIATE has taken the one lock there is."""

    @property
    def statement_lock(self) -> str | None:
        """A transaction in this process makes no round trips that one statement would save."""
        return None


class PostgreSQL:
    """A server: READ COMMITTED for writers, who name what they lock; one snapshot for a reader."""

    def engine(
        self,
        url: URL,
        *,
        existing: bool,  # noqa: ARG002 - nothing is made yet
        read_only: bool = False,
    ) -> Engine:
        """Use psycopg, and set up each connection."""
        if url.drivername not in ("postgresql", "postgresql+psycopg"):
            message = f"no driver {url.get_driver_name()} here; use postgresql+psycopg://…"
            raise StoreError(message)
        if not url.database:
            message = "name the database: postgresql+psycopg://USER@HOST/DATABASE"
            raise StoreError(message)
        given = {name: value for name, value in _CONNECT.items() if name not in url.query}
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args=given,
            hide_parameters=True,
            isolation_level="READ COMMITTED",
        )
        event.listen(engine, "connect", partial(_prepare_postgresql, read_only=read_only))
        _watch_server(engine)
        return engine

    def check(self, connection: Connection) -> None:
        """Ask for version 15 or later and for UTF-8."""
        query = select(
            func.current_setting("server_version_num"), func.current_setting("server_encoding")
        )
        version, encoding = connection.execute(query).one()
        if int(version) < OLDEST_POSTGRESQL * 10_000 or encoding != "UTF8":
            message = f"a store needs PostgreSQL {OLDEST_POSTGRESQL} or later, encoded in UTF8"
            raise StoreError(message)

    def reader(self, engine: Engine) -> Engine:
        """All statements of a reading transaction see one snapshot."""
        return engine.execution_options(isolation_level="REPEATABLE READ")

    def lock(self, connection: Connection, names: Iterable[str] | None) -> None:
        """Take advisory locks, freed at the transaction's end; sorted, so that none wait in a ring.

        Who names locks shares the store's own; who names none takes that for itself alone. What is
        read after this has been committed, since READ COMMITTED looks anew at each statement.
        """
        if names is None:
            connection.exec_driver_sql(f"SELECT {_lock_alone(_THE_STORE)}")
            return
        connection.exec_driver_sql(f"SELECT {_lock_shared(_THE_STORE)}")
        for number in sorted({_lock_number(name) for name in names}):
            connection.exec_driver_sql(f"SELECT {_lock_alone(number)}")

    @property
    def statement_lock(self) -> str | None:
        """The same lock, as a part of the statement that must not run beside who holds it alone."""
        return _lock_shared(_THE_STORE)


DATABASES: dict[str, Database] = {"sqlite": Sqlite(), "postgresql": PostgreSQL()}

_CONNECT: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    # A server that vanished without a word is noticed within a minute.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": IDLE_TIMEOUT_MS,
    "application_name": "msb",
    "client_encoding": "utf8",
}


def reason_of(error: DBAPIError) -> str:
    """Name an error by its class and its database's own code; never by its text or its values."""
    original = error.orig
    code = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None)
    name = type(original).__name__
    return f"{name} {code}" if code else name


def without_values(error: IntegrityError) -> IntegrityError:
    """Give the same error without the values that PostgreSQL adds to its message."""
    primary = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    if primary is None or error.orig is None:
        return error
    bare = type(error.orig)(primary)
    return IntegrityError(error.statement, None, bare, hide_parameters=True)


def _check_sqlite_file(file: Path) -> None:
    """Refuse what holds no database: SQLite would make one of an empty file."""
    try:
        with file.open("rb") as opened:
            start = opened.read(len(_SQLITE_START))
    except OSError:
        start = None
    if start != _SQLITE_START:
        message = f"there is no store {file.name}" if start is None else f"{file.name} is no store"
        raise StoreError(message)


def _read_only_url(url: URL, file: Path) -> URL:
    """Open the file so that SQLite writes nothing; where nobody can write it, without its lock.

    Beside a file in WAL mode SQLite makes two others even for a reader, unless it is told that the
    file cannot change; it is not told where a log of writes is still beside it, to be read.
    """
    log = file.with_name(f"{file.name}-wal")
    frozen = _cannot_be_written(file) and not (log.exists() and log.stat().st_size)
    query = {**url.query, "mode": "ro", "uri": "true", **({"immutable": "1"} if frozen else {})}
    return url.set(database=f"file:{quote(str(file.absolute()))}", query=query)


def _cannot_be_written(file: Path) -> bool:
    """Whether it lies on a file system that is read-only, or is marked so itself for everybody."""
    on_read_only = os.statvfs(file).f_flag & os.ST_RDONLY
    return bool(on_read_only) or not file.stat().st_mode & 0o222


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection
    """Set up a connection, and let us, not the driver, begin transactions."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_wal(connection: Any, _record: object) -> None:  # noqa: ANN401 - as above
    cursor = connection.cursor()
    # Of two that make a file's first WAL at once, SQLite fails one without waiting.
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1_000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    cursor.close()


def _watch_file(engine: Engine, file: Path) -> None:
    """Ask the file that lies there now: a kept connection goes on with one deleted or replaced."""
    opened = False

    @event.listens_for(engine, "do_connect")
    def do_connect(*_: object) -> None:
        if opened and not file.is_file():  # SQLite would make an empty one
            message = f"the store {file.name} is gone"
            raise StoreError(message)

    @event.listens_for(engine, "connect")
    def connect(_connection: object, record: ConnectionPoolEntry) -> None:
        nonlocal opened
        opened, record.info[_FILE] = True, _identity(file)

    @event.listens_for(engine, "checkout")
    def checkout(_connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        if record.info[_FILE] != _identity(file):
            raise DisconnectionError


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _prepare_postgresql(connection: Any, _record: object, *, read_only: bool) -> None:  # noqa: ANN401 - as above
    settings = {
        "default_transaction_isolation": "read committed",
        "synchronous_commit": "on",
        "lock_timeout": str(BUSY_TIMEOUT_MS),
        "idle_in_transaction_session_timeout": str(IDLE_TIMEOUT_MS),
        "timezone": "UTC",
    }
    if read_only:  # else whoever gave out the address may have said so
        settings["default_transaction_read_only"] = "on"
    each = ", ".join(["set_config(%s, %s, false)"] * len(settings))
    values = [part for setting in settings.items() for part in setting]
    connection.autocommit = True
    connection.execute(f"SELECT {each}", values)
    connection.autocommit = False


def _watch_server(engine: Engine) -> None:
    """Take another connection for one that broke while nobody used it.

    A server that stops says so, or closes the connection: there is something to read where nothing
    was asked. Only one that vanished says nothing, so it is asked after a while; to ask each time
    would be a round trip more for each transaction.
    """

    @event.listens_for(engine, "checkin")
    def checkin(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_USED] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def checkout(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:  # noqa: ANN401
        used = record.info.get(_USED)
        if used is None:  # it has just been made
            return
        if time.monotonic() - used < TRUSTED_SECONDS and not _has_news(connection.pgconn.socket):
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


def _has_news(descriptor: int) -> bool:
    waiting = poll()
    waiting.register(descriptor, POLLIN)
    return bool(waiting.poll(0))


def _lock_number(name: str) -> int:
    """Give the 64-bit number of a named lock; two names that share one merely wait more."""
    digest = hashlib.sha256(b"MSB-lock-1 " + name.encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _lock_alone(number: int) -> str:
    return f"pg_advisory_xact_lock({number})"


def _lock_shared(number: int) -> str:
    return f"pg_advisory_xact_lock_shared({number})"


_THE_STORE = _lock_number("")
