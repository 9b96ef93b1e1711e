"""Sealing many OFDs: what does not change is prepared once, one bad document stops no other.

OfdBatch seals documents in memory. `seal_files` seals files, in this process or by any
`concurrent.futures.Executor`; a target that is there was written whole and is not made again, so a
batch that was stopped goes on where it ended. Workers open the sealer themselves: keys do not
travel. A registry's reserved sealer has the uses of a group recorded in one transaction.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from msb_identity.errors import MsbError
from msb_identity.foundation.clock import aware
from msb_identity.foundation.files import write_whole
from msb_seal.ofd.archive import MAX_ARCHIVE_BYTES
from msb_seal.ofd.package import OfdPackage
from msb_seal.ofd.sign import OfdSealing
from msb_seal.seals.sealer import Sealer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor, Future
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from msb_seal.lifecycle.uses import Use
    from msb_seal.ofd.sign import PreparedOfd
    from msb_seal.placement import Place
    from msb_seal.seals.sealer import TimestampSource

GROUP = 100
"""So many documents are prepared, recorded and sealed together, and make one task of a worker."""
GROUP_BYTES = 64 * 1024 * 1024
"""A group ends when its documents take so much memory, however few they are."""
MAX_WAITING = 64
"""So many groups wait for an executor at once; the list of files may be far longer."""


@runtime_checkable
class RecordingSealer(Sealer, Protocol):
    """A sealer that has several uses recorded in one transaction (lifecycle's ReservedSealer)."""

    def record(self, uses: Sequence[Use], *, now: datetime | None = None) -> None:
        """Record the next uses: all of them or, with SealingRefused, none."""


@dataclass(frozen=True, slots=True)
class SealedOfd:
    """What became of one document: the sealed file, or why there is none."""

    name: str
    data: bytes | None = field(default=None, repr=False)
    error: MsbError | None = None


@dataclass(frozen=True)
class OfdBatch:
    """Puts one seal on many documents, each at the same places.

    timestamps: what stamps every signature. The signer's first signature of each group is verified
    before it is let out; the rest are the same key's.
    """

    sealer: Sealer
    places: tuple[Place, ...]
    final: bool = False
    timestamps: TimestampSource | None = field(default=None, repr=False)

    def seal(
        self, documents: Iterable[tuple[str, bytes | OfdPackage]], *, now: datetime | None = None
    ) -> Iterator[SealedOfd]:
        """Seal documents, each with its name for the log, in their order.

        Raises SealingRefused where signer and seal do not fit; every other refusal is an answer.
        """
        group: list[tuple[str, bytes | OfdPackage]] = []
        size = 0
        for name, data in documents:
            group.append((name, data))
            size += len(data) if isinstance(data, bytes) else 0
            if len(group) >= GROUP or size >= GROUP_BYTES:
                yield from self._seal_group(group, aware(now))
                group, size = [], 0
        yield from self._seal_group(group, aware(now))

    @cached_property
    def _sealing(self) -> OfdSealing:
        return OfdSealing.of(self.sealer.seal, self.sealer.certificate)

    def _seal_group(
        self, group: list[tuple[str, bytes | OfdPackage]], now: datetime
    ) -> Iterator[SealedOfd]:
        prepared = [self._prepare(name, data, now) for name, data in group]
        refusal = self._record([one for one in prepared if isinstance(one, _Waiting)], now)
        verify = True
        for one in prepared:
            if isinstance(one, SealedOfd):
                yield one
            elif refusal is not None:
                yield SealedOfd(one.name, error=refusal)
            else:
                done = self._sign(one, verify=verify)
                verify = verify and done.error is not None
                yield done

    def _prepare(self, name: str, data: bytes | OfdPackage, now: datetime) -> _Waiting | SealedOfd:
        sealing = self._sealing
        try:
            package = data if isinstance(data, OfdPackage) else OfdPackage.read(data)
            prepared = sealing.prepare(package, places=self.places, now=now, final=self.final)
        except MsbError as error:
            return SealedOfd(name, error=error)
        return _Waiting(name, prepared)

    def _record(self, waiting: Sequence[_Waiting], now: datetime) -> MsbError | None:
        """Have the uses recorded together where the sealer can; give its refusal, if any."""
        if not waiting or not isinstance(self.sealer, RecordingSealer):
            return None
        from msb_seal.lifecycle.uses import Use

        try:
            self.sealer.record([Use(one.prepared.digest, one.name) for one in waiting], now=now)
        except MsbError as error:
            return error
        return None

    def _sign(self, waiting: _Waiting, *, verify: bool) -> SealedOfd:
        prepared = waiting.prepared
        try:
            signature = self.sealer.sign(
                prepared.to_sign, digest=prepared.digest, document=waiting.name, now=prepared.time
            )
            data = prepared.finish(signature, timestamps=self.timestamps, verify=verify)
        except MsbError as error:
            return SealedOfd(waiting.name, error=error)
        return SealedOfd(waiting.name, data)


@dataclass(frozen=True, slots=True)
class FileJob:
    """One file to seal, and where the sealed one goes."""

    source: Path
    target: Path


def seal_files(
    jobs: Iterable[FileJob],
    *,
    open_batch: Callable[[], AbstractContextManager[OfdBatch]],
    executor: Executor | None = None,
    now: datetime | None = None,
) -> Iterator[SealedOfd]:
    """Seal files in groups and tell what became of each, in their order, without its bytes.

    open_batch: opens the batch for one group where the work is done, its sealer with it; for an
    executor of other processes it must be picklable, such as a `functools.partial` of a function
    and of names, never of keys. Files whose target is there are passed over. now: one signing time
    for all; each group's own by default.

    Raises what open_batch raises, and OSError where a target cannot be written.
    """
    left = (job for job in jobs if not job.target.exists())
    groups = iter(lambda: list(islice(left, GROUP)), [])
    if executor is None:
        for group in groups:
            yield from _seal_files(open_batch, group, now)
        return
    waiting: deque[Future[list[SealedOfd]]] = deque()
    for group in groups:
        waiting.append(executor.submit(_seal_files, open_batch, group, now))
        if len(waiting) >= MAX_WAITING:
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()


@dataclass(frozen=True, slots=True)
class _Waiting:
    name: str
    prepared: PreparedOfd


def _seal_files(
    open_batch: Callable[[], AbstractContextManager[OfdBatch]],
    jobs: list[FileJob],
    now: datetime | None,
) -> list[SealedOfd]:
    """Seal one group of files; in a worker, where nothing but names arrives and leaves."""
    answers: dict[int, SealedOfd] = {}
    reading: deque[int] = deque()

    def documents() -> Iterator[tuple[str, bytes]]:
        for index, job in enumerate(jobs):
            try:
                with job.source.open("rb") as file:
                    # One byte more than allowed lets the reader refuse what is too long.
                    content = file.read(MAX_ARCHIVE_BYTES + 1)
            except OSError as error:
                answers[index] = SealedOfd(str(job.source), error=_unreadable(error))
            else:
                reading.append(index)
                yield str(job.source), content

    with open_batch() as batch:
        for sealed in batch.seal(
            documents(), now=now
        ):  # which answers in the order of its documents
            index = reading.popleft()
            if sealed.data is not None:
                write_whole(jobs[index].target, sealed.data)
            answers[index] = SealedOfd(sealed.name, error=sealed.error)
    return [answers[index] for index in sorted(answers)]


def _unreadable(error: OSError) -> MsbError:
    return MsbError(f"cannot read: {error.strerror or type(error).__name__}")
