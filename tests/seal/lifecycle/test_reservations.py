"""Reservations: uses set aside for a batch, recorded in groups, given back, and watched."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.audit import check_audit
from msb_seal.lifecycle import Act, Use
from msb_seal.lifecycle import uses as uses_module
from tests.identity.authorities import NOW
from tests.seal.lifecycle.conftest import DIGEST, KEEPER, Signer, digests, past, refusal_of, sign

if TYPE_CHECKING:
    from tests.seal.lifecycle.conftest import Kept


def test_a_batch_is_recorded_in_groups_and_gives_back_the_rest(kept_on_each: Kept) -> None:
    kept = kept_on_each
    record = kept.issued().record
    kept.granted(record)
    seen: list[int] = []
    signer = Signer(lambda: seen.append(len(kept.entries("seal.used"))))
    sealer = kept.sealer(record, key=signer.key)
    with sealer.reserve(8, now=NOW) as reserved:
        assert kept.used() == 8
        first, more = digests(6)[:4], digests(6)[4:]
        reserved.record([Use(digest, "licence-1") for digest in first], now=NOW)
        for digest in (*first, *more):
            sign(reserved, digest)
    assert seen == [4, 4, 4, 4, 5, 6]
    assert kept.used() == 6
    assert reserved.close(now=NOW) == 0
    assert refusal_of(sign, reserved) == "reservation-ended"
    [closed] = kept.entries("seal.reservation-closed")
    assert (closed.details["used"], closed.details["given-back"]) == (6, 2)
    assert check_audit(kept.store).step("chain").code == "ok"


def test_a_recorded_use_is_good_for_one_signature(kept: Kept) -> None:
    record = kept.issued().record
    kept.granted(record)
    with kept.sealer(record).reserve(3, now=NOW) as reserved:
        reserved.record([Use(DIGEST, "a"), Use(DIGEST, "b")], now=NOW)
        for _ in range(3):
            sign(reserved)
        assert refusal_of(sign, reserved) == "reservation-used-up"
    assert kept.used() == 3


def test_a_reservation_stays_within_the_grant(kept: Kept) -> None:
    record = kept.issued().record
    kept.granted(record, max_uses=5)
    sealer = kept.sealer(record)
    assert refusal_of(sealer.reserve, 6, now=NOW) == "used-up"
    assert refusal_of(sealer.reserve, 0, now=NOW) == "too-many"
    reserved = sealer.reserve(4, now=NOW)
    assert refusal_of(sealer.reserve, 2, now=NOW) == "used-up"
    sign(sealer)
    assert refusal_of(sign, sealer) == "used-up"
    assert (
        refusal_of(lambda: reserved.record([Use(d, "d") for d in digests(5)], now=NOW))
        == "reservation-used-up"
    )
    assert kept.used() == 5


def test_a_reservation_lives_with_its_uses_and_expires_without(kept_on_each: Kept) -> None:
    kept = kept_on_each
    record = kept.issued().record
    kept.granted(record, max_uses=10)
    sealer, minute = kept.sealer(record), timedelta(minutes=1)
    reserved = sealer.reserve(10, lifetime=10 * minute, now=NOW)
    for minutes in (9, 18, 27):
        sign(reserved, now=NOW + minutes * minute)
    late = NOW + 38 * minute
    assert refusal_of(sign, reserved, now=late) == "reservation-ended"
    assert kept.registry.reservations.recover(now=NOW + 37 * minute) == 0
    # Whoever needs what was left gets it without asking for recovery first.
    again = sealer.reserve(7, now=late)
    assert kept.used() == 10
    assert kept.registry.reservations.recover(now=late) == 0
    assert kept.registry.reservations.recover(now=late + 11 * minute) == 7
    assert kept.used() == 3
    assert refusal_of(sign, again, now=late) == "reservation-ended"


def test_a_reservation_is_for_its_own_user_only(kept: Kept) -> None:
    record = kept.issued().record
    kept.granted(record)
    kept.granted(record, user="u-other")
    reserved = kept.sealer(record).reserve(5, now=NOW)
    stolen = kept.sealer(record, user="u-other").resume(reserved.reservation)
    assert refusal_of(sign, stolen) == "no-grant"
    sign(kept.sealer(record).resume(reserved.reservation))
    assert refusal_of(sign, kept.sealer(record).resume("0" * 32)) == "no-grant"


def freeze_and_thaw(kept: Kept, record: str) -> None:
    kept.freeze(record)
    kept.registry.change(record, Act.THAW, by="u-thaw", reason="found", now=NOW)


def test_a_reservation_ends_with_the_seal_s_epoch(kept: Kept) -> None:
    record = kept.issued().record
    kept.granted(record)
    with kept.sealer(record).reserve(5, now=NOW) as reserved:
        freeze_and_thaw(kept, record)
        assert refusal_of(sign, reserved) == "changed"
    sign(kept.sealer(record))


@pytest.mark.parametrize("case", ["frozen", "changed", "grant-withdrawn"])
def test_a_recorded_use_is_not_signed_once_the_seal_is_known_to_have_changed(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    record = kept.issued().record
    grant = kept.granted(record)
    signer = Signer()
    with kept.sealer(record, key=signer.key).reserve(5, now=NOW) as reserved:
        reserved.record([Use(digest, "d") for digest in digests(3)], now=NOW)
        sign(reserved, digests(1)[0])
        if case == "grant-withdrawn":
            kept.registry.grants.withdraw(grant.grant_id, by=KEEPER, now=NOW)
        elif case == "changed":
            freeze_and_thaw(kept, record)
        else:
            kept.freeze(record)
        past(monkeypatch, uses_module.CHECK_EVERY_SECONDS)
        assert refusal_of(sign, reserved, digests(2)[1]) == case
    assert signer.asked == 1
    assert kept.entries("seal.used")[-1].outcome == case


def test_a_state_that_took_too_long_to_read_is_no_state(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = kept.issued().record
    kept.granted(record)
    with kept.sealer(record).reserve(5, now=NOW) as reserved:
        reserved.record([Use(DIGEST, "d")], now=NOW)
        read, started = kept.store.read, time.monotonic() + 1

        def slow_read() -> object:
            monkeypatch.setattr(time, "monotonic", lambda: started + 5)
            return read()

        monkeypatch.setattr(time, "monotonic", lambda: started)
        monkeypatch.setattr(kept.store, "read", slow_read)
        assert refusal_of(sign, reserved) == "state-unknown"
        monkeypatch.undo()


def test_too_many_uses_at_once_are_refused(kept: Kept) -> None:
    record = kept.issued().record
    kept.granted(record, max_uses=None)
    with kept.sealer(record).reserve(2_000, now=NOW) as reserved:
        for count in (0, 1_001):
            wanted = [Use(digest, "d") for digest in digests(count)]
            assert refusal_of(reserved.record, wanted, now=NOW) == "too-many"
        reserved.record([Use(digest, "d") for digest in digests(1_000)], now=NOW)
    assert kept.used() == 1_000
