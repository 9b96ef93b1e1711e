"""`check_audit`: what a store's audit log proves, against checkpoints kept elsewhere.

Every chain is walked from its beginning, hash by hash; then the ends that signed checkpoints attest
are compared with it. Whoever can write to the store can rewrite a chain as a whole: only a
checkpoint that they could not reach shows that, so without one nothing is `valid`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlalchemy import text

from msb_identity.errors import AlgorithmRefused, EncodingRefused, SignatureRefused, StoreError
from msb_identity.foundation.audit.chain import Log, any_text, shown, walk_chain
from msb_identity.foundation.audit.checkpoint import Checkpoint, parse_checkpoint
from msb_identity.foundation.audit.sentences import new_report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection

    from msb_identity.foundation.audit.chain import ChainResult
    from msb_identity.foundation.report import Report, ReportBuilder
    from msb_identity.foundation.store import Store
    from msb_identity.pki.keys import VerifyingKey

MAX_FAULTS = 20
_COUNT_ALL = text("SELECT count(*) FROM audit_entries")


def check_audit(
    store: Store,
    *,
    checkpoints: Sequence[bytes] = (),
    key: VerifyingKey | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Verify every chain of the store's log, and say up to which checkpoint it can be vouched for.

    checkpoints: signed ones that were kept where the store's users could not reach them, in any
    order; steps name them by their place here, from 1.
    key: who signs checkpoints; without it they prove nothing.
    progress: called now and then with the number of entries walked since.

    Never raises on what the log or a checkpoint holds; StoreError where the database fails.
    """
    report = new_report()
    held, readable = _open(report, checkpoints, key)
    with store.read() as connection:
        try:
            log = Log.read(connection)
        except StoreError:
            # Where a checkpoint attests a log, its absence is proof of a change.
            (report.failed if held else report.unknown)("format", "no-log")
            return report.conclude()
        if readable:
            report.ok("format")
        with any_text(connection):
            results = _walk_all(report, connection, log, held, progress)
    vouched = _compare(report, log, held, results)
    _conclude_coverage(report, results, vouched, any_held=bool(held))
    return report.conclude()


@dataclass(frozen=True, slots=True)
class _Held:
    """A checkpoint whose signature holds."""

    number: int
    checkpoint: Checkpoint

    @property
    def detail(self) -> str:
        moment = self.checkpoint.time.isoformat()
        return f"checkpoint {self.number} of {moment}, {self.checkpoint.count} entries"


def _open(
    report: ReportBuilder, checkpoints: Sequence[bytes], key: VerifyingKey | None
) -> tuple[list[_Held], bool]:
    """Parse and verify the checkpoints; give those that hold, and whether all were read."""
    held: list[_Held] = []
    readable = True
    for number, data in enumerate(checkpoints, 1):
        place = f"checkpoint {number}"
        try:
            envelope, checkpoint = parse_checkpoint(data)
        except EncodingRefused:
            report.failed("format", "malformed", place)
            readable = False
            continue
        if key is None:
            report.unknown("signature-value", "no-key", place)
        elif envelope.key_id != key.key_id:
            report.unknown("signature-value", "unknown-key", place)
        else:
            try:
                envelope.verify(key)
                held.append(_Held(number, checkpoint))
            except AlgorithmRefused:
                report.failed("signature-value", "algorithm", place)
            except SignatureRefused:
                report.failed("signature-value", "bad", place)
    if held and len(held) == len(checkpoints):
        report.ok("signature-value")
    elif not checkpoints:
        report.skipped("signature-value", "no-checkpoint")
    held.sort(key=lambda item: (item.checkpoint.time, item.checkpoint.count))
    return held, readable


