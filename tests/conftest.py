"""Parts that tests need and that may be missing: folders and programs made elsewhere."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.databases import (
    Cluster,
    PreparedDatabases,
    PreparedFiles,
    can_make_clusters,
    named_server,
)
from tests.support import missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import MetaData

    from tests.databases import Server

VECTORS_VARIABLE = "MSB_VECTORS"

# Time limits of single examples fail on a busy machine and prove nothing.
settings.register_profile("msb", deadline=None)
settings.load_profile("msb")


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of test vectors made elsewhere."""
    named = os.environ.get(VECTORS_VARIABLE)
    if not named:
        missing("vectors", f"{VECTORS_VARIABLE} names no folder of test vectors")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"{VECTORS_VARIABLE} names {named}, which is no folder", pytrace=False)
    return folder


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Give the path of an external program: `program("openssl")`."""

    def find(name: str) -> str:
        return shutil.which(name) or missing(name, f"the program {name} is not installed")

    return find


@pytest.fixture(scope="session")
def make_cluster() -> Iterator[Callable[[], Cluster]]:
    """Make PostgreSQL clusters of the test's own; all are removed in the end."""
    if not can_make_clusters():
        missing("postgres", "PostgreSQL 15 or later is not installed")
    made: list[Cluster] = []

    def make() -> Cluster:
        # Not under pytest's folders: the server's user may not enter them, nor is a socket's path
        # ever that long.
        made.append(Cluster.start(Path(tempfile.mkdtemp(prefix="msb-pg-"))))
        return made[-1]

    yield make
    for cluster in made:
        cluster.remove()


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Server:
    """A PostgreSQL server for the whole session."""
    named = named_server()
    if named is not None:
        return named
    make: Callable[[], Cluster] = request.getfixturevalue("make_cluster")
    return make()


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new, empty store: the test runs on each kind of database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.sqlite'}"
    else:
        server: Server = request.getfixturevalue("postgres")
        with server.database() as url:
            yield url


@pytest.fixture(scope="session")
def prepared_files(tmp_path_factory: pytest.TempPathFactory) -> PreparedFiles:
    """Stores on SQLite, copied."""
    return PreparedFiles(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="session")
def prepared_databases(postgres: Server) -> Iterator[PreparedDatabases]:
    """Stores on PostgreSQL, copied."""
    with ExitStack() as closing:
        yield PreparedDatabases(postgres, closing)


@pytest.fixture(params=["sqlite", "postgres"])
def prepared_url(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    prepared_files: PreparedFiles,
    store_tables: Sequence[MetaData],
) -> Iterator[str]:
    """The URL of a new store that has the tables which a fixture `store_tables` names."""
    if request.param == "sqlite":
        yield prepared_files.new(tmp_path / "store.sqlite", *store_tables)
    else:
        databases: PreparedDatabases = request.getfixturevalue("prepared_databases")
        with databases.new(*store_tables) as url:
            yield url
