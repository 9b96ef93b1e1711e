"""The key ring: published before it signs, kept until its last token has ended, gone at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, select, update

from msb_identity.errors import ProtectionError, RingRefused
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.report import Verdict
from msb_identity.foundation.rotation import reseal
from msb_identity.foundation.store import Store
from msb_identity.pki.keys import KeyKind, generate_key
from msb_identity.sso.claims import CLOCK_TOLERANCE, MAX_TOKEN_LIFE
from msb_identity.sso.keyring import (
    MAX_RING_KEYS,
    PUBLISH_AHEAD,
    RETIRES_AFTER,
    SEALED,
    KeyRing,
    RingState,
    ring_keys,
)
from msb_identity.sso.keysets import KEYS_PACE
from msb_identity.sso.tokens import TokenIssuer, TokenVerifier
from msb_identity.tables import TABLES
from tests.identity.issuer_server import Clock
from tests.identity.token_world import AUDIENCE, ISSUER, NOW, SECOND, SESSION, found

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.databases import PreparedFiles
    from tests.identity.conftest import Race, World

LATER = NOW + PUBLISH_AHEAD


@pytest.fixture
def store(tmp_path: Path, prepared_files: PreparedFiles) -> Iterator[Store]:
    store = Store.open(prepared_files.new(tmp_path / "store.sqlite", *TABLES), *TABLES)
    yield store
    store.close()


@pytest.fixture
def protector(store: Store, tmp_path: Path) -> Protector:
    return Protector.from_folder(store, tmp_path / "keys")


@pytest.fixture
def ring(store: Store, protector: Protector) -> KeyRing:
    return KeyRing(store, protector)


def ids(ring: KeyRing, now: datetime = NOW) -> dict[RingState, list[str]]:
    found: dict[RingState, list[str]] = {}
    for key in ring.keys(now):
        found.setdefault(key.state, []).append(key.key_id)
    return found


def test_an_empty_ring_gets_a_key_that_signs_and_the_next(ring: KeyRing) -> None:
    signer = ring.signer(now=NOW)
    held = ids(ring)
    assert held.keys() == {RingState.CURRENT, RingState.NEXT}
    assert held[RingState.CURRENT] == [signer.public.key_id_text]
    assert ring.signer(now=NOW) is signer
    for (key_id,) in held.values():
        assert ring.key_set(NOW).get(key_id) is not None
        assert ring.get(key_id) is not None


def test_rotation_moves_each_key_on_and_publishes_a_new_one(ring: KeyRing) -> None:
    before = ids(ring)
    ring.rotate(LATER)
    after = ids(ring, LATER)
    assert after[RingState.CURRENT] == before[RingState.NEXT]
    assert after[RingState.RETIRING] == before[RingState.CURRENT]
    (new,) = after[RingState.NEXT]
    assert new not in {*before[RingState.NEXT], *before[RingState.CURRENT]}
    assert ring.signer(now=LATER).public.key_id_text == after[RingState.CURRENT][0]


def test_a_key_signs_nothing_before_it_was_published_long_enough(ring: KeyRing) -> None:
    before = ids(ring)
    with pytest.raises(RingRefused, match="published ahead"):
        ring.rotate(LATER - SECOND)
    assert ids(ring) == before
    ring.rotate(NOW, at_once=True)
    assert ids(ring)[RingState.CURRENT] == before[RingState.NEXT]


def test_keys_are_published_for_longer_than_verifiers_go_without_asking() -> None:
    assert KEYS_PACE.stale_after <= PUBLISH_AHEAD


def test_a_retiring_key_stays_until_its_last_token_has_ended(ring: KeyRing) -> None:
    (old,) = ids(ring)[RingState.CURRENT]
    ring.rotate(LATER)
    assert RETIRES_AFTER >= MAX_TOKEN_LIFE + CLOCK_TOLERANCE
    last = LATER + RETIRES_AFTER - SECOND
    assert ids(ring, last)[RingState.RETIRING] == [old]
    assert RingState.RETIRING not in ids(ring, last + SECOND)
    assert ring.key_set(last + SECOND).get(old) is None


def test_a_key_that_is_over_is_destroyed_at_the_next_rotation(store: Store, ring: KeyRing) -> None:
    (old,) = ids(ring)[RingState.CURRENT]
    ring.rotate(LATER)
    ring.rotate(LATER + 2 * RETIRES_AFTER)
    with store.read() as connection:
        kept = set(connection.scalars(select(ring_keys.c.key_id)))
    assert old not in kept
    assert len(kept) == 3


def test_a_ring_does_not_grow_without_bound(ring: KeyRing) -> None:
    for _ in range(MAX_RING_KEYS - 1):
        ring.rotate(NOW, at_once=True)
    with pytest.raises(RingRefused, match="at most"):
        ring.rotate(NOW, at_once=True)
    assert len(ring.keys(NOW)) <= MAX_RING_KEYS


def test_rotation_goes_forward_though_the_clock_goes_back(ring: KeyRing) -> None:
    (following,) = ids(ring)[RingState.NEXT]
    ring.rotate(NOW - timedelta(days=1), at_once=True)
    assert ids(ring)[RingState.CURRENT] == [following]
    (third,) = ids(ring)[RingState.NEXT]
    ring.rotate(NOW - timedelta(days=1), at_once=True)
    assert ids(ring)[RingState.CURRENT] == [third]


def test_tokens_of_before_a_rotation_verify_after_it_and_of_a_withdrawn_key_do_not(
    ring: KeyRing,
) -> None:
    issuer, now = TokenIssuer(ISSUER, ring), datetime.now(UTC)
    verifier = TokenVerifier(issuer=ISSUER, audience=AUDIENCE, keys=ring)
    (old,) = ids(ring, now)[RingState.CURRENT]
    session = replace(SESSION, expires_at=now + timedelta(hours=1))
    token = issuer.issue(session, audience=AUDIENCE, client_id="portal", now=now)
    assert verifier.check(token).verdict is Verdict.VALID
    ring.rotate(at_once=True)
    assert verifier.check(token).verdict is Verdict.VALID
    ring.withdraw(old)
    report = verifier.check(token)
    assert found(report, "key") == ("unknown", "unknown-key")
    assert report.verdict is Verdict.INDETERMINATE


def test_withdrawing_the_current_key_puts_the_next_in_its_place_never_an_older_one(
    store: Store, ring: KeyRing
) -> None:
    ids(ring)
    ring.rotate(LATER)
    held = ids(ring, LATER)
    (current,) = held[RingState.CURRENT]
    ring.withdraw(current, LATER)
    after = ids(ring, LATER)
    assert after[RingState.CURRENT] == held[RingState.NEXT]
    assert after[RingState.RETIRING] == held[RingState.RETIRING]
    assert len(after[RingState.NEXT]) == 1
    assert ring.key_set(LATER).get(current) is None
    with store.read() as connection:
        assert current not in set(connection.scalars(select(ring_keys.c.key_id)))


def test_withdrawing_the_next_key_publishes_another(ring: KeyRing) -> None:
    held = ids(ring)
    ring.withdraw(held[RingState.NEXT][0], NOW)
    after = ids(ring)
    assert after[RingState.CURRENT] == held[RingState.CURRENT]
    assert after[RingState.NEXT] != held[RingState.NEXT]


def test_a_key_that_is_not_there_is_not_withdrawn(ring: KeyRing) -> None:
    with pytest.raises(RingRefused, match="no such key"):
        ring.withdraw("unknown")


def test_rotating_an_empty_ring_begins_it(ring: KeyRing) -> None:
    assert {key.state for key in ring.rotate(NOW)} == {RingState.CURRENT, RingState.NEXT}


def test_a_ring_holds_keys_of_several_kinds(store: Store, protector: Protector) -> None:
    ring = KeyRing(store, protector, kinds=(KeyKind.SM2, KeyKind.P256))
    assert ring.signer(now=NOW).kind is KeyKind.SM2
    assert ring.signer(KeyKind.P256, now=NOW).kind is KeyKind.P256
    with pytest.raises(RingRefused, match="RSA"):
        ring.signer(KeyKind.RSA, now=NOW)
    assert len(ring.key_set(NOW)) == 4
    ring.rotate(LATER)
    assert len(ring.key_set(LATER)) == 6
    more = KeyRing(store, protector, kinds=(KeyKind.P256, KeyKind.ED25519))
    assert more.signer(now=LATER).public == ring.signer(KeyKind.P256, now=LATER).public
    assert more.signer(KeyKind.ED25519, now=LATER).kind is KeyKind.ED25519


def test_others_see_a_rotation_within_their_age(store: Store, protector: Protector) -> None:
    clock = Clock()
    one = KeyRing(store, protector)
    other = KeyRing(store, protector, clock=clock)
    before = other.signer(now=NOW).public
    one.rotate(LATER)
    assert other.signer(now=LATER).public == before
    clock.at += 1.1
    assert other.signer(now=LATER).public == one.signer(now=LATER).public != before


def test_private_keys_are_sealed_in_their_rows(
    store: Store, protector: Protector, ring: KeyRing, tmp_path: Path
) -> None:
    signer = ring.signer(now=NOW)
    on_disk = b"".join(path.read_bytes() for path in tmp_path.glob("store.sqlite*"))
    assert signer.public.key_id_text.encode() in on_disk
    assert signer.private_bytes() not in on_disk
    assert b'"d"' not in on_disk
    held = ids(ring)
    (current,), (following,) = held[RingState.CURRENT], held[RingState.NEXT]
    moved = select(ring_keys.c.private).where(ring_keys.c.key_id == following)
    with store.write() as connection:
        private = connection.scalar(moved)
        this = ring_keys.c.key_id == current
        connection.execute(update(ring_keys).where(this).values(private=private))
    with pytest.raises(ProtectionError):
        KeyRing(store, protector).signer(now=NOW)


def test_who_can_only_write_to_the_database_adds_no_key(
    store: Store, protector: Protector, ring: KeyRing
) -> None:
    ring.signer(now=NOW)
    key_id = generate_key(KeyKind.P256).public.key_id_text
    row = {"key_id": key_id, "kind": "P-256", "published_at": 0, "used_from": 2**40}
    with store.write() as connection:
        connection.execute(insert(ring_keys).values({**row, "private": b"x" * 100}))
    with pytest.raises(ProtectionError):
        KeyRing(store, protector).key_set(NOW)


def test_keys_of_protection_rotate_under_the_ring(
    store: Store, protector: Protector, ring: KeyRing
) -> None:
    signer = ring.signer(now=NOW).public
    protector.rotate()
    assert [progress.changed for progress in reseal(store, protector, SEALED)][-1] == 2
    assert KeyRing(store, protector).signer(now=NOW).public == signer


def test_a_ring_without_kinds_is_a_mistake(store: Store, protector: Protector) -> None:
    with pytest.raises(ValueError, match="kind"):
        KeyRing(store, protector, kinds=())


_ROTATE = """
from datetime import timedelta, datetime, UTC
from pathlib import Path
from msb_identity.errors import RingRefused
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store
from msb_identity.sso.keyring import KeyRing
from msb_identity.tables import TABLES
store = Store.open(arguments[0], *TABLES)
ring = KeyRing(store, Protector.from_folder(store, Path(arguments[1])))
now = datetime.fromisoformat(arguments[2])
if arguments[3] == "rotate":
    ring.signer(now=now)
go()
try:
    if arguments[3] == "rotate":
        ring.rotate(now)
    print(ring.signer(now=now).public.key_id_text)
except RingRefused:
    print("refused")
"""


def test_processes_that_begin_or_rotate_at_once_do_it_once(world: World, race: Race) -> None:
    keys = str(world.folder / "keys")
    begun = race(_ROTATE, world.url, keys, NOW.isoformat(), "begin")
    assert len(set(begun)) == 1
    ring = KeyRing(world.store, world.protector)
    assert len(ring.keys(NOW)) == 2
    rotated = race(_ROTATE, world.url, keys, LATER.isoformat(), "rotate")
    assert "refused" in rotated
    (current,) = ids(KeyRing(world.store, world.protector), LATER)[RingState.CURRENT]
    assert set(rotated) == {"refused", current}
    assert len(ring.key_set(LATER)) <= 3
