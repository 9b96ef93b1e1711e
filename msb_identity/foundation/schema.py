"""Versions of the tables: what a store has, what this program needs, and the way between them.

Each set of tables that goes together is a `Schema` with a straight line of migrations of its own
and a table that says how far a store has come. Migrations are Alembic revisions inside the package;
Alembic is loaded only where one is to be run. Released migrations are never changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, String, Table, inspect, select

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alembic.config import Config
    from sqlalchemy import Connection

_KEY = "msb_schema"
_ENVIRONMENT = Path(__file__).with_name("alembic")


class State(StrEnum):
    """How a store's tables of one schema stand to what this program needs."""

    MISSING = "missing"
    OLDER = "older"
    CURRENT = "current"
    NEWER = "newer"


@dataclass(frozen=True, slots=True)
class Schema:
    """A set of tables with its migrations.

    package: the package whose modules are the migrations; newest: the last one's revision.
    """

    name: str
    package: str
    newest: str

    @property
    def version_table(self) -> str:
        """The table that says how far a store has come."""
        return f"msb_{self.name}_version"

    def tables(self) -> MetaData:
        """Give a MetaData on which a module declares tables that this schema's migrations make."""
        return MetaData(info={_KEY: self})

    def version(self, connection: Connection) -> str | None:
        """Give the revision of the tables in a store."""
        if not inspect(connection).has_table(self.version_table):
            return None
        table = Table(self.version_table, MetaData(), Column("version_num", String))
        version: str | None = connection.scalar(select(table.c.version_num))
        return version

    def state(self, connection: Connection, names: Iterable[str]) -> State:
        """Say how the store stands; names: tables that tell an early store from an empty one."""
        found = self.version(connection)
        if found == self.newest:
            return State.CURRENT
        if found is None:
            # Stores of the time before migrations have tables and no version.
            there = {*names}.intersection(inspect(connection).get_table_names())
            return State.OLDER if there else State.MISSING
        return State.OLDER if found in self.revisions() else State.NEWER

    def migrate(self, connection: Connection, revision: str = "head") -> None:
        """Bring the tables to a revision, the newest, in the caller's transaction."""
        from alembic import command

        config = self._config()
        config.attributes["connection"] = connection
        config.attributes["version_table"] = self.version_table
        command.upgrade(config, revision)

    def revisions(self) -> list[str]:
        """Give all revisions, oldest to newest."""
        from alembic.script import ScriptDirectory

        script = ScriptDirectory.from_config(self._config())
        return [revision.revision for revision in script.walk_revisions()][::-1]

    def _config(self) -> Config:
        from alembic.config import Config

        config = Config()
        folder = str(resources.files(self.package))
        options = {
            "script_location": str(_ENVIRONMENT),
            "version_locations": folder,
            "path_separator": "newline",
        }
        for name, value in options.items():
            config.set_main_option(name, value.replace("%", "%%"))
        return config


IDENTITY = Schema("identity", "msb_identity.migrations", newest="identity_6")
"""The tables of msb_identity: protection, accounts, sign-in, sessions."""


def schema_of(metadata: MetaData) -> Schema | None:
    """Give the schema whose migrations make these tables."""
    schema: Schema | None = metadata.info.get(_KEY)
    return schema