def _walk_all(
    report: ReportBuilder,
    connection: Connection,
    log: Log,
    held: Sequence[_Held],
    progress: Callable[[int], None] | None,
) -> dict[str, ChainResult]:
    """Walk every chain and report the first bad entry of each."""
    wanted: dict[str, set[int]] = {}
    for item in held:
        for writer, end in item.checkpoint.heads.items():
            wanted.setdefault(writer, set()).add(end.sequence)
    results = {
        writer: walk_chain(
            connection, log, writer, wanted=wanted.get(writer, ()), progress=progress
        )
        for writer in log.writers(connection, also=wanted)
    }
    faults = [result.fault for result in results.values() if result.fault is not None]
    for fault in faults[:MAX_FAULTS]:
        report.failed("chain", fault.code, fault.detail)
    if len(faults) > MAX_FAULTS:
        report.failed("chain", "more", f"{len(faults) - MAX_FAULTS} chains")
    if not faults:
        walked = sum(result.end.sequence for result in results.values())
        stray = (connection.scalar(_COUNT_ALL) or 0) - walked
        if stray:  # their writer is no text, so they are in no chain that was walked
            report.failed("chain", "stray", f"{stray} entries")
        else:
            report.ok("chain", detail=f"{walked} entries in {len(results)} chains")
    return results


def _compare(
    report: ReportBuilder, log: Log, held: Sequence[_Held], results: Mapping[str, ChainResult]
) -> _Held | None:
    """Compare the chains with the checkpoints; give the newest that agrees in everything."""
    vouched, agree = None, True
    for item in held:
        if item.checkpoint.log_id != log.id:
            report.failed("checkpoint", "other-log", item.detail)
            agree = False
        elif (fault := _disagreement(item, results)) is None:
            vouched = item
        else:
            agree = False
            broken = fault[0] == "chain-broken"  # which has failed already, at its own step
            (report.unknown if broken else report.failed)("checkpoint", *fault)
    if not held:
        report.skipped("checkpoint", "none")
    elif agree and (gap := _unlinked(held)) is not None:
        report.warning("checkpoint", "unlinked", gap.detail)
    elif agree:
        report.ok("checkpoint", detail=f"{len(held)} checkpoints")
    return vouched


def _disagreement(item: _Held, results: Mapping[str, ChainResult]) -> tuple[str, str] | None:
    """Say how the log contradicts a checkpoint; the first bad entry as nearly as can be told."""
    for writer, end in item.checkpoint.heads.items():
        result = results[writer]
        place = f"{item.detail}; writer {shown(writer)}, entry"
        if result.end.sequence < end.sequence:
            code = "missing" if result.fault is None else "chain-broken"
            return code, f"{place} {result.end.sequence + 1} to {end.sequence}"
        if result.hashes.get(end.sequence) != end.hash:
            return "rewritten", f"{place} {end.sequence} or before"
    return None


def _unlinked(held: Sequence[_Held]) -> _Held | None:
    """Give the first checkpoint that does not name the one held before it."""
    for older, newer in pairwise(held):
        same = older.checkpoint.digest == newer.checkpoint.digest
        if not same and newer.checkpoint.previous != older.checkpoint.digest:
            return newer
    return None


def _conclude_coverage(
    report: ReportBuilder,
    results: Mapping[str, ChainResult],
    vouched: _Held | None,
    *,
    any_held: bool,
) -> None:
    """Say up to which checkpoint the log can be vouched for, and what comes after it."""
    walked = sum(result.end.sequence for result in results.values())
    report.disclose("entries", walked, label="核验的记录 / entries verified")
    if vouched is None:
        report.unknown("coverage", "nothing-vouched" if any_held else "no-checkpoint")
        return
    moment = vouched.checkpoint.time.isoformat()
    report.disclose("vouched_until", moment, label="可保证至 / vouched until")
    report.disclose("vouched_entries", vouched.checkpoint.count, label="可保证 / vouched")
    after = walked - vouched.checkpoint.count
    if not report.good_so_far():
        report.warning("coverage", "up-to", vouched.detail)
    elif after:
        report.warning("coverage", "entries-after", f"{vouched.detail}; {after} entries after it")
    else:
        report.ok("coverage", detail=vouched.detail)
