"""However long a value is that somebody puts into the tables: it is found, and soon."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.audit.entry import MAX_DETAILS_BYTES, MAX_PERSONAL_BYTES
from msb_identity.foundation.audit.tables import MAX_CODE_CHARS, MAX_OBJECT_CHARS, MAX_WRITER_CHARS
from msb_identity.foundation.audit.tables import entries as table
from tests.identity.audit.conftest import NOW, failures

if TYPE_CHECKING:
    from tests.identity.audit.conftest import Log

COLUMNS = [column.name for column in table.columns if column.name != "writer"]
LONG = 8_000_000
SOON = 3.0  # seconds; hashing such a value under each number that might be its own took 20


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("place", [1, 3, 5])
def test_a_long_value_in_any_column_is_found_soon(sqlite_log: Log, column: str, place: int) -> None:
    sqlite_log.fill(5)
    checkpoint = sqlite_log.checkpoint()
    value: object = "7" * LONG if column in ("event", "details", "time") else b"7" * LONG
    statement = "UPDATE audit_entries SET ! = :value WHERE sequence = :place"
    assert sqlite_log.run(statement.replace("!", column), value=value, place=place) == 1
    begun = time.process_time()
    found = failures(sqlite_log.check(checkpoint))
    assert time.process_time() - begun < SOON
    code = "missing" if column == "sequence" else "changed"
    assert ("chain", code, f"writer web-1, entry {place}") in found
    with pytest.raises(Exception, match="invalid"):
        sqlite_log.checkpoint()


@pytest.mark.parametrize("column", ["details", "personal", "hash", "previous"])
def test_a_long_value_is_found_soon_on_either_database(log: Log, column: str) -> None:
    log.fill(5)
    value: object = "7" * LONG if column == "details" else b"7" * LONG
    statement = "UPDATE audit_entries SET ! = :value WHERE sequence = 3"
    log.run(statement.replace("!", column), value=value)
    begun = time.process_time()
    assert ("chain", "changed", "writer web-1, entry 3") in failures(log.check())
    assert time.process_time() - begun < SOON


def test_a_long_entry_put_in_where_none_was_is_found(sqlite_log: Log) -> None:
    sqlite_log.fill(5)
    copied = ", ".join(column for column in COLUMNS if column not in ("sequence", "details"))
    statement = (
        "INSERT INTO audit_entries (writer, sequence, details, !)"
        " SELECT writer, :number, :details, ! FROM audit_entries WHERE sequence = 2"
    ).replace("!", copied)
    for number in (0, -1, 6, 1_000):
        sqlite_log.run(statement, number=number, details="7" * LONG)
        assert [step for step, _, _ in failures(sqlite_log.check())] == ["chain"]
        sqlite_log.run("DELETE FROM audit_entries WHERE sequence = :number", number=number)
        assert failures(sqlite_log.check()) == []


def test_a_long_name_of_a_writer_is_found_soon(sqlite_log: Log) -> None:
    sqlite_log.fill(5)
    sqlite_log.run("UPDATE audit_entries SET writer = :name WHERE sequence = 5", name="w" * LONG)
    begun = time.process_time()
    assert ("chain", "missing", "writer web-1, entry 5") in failures(sqlite_log.check())
    assert time.process_time() - begun < SOON


def test_the_longest_entry_that_can_be_is_verified(log: Log) -> None:
    code, filler = "x" * MAX_CODE_CHARS, "𠮷" * MAX_OBJECT_CHARS
    log.writer("w" * MAX_WRITER_CHARS).record(
        code,
        actor="a",
        subject="s",
        object_=filler,
        outcome=code,
        details={"d": "x" * (MAX_DETAILS_BYTES - 8)},
        personal={"p": "x" * (MAX_PERSONAL_BYTES - 8)},
        now=NOW,
    )
    assert log.check(log.checkpoint()).verdict == "valid"
