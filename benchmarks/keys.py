"""Signing and verifying through our keys, against what the machine can do without us.

sm2_sign_vs_openssl, sm2_verify_vs_openssl: our API over `openssl speed sm2`, both by CPU time.
sm2_sign_vs_gmssl, sm2_verify_vs_gmssl: our API over pure-Python gmssl (its sign_with_sm3 and
verify_with_sm3). P-256, RSA-2048 and Ed25519 for scale; two threads on one key by the clock.
Run: python benchmarks/keys.py [--quick] [--json]
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from _measure import arguments, rates, report
from gmssl.sm2 import CryptSM2  # type: ignore[import-untyped]

from msb_identity.pki import KeyKind, SigningKey, generate_key

if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGE = b"m" * 250
KINDS = {
    "sm2": KeyKind.SM2,
    "p256": KeyKind.P256,
    "rsa2048": KeyKind.RSA,
    "ed25519": KeyKind.ED25519,
}
SPEED_NAMES = {"sm2": "sm2", "p256": "ecdsap256", "rsa2048": "rsa2048"}


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__)
    keys = {name: generate_key(kind) for name, kind in KINDS.items()}
    tasks: dict[str, Callable[[], object]] = {}
    for name, key in keys.items():
        tasks |= _tasks(name, key)
    tasks |= _gmssl_tasks(keys["sm2"])
    # openssl before and after, so that a machine whose speed drifts is seen from both sides.
    outside = [_openssl(quick=options.quick)]
    found = rates(tasks, quick=options.quick)
    outside.append(_openssl(quick=options.quick))
    found |= {name: statistics.mean(run[name] for run in outside) for name in outside[0]}
    found |= _threads(keys["sm2"], seconds=0.5 if options.quick else 2.0)
    ratios = {
        f"sm2_{action}_vs_{other}": found[f"sm2_{action}"] / found[f"{other}_sm2_{action}"]
        for other in ("openssl", "gmssl")
        for action in ("sign", "verify")
        if f"{other}_sm2_{action}" in found
    }
    for action in ("sign", "verify"):
        one, two = (found[f"sm2_{action}_{count}_by_clock"] for count in ("1_thread", "2_threads"))
        ratios[f"sm2_{action}_2_threads_vs_1"] = two / one
    report(found, ratios, as_json=options.json)


def _tasks(name: str, key: SigningKey) -> dict[str, Callable[[], object]]:
    signature, public = key.sign(MESSAGE), key.public
    return {
        f"{name}_sign": lambda: key.sign(MESSAGE),
        f"{name}_verify": lambda: public.verify(MESSAGE, signature),
    }


def _gmssl_tasks(key: SigningKey) -> dict[str, Callable[[], object]]:
    engine = CryptSM2(key.private_bytes().hex(), "")
    engine.public_key = (key.public.x + key.public.y).hex()
    signature = engine.sign_with_sm3(MESSAGE)
    return {
        "gmssl_sm2_sign": lambda: engine.sign_with_sm3(MESSAGE),
        "gmssl_sm2_verify": lambda: engine.verify_with_sm3(signature, MESSAGE),
    }


def _openssl(*, quick: bool) -> dict[str, float]:
    """Run `openssl speed`, which counts user CPU time; nothing where there is no openssl."""
    program = shutil.which("openssl")
    if program is None:
        return {}
    command = [program, "speed", "-seconds", "1" if quick else "3", *SPEED_NAMES.values()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = {}
    for name in SPEED_NAMES:
        label = {"sm2": r"\(SM2\)|CurveSM2", "p256": "nistp256", "rsa2048": "rsa +2048"}[name]
        for line in done.stdout.splitlines():
            if re.search(label, line) and (numbers := re.findall(r"\d+\.\d+(?!s)\b", line)):
                sign, verify = (float(number) for number in numbers[-2:])
                found |= {f"openssl_{name}_sign": sign, f"openssl_{name}_verify": verify}
    return found


def _threads(key: SigningKey, *, seconds: float) -> dict[str, float]:
    """Rates by the clock of one and two threads on one key: libcrypto lets the other one run."""
    found = {}
    for action, task in _tasks("sm2", key).items():
        for label, count in (("1_thread", 1), ("2_threads", 2)):
            with ThreadPoolExecutor(count) as pool:
                started = time.perf_counter()
                done = sum(pool.map(_count, [task] * count, [seconds] * count))
                found[f"{action}_{label}_by_clock"] = done / (time.perf_counter() - started)
    return found


def _count(task: Callable[[], object], seconds: float) -> int:
    done, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        task()
        done += 1
    return done


if __name__ == "__main__":
    main()
