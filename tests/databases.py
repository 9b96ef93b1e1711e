"""The databases that tests run on: a file of SQLite, and a database of a PostgreSQL server.

The server is a throwaway cluster made by scripts/postgres, or the one that MSB_TEST_POSTGRES names
(the URL of a database there whose user may make databases). Each test has a database of its own.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from msb_identity.foundation.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from sqlalchemy import MetaData

SERVER_VARIABLE = "MSB_TEST_POSTGRES"
SCRIPT = Path(__file__).parents[1] / "scripts" / "postgres"


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server; `url` names a database to connect to when others are made."""

    url: str

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """Make a database like the template, an empty one; give its URL; drop it in the end."""
        name = f"msb_test_{secrets.token_hex(6)}"
        # A copy of files beside a small log of writes: the server's other way logs every page.
        create = "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"
        self.run(create, name, template)
        try:
            yield make_url(self.url).set(database=name).render_as_string(hide_password=False)
        finally:
            self.run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def run(self, statement: str, *names: str) -> None:
        """Run a statement about databases, which no transaction can hold."""
        with psycopg.connect(plain(self.url), autocommit=True) as connection:
            parts = map(sql.Identifier, names)
            connection.execute(sql.SQL(statement).format(*parts))


@dataclass(frozen=True)
class Cluster(Server):
    """A cluster in a folder that a test may stop and start as it likes."""

    folder: Path

    @classmethod
    def start(cls, folder: Path) -> Cluster:
        """Make the cluster, or start it again on its own port."""
        # Should this process be killed, the cluster goes too.
        return cls(scripts_postgres("start", folder, str(os.getpid())).strip(), folder)

    def stop(self) -> None:
        """Stop as a crash would: connections break, nothing is written in peace."""
        scripts_postgres("kill", self.folder)

    def restart(self) -> None:
        """Start again; what was committed is there."""
        assert scripts_postgres("start", self.folder).strip() == self.url

    def remove(self) -> None:
        """Stop and delete all."""
        scripts_postgres("remove", self.folder)


class PreparedFiles:
    """New stores on SQLite that have their tables: copies of one that `Store.open` made.

    For tests in which the making of tables, which takes longer, is not the matter.
    """

    def __init__(self, folder: Path) -> None:
        """Keep in the folder what is copied."""
        self._folder = folder
        self._made: dict[tuple[MetaData, ...], Path] = {}

    def new(self, file: Path, *tables: MetaData) -> str:
        """Make a store in that file; give its URL."""
        if tables not in self._made:
            original = self._folder / f"{len(self._made)}.sqlite"
            Store.open(f"sqlite:///{original}", *tables).close()
            self._made[tables] = original
        shutil.copy(self._made[tables], file)
        return f"sqlite:///{file}"


class PreparedDatabases:
    """The same on a PostgreSQL server."""

    def __init__(self, server: Server, closing: ExitStack) -> None:
        """closing: drops in the end what was copied."""
        self._server, self._closing = server, closing
        self._made: dict[tuple[MetaData, ...], str] = {}

    def new(self, *tables: MetaData) -> AbstractContextManager[str]:
        """Make a store; give its URL; drop it in the end."""
        if tables not in self._made:
            url = self._closing.enter_context(self._server.database())
            Store.open(url, *tables).close()
            self._made[tables] = str(make_url(url).database)
        return self._server.database(template=self._made[tables])


def scripts_postgres(action: str, *arguments: Path | str) -> str:
    """Call scripts/postgres and give what it prints."""
    command = [str(SCRIPT), action, *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=120
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return done.stdout


def can_make_clusters() -> bool:
    """Whether PostgreSQL's programs are here."""
    try:
        scripts_postgres("path")
    except RuntimeError:
        return False
    return True


def plain(url: str) -> str:
    """The URL as libpq reads it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def named_server() -> Server | None:
    """The server that the environment names."""
    url = os.environ.get(SERVER_VARIABLE)
    return Server(url) if url else None
