"""What the commands of all packages share: arguments, input, output, errors, exit status.

Exit status: 0 all valid, 1 something invalid, 3 nothing invalid but something indeterminate,
2 called wrongly or a file that could not be had. Errors are one line on stderr in Chinese and
English. Codes and tokens are read from a file or "-", and what looks like one is not repeated in an
error.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import re
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from msb_identity.errors import CodedRefusal, MsbError
from msb_identity.foundation.report import exit_code
from msb_identity.foundation.text import showable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from _typeshed import SupportsWrite

    from msb_identity.foundation.report import Report

CALLED_WRONGLY = 2
MAX_DAYS = 36_500
MAX_PASSWORD_BYTES = 1_024
STORE_VARIABLE = "MSB_STORE"
"""Names the store's URL to commands, since what stands in their arguments everybody can read."""
_LONGEST_SHOWN_NAME = 255  # NAME_MAX: nothing longer is a file's name
_SECRET_LOOK = re.compile(r"\beyJ|\bMSB[0-9]:")

EXIT_STATUS = (
    "退出码 / exit status: 0 有效 valid, 1 无效 invalid, 3 无法判定 indeterminate,"
    " 2 用法错误或文件无法读取 called wrongly or unreadable file"
)


class CommandError(MsbError):
    """A command called wrongly, or a file it cannot have; carries both sentences."""

    def __init__(self, zh: str, en: str) -> None:
        """Keep both sentences."""
        super().__init__(en)
        self.zh, self.en = zh, en

    def __reduce__(self) -> tuple[type[CommandError], tuple[str, str]]:
        """Travel from a worker process with both sentences."""
        return type(self), (self.zh, self.en)


class CommandParser(argparse.ArgumentParser):
    """An argument parser whose errors are one bilingual line that repeats no code or token."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is; exit status 2."""
        shown = _SECRET_LOOK.search(message) is None
        reason = _one_line(message) if shown else "an argument is wrong here"
        self.exit(CALLED_WRONGLY, f"{self.prog}: 参数错误 / {reason} (--help)\n")

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Print the help so that no terminal's encoding stops it."""
        if file is None:
            write_out(self.format_help().rstrip())
        else:
            super().print_help(file)


def run(command: Callable[[], int]) -> int:
    """Run a command to its exit status; what goes wrong on purpose becomes one line on stderr."""
    try:
        return command()
    except CommandError as error:
        complain(error.zh, error.en)
    except CodedRefusal as error:
        complain(error.zh, error.en)
    except MsbError as error:
        complain("无法完成", str(error))
    except OSError as error:
        where = f"{shown_name(str(error.filename))}: " if error.filename else ""
        reason = _REASONS.get(error.errno or 0, "系统错误")
        complain(
            f"读写失败：{where}{reason}", f"{where}{error.strerror or 'an error of the system'}"
        )
    except KeyboardInterrupt:
        complain("已中断", "interrupted")
    return CALLED_WRONGLY


_REASONS = {
    errno.ENOENT: "没有此文件或文件夹",
    errno.EACCES: "没有权限",
    errno.EPERM: "没有权限",
    errno.EEXIST: "已存在",
    errno.EISDIR: "是文件夹",
    errno.ENOTDIR: "不是文件夹",
    errno.ENOSPC: "磁盘已满",
    errno.EDQUOT: "超出磁盘配额",
    errno.EROFS: "只读文件系统",
    errno.ENAMETOOLONG: "名称过长",
}


def complain(zh: str, en: str) -> None:
    """Write one bilingual line to stderr."""
    _write(sys.stderr, f"{_one_line(zh)} / {_one_line(en)}\n")


def write_out(text: str) -> None:
    """Write a line to stdout at once; a reader that has left (a closed pipe) is no error."""
    _write(sys.stdout, text + "\n")


