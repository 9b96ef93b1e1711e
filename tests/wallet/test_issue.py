"""Issuing rows: each once, faulty ones stop no others, between processes and after a kill."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from msb_wallet.credentials import compact
from msb_wallet.licences import issue as issue_module
from msb_wallet.licences.issue import Issuer
from msb_wallet.licences.model import Authority
from msb_wallet.licences.rows import MAX_ROWS_A_TRANSACTION, NumberedRow
from tests.wallet.issued import assert_whole, identifiers, spawn, stored
from tests.wallet.support_licences import (
    AUTHORITY,
    HEADING,
    NAME,
    NAME_2,
    NOW,
    NUMBER,
    NUMBER_2,
    PREFIX,
    TYPE,
    Desk,
    csv_text,
    good_row,
    named,
    refused_faults,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path


def test_a_row_becomes_a_licence(desk: Desk) -> None:
    issued = desk.issuer.issue(good_row(), now=NOW)
    assert issued.new
    assert issued.identifier.type_code == TYPE.code
    assert issued.identifier.issuer_code == AUTHORITY.code
    assert issued.identifier.version == 1
    assert desk.issuer.status.get(issued.identifier.short).status.name == "VALID"
    assert_whole(desk, 1)


def test_the_same_row_again_is_the_same_licence(desk: Desk) -> None:
    first = desk.issuer.issue(good_row(), now=NOW)
    before = stored(desk, first.identifier)
    for row in (good_row(), good_row(ZZBFRQ="2026/3/2", CZZTDM=NUMBER.lower(), KZ_BZ=" ")):
        again = desk.issuer.issue(row)
        assert (again.identifier, again.new) == (first.identifier, False)
    assert stored(desk, first.identifier) == before
    assert_whole(desk, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"CZZT": NAME_2},
        {"CZZTDM": NUMBER_2},
        {"ZZYXQJZRQ": "2032-02-29"},
        {"KZ_CZLB": "建筑架子工"},
        {"KZ_BZ": "夜班"},
    ],
)
def test_another_content_under_a_number_that_is_taken_is_refused(
    desk: Desk, changes: dict[str, str]
) -> None:
    desk.issuer.issue(good_row(), now=NOW)
    faults = refused_faults(lambda: desk.issuer.issue(good_row(**changes), now=NOW))
    assert named(faults) == {("ZZBH", "number-taken")}
    assert_whole(desk, 1)


def test_a_number_is_one_licence_for_each_type_and_issuer(desk: Desk) -> None:
    first = desk.issuer.issue(good_row(), now=NOW).identifier
    other_type = TYPE.model_copy(update={"code": "11100000000013338W999"})
    other = Authority("11150100MB0000000H", "呼和浩特市住房和城乡建设局", "地市级", "150100")
    made = [
        Issuer(
            desk.store,
            desk.protector,
            type_=type_,
            authority=authority,
            key=desk.key,
            status_prefix=PREFIX,
        ).issue(good_row(), now=NOW)
        for type_, authority in ((other_type, AUTHORITY), (TYPE, other))
    ]
    assert all(issued.new for issued in made)
    assert len({first, *(issued.identifier for issued in made)}) == 3


def test_a_file_twice_doubles_nothing(desk: Desk) -> None:
    text = csv_text(450)
    first = desk.issue_csv(text)
    assert [result.line for result in first] == list(range(2, 452))
    assert all(result.issued and result.issued.new for result in first)
    again = desk.issue_csv(text)
    assert identifiers(again) == identifiers(first)
    assert not any(result.issued and result.issued.new for result in again)
    assert_whole(desk, 450)


def test_faulty_rows_stop_no_others_and_keep_their_lines(desk: Desk) -> None:
    lines = csv_text(6).splitlines()
    lines[2] = lines[2].replace(NUMBER, NUMBER_2 + "9")
    lines[3] += ",x"
    lines[5] = lines[1].replace(NAME, NAME_2)  # the number of line 2, with other content
    lines[6] = lines[1]
    results = desk.issue_csv("\n".join(lines))
    assert [(result.line, result.issued is not None) for result in results] == [
        (2, True),
        (3, False),
        (4, False),
        (5, True),
        (6, False),
        (7, True),
    ]
    assert [named(result.faults) for result in results if result.faults] == [
        {("CZZTDM", "form")},
        {("*", "cells")},
        {("ZZBH", "number-taken")},
    ]
    assert results[5].issued is not None
    assert results[0].issued is not None
    assert results[5].issued.identifier == results[0].issued.identifier
    assert_whole(desk, 2)
    assert not any(NUMBER_2 in str(result) or NAME in str(result) for result in results)


def test_a_file_of_a_heading_only_issues_nothing(desk: Desk) -> None:
    assert desk.issue_csv(HEADING) == []


def test_what_was_given_back_is_on_disk(desk: Desk) -> None:
    count = MAX_ROWS_A_TRANSACTION + 1
    results = iter(desk.issuer.issue_rows(_numbered(count), now=NOW))
    next(results)
    with sqlite3.connect(desk.folder / "store.sqlite") as other:
        [[found]] = other.execute("SELECT count(*) FROM licences").fetchall()
    other.close()
    assert found == MAX_ROWS_A_TRANSACTION
    assert len(list(results)) == count - 1


def _numbered(count: int) -> Iterator[NumberedRow]:
    for number in range(count):
        yield NumberedRow(number, good_row(f"蒙{number}"))


def test_a_group_that_fails_leaves_nothing_half_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed, sign = 0, compact.sign_credential

    def fail_late(**claims: object) -> bytes:
        nonlocal signed
        signed += 1
        if signed == MAX_ROWS_A_TRANSACTION + 50:
            message = "the key is gone"
            raise RuntimeError(message)
        return sign(**claims)  # type: ignore[arg-type]

    text = csv_text(2 * MAX_ROWS_A_TRANSACTION)
    with monkeypatch.context() as patch:
        patch.setattr(issue_module, "sign_credential", fail_late)
        with pytest.raises(RuntimeError):
            desk.issue_csv(text)
    assert_whole(desk, MAX_ROWS_A_TRANSACTION)
    desk.issue_csv(text)
    assert_whole(desk, 2 * MAX_ROWS_A_TRANSACTION)


def issue_and_tell(folder: Path, text: str, pipe: Connection) -> None:
    """Issue a file in a process of its own, sending each result as it comes."""
    desk = Desk.open(folder)
    pipe.send("ready")
    pipe.recv()
    for result in desk.issue_csv_lazily(text):
        assert result.issued is not None
        pipe.send((result.line, result.issued.identifier.short, result.issued.new))
    pipe.send("done")


def test_two_processes_with_one_file_issue_each_licence_once(desk: Desk) -> None:
    text, found = csv_text(900), []
    pipes, processes = [], []
    for _ in range(2):
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=issue_and_tell, args=(desk.folder, text, theirs))
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    assert [pipe.recv() for pipe in pipes] == ["ready", "ready"]
    for pipe in pipes:
        pipe.send("go")
    for pipe in pipes:
        told = []
        while (item := pipe.recv()) != "done":
            told.append(item)
        found.append(told)
        pipe.close()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    first, second = (dict((item[0], item[1]) for item in told) for told in found)  # noqa: C402
    assert first == second
    assert len(first) == 900
    assert sum(new for told in found for _, _, new in told) == 900
    assert_whole(desk, 900)


def test_a_killed_batch_run_again_loses_and_doubles_nothing(desk: Desk) -> None:
    text = csv_text(2_000)
    known: dict[int, str] = {}
    for after in (1, 300, 650, 1_100):
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=issue_and_tell, args=(desk.folder, text, theirs))
        process.start()
        theirs.close()
        assert ours.recv() == "ready"
        ours.send("go")
        told = [ours.recv() for _ in range(after)]
        process.kill()  # SIGKILL, while a later group is being written
        process.join(60)
        while True:
            try:
                told.append(ours.recv())
            except EOFError:
                break
        ours.close()
        assert process.exitcode == -9
        for line, identifier, _ in told:
            assert known.setdefault(line, identifier) == identifier
    assert 0 < len(known) < 2_000
    last = desk.issue_csv(text)
    for result in last:
        assert result.issued is not None
        if result.line in known:
            assert result.issued.identifier.short == known[result.line]
            assert not result.issued.new
    assert len({identifier.short for identifier in identifiers(last)}) == 2_000
    assert_whole(desk, 2_000)
