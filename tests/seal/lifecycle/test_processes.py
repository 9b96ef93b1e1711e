"""Processes on one registry: counts stay exact, a freeze reaches all, a kill hides nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from msb_identity.envelopes.keyfiles import write_signing_key
from msb_identity.foundation.audit import check_audit
from msb_identity.x509.files import encode_pem
from msb_seal.lifecycle.uses import FREEZE_WITHIN_SECONDS
from tests.identity.authorities import NOW
from tests.seal.makers import world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.seal.lifecycle.conftest import Kept

ROOT = Path(__file__).parents[3]
HEAD = """
import os, sys, time
from contextlib import closing
from pathlib import Path
from msb_identity.envelopes.keyfiles import read_signing_key
from msb_identity.x509.files import load_certificate
from msb_seal.errors import SealingRefused
from msb_seal.lifecycle import Use
from tests.identity.authorities import NOW
from tests.seal.lifecycle.conftest import PURPOSE, USER, open_kept, prepared
url, folder, record, more = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]
kept = open_kept(url, folder, f"worker-{os.getpid()}")
sealer = kept.registry.sealer(
    record,
    certificate=load_certificate((folder / "signer.pem").read_bytes()),
    key=read_signing_key(folder / "signer.jwk"),
    user=USER,
    purpose=PURPOSE,
)
ready = prepared(sealer)
def sign(by):
    return by.sign(ready.to_sign, digest=ready.digest, document="d", now=NOW)
print("ready", flush=True)
sys.stdin.readline()
"""
COUNT = """
done = 0
for _ in range(int(more)):
    try:
        sign(sealer)
        done += 1
    except SealingRefused as refusal:
        assert refusal.code == "used-up"
print(done)
kept.store.close()
"""
SIGN_ON = """
reserved = sealer.resume(more) if more else sealer
if more:
    reserved.record([Use(ready.digest, "d")] * 1000, now=NOW)
while True:
    try:
        sign(reserved)
    except SealingRefused as refusal:
        print(refusal.code, flush=True)
        break
    print(time.monotonic(), flush=True)  # one clock for all processes of a machine
    time.sleep(0.01)
"""
KILLED = """
reserved = sealer.resume(more)
while True:
    reserved.record([Use(ready.digest, "d")] * 5, now=NOW)
    for _ in range(5):
        signature = sign(reserved)
        print(signature.hex(), flush=True)
"""


@pytest.fixture
def processes(kept_on_each: Kept) -> Iterator[Processes]:
    """Starts processes that use the seal of this registry; those left over are ended."""
    signer = world().signer
    write_signing_key(kept_on_each.folder / "signer.jwk", signer.key)
    (kept_on_each.folder / "signer.pem").write_bytes(encode_pem(signer.certificate))
    started = Processes(kept_on_each)
    yield started
    for process in started.running:
        process.kill()
        process.communicate()


class Processes:
    def __init__(self, kept: Kept) -> None:
        self.kept, self.running = kept, list[subprocess.Popen[str]]()

    def start(self, script: str, record: str, more: str) -> subprocess.Popen[str]:
        """Start one, and wait until it is ready to go."""
        arguments = self.kept.url, str(self.kept.folder), record, more
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", HEAD + script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.running.append(process)
        return process

    def go(self) -> None:
        for process in self.running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in self.running:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()


def test_processes_share_a_grant_to_the_last_use(processes: Processes) -> None:
    kept = processes.kept
    record = kept.issued().record
    kept.granted(record, max_uses=25)
    for _ in range(2):
        processes.start(COUNT, record, "18")
    processes.go()
    counts = [int(process.communicate(timeout=120)[0]) for process in processes.running]
    assert sum(counts) == 25
    assert kept.used() == 25
    outcomes = [entry.outcome for entry in kept.entries("seal.used")]
    assert sorted(outcomes) == ["ok"] * 25 + ["used-up"] * 11
    assert check_audit(kept.store).step("chain").code == "ok"


def test_a_freeze_reaches_every_process_within_a_second(processes: Processes) -> None:
    kept = processes.kept
    record = kept.issued().record
    kept.granted(record, max_uses=None)
    reserved = kept.sealer(record).reserve(2_000, now=NOW)
    processes.start(SIGN_ON, record, reserved.reservation)  # relies on what it read before
    processes.start(SIGN_ON, record, "")  # asks the store for every signature
    processes.go()
    for process in processes.running:
        assert process.stdout is not None
        process.stdout.readline()
    time.sleep(0.2)
    kept.freeze(record)
    frozen = time.monotonic()
    for process in processes.running:
        *signed, last = process.communicate(timeout=60)[0].split()
        assert last == "frozen"
        assert signed, "it had signed before"
        assert float(signed[-1]) - frozen < FREEZE_WITHIN_SECONDS


def test_a_killed_batch_signed_nothing_that_is_not_recorded(processes: Processes) -> None:
    kept = processes.kept
    record = kept.issued().record
    kept.granted(record, max_uses=5_000)
    reserved = kept.sealer(record).reserve(5_000, now=NOW)
    process = processes.start(KILLED, record, reserved.reservation)
    processes.go()
    assert process.stdout is not None
    signed = [process.stdout.readline() for _ in range(12)]
    os.kill(process.pid, signal.SIGKILL)
    signed += process.communicate(timeout=60)[0].splitlines(keepends=True)
    whole = [line for line in signed if line.endswith("\n")]  # the last may be cut
    recorded = len(kept.entries("seal.used"))
    assert len(whole) <= recorded <= len(whole) + 6
    # What it had not recorded comes back, and another goes on until then.
    again = kept.sealer(record).resume(reserved.reservation)
    assert again.close(now=NOW) == 5_000 - recorded
    assert kept.used() == recorded
    assert check_audit(kept.store).step("chain").code == "ok"
