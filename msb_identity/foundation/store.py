"""The store: SQLAlchemy Core over one engine from a URL; SQLite in a file, or PostgreSQL.

Each package declares its tables on a MetaData of its own and passes it to `Store.open`. What a
write transaction has read is still true when it writes, between processes too: alone among all
writers by default, or alone under the locks it names. Commits are on disk when they return: a
revocation that was acknowledged survives a power cut.

What the database cannot do (locked too long, gone, full) is a StoreError, whichever database it is.
What breaks a constraint stays SQLAlchemy's IntegrityError, for the code that expects it.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import delete, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from msb_identity.errors import StoreError
from msb_identity.foundation.databases import DATABASES, reason_of, without_values
from msb_identity.foundation.schema import State, schema_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from sqlalchemy import ColumnElement, Connection, Engine, MetaData, Table

    from msb_identity.foundation.databases import Database
    from msb_identity.foundation.schema import Schema

REMOVED_AT_ONCE = 50


class Store:
    """One database; hand the same object to everything that belongs together."""

    def __init__(self, engine: Engine, database: Database) -> None:
        """Use `open` instead."""
        self._engine, self._database = engine, database
        self._reader = database.reader(engine)
        self._at_once = engine.execution_options(isolation_level="AUTOCOMMIT")

    @classmethod
    def open(
        cls,
        url: str | URL,
        *tables: MetaData,
        existing: bool = False,
        migrate: bool = False,
        read_only: bool = False,
    ) -> Store:
        """Open the database at `url`; a new one gets its tables.

        url: an SQLAlchemy URL, as sqlite:////var/lib/msb/store.sqlite or
        postgresql+psycopg://user@host/database (a password from ~/.pgpass or PGPASSWORD need not
        stand in it). StoreError where it cannot be opened; its message never shows a password.
        existing: refuse to make a new store, for those who would only look into one of others.
        migrate: bring tables of an older version up to date; without it they are a StoreError.
        read_only: as `existing`, and the database itself lets nothing be written; for evidence too.
        Tables of a newer version are refused, since this program does not know what they mean.
        """
        try:
            parsed = make_url(url)
            database = DATABASES.get(parsed.get_backend_name())
            if database is None:
                message = (
                    f"no store of kind {parsed.get_backend_name()};"
                    " use sqlite:///FILE or postgresql+psycopg://…"
                )
                raise StoreError(message)
            engine = database.engine(parsed, existing=existing, read_only=read_only)
        except (ArgumentError, SQLAlchemyError, OSError, ValueError, ImportError) as error:
            # ValueError: a port that is no number; ImportError: a driver that is not installed.
            # What they say may repeat a part of the URL.
            message = f"the store cannot be opened: {type(error).__name__}"
            raise StoreError(message) from None
        store = cls(engine, database)
        try:
            store._prepare(tables, existing=existing or read_only, migrate=migrate)
        except (SQLAlchemyError, ValueError, TypeError) as error:  # of an option in the URL
            store.close()
            message = f"the store cannot be opened: {type(error).__name__}"
            raise StoreError(message) from None
        except BaseException:
            store.close()
            raise
        return store

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection whose reads see one state; nothing is kept of what it writes."""
        with _our_errors(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, locks: Iterable[str] | None = None) -> Iterator[Connection]:
        """Give a connection in one write transaction: committed at the end, undone by any error.

        locks: names of what must not change between this transaction's reads and writes; those who
        share a name follow each other. () where constraints, row locks and single statements say
        all. Without it the transaction waits for all others, and they for it.

        A StoreError raised at the end may mean that the commit was done and only its answer lost:
        what is done twice must give the same.
        """
        with _our_errors(), self._engine.begin() as connection:
            self._database.lock(connection, locks)
            yield connection

    def write_at_once(self, statement: str, values: Mapping[str, object]) -> int | None:
        """Run one statement that is a write transaction of its own; give how many rows it wrote.

        For a path where round trips count. None, and nothing done, on a database whose transactions
        need none (SQLite): do it in one. statement: PostgreSQL's SQL, with `%(name)s` for values
        and {lock} for what it must join before it writes; it names no lock of its own.
        """
        lock = self._database.statement_lock
        if lock is None:
            return None
        with _our_errors(), self._at_once.connect() as connection:
            done = connection.exec_driver_sql(statement.replace("{lock}", lock), values)
            return done.rowcount

    def close(self) -> None:
        """Close pooled connections."""
        self._engine.dispose()

    def _prepare(self, tables: tuple[MetaData, ...], *, existing: bool, migrate: bool) -> None:
        """See that the tables are as this program needs them, writing only where they are not."""
        schemas: dict[Schema, list[str]] = {}
        free = [metadata for metadata in tables if schema_of(metadata) is None]
        for metadata in tables:
            schema = schema_of(metadata)
            if schema is not None:
                schemas.setdefault(schema, []).extend(metadata.tables)
        with self.read() as connection:
            self._database.check(connection)
            states = {schema.state(connection, names) for schema, names in schemas.items()}
        if not free and states <= {State.CURRENT}:
            return
        if existing and states == {State.MISSING}:
            message = "this database holds no store"
            raise StoreError(message)
        with self.write() as connection:
            for schema, names in schemas.items():  # again: another process may have been at it
                state = schema.state(connection, names)
                _refuse(schema, state, migrate=migrate)
                if state is not State.CURRENT:
                    schema.migrate(connection)
            for metadata in free:
                metadata.create_all(connection)


def migrate_store(url: str | URL, *tables: MetaData) -> dict[str, str]:
    """Bring an existing store's tables up to date and give the revision of each set of them."""
    with closing(Store.open(url, *tables, existing=True, migrate=True)):
        schemas = [schema_of(metadata) for metadata in tables]
        return {schema.name: schema.newest for schema in schemas if schema is not None}


def file_url(path: Path) -> str:
    """Give the URL of an SQLite file, whatever characters its path has."""
    url = URL.create("sqlite", database=str(path.absolute()))
    return url.render_as_string(hide_password=False)


def remove_some(connection: Connection, table: Table, condition: ColumnElement[bool]) -> None:
    """Remove a few rows that are no longer needed: more at a time than are ever added.

    Waits for nobody: rows that another transaction holds are left to a later call. Call it last in
    a transaction, so that who waits for a row it removes waits for a transaction that ends.
    """
    (key,) = table.primary_key.columns
    found = select(key).where(condition).limit(REMOVED_AT_ONCE).with_for_update(skip_locked=True)
    connection.execute(delete(table).where(key.in_(found)))


def _refuse(schema: Schema, state: State, *, migrate: bool) -> None:
    if state is State.OLDER and not migrate:
        message = (
            f"the {schema.name} tables are of an older version and must be migrated first"
            " (make a backup; msb-wallet store migrate, or msb-identity store migrate)"
        )
        raise StoreError(message)
    if state is State.NEWER:
        message = f"the {schema.name} tables are of a newer version than this program: upgrade it"
        raise StoreError(message)


@contextmanager
def _our_errors() -> Iterator[None]:
    """Turn what the database or its driver raise into StoreError, without their texts."""
    try:
        yield
    except IntegrityError as error:
        raise without_values(error) from None
    except PoolTimeout:
        message = "the store has no free connection"
        raise StoreError(message) from None
    except DBAPIError as error:
        message = f"the store cannot be used: {reason_of(error)}"
        raise StoreError(message) from None
