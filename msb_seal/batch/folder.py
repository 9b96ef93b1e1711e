"""The output folder of a batch: sealed files, what became of each, and what a killed run left.

    results.csv      a row for each file as it goes; the last row of a file is the one that counts
    .msb-batch/      what a later run needs: batch.json, notes of groups begun, unfinished files

One run at a time has the folder. A row is on disk within SYNC_SECONDS of its file; of a file that
was whole without its row, the next run writes the row.
"""

from __future__ import annotations

import csv
import fcntl
import json
import os
import secrets
import sqlite3
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from hashlib import sha256
from typing import TYPE_CHECKING, TextIO

from msb_identity.foundation.files import PUBLIC_FOLDER_MODE, make_folder, write_whole
from msb_seal.batch.files import BEGUN, PARTS, RUN_FILE, WORK_LOCK, Outcome
from msb_seal.errors import SealingRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from msb_seal.batch.files import FileResult

STATE, RESULTS = ".msb-batch", "results.csv"
COLUMNS = ("file", "output", "outcome", "code", "zh", "en", "sha256", "time")
SYNC_SECONDS = 1.0
_LOCK, _BATCH = "run.lock", "batch.json"
_RUN_BYTES = 16
_FORMULAS = ("=", "+", "-", "@")


@dataclass
class BatchFolder:
    """An output folder that this run has; made by `open_folder`.

    run: this run's own name. reservation: what is reserved under it; empty for nothing.
    """

    path: Path
    run: str
    batch: str
    reservation: str
    names: Names = field(repr=False)
    _results: TextIO = field(repr=False)
    _synced: float = 0.0

    @property
    def state(self) -> Path:
        """Where the batch keeps what is no result."""
        return self.path / STATE

    def keep(self, reservation: str) -> None:
        """Keep the reservation's id for a run that comes after a crash."""
        self.reservation = reservation
        told = {"batch": self.batch, "reservation": reservation}
        write_whole(self.state / _BATCH, json.dumps(told).encode(), workshop=self.state / PARTS)

    def notes(self) -> list[Path]:
        """Give the notes of groups that killed runs had begun."""
        return sorted((self.state / BEGUN).iterdir())

    def tell(self, results: Iterable[FileResult]) -> None:
        """Append rows."""
        writer = csv.writer(self._results, lineterminator="\r\n")
        for one in results:
            if one.outcome is not Outcome.PRESENT:
                writer.writerow(self._row(one))
        self._results.flush()
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self._synced = time.monotonic()
            os.fsync(self._results.fileno())

    def relative(self, target: Path) -> str:
        """Name an output by its path in the folder; ValueError for one that is elsewhere."""
        root, name = f"{self.path}/", str(target)  # pathlib's own takes ten times as long
        if not name.startswith(root):
            message = f"a target outside the output folder: {name!r}"
            raise ValueError(message)
        return name[len(root) :]

    def close(self) -> None:
        """Bring the last rows to disk."""
        self._results.flush()
        os.fsync(self._results.fileno())
        self._results.close()
        self.names.close()

    def _row(self, one: FileResult) -> list[str]:
        output = ""
        if one.target is not None and one.sha256:
            output = self.relative(one.target)
        moment = one.time.astimezone(UTC).isoformat(timespec="seconds")
        texts = (_cell(one.name), _cell(output), one.outcome.value, one.code, one.zh, one.en)
        return [*texts, one.sha256, moment]


