"""The store: SQLAlchemy Core over one engine from a URL; SQLite in a file by default.

Each package declares its tables on a MetaData of its own and passes it to `Store.open`. A write
transaction takes SQLite's write lock at its start (BEGIN IMMEDIATE), so that what it read is still
true when it writes, between processes too. Commits are on disk when they return (WAL,
synchronous=FULL): a revocation that was acknowledged survives a power cut.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DisconnectionError,
    InvalidRequestError,
    SQLAlchemyError,
)

from msb_identity.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine, MetaData

BUSY_TIMEOUT_MS = 20_000
_WRITE = "msb_write"


class Store:
    """One database; hand the same object to everything that belongs together."""

    def __init__(self, engine: Engine) -> None:
        """Use `open` instead."""
        self._engine = engine

    @classmethod
    def open(cls, url: str, *tables: MetaData, existing: bool = False) -> Store:
        """Open the database at `url` and make the tables that it lacks.

        url: an SQLAlchemy URL, as sqlite:////var/lib/msb/store.sqlite. StoreError where it cannot
        be opened; its message never shows a password.
        existing: refuse to make a new file, for those who would only look into a store of others.
        """
        try:
            parsed = make_url(url)
            if parsed.get_backend_name() != "sqlite":
                message = f"no store of kind {parsed.get_backend_name()} yet; use sqlite:///FILE"
                raise StoreError(message)
            if not parsed.database or parsed.database == ":memory:":
                message = "a store is a file: sqlite:///FILE"
                raise StoreError(message)
            file = Path(parsed.database)
            if existing and not file.is_file():
                message = f"there is no store {file.name}"
                raise StoreError(message)
            file.parent.mkdir(parents=True, exist_ok=True)
            engine = create_engine(parsed, hide_parameters=True)
            _prepare_sqlite(engine)
            _watch_file(engine, file)
            store = cls(engine)
            with store.write() as connection:
                for metadata in tables:
                    metadata.create_all(connection)
        except (ArgumentError, SQLAlchemyError, OSError, ValueError, ImportError) as error:
            # ValueError: a port that is no number; ImportError: a driver that is not installed
            message = f"the store cannot be opened: {type(error).__name__}"
            raise StoreError(message) from error
        return store

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection whose reads see one state; nothing is kept of what it writes."""
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection in one write transaction: committed at the end, undone by any error."""
        with self._engine.connect() as connection:
            marked = connection.execution_options(**{_WRITE: True})
            with marked.begin():
                yield marked

    def close(self) -> None:
        """Close pooled connections."""
        self._engine.dispose()


def file_url(path: Path) -> str:
    """Give the URL of an SQLite file, whatever characters its path has."""
    url = URL.create("sqlite", database=str(path.absolute()))
    return url.render_as_string(hide_password=False)


def _prepare_sqlite(engine: Engine) -> None:
    """Set up each connection, and let us, not the driver, begin transactions."""

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get(_WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _watch_file(engine: Engine, path: Path) -> None:
    """Never go on reading a database file that was deleted or put back from a backup.

    A kept connection would: SQLite holds the old file open, and a revocation in the new one would
    not be seen. Pooled connections to another file than the present one are opened anew.
    """

    def identity() -> tuple[int, int] | None:
        try:
            found = path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    @event.listens_for(engine, "connect")
    def connect(_connection: object, record: Any) -> None:  # noqa: ANN401 - a pool's record
        record.info["file"] = identity()

    @event.listens_for(engine, "checkout")
    def checkout(_connection: object, record: Any, _proxy: object) -> None:  # noqa: ANN401
        present = identity()
        if present is None:
            message = "the database file is gone"
            raise InvalidRequestError(message)
        if record.info.get("file") != present:
            message = "the database file was replaced"
            raise DisconnectionError(message)
