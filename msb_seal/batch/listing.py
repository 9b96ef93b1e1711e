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
_SUFFIXES = (".pdf", ".ofd")
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
        yield from self._list("", 0)

    def _list(self, folder: str, nesting: int) -> Iterator[FileJob | FileResult]:
        """List a folder, named from the listing's own on, with its "/" behind."""
        if nesting > MAX_NESTING:
            yield _refused(folder, "too-deep")
            return
        try:
            found = os.scandir(self.folder / folder)
        except OSError:
            yield _refused(folder or ".", "unreadable")
            return
        with found:
            for one in found:
                yield from self._one(one, folder + one.name, nesting)

    def _one(
        self, one: os.DirEntry[str], name: str, nesting: int
    ) -> Iterator[FileJob | FileResult]:
        is_named_so = one.name.lower().endswith(_SUFFIXES)
        if one.is_symlink():
            matters = is_named_so or one.is_dir()
            yield _refused(name, "link", Outcome.FAILED if matters else Outcome.SKIPPED)
        elif one.is_dir():
            if not (self.output.exists() and self.output.samefile(one.path)):
                yield from self._list(f"{name}/", nesting + 1)
        elif not is_named_so:
            yield _refused(name, "other-kind", Outcome.SKIPPED)
        elif not one.is_file():
            yield _refused(name, "no-file")
        else:
            yield _checked(FileJob(Path(one.path), self.output / name, name), name)


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
        source = self.path.parent / name
        target = str(PurePosixPath(row.get("output") or _default_output(name)))
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
    name, parts = job.name, target.split("/")
    if len(name) > MAX_NAME_CHARS or len(target) > MAX_NAME_CHARS or not _is_text(name + target):
        return _refused(name, "name")
    if any(len(part.encode()) > MAX_PART_BYTES for part in parts):
        return _refused(name, "name")
    if not {"", ".", ".."}.isdisjoint(parts) or "\\" in target:
        return _refused(name, "outside")
    if parts[0] == STATE or parts == [RESULTS]:
        return _refused(name, "reserved")
    return job


def _is_text(name: str) -> bool:
    """Whether a name breaks no line and is no mere bytes."""
    if name.isprintable():
        return True
    return not any(unicodedata.category(one) in _UNTOLD for one in name)


def _default_output(name: str) -> str:
    path = PurePosixPath(name)
    return path.name if path.is_absolute() or ".." in path.parts else name


def _refused(name: str, code: str, outcome: Outcome = Outcome.FAILED) -> FileResult:
    shown = showable(name[: 2 * MAX_NAME_CHARS])
    return FileResult(shown, outcome, code, *_REFUSALS[code])
