# ruff: noqa: ANN401 - changes may be any argument
"""Batches with a kept seal: uses reserved, recorded in one transaction, given back, frozen."""

from __future__ import annotations

import csv
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.foundation.report import Verdict
from msb_seal.batch import Document, DocumentBatch, FileJob, FileResult, Outcome, many, seal_many
from msb_seal.documents import check_document
from msb_seal.errors import SealingRefused
from msb_seal.ofd.sign import seal_ofd
from msb_seal.ofd.verify import check_ofd
from msb_seal.placement import At
from tests.identity.authorities import DAY, NOW
from tests.seal.archives import archive
from tests.seal.makers import world
from tests.seal.ofd_documents import document, unsealed
from tests.seal.ofd_steps import codes
from tests.seal.pdf_documents import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.seal.lifecycle.conftest import Kept

PLACES = (At(1, 120, 200),)


def test_a_batch_uses_what_it_reserved_and_gives_back_the_rest(kept: Kept) -> None:
    record = kept.issued().record
    kept.granted(record, max_uses=10)
    documents = [
        Document(
            f"{number}.ofd", archive({**document(), "Doc_0/Attachs/data.xml": b"<d/>" * number})
        )
        for number in range(3)
    ]
    with kept.sealer(record).reserve(5, now=NOW) as reserved:
        done = list(DocumentBatch(reserved, PLACES).seal(documents, now=NOW))
        assert kept.used() == 5
    assert kept.used() == 3
    for one in done:
        assert one.data is not None
        report = check_ofd(one.data, trust=world().trust, at=NOW, statuses=kept.registry)
        assert report.verdict is Verdict.VALID, report.as_text()
        assert codes(report, "seal-status") == {("ok", "ok")}
    entries = kept.entries("seal.used")
    assert len(entries) == 3
    assert len({entry.details["digest"] for entry in entries}) == 3


def test_a_batch_beyond_what_was_granted_seals_nothing(kept: Kept) -> None:
    record = kept.issued().record
    kept.granted(record, max_uses=2)
    with pytest.raises(SealingRefused):
        kept.sealer(record).reserve(3, now=NOW)
    assert kept.used() == 0


def test_a_seal_frozen_during_a_batch_seals_no_further_document(kept: Kept) -> None:
    record = kept.issued().record
    kept.granted(record)
    documents = [Document(f"{number}.ofd", unsealed()) for number in range(2)]
    with kept.sealer(record).reserve(4, now=NOW) as reserved:
        batch = DocumentBatch(reserved, PLACES)
        first = list(batch.seal(documents, now=NOW))
        kept.freeze(record)
        second = list(batch.seal(documents, now=NOW))
    assert all(one.data for one in first)
    assert [one.data for one in second] == [None, None]
    assert all(isinstance(one.error, SealingRefused) for one in second)


def test_a_frozen_seal_seals_no_single_document_and_its_documents_tell(kept: Kept) -> None:
    record = kept.issued().record
    kept.granted(record)
    sealer = kept.sealer(record)
    data = seal_ofd(unsealed(), sealer=sealer, places=PLACES, document="a.ofd", now=NOW)
    kept.freeze(record)
    with pytest.raises(SealingRefused):
        seal_ofd(unsealed(), sealer=sealer, places=PLACES, document="b.ofd", now=NOW)
    report = check_ofd(data, trust=world().trust, at=NOW, statuses=kept.registry)
    assert report.verdict is not Verdict.VALID
    assert "frozen" in {code for _, code in codes(report, "seal-status")}


class Killed(BaseException):
    """What no part of the batch catches."""


def files_of(folder: Path, count: int) -> list[FileJob]:
    """Make PDFs to seal, each another document."""
    jobs = []
    for number in range(count):
        source = folder / f"{number}.pdf"
        source.write_bytes(plain(1 + number))
        jobs.append(FileJob(source, folder / "out" / source.name, source.name))
    return jobs


def run(kept: Kept, record: str, jobs: list[FileJob], **changes: Any) -> list[FileResult]:
    """Seal files with the kept seal; `dies_at`: the signature in which the run is killed."""
    dies_at, wait = changes.pop("dies_at", None), changes.pop("wait", timedelta())
    sealer, signed = kept.sealer(record), [0]

    @contextmanager
    def open_batch(reservation: str) -> Iterator[DocumentBatch]:
        inner = sealer.resume(reservation)
        sign = inner.sign

        def dying(to_sign: bytes, **given: Any) -> bytes:
            signed[0] += 1
            if signed[0] == dies_at:
                raise Killed
            return sign(to_sign, **given)

        inner.sign = dying  # type: ignore[method-assign]
        yield DocumentBatch(inner, PLACES)

    output = jobs[0].target.parent
    found = seal_many(
        jobs, output=output, open_batch=open_batch, registered=sealer, now=NOW + wait, **changes
    )
    return list(found)


