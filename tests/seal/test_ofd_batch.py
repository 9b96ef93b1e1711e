"""Batches: prepared once, one bad document stops no other, workers open keys themselves."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Verdict
from msb_identity.pki.formats import encode_key, open_key_file
from msb_identity.x509 import Certificate
from msb_seal.errors import OfdRefused, SealingRefused
from msb_seal.ofd import batch as batches
from msb_seal.ofd.batch import FileJob, OfdBatch, seal_files
from msb_seal.placement import At
from msb_seal.seals.sealer import KeySealer
from msb_seal.seals.structure import parse_seal
from tests.identity.authorities import NOW
from tests.seal.archives import MINIMAL, archive
from tests.seal.makers import world
from tests.seal.ofd_documents import checked, sealed, unsealed

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

    def record(self, uses: Sequence[Use], *, now: datetime | None = None) -> None:
        assert now is not None
        if self.refuses:
            raise SealingRefused("used-up", "次数用尽", "used up")
        self.recorded.append([use.document for use in uses])

    def sign(self, to_sign: bytes, *, digest: bytes, document: str, now: datetime) -> bytes:
        if len(self.signed) >= self.frozen_after:
            raise SealingRefused("frozen", "已停用", "frozen")
        self.signed.append(document)
        return self.inner.sign(to_sign, digest=digest, document=document, now=now)


def test_every_document_of_a_batch_is_sealed_and_valid() -> None:
    batch = OfdBatch(world().sealer(), PLACES)
    documents = [("a", unsealed()), ("b", archive(MINIMAL)), ("c", sealed())]
    done = list(batch.seal(documents, now=NOW))
    assert [one.name for one in done] == ["a", "b", "c"]
    for one in done:
        assert one.data is not None
        assert checked(one.data).verdict is Verdict.VALID
    assert len({one.data for one in done}) == 3


def test_a_bad_document_stops_no_other() -> None:
    final = sealed(final=True)
    documents = [("a", b"no"), ("b", unsealed()), ("c", final), ("d", unsealed())]
    done = list(OfdBatch(world().sealer(), PLACES).seal(documents, now=NOW))
    assert [one.data is None for one in done] == [True, False, True, False]
    assert isinstance(done[0].error, OfdRefused)
    assert isinstance(done[2].error, SealingRefused)


def test_uses_are_recorded_in_groups_before_the_first_signature(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "GROUP", 3)
    sealer = CountingSealer(world().sealer())
    documents = [(str(number), unsealed()) for number in range(7)]
    answers = OfdBatch(sealer, PLACES).seal(documents, now=NOW)
    next(answers)
    assert sealer.recorded == [["0", "1", "2"]]
    assert sealer.signed == ["0"]
    assert all(one.data for one in answers)
    assert [len(group) for group in sealer.recorded] == [3, 3, 1]


def test_a_group_ends_where_it_would_take_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "GROUP_BYTES", len(unsealed()) + 1)
    sealer = CountingSealer(world().sealer())
    list(OfdBatch(sealer, PLACES).seal([(str(n), unsealed()) for n in range(4)], now=NOW))
    assert [len(group) for group in sealer.recorded] == [2, 2]


def test_what_is_not_recorded_is_not_signed() -> None:
    sealer = CountingSealer(world().sealer(), refuses=True)
    done = list(OfdBatch(sealer, PLACES).seal([("a", unsealed()), ("b", unsealed())], now=NOW))
    assert sealer.signed == []
    assert [one.error.code for one in done if isinstance(one.error, SealingRefused)] == [
        "used-up",
        "used-up",
    ]


def test_a_seal_frozen_midway_seals_no_more() -> None:
    sealer = CountingSealer(world().sealer(), frozen_after=2)
    documents = [(str(number), unsealed()) for number in range(4)]
    done = list(OfdBatch(sealer, PLACES).seal(documents, now=NOW))
    assert [one.data is not None for one in done] == [True, True, False, False]


def test_a_signer_who_signs_something_else_is_found_out_at_once() -> None:
    class Liar(CountingSealer):
        def sign(self, to_sign: bytes, *, digest: bytes, document: str, now: datetime) -> bytes:
            return super().sign(to_sign + b"x", digest=digest, document=document, now=now)

    done = list(OfdBatch(Liar(world().sealer()), PLACES).seal([("a", unsealed())], now=NOW))
    assert done[0].data is None


def test_a_seal_without_this_signer_starts_no_batch() -> None:
    maker = world().maker
    stranger = KeySealer(world().seal(), maker.certificate, maker.key)
    with pytest.raises(SealingRefused):
        list(OfdBatch(stranger, PLACES).seal([("a", unsealed())], now=NOW))


@contextmanager
def open_batch(folder: Path) -> Iterator[OfdBatch]:
    """Open the sealer from its files, as a worker does."""
    key = open_key_file((folder / "key.pem").read_bytes()).key
    certificate = Certificate.load((folder / "cert.der").read_bytes())
    seal = parse_seal((folder / "seal.esl").read_bytes())
    yield OfdBatch(KeySealer(seal, certificate, key), PLACES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sealer = world().sealer()
    (tmp_path / "key.pem").write_bytes(encode_key(sealer.key))
    (tmp_path / "cert.der").write_bytes(sealer.certificate.encoded)
    (tmp_path / "seal.esl").write_bytes(sealer.seal.encoded)
    return tmp_path


def jobs_in(folder: Path, count: int) -> list[FileJob]:
    jobs = []
    for number in range(count):
        source = folder / f"{number}.ofd"
        source.write_bytes(unsealed())
        jobs.append(FileJob(source, folder / "out" / source.name))
    return jobs


def test_files_are_sealed_and_what_is_there_is_not_made_again(folder: Path) -> None:
    jobs = jobs_in(folder, 3)
    first = list(seal_files(jobs[:1], open_batch=partial(open_batch, folder), now=NOW))
    written = jobs[0].target.read_bytes()
    rest = list(seal_files(jobs, open_batch=partial(open_batch, folder), now=NOW))
    assert [one.name for one in first + rest] == [str(job.source) for job in jobs]
    assert jobs[0].target.read_bytes() == written
    for job in jobs:
        assert checked(job.target.read_bytes()).verdict is Verdict.VALID


def test_a_file_that_cannot_be_read_or_sealed_is_told_in_its_place(folder: Path) -> None:
    jobs = jobs_in(folder, 4)
    jobs[1].source.unlink()
    jobs[2].source.write_bytes(b"no")
    done = list(seal_files(jobs, open_batch=partial(open_batch, folder), now=NOW))
    assert [one.name for one in done] == [str(job.source) for job in jobs]
    assert [one.error is None for one in done] == [True, False, False, True]
    assert [job.target.exists() for job in jobs] == [True, False, False, True]


def test_threads_and_processes_do_the_same_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "GROUP", 2)
    monkeypatch.setattr(batches, "MAX_WAITING", 2)
    jobs = jobs_in(folder, 7)
    jobs[3].source.write_bytes(b"no")
    opener = partial(open_batch, folder)
    with ThreadPoolExecutor(2) as threads:
        done = list(seal_files(jobs[:4], open_batch=opener, executor=threads, now=NOW))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as workers:
        done += list(seal_files(jobs[4:], open_batch=opener, executor=workers, now=NOW))
    assert [one.name for one in done] == [str(job.source) for job in jobs]
    assert [one.error is None for one in done] == [True] * 3 + [False] + [True] * 3
    for job in jobs[:3] + jobs[4:]:
        assert checked(job.target.read_bytes()).verdict is Verdict.VALID


def test_refusals_travel_between_processes_with_their_code() -> None:
    for kind in (OfdRefused, SealingRefused):
        error = pickle.loads(pickle.dumps(kind("code", "中", "en")))  # noqa: S301 - our own
        assert (type(error), error.code, error.zh, error.en) == (kind, "code", "中", "en")
