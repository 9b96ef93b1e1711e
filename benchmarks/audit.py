"""The audit log: appends per second by 1 and 8 writers, entries verified per second, memory.

append_1, append_8: single appends, each on disk (fsync on) before the next, by 1 and 8 processes
with chains of their own, on PostgreSQL; with _sqlite on SQLite. append_8_threads: 8 threads of one
process, whose appends share commits. bulk: 200 entries in a transaction. All of these are wall
clock, with all cores; verify is too, by one process. fsync is the floor under single appends.

--entries N also fills a log with N entries and verifies it in a process of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import _measure

from msb_identity.foundation import audit, protect
from msb_identity.foundation.audit import Audit, Draft, check_audit, make_checkpoint
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store
from msb_identity.pki.keys import KeyKind, generate_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.synchronize import Barrier

POSTGRES = Path(__file__).parents[1] / "scripts" / "postgres"
SPAWN = multiprocessing.get_context("spawn")
BULK = 200
_barrier: Barrier


def main() -> None:
    """Measure on each database that is here."""
    options = _options()
    lasting = 1.5 if options.quick else 5.0
    rates: dict[str, float] = {}
    memory: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rates["fsync"] = _bare_fsyncs(folder / "fsync", lasting)
        for kind, url in _databases(folder):
            suffix = "" if kind == "postgres" else f"_{kind}"
            with _log(url, folder / "keys") as (store, protector):
                rates[f"append_1{suffix}"] = _by_processes(url, folder, 1, lasting)
                rates[f"append_8{suffix}"] = _by_processes(url, folder, 8, lasting)
                log = Audit(store, protector, writer="threads")
                rates[f"append_8_threads{suffix}"] = _by_threads(log, 8, lasting)
                entries = options.entries or (10_000 if options.quick else 50_000)
                log = Audit(store, protector, writer="bulk")
                rates[f"bulk{suffix}"] = _fill(store, log, entries)
            with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
                count, seconds, megabytes = pool.submit(_verify, url).result()
            rates[f"verify{suffix}"] = count / seconds
            memory[f"verify{suffix}"] = (
                f"{count} entries, {seconds:.1f} s, at most {megabytes:.0f} MB resident"
            )
    _measure.report(rates, {}, as_json=options.json, memory=memory)


def _bare_fsyncs(file: Path, lasting: float) -> float:
    """Give how often this disk keeps 4 KiB for good: the floor under single appends."""
    count, until = 0, time.monotonic() + lasting
    with file.open("wb") as stream:
        while time.monotonic() < until:
            stream.write(bytes(4_096))
            stream.flush()
            os.fsync(stream.fileno())
            count += 1
    return count / lasting


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--entries", type=int, help="verify a log with this many entries more")
    return parser.parse_args()


def _databases(folder: Path) -> Iterator[tuple[str, str]]:
    """Give SQLite's, and PostgreSQL's with everything on that keeps what was committed."""
    yield "sqlite", f"sqlite:///{folder / 'store.sqlite'}"
    if subprocess.run([POSTGRES, "path"], capture_output=True, check=False).returncode:
        return
    cluster = Path(tempfile.mkdtemp(prefix="msb-pg-"))
    safe = {**os.environ, "MSB_POSTGRES_SAFE": "1"}
    try:
        started = subprocess.run(
            [POSTGRES, "start", cluster], env=safe, stdout=subprocess.PIPE, text=True, check=True
        )
        yield "postgres", started.stdout.strip()
    finally:
        subprocess.run([POSTGRES, "remove", cluster], check=True)


@contextmanager
def _log(url: str, keys: Path) -> Iterator[tuple[Store, Protector]]:
    store = Store.open(url, protect.metadata, audit.metadata)
    try:
        yield store, Protector.from_folder(store, keys)
    finally:
        store.close()


def _append(log: Audit, lasting: float) -> int:
    count, until = 0, time.monotonic() + lasting
    while time.monotonic() < until:
        log.record(
            "licence.scanned",
            actor="window-3",
            subject=f"person-{count}",
            object_=f"TYPE.ISSUER.{count}.1.X",
        )
        count += 1
    return count


def _by_processes(url: str, folder: Path, processes: int, lasting: float) -> float:
    """Give the appends per second of so many processes together."""
    barrier = SPAWN.Barrier(processes)
    with ProcessPoolExecutor(
        processes, mp_context=SPAWN, initializer=_keep, initargs=(barrier,)
    ) as pool:
        work = [
            pool.submit(_work, url, str(folder / "keys"), f"w{processes}-{i}", lasting)
            for i in range(processes)
        ]
        return sum(each.result() for each in work)


def _keep(barrier: Barrier) -> None:
    global _barrier  # noqa: PLW0603 - a barrier reaches a process only when it is made
    _barrier = barrier


def _work(url: str, keys: str, writer: str, lasting: float) -> float:
    with _log(url, Path(keys)) as (store, protector):
        log = Audit(store, protector, writer=writer)
        log.record("a.b")
        _barrier.wait()
        started = time.monotonic()
        count = _append(log, lasting)
        return count / (time.monotonic() - started)


def _by_threads(log: Audit, threads: int, lasting: float) -> float:
    counts: list[int] = []
    running = [
        threading.Thread(target=lambda: counts.append(_append(log, lasting)))
        for _ in range(threads)
    ]
    started = time.monotonic()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sum(counts) / (time.monotonic() - started)


def _fill(store: Store, log: Audit, entries: int) -> float:
    started = time.monotonic()
    for start in range(0, entries, BULK):
        drafts = [
            Draft(
                event="licence.issued",
                actor="issuer",
                subject=f"person-{i}",
                object_=f"TYPE.ISSUER.{i}.1.X",
            )
            for i in range(start, min(start + BULK, entries))
        ]
        with store.write(locks=()) as connection:
            log.record_many(drafts, connection=connection)
    return entries / (time.monotonic() - started)


def _verify(url: str) -> tuple[int, float, float]:
    """Verify against a checkpoint; give the entries, the seconds, and the most memory in MB."""
    key = generate_key(KeyKind.P256)
    store = Store.open(url, existing=True)
    checkpoint = make_checkpoint(store, key)
    started = time.monotonic()
    report = check_audit(store, checkpoints=[checkpoint], key=key.public)
    seconds = time.monotonic() - started
    store.close()
    if report.verdict != "valid":
        raise RuntimeError(report.as_text())
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return report.disclosed["entries"], seconds, kilobytes / 1024


if __name__ == "__main__":
    main()
