"""seal_many: any number of files into one folder, each told of as it is done.

The list of files is a stream, and so are the results: memory does not grow with either. Work goes
to any `concurrent.futures.Executor`. What holds when a run is killed: docs/decisions/pdf.md.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from msb_identity.foundation.clock import aware
from msb_seal.batch.documents import GROUP
from msb_seal.batch.files import (
    FileJob,
    FileResult,
    Group,
    Outcome,
    Shift,
    close_opened,
    name_of,
    read_note,
    seal_group,
)
from msb_seal.batch.folder import open_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Executor, Future
    from datetime import datetime
    from pathlib import Path

    from msb_seal.batch.files import OpenBatch
    from msb_seal.batch.folder import BatchFolder
    from msb_seal.lifecycle import RegisteredSealer

MAX_WAITING = 64
"""So many groups wait for an executor at once; the list of files may be far longer."""
RESUME_WITHIN = timedelta(days=1)
"""What a killed run left is ended with its own signing time so long, and the reservation stands."""


def seal_many(
    inputs: Iterable[FileJob | FileResult],
    *,
    output: Path,
    open_batch: OpenBatch,
    registered: RegisteredSealer | None = None,
    executor: Executor | None = None,
    label: str = "",
    now: datetime | None = None,
) -> Iterator[FileResult]:
    """Seal files into a folder; tell of each, in their order, as its group is done.

    inputs: what to seal; a result among them (of a listing) is passed on. With `registered`, it is
    gone through twice, so that it must be no iterator. output: the folder that all targets lie in,
    with results.csv; run again with the same, it goes on where it ended. open_batch: opens the
    batch where the work is done. registered: the kept seal; uses are reserved for all files in one
    transaction, or nothing is sealed, and those not used are given back at the end.
    executor: none for this very thread. label: see `open_folder`. now: one signing time for all;
    each group's own by default.

    Raises what open_batch and reserving raise, SealingRefused for such a folder, and OSError where
    no file at all can be written: then, as after a kill, it is run again.
    """
    if registered is not None and iter(inputs) is inputs:
        message = "what is reserved for is counted first: give what can be gone through twice"
        raise ValueError(message)
    with open_folder(output, label) as folder:
        shift = Shift(open_batch, folder.state, folder.run, folder.reservation, now)
        try:
            yield from _told(folder, _leftovers(folder, shift, executor))
            if registered is not None:
                shift = replace(shift, reservation=_reserve(folder, registered, inputs, now))
            groups = _groups(_fresh(inputs, folder))
            yield from _told(folder, _spread(groups, shift, executor))
            if registered is not None and folder.reservation:
                registered.resume(folder.reservation).close(now=aware(now))
                folder.keep("")
        finally:
            close_opened(folder.run)


def _told(folder: BatchFolder, results: Iterable[list[FileResult]]) -> Iterator[FileResult]:
    for group in results:
        folder.tell(group)
        yield from group


def _leftovers(
    folder: BatchFolder, shift: Shift, executor: Executor | None
) -> Iterator[list[FileResult]]:
    """End what a killed run had begun, under its reservation and with its signing times.

    What that does not allow any more is left to the list of files, as what was never begun.
    """
    for note in folder.notes():
        group = read_note(note)
        if group is not None and _may_be_ended(group, shift):
            (results,) = _spread(iter([group]), shift, executor)
            ended = {
                folder.relative(one.target): one
                for one in results
                if one.sha256 and one.target is not None
            }
            new = [one for name, one in ended.items() if not folder.names.has_row(name)]
            folder.names.add_sealed(ended)
            yield new
        note.unlink()


def _may_be_ended(group: Group, shift: Shift) -> bool:
    if group.since is None or not shift.reservation:
        return False
    return aware(shift.now) - group.since <= RESUME_WITHIN


def _reserve(
    folder: BatchFolder,
    registered: RegisteredSealer,
    inputs: Iterable[FileJob | FileResult],
    now: datetime | None,
) -> str:
    """Give back what a killed run had reserved, and reserve for what is left to seal."""
    if folder.reservation:
        registered.resume(folder.reservation).close(now=aware(now))
        folder.keep("")
    left = (one for one in _fresh(inputs, folder) if isinstance(one, FileJob))
    count = sum(1 for one in left if not os.path.lexists(one.target))
    folder.names.forget()
    if count:
        reserved = registered.reserve(count, lifetime=RESUME_WITHIN, now=now)
        folder.keep(reserved.reservation)
    return folder.reservation


def _fresh(
    inputs: Iterable[FileJob | FileResult], folder: BatchFolder
) -> Iterator[FileJob | FileResult]:
    """Tell which files are done, and which would take another's place."""
    for one in inputs:
        if isinstance(one, FileResult):
            yield one
            continue
        name = folder.relative(one.target)
        if not _lies_in(name.rpartition("/")[0], folder.path):
            zh, en = "输出名称越出输出文件夹", "an output that would leave the output folder"
            yield FileResult(name_of(one), Outcome.FAILED, "outside", zh, en)
        elif not folder.names.come_to(name):
            zh, en = "与前面的文件输出到同一处", "an earlier file has the same output"
            yield FileResult(name_of(one), Outcome.FAILED, "duplicate", zh, en)
        elif folder.names.has_row(name) and os.path.lexists(one.target):
            zh, en = "此前已完成", "done before"
            yield FileResult(name_of(one), Outcome.PRESENT, "present", zh, en, one.target)
        else:
            yield one


@lru_cache(maxsize=1_024)
def _lies_in(folder: str, root: Path) -> bool:
    """Whether a folder lies in the output folder, links followed."""
    return (root / folder).resolve().is_relative_to(root.resolve())


def _groups(items: Iterator[FileJob | FileResult]) -> Iterator[Group]:
    while found := list(islice(items, GROUP)):
        yield Group(found)


def _spread(
    groups: Iterator[Group], shift: Shift, executor: Executor | None
) -> Iterator[list[FileResult]]:
    """Have groups sealed, here or by the executor; give their results in order."""
    waiting: deque[Future[list[FileResult]] | list[FileResult]] = deque()
    try:
        for group in groups:
            known = [one for one in group.items if isinstance(one, FileResult)]
            if len(known) == len(group.items):
                waiting.append(known)
            elif executor is None:
                yield seal_group(shift, group)
                continue
            else:
                waiting.append(executor.submit(seal_group, shift, group))
            while len(waiting) >= MAX_WAITING or (executor is None and waiting):
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())
    finally:
        for one in waiting:
            if not isinstance(one, list):
                one.cancel()


def _result(one: Future[list[FileResult]] | list[FileResult]) -> list[FileResult]:
    return one if isinstance(one, list) else one.result()
