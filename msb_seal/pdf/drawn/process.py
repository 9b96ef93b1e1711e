"""The process that draws: reads requests, answers each, and takes no more than it may have.

Its bounds are the system's own (setrlimit), so that they hold inside pdfium too: processor time for
each request and memory in all. Where the system has none, the asker's clock is left.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from msb_seal.errors import PdfRefused
from msb_seal.pdf.drawn.hiding import find_hidden, find_overwritten
from msb_seal.pdf.drawn.looks import compare_looks
from msb_seal.pdf.drawn.seals import find_red_seals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_CPU_SECONDS = 20
CPU_VARIABLE = "MSB_DRAWING_SECONDS"
"""Of the environment: another bound than MAX_CPU_SECONDS."""
MAX_MEMORY_BYTES = 2_000_000_000
TASKS: Final[Mapping[str, Callable[..., list[str]]]] = {
    "red-seals": find_red_seals,
    "hidden": find_hidden,
    "overwritten": find_overwritten,
    "looks": compare_looks,
}


def main() -> None:
    """Answer requests until there are no more."""
    bound_memory()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while line := source.readline():
        request = json.loads(line)
        data = source.read(request["size"])
        bound_time()
        sink.write(json.dumps(answer(request, data)).encode() + b"\n")
        sink.flush()


def answer(request: Mapping[str, Any], data: bytes) -> dict[str, Any]:
    """Do one task."""
    try:
        return {"found": TASKS[request["task"]](data, **request["given"])}
    except PdfRefused as error:
        return {"refused": [error.code, error.zh, error.en]}


def bound_memory() -> None:
    """Take no more memory than MAX_MEMORY_BYTES, and leave no image of it behind."""
    if sys.platform != "win32":
        import resource

        for kind, bound in ((resource.RLIMIT_AS, MAX_MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
            _, hard = resource.getrlimit(kind)
            least = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
            resource.setrlimit(kind, (least, hard))


def bound_time() -> None:
    """End with a signal after so many seconds of processor time from here."""
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        until = int(time.process_time()) + 1 + int(os.environ.get(CPU_VARIABLE, MAX_CPU_SECONDS))
        least = until if hard == resource.RLIM_INFINITY else min(until, hard)
        resource.setrlimit(resource.RLIMIT_CPU, (least, hard))


if __name__ == "__main__":
    main()
