"""Asking the process that draws: one process, used again, ended as soon as it takes too long.

A request is a line of JSON and the bytes of the file; the answer one line of JSON (process.py).
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn

from msb_seal.errors import PdfRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ANSWER_SECONDS = 60
"""By the clock, on a machine that may be busy; the process's own bound is MAX_CPU_SECONDS."""
_COMMAND: Final = (sys.executable, "-P", "-m", "msb_seal.pdf.drawn.process")
_one_at_a_time = threading.Lock()


def ask(task: str, data: bytes, **given: Any) -> list[str]:  # noqa: ANN401 - whatever JSON takes
    """Have a task done on a file; PdfRefused where that cannot be done, or takes too much.

    task: a name in process.TASKS; given: what it takes beside the file.
    """
    request = {"task": task, "size": len(data), "given": given}
    with _one_at_a_time:
        answer = running().answer(request, data)
    if "refused" in answer:
        raise PdfRefused(*answer["refused"])
    found: list[str] = answer["found"]
    return found


class _Drawer:
    """The process, as long as it answers."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def is_there(self) -> bool:
        """Whether it has not been ended, by whomever."""
        return self._process.poll() is None

    def end(self) -> None:
        """End the process."""
        with suppress(OSError), self._process as process:
            process.kill()

    def answer(self, request: Mapping[str, Any], data: bytes) -> dict[str, Any]:
        """Send a request and wait for the answer."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            _failed()
        overdue = threading.Timer(MAX_ANSWER_SECONDS, process.kill)
        overdue.start()
        line = b""
        try:
            with suppress(BrokenPipeError):
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.write(data)
                process.stdin.flush()
            line = process.stdout.readline()
        finally:
            overdue.cancel()
        if not line.endswith(b"\n"):
            stop()
            _failed()
        answer: dict[str, Any] = json.loads(line)
        return answer


_running: list[_Drawer] = []


def running() -> _Drawer:
    """Give the process that runs, or start one. A forked process never uses its parent's."""
    if not _running or _running[0].owner != os.getpid() or not _running[0].is_there():
        stop()
        _running[:] = [_Drawer()]
    return _running[0]


def stop() -> None:
    """End the process, if there is one and it is this process's own."""
    while _running:
        drawer = _running.pop()
        if drawer.owner == os.getpid():
            drawer.end()


def _failed() -> NoReturn:
    code = "limit"
    raise PdfRefused(code, "页面绘制耗用过多", "the pages take too much time or memory to be drawn")


atexit.register(stop)
