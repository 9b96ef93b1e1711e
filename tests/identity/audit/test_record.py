"""Recording, reading, erasing."""

from __future__ import annotations

import contextlib
import threading
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from msb_identity.errors import ProtectionError, StoreError
from msb_identity.foundation import databases
from msb_identity.foundation.audit import Audit, Draft, PersonalState
from msb_identity.foundation.audit.entry import HASHED_COLUMNS
from msb_identity.foundation.audit.group import GroupCommit
from msb_identity.foundation.audit.tables import entries
from tests.identity.audit.conftest import ADDRESS, NAME, NOW, NUMBER, Log, failures

if TYPE_CHECKING:
    from collections.abc import Sequence


def test_what_is_recorded_is_read(log: Log) -> None:
    receipt = log.writer().record(
        "licence.issued",
        actor="clerk-1",
        subject=NUMBER,
        object_="A.B.C",
        outcome="refused",
        details={"reason": "证照", "n": [1, True, None]},
        now=NOW,
    )
    (entry,) = log.reader.entries().entries
    assert (entry.writer, entry.sequence, entry.hash) == ("web-1", 1, receipt.hash)
    assert (entry.time, entry.event, entry.outcome) == (NOW, "licence.issued", "refused")
    assert entry.object_ == "A.B.C"
    assert entry.details == {"reason": "证照", "n": [1, True, None]}
    assert entry.subject == log.protector.index("audit-subject", NUMBER)
    assert entry.sealed is None


def test_an_act_and_its_entry_are_one_commit(log: Log) -> None:
    log.fill(1)
    with pytest.raises(RuntimeError):
        act_and_fail(log)
    assert len(log.rows()) == 1
    log.fill(1)
    assert [row["sequence"] for row in log.rows()] == [1, 2]
    assert failures(log.check()) == []


def act_and_fail(log: Log) -> None:
    with log.store.write() as connection:
        log.writer().record("a.b", connection=connection)
        log.writer().record("a.c", connection=connection)
        raise RuntimeError


def test_many_entries_in_one_transaction_are_chained(log: Log) -> None:
    drafts = [Draft(event="a.b", subject=f"p{i}", object_=str(i), now=NOW) for i in range(500)]
    audit = log.writer()
    with log.store.write(locks=()) as connection:
        receipts = audit.record_many(drafts, connection=connection)
        assert audit.record_many([], connection=connection) == []
    assert [receipt.sequence for receipt in receipts] == list(range(1, 501))
    assert [row["object"] for row in log.rows()] == [str(i) for i in range(500)]
    assert log.check(log.checkpoint()).verdict == "valid"


def test_threads_share_commits_and_lose_nothing(log: Log) -> None:
    threads, each = 8, 25
    receipts: list[Any] = []

    def append(name: int) -> None:
        own = (log.writer().record("a.b", object_=f"{name}-{i}") for i in range(each))
        receipts.extend(own)

    running = [threading.Thread(target=append, args=(name,)) for name in range(threads)]
    log.writer()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    rows = log.rows()
    assert [row["sequence"] for row in rows] == list(range(1, threads * each + 1))
    assert {row["object"] for row in rows} == {
        f"{name}-{i}" for name in range(threads) for i in range(each)
    }
    by_sequence = {row["sequence"]: row["hash"] for row in rows}
    assert all(by_sequence[receipt.sequence] == receipt.hash for receipt in receipts)
    for name in range(threads):  # each thread's own entries stand in its order
        own = [row["object"] for row in rows if row["object"].startswith(f"{name}-")]
        assert own == [f"{name}-{i}" for i in range(each)]
    assert log.check(log.checkpoint()).verdict == "valid"


