"""What a batch is to seal, listed as a stream: a folder, or a CSV with a row for each file.

Whatever is in the way is told in its place and stops nothing: links, odd names, names that would
leave the output folder. Listing twice lists again, so that it can be counted first.
"""

from __future__ import annotations

import argparse
import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from msb_identity.foundation.files import open_regular
from msb_identity.foundation.tables import read_table
from msb_identity.foundation.text import showable
from msb_seal.batch.files import FileJob, FileResult, Outcome
from msb_seal.batch.folder import RESULTS, STATE
from msb_seal.errors import SealingRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from msb_seal.placement import Place

MAX_NAME_CHARS = 500  # as the log of uses has it
MAX_PART_BYTES = 255  # NAME_MAX
MAX_NESTING = 64
_SUFFIXES = {".pdf", ".ofd"}
_UNTOLD = {"Cc", "Cs", "Zl", "Zp"}  # characters that would break a line, or are none
_HEADINGS = {"文件": "file", "输出": "output", "位置": "places", "原因": "reason"}
_COLUMNS = frozenset(_HEADINGS.values())
_REFUSALS: Mapping[str, tuple[str, str]] = {
    "link": ("是符号链接，不跟随", "a symbolic link, which is not followed"),
    "no-file": ("不是普通文件", "not a regular file"),
    "other-kind": ("不是 PDF 或 OFD", "not a PDF or OFD by its name"),
    "unreadable": ("文件夹无法读取", "a folder that cannot be read"),
    "too-deep": ("文件夹嵌套过深", "folders are nested too deep"),
    "name": ("名称含控制字符、不是文本或过长", "a name that is no text, or too long"),
    "outside": ("输出名称越出输出文件夹", "an output name that would leave the output folder"),
    "reserved": ("输出名称为批处理自用", "an output name that the batch itself uses"),
    "no-name": ("此行没有文件名", "a row without a file"),
    "place": ("位置写法有误", "a place that is not written as one"),
    "cells": ("此行的格数与表头不同", "a row with more or fewer cells than the heading"),
    "encoding": ("文字编码有误", "text that does not decode"),
}


@dataclass(frozen=True, slots=True)
class FolderListing:
    """The files of a folder and of those in it; each keeps its path in the output folder.

    Files that are not called .pdf or .ofd are passed over and told so; an output folder that lies
    in it is passed over silently.
    """

    folder: Path
    output: Path

    def __iter__(self) -> Iterator[FileJob | FileResult]:
        """List them, in no order."""
        yield from self._list(self.folder, 0)

    def _list(self, folder: Path, nesting: int) -> Iterator[FileJob | FileResult]:
        shown = folder.relative_to(self.folder).as_posix()
        if nesting > MAX_NESTING:
            yield _refused(shown, "too-deep")
            return
        try:
            found = os.scandir(folder)
        except OSError:
            yield _refused(shown, "unreadable")
            return
        with found:
            for one in found:
                yield from self._one(one, nesting)

    def _one(self, one: os.DirEntry[str], nesting: int) -> Iterator[FileJob | FileResult]:
        path = Path(one.path)
        name = path.relative_to(self.folder).as_posix()
        named_so = path.suffix.lower() in _SUFFIXES
        if one.is_dir(follow_symlinks=False):
            if not (self.output.exists() and path.samefile(self.output)):
                yield from self._list(path, nesting + 1)
        elif not named_so and not one.is_symlink():
            yield _refused(name, "other-kind", Outcome.SKIPPED)
        elif one.is_symlink():
            yield _refused(name, "link", Outcome.FAILED if _may_matter(path) else Outcome.SKIPPED)
        elif not one.is_file(follow_symlinks=False):
            yield _refused(name, "no-file")
        else:
            yield _checked(FileJob(path, self.output / name, name), name)


@dataclass(frozen=True, slots=True)
class CsvListing:
    """The rows of a CSV: file, and where wanted output, places and reason (文件、输出、位置、原因).

    Files are meant from the CSV's folder on. An output's name is relative to the output folder; by
    default the file's own path, or its bare name where that lies elsewhere. read_place: reads one
    of a row's places, which are parted by ";"; it raises ArgumentTypeError for what is none.
    """

    path: Path
    output: Path
    read_place: Callable[[str], Place]

    def __iter__(self) -> Iterator[FileJob | FileResult]:
        """List them in the CSV's order; TableRefused or SealingRefused for no such CSV."""
        with open_regular(self.path) as file:
            rows = read_table(file)
            _, heading = next(rows)
            names = (cell.strip().lower() for cell in heading)
            columns = [_HEADINGS.get(name, name) for name in names]
            odd = not _COLUMNS.issuperset(columns) or len(set(columns)) < len(columns)
            if odd or "file" not in columns:
                code, zh = "heading", "表头须有 file（文件），可有 output、places、reason"
                en = "the heading has file, and may have output, places and reason"
                raise SealingRefused(code, zh, en)
            for line, cells in rows:
                yield self._row(f"{self.path.name}:{line}", columns, cells)

    def _row(self, where: str, columns: list[str], cells: list[str]) -> FileJob | FileResult:
        row = {name: cell.strip() for name, cell in zip(columns, cells, strict=False)}
        if len(cells) != len(columns):
            return _refused(where, "cells")
        if any("\ufffd" in cell for cell in cells):
            return _refused(where, "encoding")
        name = row["file"]
        if not name or "\0" in name:
            return _refused(where, "no-name")
        source, target = self.path.parent / name, row.get("output") or _default_output(name)
        places = None
        if row.get("places"):
            try:
                places = tuple(self.read_place(one) for one in row["places"].split(";"))
            except argparse.ArgumentTypeError:
                return _refused(name, "place")
        if source.is_symlink():
            return _refused(name, "link")
        reason = row.get("reason") or None
        return _checked(FileJob(source, self.output / target, name, places, reason), target)


def _checked(job: FileJob, target: str) -> FileJob | FileResult:
    """Give the job back where its names allow it."""
    name = job.name
    path = PurePosixPath(target)
    odd = any(unicodedata.category(one) in _UNTOLD for one in name + target)
    if odd or len(name) > MAX_NAME_CHARS or len(target) > MAX_NAME_CHARS:
        return _refused(name, "name")
    if any(len(part.encode()) > MAX_PART_BYTES for part in path.parts):
        return _refused(name, "name")
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in target:
        return _refused(name, "outside")
    if path.parts[0] == STATE or path == PurePosixPath(RESULTS):
        return _refused(name, "reserved")
    return job


def _default_output(name: str) -> str:
    path = PurePosixPath(name)
    return path.name if path.is_absolute() or ".." in path.parts else name


def _may_matter(path: Path) -> bool:
    """Whether a link could lead to documents: to a folder, or by a document's name."""
    return path.suffix.lower() in _SUFFIXES or path.is_dir()


def _refused(name: str, code: str, outcome: Outcome = Outcome.FAILED) -> FileResult:
    shown = showable(name[: 2 * MAX_NAME_CHARS])
    return FileResult(shown, outcome, code, *_REFUSALS[code])
