"""docs/conformance.md names tests: all of them are there."""

from __future__ import annotations

import re

from tests.support import ROOT

PAGE = ROOT / "docs" / "conformance.md"


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text("utf-8")))
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", path.read_text("utf-8"), re.MULTILINE)
    }
    assert len(named) > 80
    assert named - there == set()


def test_every_requirement_names_a_test() -> None:
    rows = [
        line
        for line in PAGE.read_text("utf-8").splitlines()
        if line.startswith("| ") and not line.startswith("| requirement")
    ]
    assert rows
    for row in rows:
        assert "`test_" in row, row
