"""Files that must be whole, and files that must be private."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from msb_identity.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRIVATE_MODE = 0o600
PRIVATE_FOLDER_MODE = 0o700
PUBLIC_MODE = 0o644
PUBLIC_FOLDER_MODE = 0o755  # whatever the umask: nobody else writes into a folder of ours
MAX_KEY_FILE_BYTES = 65_536


def make_folder(folder: Path, mode: int) -> None:
    """Make a folder and those above it that are missing, each with that mode (less the umask)."""
    if not folder.is_dir():
        make_folder(folder.parent, mode)
        with suppress(FileExistsError):
            folder.mkdir(mode)


def write_whole(
    path: Path, content: bytes, *, mode: int = PUBLIC_MODE, workshop: Path | None = None
) -> None:
    """Put `content` at `path` so that a reader sees the old file or the new one, never a part.

    workshop: a folder of the same file system in which the file is made; beside `path` by default.
    """
    make_folder(path.parent, PUBLIC_FOLDER_MODE)
    if workshop is None:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    else:
        temporary = workshop / secrets.token_hex(8)
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Make the folder, and keep this machine's other holders of its lock waiting meanwhile."""
    make_folder(folder, PUBLIC_FOLDER_MODE)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)  # which gives the lock back


def write_private_once(path: Path, content: bytes) -> None:
    """Make a private file (mode 0600) that must not exist yet; FileExistsError where it does.

    A hard link fails where the name is taken, so two processes cannot both make a key.
    """
    make_folder(path.parent, PRIVATE_FOLDER_MODE)
    if _link_nameless(path, content):
        return
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    write_whole(temporary, content, mode=PRIVATE_MODE)
    try:
        os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_private_file(path: Path, content: bytes) -> Iterator[None]:
    """Make a private file for what is done within, and take it away again where that fails."""
    write_private_once(path, content)
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _link_nameless(path: Path, content: bytes) -> bool:
    """Fill a file that has no name until it is whole, so that a process killed here leaves none.

    False where the file system, or a system without /proc, cannot do that.
    """
    try:
        handle = os.open(path.parent, os.O_WRONLY | os.O_TMPFILE, PRIVATE_MODE)
    except OSError:
        return False
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(handle)
        try:
            # With a folder's handle given, Python calls linkat, which alone follows that link.
            os.link(f"/proc/self/fd/{handle}", path, src_dir_fd=handle, follow_symlinks=True)
        except FileExistsError:
            raise
        except OSError:
            return False
    return True


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; OSError for anything else, at once.

    A pipe in a folder that others may write would else make a reader wait for ever.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    file = os.fdopen(handle, "rb")
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a regular file")
    return file


def read_private(path: Path) -> bytes:
    """Read a private file, refusing one that others on this machine could read or replace."""
    try:
        with open_regular(path) as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(MAX_KEY_FILE_BYTES + 1)
    except OSError as error:
        message = f"cannot read {path.name}: {error.strerror}"
        raise StoreError(message) from error
    _refuse_shared(path, mode)
    if len(content) > MAX_KEY_FILE_BYTES:
        message = f"{path.name} is larger than any key file"
        raise StoreError(message)
    return content


def refuse_shared(path: Path) -> None:
    """Raise StoreError for a file that others on this machine could read or replace.

    A pipe is its reader's alone and passes.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        message = f"cannot read {path.name}: {error.strerror}"
        raise StoreError(message) from error
    if stat.S_ISREG(mode):
        _refuse_shared(path, mode)


def secret_file(path: Path, *, size: int = 32) -> bytes:
    """Read the `size` secret bytes kept at `path`, made from the system's randomness at first."""
    if not path.exists():
        with suppress(FileExistsError):  # another process made it first: read that one
            write_private_once(path, secrets.token_bytes(size))
    content = read_private(path)
    if len(content) != size:
        message = f"{path.name} does not hold {size} bytes"
        raise StoreError(message)
    return content


def _refuse_shared(path: Path, mode: int) -> None:
    if mode & 0o077:
        message = f"{path.name} is open to others (mode {mode & 0o777:04o}); it must be 0600"
        raise StoreError(message)
