# ruff: noqa: ANN401 - changes may be any argument
"""Batches: prepared once, one bad document stops no other, workers open keys themselves."""

from __future__ import annotations

import csv
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.foundation.report import Verdict
from msb_identity.pki.formats import encode_key, open_key_file
from msb_identity.x509 import Certificate
from msb_seal.batch import Document, DocumentBatch, FileJob, FileResult, Outcome, many, seal_many
from msb_seal.batch import documents as batches
from msb_seal.documents import check_document
from msb_seal.errors import OfdRefused, SealingRefused
from msb_seal.placement import At
from msb_seal.seals.sealer import KeySealer
from msb_seal.seals.structure import parse_seal
from tests.identity.authorities import NOW
from tests.seal.archives import MINIMAL, archive
from tests.seal.makers import world
from tests.seal.ofd_documents import checked, sealed, unsealed
from tests.seal.pdf_documents import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from msb_seal.lifecycle.uses import Use
    from msb_seal.seals.model import ElectronicSeal

PLACES = (At(1, 120, 200),)


@dataclass
class CountingSealer:
    """A sealer that records, as a registry's does, and may freeze."""

    inner: KeySealer
    recorded: list[list[str]] = field(default_factory=list)
    signed: list[str] = field(default_factory=list)
    frozen_after: int = 1_000
    refuses: bool = False

    @property
    def seal(self) -> ElectronicSeal:
        return self.inner.seal

    @property
    def certificate(self) -> Certificate:
        return self.inner.certificate

    def record(
        self, uses: Sequence[Use], *, since: datetime | None = None, now: datetime | None = None
    ) -> None:
        assert since is None
        assert now is not None
        if self.refuses:
            raise SealingRefused("used-up", "次数用尽", "used up")
        self.recorded.append([use.document for use in uses])

    def sign(self, to_sign: bytes, *, digest: bytes, document: str, now: datetime) -> bytes:
        if len(self.signed) >= self.frozen_after:
            raise SealingRefused("frozen", "已停用", "frozen")
        self.signed.append(document)
        return self.inner.sign(to_sign, digest=digest, document=document, now=now)


def unsealed_ones(count: int) -> list[Document]:
    return [Document(str(number), unsealed()) for number in range(count)]


def test_every_document_of_a_batch_is_sealed_and_valid() -> None:
    batch = DocumentBatch(world().sealer(), PLACES)
    documents = [
        Document("a", unsealed()),
        Document("b", archive(MINIMAL)),
        Document("c", sealed()),
    ]
    done = list(batch.seal(documents, now=NOW))
    assert [one.name for one in done] == ["a", "b", "c"]
    for one in done:
        assert one.data is not None
        assert checked(one.data).verdict is Verdict.VALID
    assert len({one.data for one in done}) == 3


def test_a_bad_document_stops_no_other() -> None:
    final = sealed(final=True)
    documents = [
        Document("a", b"no"),
        Document("b", unsealed()),
        Document("c", final),
        Document("d", unsealed()),
    ]
    done = list(DocumentBatch(world().sealer(), PLACES).seal(documents, now=NOW))
    assert [one.data is None for one in done] == [True, False, True, False]
    assert isinstance(done[0].error, SealingRefused)
    assert isinstance(done[2].error, SealingRefused)


def test_uses_are_recorded_in_groups_before_the_first_signature(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "GROUP", 3)
    sealer = CountingSealer(world().sealer())
    documents = [Document(str(number), unsealed()) for number in range(7)]
    answers = DocumentBatch(sealer, PLACES).seal(documents, now=NOW)
    next(answers)
    assert sealer.recorded == [["0", "1", "2"]]
    assert sealer.signed == ["0"]
    assert all(one.data for one in answers)
    assert [len(group) for group in sealer.recorded] == [3, 3, 1]


def test_a_group_ends_where_it_would_take_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "GROUP_BYTES", len(unsealed()) + 1)
    sealer = CountingSealer(world().sealer())
    list(
        DocumentBatch(sealer, PLACES).seal(
            [Document(str(n), unsealed()) for n in range(4)], now=NOW
        )
    )
    assert [len(group) for group in sealer.recorded] == [2, 2]


def test_what_is_not_recorded_is_not_signed() -> None:
    sealer = CountingSealer(world().sealer(), refuses=True)
    done = list(
        DocumentBatch(sealer, PLACES).seal(
            [Document("a", unsealed()), Document("b", unsealed())], now=NOW
        )
    )
    assert sealer.signed == []
    assert [one.error.code for one in done if isinstance(one.error, SealingRefused)] == [
        "used-up",
        "used-up",
    ]


def test_a_seal_frozen_midway_seals_no_more() -> None:
    sealer = CountingSealer(world().sealer(), frozen_after=2)
    documents = [Document(str(number), unsealed()) for number in range(4)]
    done = list(DocumentBatch(sealer, PLACES).seal(documents, now=NOW))
    assert [one.data is not None for one in done] == [True, True, False, False]


def test_a_signer_who_signs_something_else_is_found_out_at_once() -> None:
    class Liar(CountingSealer):
        def sign(self, to_sign: bytes, *, digest: bytes, document: str, now: datetime) -> bytes:
            return super().sign(to_sign + b"x", digest=digest, document=document, now=now)

    done = list(DocumentBatch(Liar(world().sealer()), PLACES).seal(unsealed_ones(1), now=NOW))
    assert done[0].data is None


