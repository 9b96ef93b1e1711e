"""Counters in other processes, which really run at once."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

from msb_wallet.scan.verifier import Verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from multiprocessing.synchronize import Barrier

_SPAWN = multiprocessing.get_context("spawn")
_PATIENCE = 60.0
_barrier: Barrier

Answer = tuple[str, str]
"""Verdict, and the code of the step `replay`."""


def scan_at_once(
    trust: str, texts: Sequence[str], now: datetime, *, store: str | None, processes: int = 2
) -> list[list[Answer]]:
    """Scan each text in all processes at the same moment; the answers of each process."""
    barrier = _SPAWN.Barrier(processes)
    with ProcessPoolExecutor(
        processes, mp_context=_SPAWN, initializer=_take, initargs=(barrier,)
    ) as pool:
        jobs = [pool.submit(_scan_each, trust, texts, now, store) for _ in range(processes)]
        return [job.result(timeout=2 * _PATIENCE) for job in jobs]


def _take(barrier: Barrier) -> None:
    global _barrier  # noqa: PLW0603 - how a spawned process gets what cannot be pickled
    _barrier = barrier


def _scan_each(trust: str, texts: Sequence[str], now: datetime, store: str | None) -> list[Answer]:
    _barrier.wait(_PATIENCE)
    with Verifier.from_trust(trust, store=store) as verifier:
        return [_scan(verifier.scan, text, now) for text in texts]


def _scan(scan: Callable[..., object], text: str, now: datetime) -> Answer:
    from msb_identity.foundation.report import Report

    _barrier.wait(_PATIENCE)
    report = scan(text, now=now)
    assert isinstance(report, Report)
    return str(report.verdict), report.step("replay").code
