"""Checkpoints: every change of one is refused."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from msb_identity.envelopes import cbor
from msb_identity.envelopes.cose import KEY_ID, TYPE, parse_sign1, sign1
from msb_identity.errors import EncodingRefused, MsbError, Refused, SignatureRefused, StoreError
from msb_identity.foundation.audit import Audit, check_audit, make_checkpoint
from msb_identity.foundation.audit.checkpoint import CONTENT_TYPE, parse_checkpoint
from msb_identity.foundation.store import Store
from msb_identity.pki.keys import KeyKind, generate_key
from tests.identity.audit.conftest import NOW, TABLES, failures

if TYPE_CHECKING:
    from pathlib import Path

    from tests.identity.audit.conftest import Log


@pytest.mark.parametrize("kind", list(KeyKind))
def test_any_kind_of_key_signs_checkpoints(sqlite_log: Log, kind: KeyKind) -> None:
    sqlite_log.key = generate_key(kind)
    sqlite_log.fill(2)
    assert sqlite_log.check(sqlite_log.checkpoint()).verdict == "valid"


def test_a_checkpoint_says_what_it_attests(sqlite_log: Log) -> None:
    sqlite_log.fill(2)
    sqlite_log.fill(3, "app-1")
    first = sqlite_log.checkpoint()
    _, checkpoint = parse_checkpoint(first)
    assert checkpoint.count == 5
    assert list(checkpoint.heads) == ["app-1", "web-1"]
    assert checkpoint.heads["web-1"].sequence == 2
    assert checkpoint.heads["web-1"].hash == sqlite_log.rows()[-1]["hash"]
    assert checkpoint.previous is None
    _, second = parse_checkpoint(sqlite_log.checkpoint(first))
    assert second.previous == checkpoint.digest


def test_an_empty_log_has_a_checkpoint_too(sqlite_log: Log) -> None:
    sqlite_log.writer()
    assert sqlite_log.check(sqlite_log.checkpoint()).verdict == "valid"


def test_a_changed_byte_anywhere_in_a_checkpoint_is_refused(sqlite_log: Log) -> None:
    sqlite_log.fill(3)
    checkpoint = sqlite_log.checkpoint()
    for i in range(len(checkpoint)):
        changed = checkpoint[:i] + bytes((checkpoint[i] ^ 1,)) + checkpoint[i + 1 :]
        assert sqlite_log.check(changed).verdict != "valid", i
    for cut in (0, 1, len(checkpoint) - 1):
        assert failures(sqlite_log.check(checkpoint[:cut]))[0][:2] == ("format", "malformed")
    assert failures(sqlite_log.check(checkpoint + b"\0"))[0][:2] == ("format", "malformed")


def test_mutated_checkpoints_never_raise(sqlite_log: Log) -> None:
    sqlite_log.fill(1)
    checkpoint, source = sqlite_log.checkpoint(), random.Random(3)
    for _ in range(2_000):
        mutant = bytearray(checkpoint)
        for _ in range(source.randint(1, 4)):
            mutant[source.randrange(len(mutant))] = source.randrange(256)
        try:
            parse_checkpoint(bytes(mutant))
        except EncodingRefused:
            continue


def test_a_bad_signature_is_invalid_even_beside_a_good_one(sqlite_log: Log) -> None:
    sqlite_log.fill(1)
    good = sqlite_log.checkpoint()
    bad = good[:-1] + bytes((good[-1] ^ 1,))
    report = sqlite_log.check(good, bad)
    assert failures(report) == [("signature-value", "bad", "checkpoint 2")]
    assert report.disclosed["vouched_entries"] == 1


FORGERIES: list[tuple[str, int, cbor.Value]] = [
    ("another format", 0, "MSB-audit-checkpoint-2"),
    ("a short log id", 1, b"x"),
    ("a time that is no number", 2, "now"),
    ("a time before 1970", 2, -1),
    ("a time that is true", 2, True),
    ("a count that is not the sum", 3, 7),
    ("a previous that is no hash", 4, b"x"),
    ("heads that are no list", 5, {}),
    ("a head of two", 5, [["web-1", 1]]),
    ("a head of nothing", 5, [["web-1", 0, bytes(32)]]),
    ("a head with a short hash", 5, [["web-1", 1, b"x"]]),
    ("a writer twice", 5, [["web-1", 1, bytes(32)], ["web-1", 1, bytes(32)]]),
    ("writers out of order", 5, [["b", 1, bytes(32)], ["a", 1, bytes(32)]]),
]


@pytest.mark.parametrize(("what", "member", "value"), FORGERIES)
def test_a_signed_payload_of_another_form_is_malformed(
    sqlite_log: Log, what: str, member: int, value: cbor.Value
) -> None:
    del what
    sqlite_log.fill(1)
    payload = cbor.decode(parse_sign1(sqlite_log.checkpoint()).payload)
    assert isinstance(payload, list)
    payload[member] = value
    header: dict[int | str, cbor.Value] = {KEY_ID: sqlite_log.key.public.key_id, TYPE: CONTENT_TYPE}
    forged = sign1(cbor.encode(payload), sqlite_log.key, header=header)
    assert failures(sqlite_log.check(forged))[0][:2] == ("format", "malformed")


def test_a_signature_for_another_purpose_is_no_checkpoint(sqlite_log: Log) -> None:
    sqlite_log.fill(1)
    payload = parse_sign1(sqlite_log.checkpoint()).payload
    headers: list[dict[int | str, cbor.Value]] = [
        {},
        {KEY_ID: sqlite_log.key.public.key_id},
        {KEY_ID: sqlite_log.key.public.key_id, TYPE: "application/statuslist+cwt"},
        {TYPE: CONTENT_TYPE},
    ]
    for header in headers:
        other = sign1(payload, sqlite_log.key, header=header)
        assert failures(sqlite_log.check(other))[0][:2] == ("format", "malformed")


def test_no_checkpoint_is_made_over_a_change_that_can_be_seen(log: Log) -> None:
    log.fill(3)
    first = log.checkpoint()
    log.fill(3)
    log.run("UPDATE audit_entries SET outcome = 'x' WHERE sequence = 5")
    for previous in (None, first):
        with pytest.raises(Refused) as refused:
            log.checkpoint(previous)
        assert failures(refused.value.report) == [("chain", "changed", "writer web-1, entry 5")]


def test_the_checkpoint_before_must_be_ours_and_of_this_log(log: Log, tmp_path: Path) -> None:
    log.fill(1)
    first = log.checkpoint()
    with pytest.raises(SignatureRefused):
        log.checkpoint(first[:-1] + bytes((first[-1] ^ 1,)))
    with pytest.raises(EncodingRefused):
        log.checkpoint(b"nonsense")
    other = Store.open(f"sqlite:///{tmp_path / 'other.sqlite'}", *TABLES)
    Audit(other, log.protector, writer="web-1").record("a.b", now=NOW)
    with pytest.raises(StoreError):
        make_checkpoint(other, log.key, previous=first)
    other.close()


def test_a_store_without_a_log_has_no_checkpoint(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    key = generate_key(KeyKind.P256)
    with pytest.raises(MsbError):
        make_checkpoint(store, key)
    assert check_audit(store).verdict == "indeterminate"
    store.close()