def test_a_seal_without_this_signer_starts_no_batch() -> None:
    maker = world().maker
    stranger = KeySealer(world().seal(), maker.certificate, maker.key)
    with pytest.raises(SealingRefused):
        list(DocumentBatch(stranger, PLACES).seal(unsealed_ones(1), now=NOW))


@contextmanager
def open_batch(folder: Path, reservation: str) -> Iterator[DocumentBatch]:
    """Open the sealer from its files, as a worker does."""
    assert reservation == ""
    key = open_key_file((folder / "key.pem").read_bytes()).key
    certificate = Certificate.load((folder / "cert.der").read_bytes())
    seal = parse_seal((folder / "seal.esl").read_bytes())
    yield DocumentBatch(KeySealer(seal, certificate, key), PLACES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sealer = world().sealer()
    (tmp_path / "key.pem").write_bytes(encode_key(sealer.key))
    (tmp_path / "cert.der").write_bytes(sealer.certificate.encoded)
    (tmp_path / "seal.esl").write_bytes(sealer.seal.encoded)
    return tmp_path


def jobs_in(folder: Path, count: int) -> list[FileJob]:
    """Files to seal, OFD and PDF by turns."""
    jobs = []
    for number in range(count):
        source = folder / f"{number}.{'pdf' if number % 2 else 'ofd'}"
        source.write_bytes(plain() if number % 2 else unsealed())
        jobs.append(FileJob(source, folder / "out" / source.name))
    return jobs


def sealing(folder: Path, jobs: Sequence[FileJob | FileResult], **changes: Any) -> list[FileResult]:
    given: dict[str, Any] = {"open_batch": partial(open_batch, folder), "now": NOW, **changes}
    return list(seal_many(jobs, output=folder / "out", **given))


def rows_in(folder: Path) -> list[dict[str, str]]:
    with (folder / "out" / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_files_are_sealed_and_what_is_there_is_not_made_again(folder: Path) -> None:
    jobs = jobs_in(folder, 4)
    first = sealing(folder, jobs[:2])
    written = jobs[0].target.read_bytes()
    again = sealing(folder, jobs)
    assert [one.outcome for one in first] == [Outcome.SEALED] * 2
    assert [one.outcome for one in again] == [Outcome.PRESENT] * 2 + [Outcome.SEALED] * 2
    assert jobs[0].target.read_bytes() == written
    rows = rows_in(folder)
    assert [row["file"] for row in rows] == [str(job.source) for job in jobs]
    for job, row in zip(jobs, rows, strict=True):
        data = job.target.read_bytes()
        assert check_document(data, trust=world().trust, at=NOW).verdict is Verdict.VALID
        assert row["sha256"] == sha256(data).hexdigest()
        assert row["output"] == job.target.name
        assert (row["outcome"], row["code"]) == ("sealed", "ok")


def test_a_file_that_cannot_be_read_or_sealed_is_told_in_its_place(folder: Path) -> None:
    jobs = jobs_in(folder, 6)
    jobs[1].source.unlink()
    jobs[2].source.write_bytes(b"no")
    jobs[3].source.write_bytes(b"%PDF-1.7 and nothing else")
    jobs[4].source.write_bytes(b"")
    done = sealing(folder, jobs)
    assert [one.name for one in done] == [str(job.source) for job in jobs]
    codes = ["ok", "unreadable", "unknown-kind", "unreadable-pdf", "empty", "ok"]
    assert [one.code for one in done] == codes
    assert [job.target.exists() for job in jobs] == [one == "ok" for one in codes]
    for row, code in zip(rows_in(folder), codes, strict=True):
        assert row["code"] == code
        assert row["zh"]
        assert row["en"]


def test_a_file_that_failed_is_tried_again(folder: Path) -> None:
    jobs = jobs_in(folder, 2)
    good = jobs[1].source.read_bytes()
    jobs[1].source.write_bytes(b"")
    sealing(folder, jobs)
    jobs[1].source.write_bytes(good)
    assert [one.outcome for one in sealing(folder, jobs)] == [Outcome.PRESENT, Outcome.SEALED]
    assert [row["outcome"] for row in rows_in(folder)] == ["sealed", "failed", "sealed"]


def test_threads_and_processes_do_the_same_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "GROUP", 2)
    monkeypatch.setattr(many, "MAX_WAITING", 2)
    jobs = jobs_in(folder, 7)
    jobs[3].source.write_bytes(b"no")
    with ThreadPoolExecutor(2) as threads:
        done = sealing(folder, jobs[:4], executor=threads)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as workers:
        done += sealing(folder, jobs[4:], executor=workers)
    assert [one.name for one in done] == [str(job.source) for job in jobs]
    sealed_ones = [one.outcome is Outcome.SEALED for one in done]
    assert sealed_ones == [True] * 3 + [False] + [True] * 3
    for job in jobs[:3] + jobs[4:]:
        report = check_document(job.target.read_bytes(), trust=world().trust, at=NOW)
        assert report.verdict is Verdict.VALID


def test_refusals_travel_between_processes_with_their_code() -> None:
    for kind in (OfdRefused, SealingRefused):
        error = pickle.loads(pickle.dumps(kind("code", "中", "en")))  # noqa: S301 - our own
        assert (type(error), error.code, error.zh, error.en) == (kind, "code", "中", "en")