def test_threads_with_transactions_of_their_own_share_a_chain(log: Log) -> None:
    log.writer()

    def act() -> None:
        for _ in range(20):
            with log.store.write(locks=()) as connection:
                log.writer().record("a.b", connection=connection)

    running = [threading.Thread(target=act) for _ in range(4)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert len(log.rows()) == 80
    assert failures(log.check()) == []


def test_what_waits_behind_a_commit_goes_into_the_next_one() -> None:
    groups: list[list[int]] = []
    entered, free = threading.Event(), threading.Event()

    def write(items: Sequence[int]) -> list[str]:
        groups.append(list(items))
        entered.set()
        assert free.wait(20)
        return [str(item) for item in items]

    commit, results = GroupCommit(write), list[str]()
    running = [
        threading.Thread(target=lambda i=i: results.append(commit.append(i))) for i in range(6)
    ]
    running[0].start()
    assert entered.wait(20)
    for thread in running[1:]:
        thread.start()
    while commit.waiting < 5:
        time.sleep(0.001)
    free.set()
    for thread in running:
        thread.join()
    assert [sorted(group) for group in groups] == [[0], [1, 2, 3, 4, 5]]
    assert sorted(results) == list("012345")


def test_a_group_that_fails_fails_for_all_who_wait_and_blocks_nobody() -> None:
    entered, free = threading.Event(), threading.Event()

    def write(items: Sequence[str]) -> Sequence[str]:
        entered.set()
        assert free.wait(20)
        if "bad" in items:
            message = "gone"
            raise StoreError(message)
        return items

    commit, refused = GroupCommit(write), list[str]()

    def append(item: str) -> None:
        try:
            commit.append(item)
        except StoreError as error:
            refused.append(str(error))

    running = [threading.Thread(target=append, args=(item,)) for item in ("a", "bad", "b")]
    running[0].start()
    assert entered.wait(20)
    for thread in running[1:]:
        thread.start()
    while commit.waiting < 2:
        time.sleep(0.001)
    free.set()
    for thread in running:
        thread.join()
    assert refused == ["not written: gone"] * 2
    assert commit.append("c") == "c"


def test_an_interrupt_reaches_the_thread_that_writes_and_fails_its_group() -> None:
    def interrupted(_: Sequence[str]) -> Sequence[str]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GroupCommit(interrupted).append("a")


def test_an_interrupt_before_its_own_turn_leaves_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("msb_identity.foundation.audit.group.MAX_GROUP", 1)
    entered, free, ended = threading.Event(), threading.Event(), list[str]()

    def interrupted(_: Sequence[str]) -> Sequence[str]:
        entered.set()
        assert free.wait(20)
        raise KeyboardInterrupt

    commit = GroupCommit(interrupted)

    def append(item: str) -> None:
        with contextlib.suppress(KeyboardInterrupt, StoreError):
            commit.append(item)
        ended.append(item)

    names = [str(i) for i in range(8)]
    running = [threading.Thread(target=append, args=(name,), daemon=True) for name in names]
    running[0].start()
    assert entered.wait(20)
    for thread in running[1:]:
        thread.start()
    while commit.waiting < len(running) - 1:
        time.sleep(0.001)
    free.set()
    for thread in running:
        thread.join(20)
    assert sorted(ended) == names


def test_whoever_was_overtaken_goes_on_from_the_new_end(log: Log) -> None:
    one, two = (Audit(log.store, log.protector, writer="web-1") for _ in range(2))
    found = [audit.record("a.b", object_="o").sequence for audit in (one, one, two, one, two, two)]
    assert found == [1, 2, 3, 4, 5, 6]
    assert log.check(log.checkpoint()).verdict == "valid"


def test_an_append_waits_for_whoever_has_the_store_alone(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.fill(2)
    log.store.close()
    monkeypatch.setattr(databases, "BUSY_TIMEOUT_MS", 200)
    with log.store.write(), pytest.raises(StoreError, match=r"BUSY|LockNotAvailable"):
        log.writer().record("a.b")
    with log.store.write(locks=("another",)) as connection:
        connection.execute(text("SELECT 1"))
        if not log.url.startswith("sqlite"):
            assert log.writer().record("a.b").sequence == 3
    assert log.writer().record("a.b").sequence == len(log.rows())
    assert log.check(log.checkpoint()).verdict == "valid"


def test_an_entry_that_somebody_put_after_the_head_is_not_overwritten(log: Log) -> None:
    log.fill(2)
    log.writer().record("a.b")
    forged = {**log.rows()[-1], "sequence": 4}
    with log.store.write() as connection:
        connection.execute(entries.insert().values(**forged))
    for _ in range(2):
        with pytest.raises(StoreError, match="entries after the head of chain web-1: verify it"):
            log.writer().record("a.b")
    assert log.rows()[-1] == forged


def test_a_locked_database_is_a_store_error_and_nothing_is_half_written(
    sqlite_log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_log.fill(1)
    sqlite_log.store.close()
    monkeypatch.setattr(databases, "BUSY_TIMEOUT_MS", 200)
    with sqlite_log.store.write(), pytest.raises(StoreError, match="BUSY"):
        sqlite_log.writer().record("a.b")
    assert len(sqlite_log.rows()) == 1
    assert sqlite_log.writer().record("a.b").sequence == 2


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_heads",
        "UPDATE audit_heads SET sequence = sequence - 1",
    ],
)
def test_a_chain_whose_head_was_edited_takes_no_more_entries(log: Log, statement: str) -> None:
    log.fill(3)
    log.run(statement)
    with pytest.raises(StoreError, match="verify it"):
        log.writer().record("a.b")


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": ""},
        {"event": "Licence issued"},
        {"event": "a" * 61},
        {"event": "a.b", "outcome": "not ok"},
        {"event": "a.b", "object_": ""},
        {"event": "a.b", "object_": "a\nb"},
        {"event": "a.b", "object_": "x" * 201},
        {"event": "a.b", "details": {"a": "x" * 4_000}},
        {"event": "a.b", "details": {"a": "\0"}},
        {"event": "a.b", "details": {"a": float("nan")}},
        {"event": "a.b", "personal": {"name": "x"}},
        {"event": "a.b", "now": datetime(2026, 1, 1)},  # noqa: DTZ001 - that is what is wrong
    ],
)
def test_what_no_entry_may_hold_is_a_value_error(log: Log, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which, is told by the case
        log.writer().record(**wrong)
    assert log.rows() == []


@pytest.mark.parametrize("writer", ["", "a b", "x" * 61, "网", "a/b", "-"])
def test_a_writer_has_a_plain_name(sqlite_log: Log, writer: str) -> None:
    with pytest.raises(ValueError, match="writer"):
        sqlite_log.writer(writer)


def test_no_personal_data_stands_in_clear(log: Log) -> None:
    log.fill(3)
    found = log.bytes_on_disk()
    for secret in (NUMBER, NAME, ADDRESS, "clerk-1"):
        assert secret.encode() not in found
    assert b"licence.shown" in found  # so we do look at the right bytes


def test_reading_by_object_person_event_and_time(log: Log) -> None:
    for i in range(10):
        log.writer(f"web-{i % 2}").record(
            "licence.shown" if i % 3 else "licence.issued",
            actor=f"clerk-{i % 4}",
            subject=f"person-{i % 5}",
            object_=f"o{i}",
            now=NOW + timedelta(seconds=i),
        )
    read = log.reader.entries
    assert objects(read(object_="o3")) == ["o3"]
    assert objects(read(subject=["person-1"])) == ["o1", "o6"]
    assert objects(read(subject=["person-1", "person-2"])) == ["o1", "o2", "o6", "o7"]
    assert objects(read(actor=["clerk-0"])) == ["o0", "o4", "o8"]
    assert objects(read(event="licence.issued")) == ["o0", "o3", "o6", "o9"]
    since, until = NOW + timedelta(seconds=2), NOW + timedelta(seconds=5)
    assert objects(read(since=since, until=until)) == ["o2", "o3", "o4"]
    assert objects(read(event="licence.issued", since=since, newest_first=True)) == [
        "o9",
        "o6",
        "o3",
    ]
    assert objects(read(subject=["nobody"])) == []


def objects(page: Any) -> list[str | None]:  # noqa: ANN401 - a page
    return [entry.object_ for entry in page.entries]


@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_follow_each_other_without_gap_or_overlap(log: Log, newest_first: bool) -> None:  # noqa: FBT001 - a parameter
    for i in range(23):  # many at one moment, in two chains
        log.writer(f"web-{i % 2}").record(
            "a.b", object_=str(i), now=NOW + timedelta(seconds=i // 10)
        )
    found: list[str | None] = []
    cursor = None
    while True:
        page = log.reader.entries(limit=5, after=cursor, newest_first=newest_first)
        found += objects(page)
        if (cursor := page.next) is None:
            break
    whole = objects(log.reader.entries(limit=100, newest_first=newest_first))
    assert found == whole
    assert sorted(found, key=str) == sorted((str(i) for i in range(23)), key=str)


def test_queries_use_their_indexes(sqlite_log: Log) -> None:
    for column, index in (
        ("object", "audit_entries_by_object"),
        ("subject", "audit_entries_by_subject"),
        ("actor", "audit_entries_by_actor"),
        ("event", "audit_entries_by_event"),
    ):
        statement = "EXPLAIN QUERY PLAN SELECT * FROM audit_entries WHERE ! = 'x' ORDER BY time"
        with sqlite_log.store.read() as connection:
            plan = connection.exec_driver_sql(statement.replace("!", column)).all()
        assert index in str(plan)


def test_a_person_sees_their_own_entries_and_no_more(log: Log) -> None:
    audit = log.writer()
    audit.record("a.about", subject=NUMBER, actor="clerk", personal={"address": ADDRESS}, now=NOW)
    audit.record("a.by", actor="id-7", subject="other", personal={"address": "theirs"}, now=NOW)
    audit.record("a.foreign", subject="other", actor="clerk", now=NOW)
    own, cursor = log.reader.own(NUMBER, "id-7")
    assert cursor is None
    assert [entry.event for entry in own] == ["a.by", "a.about"]
    assert own[1].personal.fields == {"address": ADDRESS}
    assert own[0].personal.state is PersonalState.NONE  # another's personal part
    assert not hasattr(own[0], "actor")
    assert not hasattr(own[0], "details")
    first, cursor = log.reader.own(NUMBER, "id-7", limit=1)
    assert [entry.event for entry in first] == ["a.by"]
    second, cursor = log.reader.own(NUMBER, "id-7", limit=1, after=cursor)
    assert [entry.event for entry in second] == ["a.about"]
    assert cursor is None


def test_erasing_a_person_leaves_the_log_valid(log: Log) -> None:
    log.fill(3)
    log.writer().record("a.b", subject="other", personal={"name": "stays"}, now=NOW)
    checkpoint = log.checkpoint()
    first = log.reader.entries().entries[0]
    assert log.reader.personal(first).fields == {"name": NAME, "address": ADDRESS}
    assert log.writer().erase(NUMBER, actor="officer", now=NOW) == 1
    part = log.reader.personal(first)
    assert (part.state, part.fields) == (PersonalState.ERASED, {})
    (kept,) = log.reader.entries(subject=["other"]).entries
    assert log.reader.personal(kept).fields == {"name": "stays"}
    report = log.check(checkpoint)
    assert report.verdict == "valid"
    assert report.disclosed["entries"] == 5  # the erasure is an entry too
    assert log.writer().erase(NUMBER) == 0
    log.fill(1)  # a new key for what comes after
    assert log.reader.personal(log.reader.entries(newest_first=True).entries[-1]) == part
    (newest,) = log.reader.entries(object_="TYPE.ISSUER.0", since=NOW).entries[-1:]
    assert newest.sealed is not None


def test_an_erased_key_is_in_no_file(sqlite_log: Log) -> None:
    sqlite_log.fill(2)
    with sqlite_log.store.read() as connection:
        wrapped = connection.exec_driver_sql("SELECT wrapped FROM audit_subject_keys").scalar()
    assert isinstance(wrapped, bytes)
    assert wrapped in sqlite_log.bytes_on_disk()
    sqlite_log.writer().erase(NUMBER)
    assert wrapped not in sqlite_log.bytes_on_disk()


def test_a_personal_part_opens_in_its_own_entry_only(log: Log) -> None:
    log.fill(2)
    rows = log.rows()
    rows[0]["personal"], rows[1]["personal"] = rows[1]["personal"], rows[0]["personal"]
    log.put(rows)
    for entry in log.reader.entries().entries:
        with pytest.raises(ProtectionError):
            log.reader.personal(entry)
    assert failures(log.check())[0][1] == "personal-changed"
    log.run("UPDATE audit_entries SET personal = :junk", junk=b"junk")
    with pytest.raises(ProtectionError):
        log.reader.personal(log.reader.entries().entries[0])


def test_drafts_and_entries_do_not_show_whom_they_are_about(log: Log) -> None:
    draft = Draft(event="a.b", subject=NUMBER, personal={"name": NAME})
    assert NUMBER not in repr(draft)
    assert NAME not in repr(draft)
    log.fill(1)
    assert NAME not in repr(log.reader.personal(log.reader.entries().entries[0]))


def test_the_table_has_no_column_that_the_hash_leaves_out() -> None:
    left = {column.name for column in entries.columns} - set(HASHED_COLUMNS)
    assert left == {"hash", "personal"}  # the one it is, the one whose digest is hashed
