"""Bringing a group's files to disk together, each put in its place whole.

Waiting for the disk file by file would take longer than sealing: files are written, brought to disk
by several threads at once, and then renamed into their places.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from msb_identity.foundation.files import PUBLIC_FOLDER_MODE, PUBLIC_MODE, make_folder

WAIT_SECONDS = 0.3
"""So long a signed file waits for others of its group: a freeze is to hold within a second."""
_THREADS = 16
_NAME_BYTES = 8
_HOPELESS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
"""Where no other file could be written either."""


@dataclass(frozen=True, slots=True)
class _Written:
    number: int
    handle: int
    part: str
    target: str


@dataclass
class Placing:
    """Files on their way to disk. parts: a folder of the targets' file system.

    refused: what could not be put in its place, and why, by the caller's numbers.
    """

    parts: Path
    refused: dict[int, OSError] = field(default_factory=dict)
    _written: list[_Written] = field(default_factory=list)
    _since: float = 0.0

    def write(self, number: int, target: str, data: bytes) -> None:
        """Write a file that `end` will put in its place; OSError where none could be written."""
        part = f"{self.parts}/{secrets.token_hex(_NAME_BYTES)}"
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PUBLIC_MODE)
        if not self._written:
            self._since = time.monotonic()
        self._written.append(_Written(number, handle, part, target))
        left = memoryview(data)
        while left:
            left = left[os.write(handle, left) :]
        if time.monotonic() - self._since > WAIT_SECONDS:
            self.end()

    def end(self) -> None:
        """Bring all to disk, and put each in its place."""
        waiting, self._written = self._written, []
        if not waiting:
            return
        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(_to_disk, [one.handle for one in waiting]))
        for one in waiting:
            try:
                _rename(one)
            except OSError as error:
                if error.errno in _HOPELESS:
                    raise
                self.refused[one.number] = error
        for folder in {os.path.dirname(one.target) for one in waiting}:  # noqa: PTH120 - as below
            sync_folder(Path(folder))


def sync_folder(folder: Path) -> None:
    """Bring a folder's list of names to disk."""
    if not folder.is_dir():
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _to_disk(handle: int) -> None:
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _rename(one: _Written) -> None:
    try:
        os.rename(one.part, one.target)  # noqa: PTH104 - a text, for speed
    except FileNotFoundError:  # the first file of its folder
        make_folder(Path(one.target).parent, PUBLIC_FOLDER_MODE)
        os.rename(one.part, one.target)  # noqa: PTH104 - as above
