"""Parts that tests need and that may be missing: folders and programs made elsewhere."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support import missing

if TYPE_CHECKING:
    from collections.abc import Callable

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
