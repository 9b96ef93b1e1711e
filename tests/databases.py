"""The databases that tests run on: a file of SQLite, and a database of a PostgreSQL server.

The server is a throwaway cluster made by scripts/postgres, or the one that MSB_TEST_POSTGRES names
(the URL of a database there whose user may make databases). Each test has a database of its own.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER_VARIABLE = "MSB_TEST_POSTGRES"
SCRIPT = Path(__file__).parents[1] / "scripts" / "postgres"


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server; `url` names a database to connect to when others are made."""

    url: str

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database, give its URL, and drop it in the end."""
        name = f"msb_test_{secrets.token_hex(6)}"
        self.run("CREATE DATABASE {}", name)
        try:
            yield make_url(self.url).set(database=name).render_as_string(hide_password=False)
        finally:
            self.run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def run(self, statement: str, *names: str) -> None:
        """Run a statement about databases, which no transaction can hold."""
        with psycopg.connect(plain(self.url), autocommit=True) as connection:
            parts = (sql.Identifier(name) for name in names)
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
