"""Replacing keys of protection while everything goes on.

- Data key: `Protector.rotate()`, then `reseal` over every table with sealed columns.
- Key-encryption key: `encryption_ring.add()`, `Protector.rewrap()`, `encryption_ring.drop(old)`.
- Index key: `start_rebuild`, `rebuild` over every table with blind indexes, `finish_rebuild`.

`reseal` and `rebuild` go page by page, each a short transaction, and give their progress; stopped
anywhere, they are run again and find what is left. Before `start_rebuild`, every machine has the
new version in its key file: one that has not refuses to work as soon as it meets it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData as Reflected
from sqlalchemy import Table, bindparam, delete, insert, inspect, select, update

from msb_identity.errors import ProtectionError
from msb_identity.foundation.ciphers import INDEX_HASH_OF
from msb_identity.foundation.protect import Indexes, Place, index_versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection, RowMapping

    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store

PAGE = 200
_VERSION_COLUMN = "index_version"


@dataclass(frozen=True, slots=True)
class SealedTable:
    """A table with sealed columns; `row_name` gives the row's name in their places.

    index: makes the blind indexes of a row from its values, the sealed ones opened, where the table
    has such and a column `index_version`.
    place_of: gives the places of a row whose own key does not name them.
    """

    table: Table
    columns: tuple[str, ...]
    row_name: Callable[[Any], str] = str
    index: Callable[[Mapping[str, Any], Indexes], dict[str, bytes]] | None = None
    place_of: Callable[[RowMapping], Place] | None = None

    def place(self, column: str, key: object) -> Place:
        """Where a value of this table stands."""
        return Place(self.table.name, column, self.row_name(key))

    def place_in(self, row: RowMapping, column: str) -> Place:
        """Where a value of this row stands."""
        if self.place_of is not None:
            return self.place_of(row)
        (key,) = self.table.primary_key.columns
        return self.place(column, row[key.name])


@dataclass(frozen=True, slots=True)
class Progress:
    """Rows looked at and changed so far; `after` is the key of the last one."""

    seen: int
    changed: int
    after: object


def reseal(
    store: Store,
    protector: Protector,
    sealed: SealedTable,
    *,
    after: object = None,
    page: int = PAGE,
) -> Iterator[Progress]:
    """Bring a table's sealed values under the newest data key, from the row after `after`."""

    def change(row: RowMapping, _indexes: Indexes) -> dict[str, Any]:
        old = {name: row[name] for name in sealed.columns if row[name] is not None}
        places = {name: sealed.place_in(row, name) for name in old}
        return {
            name: protector.seal(protector.open(value, places[name]), places[name])
            for name, value in old.items()
            if not protector.is_current(value)
        }

    return _pages(store, protector, sealed, change, after=after, page=page)


def start_rebuild(store: Store, protector: Protector) -> int:
    """Write new rows under a new index key from now on, and give its version.

    What is looked up is looked up under both until `finish_rebuild`; called before that, it gives
    the version that is being rebuilt. A newer version that the key file has already is taken.
    """
    with store.read() as connection:
        indexes = protector.indexes(connection)
    if indexes.several:
        return indexes.version
    ring = protector.index_ring
    ring.refresh()
    version = ring.newest if ring.newest > indexes.version else ring.add()
    with store.write() as connection:  # alone: nobody is writing under what was the newest
        indexes = protector.indexes(connection)
        if indexes.version < version:
            algorithm = INDEX_HASH_OF[protector.profile].name
            row = {"version": version, "algorithm": algorithm}
            connection.execute(insert(index_versions).values(row))
    return version


def rebuild(
    store: Store,
    protector: Protector,
    sealed: SealedTable,
    *,
    after: object = None,
    page: int = PAGE,
) -> Iterator[Progress]:
    """Bring a table's blind indexes under the newest index key, from the row after `after`."""
    make = sealed.index
    if make is None:
        message = f"{sealed.table.name} has no blind indexes"
        raise ValueError(message)

    def change(row: RowMapping, indexes: Indexes) -> dict[str, Any]:
        if row[_VERSION_COLUMN] == indexes.version:
            return {}
        opened = {
            name: protector.open(row[name], sealed.place_in(row, name)) for name in sealed.columns
        }
        return {**make({**row, **opened}, indexes), _VERSION_COLUMN: indexes.version}

    return _pages(store, protector, sealed, change, after=after, page=page)


def finish_rebuild(store: Store, protector: Protector) -> list[int]:
    """Forget every index key but the newest; ProtectionError while a row stands under another.

    The database is asked for every table that has blind indexes, whichever package's it is.
    """
    with store.write() as connection:
        indexes = protector.indexes(connection)
        for table in _indexed_tables(connection):
            stale = select(table.c[_VERSION_COLUMN]).where(
                table.c[_VERSION_COLUMN] != indexes.version
            )
            if connection.execute(stale.limit(1)).first() is not None:
                message = f"rows of {table.name} stand under an older index key: rebuild them first"
                raise ProtectionError(message)
        connection.execute(
            delete(index_versions).where(index_versions.c.version != indexes.version)
        )
    dropped = [version for version in protector.index_ring.versions if version < indexes.version]
    for version in dropped:
        protector.index_ring.drop(version)
    return dropped


def _pages(
    store: Store,
    protector: Protector,
    sealed: SealedTable,
    change: Callable[[RowMapping, Indexes], dict[str, Any]],
    *,
    after: object,
    page: int,
) -> Iterator[Progress]:
    seen = changed = 0
    (key,) = sealed.table.primary_key.columns
    while True:
        query = select(sealed.table).order_by(key).limit(page).with_for_update(key_share=True)
        with store.write(locks=()) as connection:
            indexes = protector.indexes(connection)
            rows = connection.execute(query if after is None else query.where(key > after))
            found = rows.mappings().all()
            changes = [(row[key.name], change(row, indexes)) for row in found]
            changed += _update(connection, sealed.table, changes)
        if not found:
            return
        seen, after = seen + len(found), found[-1][key.name]
        yield Progress(seen, changed, after)


def _update(
    connection: Connection, table: Table, changes: Sequence[tuple[object, dict[str, Any]]]
) -> int:
    """Write the changed rows, those of the same columns at once; give how many there were."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row_key, values in changes:
        if values:
            groups.setdefault(tuple(values), []).append({"_key": row_key, **values})
    (key,) = table.primary_key.columns
    for names, rows in groups.items():
        statement = update(table).where(key == bindparam("_key"))
        connection.execute(statement.values({name: bindparam(name) for name in names}), rows)
    return sum(map(len, groups.values()))


def _indexed_tables(connection: Connection) -> Iterator[Table]:
    inspector = inspect(connection)
    for name in inspector.get_table_names():
        if any(column["name"] == _VERSION_COLUMN for column in inspector.get_columns(name)):
            yield Table(name, Reflected(), autoload_with=connection)
