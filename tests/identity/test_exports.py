"""What `import msb_identity` gives, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import msb_identity

MOST_SECONDS = 0.25
HEAVY = {"alembic", "asn1crypto", "cryptography", "gmssl", "psycopg", "pydantic", "sqlalchemy"}
IMPORT = f"""
import sys, time
started = time.process_time()
import msb_identity
spent = time.process_time() - started
heavy = {HEAVY!r} & set(sys.modules)
rooms = [name for name in sys.modules if name.startswith("msb_identity.")]
print(spent < {MOST_SECONDS}, sorted(heavy), rooms)
"""


@pytest.mark.parametrize("name", msb_identity.__all__)
def test_every_public_name_is_there(name: str) -> None:
    found = getattr(msb_identity, name)
    assert getattr(found, "__name__", name) == name
    assert found is getattr(sys.modules[found.__module__], name)


def test_the_names_are_sorted() -> None:
    assert msb_identity.__all__ == sorted(msb_identity.__all__)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Passport'"):
        _ = msb_identity.Passport


def test_the_import_is_light() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "True [] ['msb_identity.lazy']\n"
