"""Many processes on one log, and what a kill leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.identity.audit.conftest import failures
from tests.support import ROOT

if TYPE_CHECKING:
    from tests.identity.audit.conftest import Log
    from tests.identity.conftest import Race

WRITE = """
from pathlib import Path
from msb_identity.foundation import audit, protect
from msb_identity.foundation.audit import Audit
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store
url, folder, writer, count = arguments
store = Store.open(url, protect.metadata, audit.metadata)
protector = Protector.from_folder(store, Path(folder) / "keys")
"""

RACE = (
    WRITE
    + """
import os
go()
writer = writer.replace("PID", str(os.getpid()))
audit = Audit(store, protector, writer=writer)
for i in range(int(count)):
    personal = {"i": i} if i % 4 == 0 else None  # an entry without one goes a shorter way
    audit.record("a.b", subject="p", object_=f"{os.getpid()}-{i}", personal=personal)
store.close()
print("done")
"""
)

FOREVER = (
    WRITE
    + """
import threading
audit = Audit(store, protector, writer=writer)
lock = threading.Lock()
def work(name):
    for i in range(int(count)):
        receipt = audit.record("a.b", object_=f"{name}-{i}")
        with lock:
            print(receipt.sequence, receipt.hash.hex(), flush=True)
for name in range(4):
    threading.Thread(target=work, args=(name,)).start()
"""
)


def test_processes_with_chains_of_their_own(log: Log, race: Race) -> None:
    arguments = (log.url, str(log.folder), "web-PID", "40")
    assert race(RACE, *arguments, processes=4) == ["done"] * 4
    report = log.check(log.checkpoint())
    assert report.verdict == "valid"
    assert report.disclosed["entries"] == 160


def test_processes_that_share_a_chain(log: Log, race: Race) -> None:
    arguments = (log.url, str(log.folder), "web-1", "40")
    assert race(RACE, *arguments, processes=4) == ["done"] * 4
    assert [row["sequence"] for row in log.rows()] == list(range(1, 161))
    assert log.check(log.checkpoint()).verdict == "valid"


def test_a_killed_writer_leaves_no_gap_and_loses_nothing_it_acknowledged(log: Log) -> None:
    log.fill(1, "other")
    for writer in ("web-1", "web-1", "web-2"):
        acknowledged = write_and_kill(log, writer)
        assert acknowledged
        hashes = {row["sequence"]: row["hash"].hex() for row in log.rows(writer)}
        assert sorted(hashes) == list(range(1, len(hashes) + 1))
        for line in acknowledged:
            sequence, hash_ = line.split()
            assert hashes[int(sequence)] == hash_
    assert failures(log.check()) == []
    assert log.check(log.checkpoint()).verdict == "valid"


def write_and_kill(log: Log, writer: str) -> list[str]:
    """Let a process write from four threads, and kill it in the midst of it."""
    script = "import sys\narguments = sys.argv[1:]\n" + FOREVER
    process = subprocess.Popen(
        [sys.executable, "-c", script, log.url, str(log.folder), writer, "1000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
    )
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGKILL)
    rest, _ = process.communicate(timeout=60)
    lines += rest.splitlines(keepends=True)
    return [line for line in lines if line.endswith("\n")]  # the last may be cut
