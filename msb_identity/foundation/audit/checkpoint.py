"""Checkpoints: where all chains end, signed, to be kept outside the store.

A COSE_Sign1, protected header {1: algorithm, 4: key id, 16: type}, over the CBOR array

    ["MSB-audit-checkpoint-1", log id, time, count, previous, [[writer, sequence, hash], …]]

time in seconds; count: entries in all chains; previous: SHA-256 of the payload of the checkpoint
before, or null; heads sorted by the writer's UTF-8 bytes, those without entries left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from msb_identity.envelopes import cbor
from msb_identity.envelopes.cose import ALGORITHM, KEY_ID, TYPE, parse_sign1, sign1
from msb_identity.errors import EncodingRefused, Refused, StoreError
from msb_identity.foundation.audit.chain import ChainEnd, Fault, Log, any_text, walk_chain
from msb_identity.foundation.audit.sentences import new_report
from msb_identity.foundation.audit.tables import HASH_BYTES, LOG_ID_BYTES
from msb_identity.foundation.clock import aware, from_seconds, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from msb_identity.envelopes.cose import Sign1
    from msb_identity.foundation.store import Store
    from msb_identity.pki.keys import SigningKey

MAX_CHECKPOINT_BYTES = cbor.MAX_BYTES
MAX_HEADS = 8_000  # of 60 characters each, they still fit
CONTENT_TYPE = "application/msb-audit-checkpoint+cbor"
_FORMAT = "MSB-audit-checkpoint-1"
_MEMBERS, _HEAD_MEMBERS = 6, 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says; whether its signature holds is for `check_audit` to find."""

    log_id: bytes
    time: datetime
    count: int
    previous: bytes | None
    heads: Mapping[str, ChainEnd]
    digest: bytes


def make_checkpoint(
    store: Store,
    key: SigningKey,
    *,
    previous: bytes | None = None,
    now: datetime | None = None,
) -> bytes:
    """Sign where all chains end, and give the checkpoint for keeping outside the store.

    previous: the newest checkpoint that was kept, signed by this key. Entries since then are
    verified first (all entries, where there is none): Refused, with the report, where they do not
    continue what it attests, so that nothing is signed over a change that can be seen.
    """
    before = None if previous is None else _kept(previous, key)
    heads = _verified_heads(store, before)
    if len(heads.ends) > MAX_HEADS:
        message = f"more than {MAX_HEADS} chains do not fit into a checkpoint"
        raise StoreError(message)
    payload: cbor.Value = [
        _FORMAT,
        heads.log_id,
        seconds(aware(now)),
        sum(end.sequence for end in heads.ends.values()),
        None if before is None else before.digest,
        [
            [writer, end.sequence, end.hash]
            for writer, end in sorted(heads.ends.items(), key=lambda item: item[0].encode())
        ],
    ]
    header: dict[int | str, cbor.Value] = {KEY_ID: key.public.key_id, TYPE: CONTENT_TYPE}
    return sign1(cbor.encode(payload), key, header=header)


def parse_checkpoint(data: bytes) -> tuple[Sign1, Checkpoint]:
    """Parse without verifying; EncodingRefused for anything but the strict form."""
    envelope = parse_sign1(data)
    if set(envelope.protected) != {ALGORITHM, KEY_ID, TYPE}:
        raise _malformed()
    if envelope.protected[TYPE] != CONTENT_TYPE or envelope.key_id is None:
        raise _malformed()
    payload = cbor.decode(envelope.payload)
    if not isinstance(payload, list) or len(payload) != _MEMBERS or payload[0] != _FORMAT:
        raise _malformed()
    _, log_id, time, count, previous, heads = payload
    if not isinstance(log_id, bytes) or len(log_id) != LOG_ID_BYTES or type(time) is not int:
        raise _malformed()
    if previous is not None and not _is_hash(previous):
        raise _malformed()
    ends = _heads(heads)
    if type(count) is not int or count != sum(end.sequence for end in ends.values()):
        raise _malformed()
    try:
        moment = from_seconds(time)
    except ValueError as error:
        raise _malformed() from error
    digest = sha256(envelope.payload).digest()
    kept = previous if isinstance(previous, bytes) else None
    return envelope, Checkpoint(log_id, moment, count, kept, ends, digest)


def newest(checkpoints: Sequence[bytes]) -> bytes:
    """Give the newest of some checkpoints, by what they say; EncodingRefused for what is none."""

    def age(data: bytes) -> tuple[datetime, int]:
        _, checkpoint = parse_checkpoint(data)
        return checkpoint.time, checkpoint.count

    return max(checkpoints, key=age)


@dataclass(frozen=True, slots=True)
class _Heads:
    log_id: bytes
    ends: Mapping[str, ChainEnd]


def _kept(data: bytes, key: SigningKey) -> Checkpoint:
    envelope, checkpoint = parse_checkpoint(data)
    envelope.verify(key.public)
    return checkpoint


def _verified_heads(store: Store, before: Checkpoint | None) -> _Heads:
    """Walk every chain from where the checkpoint before left it."""
    known: Mapping[str, ChainEnd] = {} if before is None else before.heads
    ends: dict[str, ChainEnd] = {}
    faults: list[Fault] = []
    with store.read() as connection:
        log = Log.read(connection)
        if before is not None and log.id != before.log_id:
            message = "the checkpoint before is of another log"
            raise StoreError(message)
        with any_text(connection):
            for writer in log.writers(connection, also=known):
                result = walk_chain(connection, log, writer, start=known.get(writer))
                faults += [] if result.fault is None else [result.fault]
                if result.end.sequence:
                    ends[writer] = result.end
    if faults:
        report = new_report()
        for fault in faults:
            report.failed("chain", fault.code, fault.detail)
        raise Refused(report.conclude())
    return _Heads(log.id, ends)


def _heads(value: cbor.Value) -> dict[str, ChainEnd]:
    """Read the heads: writers in order, none twice, each with at least one entry."""
    if not isinstance(value, list) or len(value) > MAX_HEADS:
        raise _malformed()
    ends: dict[str, ChainEnd] = {}
    last = b""
    for head in value:
        if not isinstance(head, list) or len(head) != _HEAD_MEMBERS:
            raise _malformed()
        writer, sequence, hash_ = head
        if not isinstance(writer, str) or type(sequence) is not int or sequence < 1:
            raise _malformed()
        if not isinstance(hash_, bytes) or not _is_hash(hash_) or writer.encode() <= last:
            raise _malformed()
        last = writer.encode()
        ends[writer] = ChainEnd(sequence, hash_)
    return ends


def _is_hash(value: cbor.Value) -> bool:
    return isinstance(value, bytes) and len(value) == HASH_BYTES


def _malformed() -> EncodingRefused:
    return EncodingRefused("not a checkpoint of an audit log")
