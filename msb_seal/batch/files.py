"""Files of a batch: one group sealed where the work is done, and what became of each file.

Workers are given names and give back names: neither keys nor documents travel. What a worker opens
it keeps open for its next group. Before a group's uses are recorded, a note of it is on disk, and
goes when all its files are; what a killed batch leaves is found by these notes.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import secrets
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from msb_identity.foundation.clock import aware
from msb_identity.foundation.files import open_regular, write_whole
from msb_seal.batch.documents import Document
from msb_seal.batch.placing import Placing, sync_folder
from msb_seal.errors import SealingRefused
from msb_seal.ofd.archive import MAX_ARCHIVE_BYTES
from msb_seal.placement import At, AtKeyword, OnEveryPage, Straddle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from msb_identity.errors import MsbError
    from msb_seal.batch.documents import DocumentBatch
    from msb_seal.placement import Place

RUN_FILE, WORK_LOCK, BEGUN, PARTS = "run", "work.lock", "begun", "parts"
_PLACES: dict[str, Callable[..., Place]] = {
    kind.__name__: kind for kind in (At, AtKeyword, OnEveryPage, Straddle)
}


class Outcome(StrEnum):
    """What became of a file."""

    SEALED = "sealed"  # 已盖章
    FAILED = "failed"  # 未盖章
    PRESENT = "present"  # 此前已完成
    SKIPPED = "skipped"  # 不是待盖章的文件


@dataclass(frozen=True, slots=True)
class FileJob:
    """One file to seal, and where the sealed one goes.

    name: how results call it, its path by default. places, reason: as those of Document.
    """

    source: Path
    target: Path
    name: str = ""
    places: tuple[Place, ...] | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file: `sha256` of the sealed one, or why there is none."""

    name: str
    outcome: Outcome
    code: str
    zh: str
    en: str
    target: Path | None = None
    sha256: str = ""
    time: datetime = field(default_factory=lambda: aware(None))

    @classmethod
    def failed(cls, name: str, error: MsbError, target: Path | None = None) -> FileResult:
        """Tell why a file was not sealed."""
        code = str(getattr(error, "code", type(error).__name__))
        zh, en = getattr(error, "zh", "无法盖章"), getattr(error, "en", str(error))
        return cls(name, Outcome.FAILED, code, zh, en, target)


class OpenBatch(Protocol):
    """What opens a batch where the work is done, its sealer with it.

    reservation: the one that its sealer goes on under; empty where nothing is reserved. For an
    executor of other processes it must be picklable, such as a `functools.partial` of a function
    and of names, never of keys.
    """

    def __call__(self, reservation: str, /) -> AbstractContextManager[DocumentBatch]:
        """Open it."""


@dataclass(frozen=True, slots=True)
class Shift:
    """What all groups of one run have in common. run: its secret name; another run ends it."""

    open_batch: OpenBatch
    state: Path
    run: str
    reservation: str = ""
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Files for one task of a worker, with what is known already of those not to be sealed.

    since: when it was begun by a run that was killed; None for one that is new.
    """

    items: Sequence[FileJob | FileResult]
    since: datetime | None = None


def seal_group(shift: Shift, group: Group) -> list[FileResult]:
    """Seal one group of files, each whole or not at all, and tell of each in its place.

    Raises what opening the batch raises, and OSError where no file at all can be written.
    """
    now = aware(shift.now)
    answers = {n: one for n, one in enumerate(group.items) if isinstance(one, FileResult)}
    jobs = {n: one for n, one in enumerate(group.items) if isinstance(one, FileJob)}
    with _working(shift), ExitStack() as note:
        for number, job in jobs.items():
            if os.path.lexists(job.target):
                answers[number] = _made_before(job)
        left = {number: job for number, job in jobs.items() if number not in answers}
        if left and shift.reservation and group.since is None:
            note.enter_context(_noted(shift.state, list(left.values()), now))
        if left:
            answers |= _seal(shift, left, now, group.since)
    return [answers[number] for number in sorted(answers)]


def _seal(
    shift: Shift, jobs: dict[int, FileJob], now: datetime, since: datetime | None
) -> dict[int, FileResult]:
    answers: dict[int, FileResult] = {}
    order: list[int] = []

    def documents() -> Iterator[Document]:
        for number, job in jobs.items():
            try:
                content = _content(job)
            except SealingRefused as error:
                answers[number] = FileResult.failed(name_of(job), error, job.target)
            else:
                order.append(number)
                yield Document(name_of(job), content, job.places, job.reason)

    placing = Placing(shift.state / PARTS)
    with _opened(shift) as batch:
        sealed = batch.seal(documents(), now=now, since=since)
        for index, one in enumerate(sealed):  # in the order of the documents
            number = order[index]
            if one.data is not None:
                placing.write(number, str(jobs[number].target), one.data)
                answers[number] = _sealed(jobs[number], "ok", one.data)
            elif one.error is not None:
                answers[number] = FileResult.failed(one.name, one.error, jobs[number].target)
    placing.end()
    for number, error in placing.refused.items():
        answers[number] = _unwritable(jobs[number], error)
    return answers


def name_of(job: FileJob) -> str:
    """Give what a file is called in results and in the log of uses."""
    return job.name or str(job.source)


def read_note(path: Path) -> Group | None:
    """Read the note of a group that was begun; None where the disk lost it."""
    try:
        given = json.loads(path.read_bytes())
        jobs = [_job_of(one) for one in given["jobs"]]
        return Group(jobs, datetime.fromisoformat(given["time"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def close_opened(run: str) -> None:
    """Close what groups of that run opened in this process."""
    with _LOCK:
        for key in [key for key in _OPEN if key[:2] == (os.getpid(), run)]:
            _OPEN.pop(key).stack.close()


@dataclass(slots=True)
class _Opened:
    batch: DocumentBatch
    stack: ExitStack
    active: int = 0


_OPEN: dict[tuple[int, str, str], _Opened] = {}
_LOCK = threading.Lock()


@contextmanager
def _opened(shift: Shift) -> Iterator[DocumentBatch]:
    """Give the batch as this process has it open; opening it costs more than a group's work."""
    key = os.getpid(), shift.run, shift.reservation
    with _LOCK:
        if key not in _OPEN:
            for other in [one for one, opened in _OPEN.items() if not opened.active]:
                opened = _OPEN.pop(other)
                if other[0] == key[0]:  # what a parent process opened is the parent's to close
                    opened.stack.close()
            stack = ExitStack()
            # What is loaded by now stays: going through it for garbage again and again costs more
            # than a tenth of sealing.
            gc.freeze()
            _OPEN[key] = _Opened(stack.enter_context(shift.open_batch(shift.reservation)), stack)
        mine = _OPEN[key]
        mine.active += 1
    try:
        yield mine.batch
    finally:
        with _LOCK:
            mine.active -= 1