def parse_time(text: str) -> datetime:
    """Read the argument of --at: ISO 8601 with a zone, as 2026-01-31T08:00:00+08:00."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        message = "TIME is ISO 8601 with a zone, as 2026-01-31T08:00:00+08:00"
        raise argparse.ArgumentTypeError(message) from None


def count_up_to(limit: int) -> Callable[[str], int]:
    """Give what reads an argument that is a number from 1 to `limit`, in ASCII digits."""

    def read(text: str) -> int:
        plain = text.isascii() and text.isdigit() and len(text) <= len(str(limit))
        number = int(text) if plain else 0
        if not 1 <= number <= limit:
            message = f"a number from 1 to {limit}"
            raise argparse.ArgumentTypeError(message)
        return number

    return read


def parse_days(text: str) -> timedelta:
    """Read an argument that is a number of days, a century of them at the most."""
    return timedelta(days=count_up_to(MAX_DAYS)(text))


def read_input(name: str, *, limit: int) -> bytes:
    """Read a file, or stdin for "-", up to one byte more than `limit`.

    That one byte lets the check itself refuse what is too long. Raises CommandError where the bytes
    cannot be had at all.
    """
    try:
        if name == "-":
            return sys.stdin.buffer.read(limit + 1)
        with Path(name).open("rb") as file:
            return file.read(limit + 1)
    except (OSError, ValueError, AttributeError) as error:  # NUL in the name; stdin closed
        reason = error.strerror if isinstance(error, OSError) else None
        shown = shown_name(name)
        zh, en = f"无法读取 {shown}", f"cannot read {shown}: {reason or 'not readable'}"
        raise CommandError(zh, en) from error


def read_password(name: str) -> str:
    """Read a password: the first line, which may be empty, of a file, or of stdin for "-"."""
    content = read_input(name, limit=MAX_PASSWORD_BYTES)
    lines = content.splitlines()
    try:
        if len(content) > MAX_PASSWORD_BYTES or not lines:
            raise ValueError
        return lines[0].decode()
    except ValueError:
        zh = f"{shown_name(name)} 的第一行不是口令"
        en = f"the first line of {shown_name(name)} is no password"
        raise CommandError(zh, en) from None


def check_new_files(*paths: Path) -> None:
    """Raise CommandError unless each is the name of a new file of its own that can be made."""
    for path in paths:
        if str(path) == "-":
            zh, en = "只写入文件，不写到标准输出", "that is written to a file, not to stdout"
            raise CommandError(zh, en)
        if path.exists() or path.is_symlink():
            raise already_there(path)
        above = next(folder for folder in path.absolute().parents if folder.exists())
        if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
            name = shown_name(str(path))
            zh, en = f"无法写入 {name}", f"{name} cannot be written there"
            raise CommandError(zh, en)
    if len({path.resolve() for path in paths}) < len(paths):
        zh, en = "输出文件不能相同", "two outputs cannot share one file"
        raise CommandError(zh, en)


def already_there(path: Path) -> CommandError:
    """Say that a file exists and stays as it is."""
    name = shown_name(str(path))
    return CommandError(f"{name} 已存在，不覆盖", f"{name} exists and is not overwritten")


def shown_name(name: str) -> str:
    """Give a file's name for display, unless it looks as if the secret itself had been given."""
    if len(name) > _LONGEST_SHOWN_NAME or _SECRET_LOOK.search(name):
        return "FILE"
    return _one_line(name)


def print_reports(
    reports: Sequence[tuple[str, Report]], *, as_json: bool, at: datetime | None = None
) -> int:
    """Print reports with the names of their files, and give the exit status.

    at: the time that the caller asserted with --at; it is printed as such.
    """
    if as_json:
        asserted = {} if at is None else {"at": at.isoformat()}
        objects = [{**report.as_json(file=name), **asserted} for name, report in reports]
        write_out(json.dumps(objects, ensure_ascii=False, indent=2))
    else:
        if at is not None:
            write_out(f"按调用者给定的时间核验 / judged at the caller's own time: {at.isoformat()}")
        for name, report in reports:
            head = f"{shown_name(name)}: " if len(reports) > 1 else ""
            write_out(head + report.as_text())
    return exit_code([report for _, report in reports])


def check_files(
    names: Sequence[str],
    check: Callable[[bytes], Report],
    *,
    limit: int,
    as_json: bool,
    at: datetime | None,
    keep: Callable[[str, bytes, Report], None] | None = None,
) -> int:
    """Check each file, or stdin for "-", print the reports and give the exit status of them all.

    keep: gets the name, the bytes and the report of each, to do more with. A file that cannot be
    had is told on stderr and makes it 2; the others are checked all the same.
    """
    reports: list[tuple[str, Report]] = []
    for name in names:
        try:
            content = read_input(name, limit=limit)
        except CommandError as error:
            complain(error.zh, error.en)
        else:
            reports.append((name, check(content)))
            if keep is not None:
                keep(name, content, reports[-1][1])
    if reports or as_json:
        print_reports(reports, as_json=as_json, at=at)
    if len(reports) < len(names):
        return CALLED_WRONGLY
    return exit_code([report for _, report in reports])


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # started without it
        return
    # Names may hold bytes that are no text, and a terminal may know no Chinese: show, do not fail.
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        # Python flushes once more when it exits: let that go nowhere.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _one_line(text: str) -> str:
    return showable(text, instead=" ")
