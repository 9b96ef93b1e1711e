from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.store import file_url
from msb_identity.tables import TABLES
from tests.identity.provider.world import ProviderWorld

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.databases import PreparedFiles


@pytest.fixture
def sso(tmp_path: Path, prepared_files: PreparedFiles) -> Iterator[ProviderWorld]:
    """A provider on SQLite."""
    prepared_files.new(tmp_path / "store.sqlite", *TABLES)
    world = ProviderWorld.open(file_url(tmp_path / "store.sqlite"), tmp_path)
    yield world
    world.store.close()


@pytest.fixture
def both(tmp_path: Path, prepared_url: str) -> Iterator[ProviderWorld]:
    """A provider on each kind of database."""
    world = ProviderWorld.open(prepared_url, tmp_path)
    yield world
    world.store.close()