@contextmanager
def _working(shift: Shift) -> Iterator[None]:
    """Hold a share of the lock that the next run waits for; refuse where there is one already.

    A worker may outlive a killed run: what it had begun it ends before the next run looks, and it
    begins nothing more.
    """
    with (shift.state / WORK_LOCK).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        if (shift.state / RUN_FILE).read_text() != shift.run:
            code, zh = "run-ended", "本次批处理已被接替"
            raise SealingRefused(code, zh, "another run has taken over this batch")
        yield


@contextmanager
def _noted(state: Path, jobs: Sequence[FileJob], now: datetime) -> Iterator[None]:
    """Note on disk what is begun, until it is done; a note outlives whoever is killed."""
    path = state / BEGUN / secrets.token_hex(8)
    told = {"time": now.isoformat(), "jobs": [_described(job) for job in jobs]}
    write_whole(path, json.dumps(told).encode(), workshop=state / PARTS)
    sync_folder(path.parent)
    yield  # left where an exception ends the group
    path.unlink(missing_ok=True)


def _content(job: FileJob) -> bytes:
    """Read a file; SealingRefused where it cannot be had, or has nothing."""
    try:
        with open_regular(job.source) as file:
            # One byte more than allowed lets the reader refuse what is too long.
            content = file.read(MAX_ARCHIVE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(error) from error
    if not content:
        code, zh = "empty", "空文件"
        raise SealingRefused(code, zh, "an empty file")
    return content


def _unwritable(job: FileJob, error: OSError) -> FileResult:
    code, zh, en = "unwritable", "无法写入", f"cannot write: {error.strerror}"
    return FileResult.failed(name_of(job), SealingRefused(code, zh, en), job.target)


def _made_before(job: FileJob) -> FileResult:
    try:
        return _sealed(job, "made-before", job.target.read_bytes())
    except OSError as error:
        return FileResult.failed(name_of(job), _unreadable(error), job.target)


def _sealed(job: FileJob, code: str, data: bytes) -> FileResult:
    zh, en = {"ok": ("已盖章", "sealed")}.get(code, ("此前已盖章", "sealed before"))
    digest = sha256(data).hexdigest()
    return FileResult(name_of(job), Outcome.SEALED, code, zh, en, job.target, digest)


def _unreadable(error: Exception) -> SealingRefused:
    reason = error.strerror if isinstance(error, OSError) else type(error).__name__
    code, zh = "unreadable", "无法读取"
    return SealingRefused(code, zh, f"cannot read: {reason or type(error).__name__}")


def _described(job: FileJob) -> dict[str, object]:
    places = None
    if job.places is not None:
        places = [[type(one).__name__, asdict(one)] for one in job.places]
    paths = {"source": str(job.source), "target": str(job.target)}
    return paths | {"name": job.name, "places": places, "reason": job.reason}


def _job_of(given: dict[str, Any]) -> FileJob:
    places = given["places"]
    if places is not None:
        places = tuple(_PLACES[kind](**values) for kind, values in places)
    paths = Path(given["source"]), Path(given["target"])
    return FileJob(*paths, given["name"], places, given["reason"])