class Names:
    """Names of outputs, on disk in a file without a name: memory does not grow with their number.

    Those that results.csv has as sealed, and those that this run has come to.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._database = sqlite3.connect("", isolation_level=None)
        for words in ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "BEGIN"):
            self._database.execute(words)
        for table in ("sealed", "come_to"):
            self._database.execute(f"CREATE TABLE {table} (name TEXT PRIMARY KEY) WITHOUT ROWID")

    def add_sealed(self, names: Iterable[str]) -> None:
        """Take in names of outputs that have their row."""
        self._database.executemany(
            "INSERT OR IGNORE INTO sealed VALUES (?)", ((name,) for name in names)
        )

    def has_row(self, name: str) -> bool:
        """Whether an output has its row."""
        found = self._database.execute("SELECT 1 FROM sealed WHERE name = ?", (name,))
        return found.fetchone() is not None

    def come_to(self, name: str) -> bool:
        """Note an output; False where this run has come to it before."""
        done = self._database.execute("INSERT OR IGNORE INTO come_to VALUES (?)", (name,))
        return done.rowcount == 1

    def forget(self) -> None:
        """Begin anew with what this run comes to."""
        self._database.execute("DELETE FROM come_to")

    def close(self) -> None:
        """Give the disk back."""
        self._database.close()


@contextmanager
def open_folder(path: Path, label: str) -> Iterator[BatchFolder]:
    """Take an output folder: a new one, an empty one, or that of the same batch.

    label: what makes a batch the same one: its input, seal and places. SealingRefused for a folder
    with other things in it (`output-used`), another batch's (`other-batch`), or one that a run has
    now (`batch-running`).
    """
    state = path / STATE
    if not state.is_dir() and path.is_dir() and any(path.iterdir()):
        code, zh = "output-used", "输出文件夹不是空的"
        raise SealingRefused(code, zh, "the output folder is not empty")
    for folder in (state / BEGUN, state / PARTS):
        make_folder(folder, PUBLIC_FOLDER_MODE)
    for name in (_LOCK, WORK_LOCK):
        (state / name).touch()
    with (state / _LOCK).open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            code, zh = "batch-running", "此批处理正在运行"
            raise SealingRefused(code, zh, "this batch is running now") from None
        folder_ = _taken(path, sha256(label.encode("utf-8", "surrogatepass")).hexdigest())
        try:
            yield folder_
        finally:
            folder_.close()


def _taken(path: Path, batch: str) -> BatchFolder:
    state, run, reservation = path / STATE, secrets.token_hex(_RUN_BYTES), ""
    if (state / _BATCH).exists():
        kept = json.loads((state / _BATCH).read_bytes())
        reservation = kept["reservation"]
        if kept["batch"] != batch:
            code, zh = "other-batch", "输出文件夹属于另一批处理（输入、印章或位置不同）"
            en = "the output folder is another batch's: of another input, seal or place"
            raise SealingRefused(code, zh, en)
    write_whole(state / RUN_FILE, run.encode(), workshop=state / PARTS)
    with (state / WORK_LOCK).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until the killed run's workers have ended their groups
    for part in (state / PARTS).iterdir():
        part.unlink()
    names = Names()
    results = _open_results(path / RESULTS, names)
    folder = BatchFolder(path, run, batch, reservation, names, results)
    folder.keep(reservation)
    return folder


def _open_results(path: Path, names: Names) -> TextIO:
    """Open the results to append to; a row that was cut short goes."""
    if not path.exists():
        # The mark: without it spreadsheets take UTF-8 for something else.
        write_whole(
            path, f"\ufeff{','.join(COLUMNS)}\r\n".encode(), workshop=path.parent / STATE / PARTS
        )
    with path.open("r+b") as raw:
        end = raw.seek(0, os.SEEK_END)
        raw.seek(max(0, end - 65_536))
        tail = raw.read()
        raw.truncate(end - len(tail) + tail.rfind(b"\n") + 1)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = (row for row in csv.reader(file) if len(row) == len(COLUMNS))
        names.add_sealed(_plain(row[1]) for row in rows if row[2] == Outcome.SEALED)
    return path.open("a", encoding="utf-8", newline="")


def _cell(text: str) -> str:
    """Give a name so that no spreadsheet takes it for a formula; "./" changes no path."""
    return f"./{text}" if text.startswith(_FORMULAS) else text


def _plain(cell: str) -> str:
    return cell.removeprefix("./")
