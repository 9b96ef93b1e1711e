"""One provider of the examples for all tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.interop.running import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.interop.running import Started


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    started = World.start(tmp_path_factory.mktemp("interop"))
    yield started
    started.provider.stop()


@pytest.fixture(scope="session")
def portals(world: World) -> Iterator[tuple[Started, Started]]:
    """The portals of the examples: land registration on FastAPI, taxes on Flask."""
    made = world.portal("portal_fastapi.py", "land"), world.portal("portal_flask.py", "taxes")
    yield made
    for portal in made:
        portal.stop()
