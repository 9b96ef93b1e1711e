"""What the benchmark scripts share: CPU time of one core, medians, the machine, the output."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from typing import TYPE_CHECKING

from msb_identity.pki import libcrypto

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROUNDS, QUICK_ROUNDS = 7, 3


def arguments(description: str | None) -> argparse.Namespace:
    """Read --quick and --json."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="under a minute")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args()


def rates(tasks: dict[str, Callable[[], object]], *, quick: bool) -> dict[str, float]:
    """Give operations per second of process CPU time: tasks interleaved, median of the rounds."""
    lasting = 0.15 if quick else 0.6
    found: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(QUICK_ROUNDS if quick else ROUNDS):
        for name, task in tasks.items():
            found[name].append(_rate(task, lasting))
    return {name: statistics.median(values) for name, values in found.items()}


def report(
    rates_: dict[str, float],
    ratios: dict[str, float],
    *,
    as_json: bool,
    **more: Mapping[str, object],
) -> None:
    """Print machine, rates, ratios and whatever else was measured."""
    result: dict[str, Mapping[str, object]] = {
        "machine": machine(),
        "rates": _rounded(rates_),
        "ratios": _rounded(ratios),
        **more,
    }
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=2) + "\n")
        return
    for part, values in result.items():
        sys.stdout.write(f"{part}\n")
        for name, value in values.items():
            sys.stdout.write(f"  {name:<32} {value}\n")


def machine() -> dict[str, str]:
    """Name the machine and the versions that matter."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - not a path of ours
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": str(len(models)),
        "python": platform.python_version(),
        "libcrypto": f"{libcrypto.library().version:#x}",
    }


def _rate(task: Callable[[], object], lasting: float) -> float:
    count, started = 0, time.process_time()
    while (spent := time.process_time() - started) < lasting:
        task()
        count += 1
    return count / spent


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3 if value < 100 else 0) for name, value in values.items()}
