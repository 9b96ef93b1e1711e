"""Whatever is done to the tables by hand is found, and named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from msb_identity.foundation.audit import Audit, check_audit, make_checkpoint
from msb_identity.foundation.audit import metadata as audit_metadata
from msb_identity.foundation.audit.tables import entries
from msb_identity.foundation.protect import metadata as protect_metadata
from msb_identity.foundation.store import Store
from msb_identity.pki.keys import KeyKind, generate_key
from tests.identity.audit.conftest import NOW, failures, rehash, rehash_alone

if TYPE_CHECKING:
    from pathlib import Path

    from tests.identity.audit.conftest import Log

COUNT = 12
COLUMNS = [column.name for column in entries.columns]


def test_an_untouched_log_is_valid(log: Log) -> None:
    log.fill(COUNT)
    log.fill(3, "web-2")
    log.writer("idle")
    report = log.check(log.checkpoint())
    assert report.verdict == "valid"
    assert [step.outcome for step in report.steps] == ["ok"] * 5
    assert report.disclosed["entries"] == COUNT + 3
    assert report.disclosed["vouched_entries"] == COUNT + 3


def test_without_a_checkpoint_nothing_is_valid(log: Log) -> None:
    log.fill(2)
    report = log.check()
    assert report.verdict == "indeterminate"
    assert report.decisive_step is not None
    assert report.decisive_step.code == "no-checkpoint"
    assert report.step("chain").outcome == "ok"


def test_entries_after_the_checkpoint_are_a_warning(log: Log) -> None:
    log.fill(3)
    checkpoint = log.checkpoint()
    log.fill(2)
    log.fill(1, "web-2")
    report = log.check(checkpoint)
    assert report.verdict == "valid"
    assert [step.code for step in report.reservations] == ["entries-after"]
    assert "3 entries after it" in report.reservations[0].detail
    assert report.disclosed["vouched_entries"] == 3


@pytest.mark.parametrize("column", COLUMNS)
def test_an_edit_of_any_column_of_any_entry_is_found_and_named(log: Log, column: str) -> None:
    log.fill(COUNT)
    log.fill(2, "web-2")
    checkpoint = log.checkpoint()
    for place in (0, 1, COUNT // 2, COUNT - 1):
        for value in edits(column, log.rows()[place][column]):
            kept = log.rows()
            edited = [dict(row) for row in kept]
            edited[place][column] = value
            log.put(edited)
            named = f"writer web-1, entry {place + 1}"
            for report in (log.check(checkpoint), log.check()):
                assert report.verdict == "invalid"
                assert named in [detail for step, _, detail in failures(report) if step == "chain"]
            with pytest.raises(Exception, match="invalid"):
                log.checkpoint()
            log.run("DELETE FROM audit_entries WHERE writer = 'web-9'")
            log.put(kept)
            assert log.check(checkpoint).verdict == "valid"


def edits(column: str, value: Any) -> list[Any]:  # noqa: ANN401 - of any column
    if column == "writer":
        return ["web-9"]
    if column == "sequence":
        return [value + 1_000, -value, 0]
    if isinstance(value, int):
        return [value + 1, 0]
    if isinstance(value, bytes):
        flipped = value[:-1] + bytes((value[-1] ^ 1,))
        nullable = column in ("actor", "subject", "personal", "personal_digest")
        return [flipped, b"", *([None] if nullable else [])]
    return [value + " ", "", *([None] if column == "object" else [])]


def test_an_entry_taken_out_is_missed(log: Log) -> None:
    log.fill(COUNT)
    checkpoint = log.checkpoint()
    for place in (0, 5, COUNT - 1):
        kept = log.rows()
        log.put(kept[:place] + kept[place + 1 :])
        report = log.check(checkpoint)
        assert ("chain", "missing", f"writer web-1, entry {place + 1}") in failures(report)
        log.put(kept)


def test_an_entry_taken_out_is_missed_when_the_rest_is_renumbered(log: Log) -> None:
    log.fill(COUNT)
    rows = log.rows()
    del rows[5]
    for i, row in enumerate(rows, 1):
        row["sequence"] = i
    log.put(rows)
    report = log.check()
    assert failures(report) == [("chain", "missing", "writer web-1, entry 6")]


@pytest.mark.parametrize("forged", [True, False])
def test_an_inserted_entry_is_named(log: Log, forged: bool) -> None:  # noqa: FBT001 - a parameter
    log.fill(COUNT)
    rows = log.rows()
    new = {**rows[5], "event": "licence.revoked"}
    if forged:  # fitting its predecessor, hash and all
        new["previous"] = rows[4]["hash"]
        rehash_alone(new)
    rows.insert(5, new)
    for i, row in enumerate(rows, 1):
        row["sequence"] = i
    log.put(rows)
    expected = ("inserted", 6) if forged else ("changed", 6)
    assert failures(log.check())[0] == ("chain", expected[0], f"writer web-1, entry {expected[1]}")


def test_a_duplicated_entry_is_found(log: Log) -> None:
    log.fill(COUNT)
    rows = log.rows()
    rows.insert(6, dict(rows[5]))
    for i, row in enumerate(rows, 1):
        row["sequence"] = i
    log.put(rows)
    step, _, detail = failures(log.check())[0]
    assert (step, detail) == ("chain", "writer web-1, entry 7")


@pytest.mark.parametrize(("one", "other"), [(4, 5), (2, 9), (0, COUNT - 1)])
def test_two_entries_that_changed_places_are_found(log: Log, one: int, other: int) -> None:
    log.fill(COUNT)
    rows = log.rows()
    rows[one]["sequence"], rows[other]["sequence"] = other + 1, one + 1
    log.put(rows)
    assert failures(log.check()) == [("chain", "reordered", f"writer web-1, entry {one + 1}")]


def test_a_reversed_chain_is_found(log: Log) -> None:
    log.fill(COUNT)
    rows = log.rows()
    for i, row in enumerate(rows):
        row["sequence"] = COUNT - i
    log.put(rows)
    assert failures(log.check())[0] == ("chain", "reordered", "writer web-1, entry 1")


def test_an_entry_moved_to_another_chain_is_found_in_both(log: Log) -> None:
    log.fill(COUNT)
    log.fill(4, "web-2")
    log.run("UPDATE audit_entries SET writer='web-2' WHERE writer='web-1' AND sequence=6")
    found = failures(log.check())
    assert ("chain", "missing", "writer web-1, entry 6") in found
    assert any(detail.startswith("writer web-2, entry 5") for _, _, detail in found)


def test_a_cut_tail_is_found_by_its_head(log: Log) -> None:
    log.fill(COUNT)
    log.run("DELETE FROM audit_entries WHERE sequence > 8")
    assert failures(log.check()) == [("chain", "missing", "writer web-1, entry 9")]


def test_a_tail_cut_with_its_head_before_the_checkpoint_is_found_by_it(log: Log) -> None:
    log.fill(8)
    first = log.checkpoint()
    log.fill(4)
    second = log.checkpoint(first, seconds=1)
    rows = log.rows()[:10]
    log.put(rows)
    log.set_head(rows[-1])
    report = log.check(first, second)
    assert [failure[:2] for failure in failures(report)] == [("checkpoint", "missing")]
    assert "writer web-1, entry 11 to 12" in failures(report)[0][2]
    assert report.disclosed["vouched_entries"] == 8  # the first one still holds
    assert report.step("coverage").code == "up-to"


def test_a_tail_cut_after_the_checkpoint_with_its_head_is_beyond_what_can_be_known(
    log: Log,
) -> None:
    """docs/security.md says so: what no checkpoint attests can be cut without a trace."""
    log.fill(8)
    checkpoint = log.checkpoint()
    log.fill(4)
    rows = log.rows()[:10]
    log.put(rows)
    log.set_head(rows[-1])
    report = log.check(checkpoint)
    assert report.verdict == "valid"
    assert [step.code for step in report.reservations] == ["entries-after"]


def test_a_chain_rewritten_as_a_whole_is_found_by_the_checkpoint_only(log: Log) -> None:
    log.fill(COUNT)
    checkpoint = log.checkpoint()
    rows = log.rows()
    rows[3]["outcome"] = "refused"
    rehash(rows, 3)
    log.put(rows)
    log.set_head(rows[-1])
    assert failures(log.check()) == []
    assert log.check().verdict == "indeterminate"
    report = log.check(checkpoint)
    assert [failure[:2] for failure in failures(report)] == [("checkpoint", "rewritten")]
    with pytest.raises(Exception, match="invalid"):
        log.checkpoint(checkpoint)  # nor is a checkpoint made that would cover it up


def test_an_entry_hashed_anew_breaks_the_link_after_it(log: Log) -> None:
    log.fill(COUNT)
    rows = log.rows()
    rows[3]["outcome"] = "refused"
    rehash_alone(rows[3])
    log.put(rows)
    assert failures(log.check()) == [("chain", "relinked", "writer web-1, entry 4")]


def test_a_chain_taken_out_with_its_head_is_missed_by_the_checkpoint(log: Log) -> None:
    log.fill(3)
    log.fill(2, "web-2")
    checkpoint = log.checkpoint()
    log.run("DELETE FROM audit_entries WHERE writer = 'web-2'")
    log.run("DELETE FROM audit_heads WHERE writer = 'web-2'")
    report = log.check(checkpoint)
    assert [failure[:2] for failure in failures(report)] == [("checkpoint", "missing")]
    assert "writer web-2, entry 1 to 2" in failures(report)[0][2]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_heads SET sequence = sequence + 1",
        "UPDATE audit_heads SET sequence = sequence - 1",
        "UPDATE audit_heads SET sequence = -1",
        "UPDATE audit_heads SET hash = (SELECT id FROM audit_log)",
        "UPDATE audit_heads SET writer = 'web-9'",
        "DELETE FROM audit_heads",
        "UPDATE audit_log SET id = (SELECT hash FROM audit_entries LIMIT 1)",
    ],
)
def test_an_edit_of_the_other_tables_is_found(log: Log, statement: str) -> None:
    log.fill(4)
    checkpoint = log.checkpoint()
    assert log.run(statement)
    assert log.check().verdict == "invalid"
    assert log.check(checkpoint).verdict == "invalid"


@pytest.mark.parametrize("table", ["audit_log", "audit_heads", "audit_entries"])
def test_a_log_without_its_tables_is_no_log(log: Log, table: str) -> None:
    log.fill(2)
    checkpoint = log.checkpoint()
    log.run(f"DROP TABLE {table}")
    assert log.check().verdict == "indeterminate"
    report = log.check(checkpoint)
    assert failures(report) == [("format", "no-log", "")]


def test_a_log_emptied_with_its_heads_is_missed_by_the_checkpoint(log: Log) -> None:
    log.fill(2)
    checkpoint = log.checkpoint()
    log.run("DELETE FROM audit_entries")
    log.run("DELETE FROM audit_heads")
    assert log.check().verdict == "indeterminate"
    assert failures(log.check(checkpoint))[0][:2] == ("checkpoint", "missing")


@pytest.mark.parametrize(
    "assignment",
    [
        "event = X'FF'",
        "event = CAST(X'FFFE' AS TEXT)",
        "details = CAST(X'80' AS TEXT)",
        "time = 'noon'",
        "time = 1.5",
        "sequence = 'five'",
        "sequence = X'00'",
        "sequence = 5.5",
        "hash = 'text'",
        "hash = 5",
        "previous = 7",
        "personal = 'text'",
        "personal_digest = 1",
        "actor = 'text'",
        "writer = X'00'",
        "writer = CAST(X'FF' AS TEXT)",
        "writer = ''",
        "object = 12",
    ],
)
def test_values_of_types_that_sqlite_lets_in_are_found(sqlite_log: Log, assignment: str) -> None:
    sqlite_log.fill(8)
    checkpoint = sqlite_log.checkpoint()
    statement = "UPDATE audit_entries SET ! WHERE sequence = 5"
    sqlite_log.run(statement.replace("!", assignment))
    for report in (sqlite_log.check(checkpoint), sqlite_log.check()):
        assert report.verdict == "invalid"
        assert "writer web-1, entry 5" in [detail for _, _, detail in failures(report)]


def test_entries_of_no_chain_are_found(sqlite_log: Log) -> None:
    sqlite_log.fill(3)
    copied = ", ".join(COLUMNS[1:])
    statement = "INSERT INTO audit_entries (writer, !) SELECT X'41', ! FROM audit_entries LIMIT 1"
    sqlite_log.run(statement.replace("!", copied))
    assert failures(sqlite_log.check())[0][:2] == ("chain", "stray")


def test_two_rows_of_one_number_are_found_in_a_table_without_its_key(sqlite_log: Log) -> None:
    sqlite_log.fill(5)
    sqlite_log.run("ALTER TABLE audit_entries RENAME TO kept")
    sqlite_log.run("CREATE TABLE audit_entries AS SELECT * FROM kept")
    sqlite_log.run("INSERT INTO audit_entries SELECT * FROM kept WHERE sequence = 5")
    assert failures(sqlite_log.check())[0] == ("chain", "inserted", "writer web-1, entry 5")


def test_many_faults_are_told_within_bounds(sqlite_log: Log) -> None:
    for i in range(30):
        sqlite_log.fill(1, f"w{i}")
    sqlite_log.run("UPDATE audit_entries SET outcome = 'x'")
    found = failures(sqlite_log.check())
    assert len(found) == 21
    assert found[-1] == ("chain", "more", "10 chains")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_edit_of_any_value_is_found(sqlite_log: Log, data: st.DataObject) -> None:
    if not sqlite_log.rows():
        sqlite_log.fill(6)
    kept = sqlite_log.rows()
    edited = [dict(row) for row in kept]
    row = edited[data.draw(st.integers(0, len(edited) - 1))]
    column = data.draw(st.sampled_from(COLUMNS))
    old = row[column]
    strategy: st.SearchStrategy[Any] = {
        int: st.integers(-(2**63), 2**63 - 1),
        str: st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40),
        bytes: st.binary(max_size=80),
    }[type(old)]
    row[column] = data.draw(strategy.filter(lambda value: value != old))
    if column in ("writer", "sequence") and any(
        (row["writer"], row["sequence"]) == (other["writer"], other["sequence"])
        for other in edited
        if other is not row
    ):
        return  # the table's key forbids it
    sqlite_log.put(edited)
    assert sqlite_log.check().verdict == "invalid"
    sqlite_log.run("DELETE FROM audit_entries")
    sqlite_log.put(kept)
    assert failures(sqlite_log.check()) == []


def test_a_checkpoint_of_another_log_is_refused(log: Log, tmp_path: Path) -> None:
    log.fill(2)
    other_url = f"sqlite:///{tmp_path / 'other.sqlite'}"
    other = Store.open(other_url, protect_metadata, audit_metadata)
    Audit(other, log.protector, writer="web-1").record("a.b", now=NOW)
    foreign = make_checkpoint(other, log.key, now=NOW)
    other.close()
    report = log.check(foreign)
    assert failures(report)[0][:2] == ("checkpoint", "other-log")
    assert log.check(log.checkpoint(), foreign).verdict == "invalid"


def test_an_unknown_key_vouches_for_nothing(log: Log) -> None:
    log.fill(2)
    checkpoint = log.checkpoint()
    stranger = generate_key(KeyKind.P256).public
    report = check_audit(log.store, checkpoints=[checkpoint], key=stranger)
    assert report.verdict == "indeterminate"
    assert report.step("signature-value").code == "unknown-key"
    report = check_audit(log.store, checkpoints=[checkpoint])
    assert report.verdict == "indeterminate"
    assert report.step("signature-value").code == "no-key"


def test_an_older_checkpoint_vouches_up_to_itself(log: Log) -> None:
    log.fill(2)
    first = log.checkpoint()
    log.fill(3)
    second = log.checkpoint(first, seconds=1)
    log.fill(1)
    third = log.checkpoint(second, seconds=2)
    assert log.check(first).disclosed["vouched_entries"] == 2
    assert log.check(second, first).disclosed["vouched_entries"] == 5
    assert log.check(third, first, second).step("coverage").outcome == "ok"
    # One in between is not held: still good, and said.
    report = log.check(first, third)
    assert report.verdict == "valid"
    assert report.step("checkpoint").code == "unlinked"


def test_a_change_before_a_later_checkpoint_leaves_the_earlier_one_standing(log: Log) -> None:
    log.fill(4)
    first = log.checkpoint()
    log.fill(4)
    second = log.checkpoint(first, seconds=1)
    log.run("UPDATE audit_entries SET outcome = 'x' WHERE sequence = 6")
    report = log.check(first, second)
    assert failures(report) == [("chain", "changed", "writer web-1, entry 6")]
    assert report.step("checkpoint").code == "chain-broken"
    assert report.disclosed["vouched_entries"] == 4