def rows_of(jobs: list[FileJob]) -> Counter[tuple[str, str]]:
    path = jobs[0].target.parent / "results.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        return Counter((row["file"], row["outcome"]) for row in csv.DictReader(file))


@pytest.mark.parametrize("dies_at", [1, 4, 7])
def test_a_killed_batch_goes_on_without_losing_or_doubling(
    kept: Kept, tmp_path: Path, dies_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "GROUP", 3)
    record = kept.issued().record
    kept.granted(record, max_uses=8)
    jobs = files_of(tmp_path, 8)
    with pytest.raises(Killed):
        run(kept, record, jobs, dies_at=dies_at)
    assert kept.used() == 8  # reserved for all of them
    done = run(kept, record, jobs, wait=timedelta(seconds=30))
    assert {one.outcome for one in done} <= {Outcome.SEALED, Outcome.PRESENT}
    assert kept.used() == 8
    used = kept.entries("seal.used")
    assert sum(entry.outcome == "ok" for entry in used) == 8
    assert rows_of(jobs) == Counter({(job.name, "sealed"): 1 for job in jobs})
    for job in jobs:
        report = check_document(
            job.target.read_bytes(), trust=world().trust, at=NOW + DAY, statuses=kept.registry
        )
        assert report.verdict is Verdict.VALID, report.as_text()
    assert kept.used() == 8
    assert not any((tmp_path / "out" / ".msb-batch" / "begun").iterdir())
    assert [one.outcome for one in run(kept, record, jobs)] == [Outcome.PRESENT] * 8


def test_what_is_resumed_is_in_the_log(kept_on_each: Kept, tmp_path: Path) -> None:
    kept = kept_on_each
    record = kept.issued().record
    kept.granted(record)
    jobs = files_of(tmp_path, 2)
    with pytest.raises(Killed):
        run(kept, record, jobs, dies_at=2)
    run(kept, record, jobs)
    assert len(kept.entries("seal.used")) == 2
    assert len(kept.entries("seal.use-resumed")) == 2


def test_a_seal_frozen_meanwhile_ends_nothing_that_was_begun(kept: Kept, tmp_path: Path) -> None:
    record = kept.issued().record
    kept.granted(record)
    jobs = files_of(tmp_path, 2)
    with pytest.raises(Killed):
        run(kept, record, jobs, dies_at=1)
    kept.freeze(record)
    with pytest.raises(SealingRefused) as caught:
        run(kept, record, jobs)
    assert caught.value.code == "frozen"
    assert not any(job.target.exists() for job in jobs)


def test_a_batch_gives_back_what_its_failed_files_did_not_use(kept: Kept, tmp_path: Path) -> None:
    record = kept.issued().record
    kept.granted(record, max_uses=3)
    jobs = files_of(tmp_path, 3)
    jobs[1].source.write_bytes(b"%PDF-1.7 broken")
    done = run(kept, record, jobs)
    assert [one.outcome for one in done] == [Outcome.SEALED, Outcome.FAILED, Outcome.SEALED]
    assert kept.used() == 2


def test_a_batch_of_more_files_than_uses_begins_nothing(kept: Kept, tmp_path: Path) -> None:
    record = kept.issued().record
    kept.granted(record, max_uses=2)
    jobs = files_of(tmp_path, 3)
    with pytest.raises(SealingRefused) as caught:
        run(kept, record, jobs)
    assert caught.value.code == "used-up"
    assert kept.used() == 0
    assert not any(job.target.exists() for job in jobs)


def test_reserving_needs_a_list_that_can_be_counted(kept: Kept, tmp_path: Path) -> None:
    record = kept.issued().record
    jobs = files_of(tmp_path, 1)
    with pytest.raises(ValueError, match="twice"):
        list(
            seal_many(
                iter(jobs),
                output=tmp_path / "out",
                open_batch=lambda _: pytest.fail("opened"),
                registered=kept.sealer(record),
            )
        )
