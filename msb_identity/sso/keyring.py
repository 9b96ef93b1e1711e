"""The key ring (密钥环): which key signs tokens, which comes next, which still verifies.

A key is published before it is used, so that verifiers know it in time, and stays published after
another took its place until the last token it signed has ended:

    next        published, signs nothing yet
    current     signs
    retiring    signs no more, still verifies

Private keys are sealed fields of the store, bound to their row: every process of the issuer has the
same ring, a rotation is one transaction, and who can only write to the database can add no key.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

from msb_identity.envelopes.jose import KeySet, private_jwk, signing_key_from_jwk
from msb_identity.errors import RingRefused
from msb_identity.foundation import strict_json
from msb_identity.foundation.clock import aware, from_seconds, seconds
from msb_identity.foundation.rotation import SealedTable
from msb_identity.foundation.schema import IDENTITY
from msb_identity.pki.keys import KeyKind, SigningKey, VerifyingKey, generate_key
from msb_identity.sso.claims import CLOCK_TOLERANCE, MAX_TOKEN_LIFE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store

PUBLISH_AHEAD = timedelta(hours=1)
"""How long a key is published before it signs: verifiers' own keys are never older than that."""
RETIRES_AFTER = MAX_TOKEN_LIFE + 2 * CLOCK_TOLERANCE
MAX_RING_KEYS = 8
MAX_AGE = timedelta(seconds=1)
_LOCK = "key-ring"

metadata = IDENTITY.tables()
ring_keys = Table(
    "ring_keys",
    metadata,
    Column("key_id", String(11), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("published_at", BigInteger, nullable=False),
    Column("used_from", BigInteger),
    Column("private", LargeBinary, nullable=False),
)
SEALED = SealedTable(ring_keys, ("private",))


class RingState(StrEnum):
    """What a key of the ring does."""

    NEXT = "next"
    CURRENT = "current"
    RETIRING = "retiring"


@dataclass(frozen=True, slots=True)
class RingKey:
    """A key of the ring; `until`: when a retiring key leaves it."""

    key_id: str
    kind: KeyKind
    state: RingState
    published_at: datetime
    used_from: datetime | None
    until: datetime | None


class KeyRing:
    """The signing keys of one issuer, in its store."""

    def __init__(
        self,
        store: Store,
        protector: Protector,
        *,
        kinds: Sequence[KeyKind] = (KeyKind.P256,),
        publish_ahead: timedelta = PUBLISH_AHEAD,
        max_age: timedelta = MAX_AGE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use the store that was opened with this module's `metadata`.

        kinds: the kinds of key that sign here; the first where nobody asks for another.
        max_age: the time within which this process sees what another did to the ring.
        """
        if not kinds:
            message = "a ring has keys of at least one kind"
            raise ValueError(message)
        self._store, self._protector, self._clock = store, protector, clock
        self.kinds, self._publish_ahead = tuple(kinds), publish_ahead
        self._max_age = max_age.total_seconds()
        self._lock = Lock()
        self._opened: dict[str, SigningKey] = {}
        self._rows: tuple[_Row, ...] = ()
        self._read_at = float("-inf")

    def signer(self, kind: KeyKind | None = None, *, now: datetime | None = None) -> SigningKey:
        """Give the key that signs now; an empty ring gets its first keys."""
        wanted = self.kinds[0] if kind is None else kind
        for key in self.keys(now):
            if key.kind is wanted and key.state is RingState.CURRENT:
                return self._opened[key.key_id]
        message = f"the ring has no {wanted} key"
        raise RingRefused(message)

    def key_set(self, now: datetime | None = None) -> KeySet:
        """Give the public keys that verifiers need: next, current and retiring."""
        return KeySet(self._opened[key.key_id].public for key in self.keys(now))

    def get(self, key_id: str | None) -> VerifyingKey | None:
        """Give the public key of that id, as verifiers of this process need it."""
        return self.key_set().get(key_id)

    def keys(self, now: datetime | None = None) -> tuple[RingKey, ...]:
        """List the keys, each kind's next first; keys that are over are left out."""
        self._refresh(aware(now))
        return _states(self._rows, aware(now))

    def rotate(self, now: datetime | None = None, *, at_once: bool = False) -> tuple[RingKey, ...]:
        """Let every next key sign, publish new ones, and drop those that are over.

        An empty ring gets its first keys instead. RingRefused where a next key has not been
        published for `publish_ahead` yet, unless `at_once`, which is for emergencies: verifiers
        then meet a key they do not know.
        """
        moment = aware(now)
        with self._store.read() as connection:
            empty = not _read(connection)
        if empty:
            return self._again(moment)
        fresh = {kind: generate_key(kind) for kind in self.kinds}  # before others have to wait
        with self._store.write(locks=(_LOCK,)) as connection:
            for row in _read(connection):
                if row.used_from is None and row.kind in self.kinds:
                    ready = from_seconds(row.published_at) + self._publish_ahead
                    if ready > moment and not at_once:
                        message = f"the next {row.kind} key is published ahead until {ready}"
                        raise RingRefused(message)
                    _use(connection, row, moment)
            self._drop_finished(connection, moment)
            if len(_read(connection)) + len(fresh) > MAX_RING_KEYS * len(self.kinds):
                message = f"a ring has at most {MAX_RING_KEYS} keys of a kind"
                raise RingRefused(message)
            for key in fresh.values():
                self._add(connection, key, moment, used_from=None)
        return self._again(moment)

    def withdraw(self, key_id: str, now: datetime | None = None) -> None:
        """Take a key out at once, private half too: what it signed is refused from then on.

        For a key that others may have. Where it was the current one, the next takes its place.
        """
        moment = aware(now)
        found = [key for key in self.keys(moment) if key.key_id == key_id]
        if not found:
            message = "the ring has no such key"
            raise RingRefused(message)
        kind, state = found[0].kind, found[0].state
        fresh = generate_key(kind)  # before others have to wait
        with self._store.write(locks=(_LOCK,)) as connection:
            connection.execute(delete(ring_keys).where(ring_keys.c.key_id == key_id))
            nexts = [r for r in _read(connection) if r.kind is kind and r.used_from is None]
            if state is RingState.CURRENT and nexts:
                _use(connection, nexts.pop(), moment)
            if not nexts:
                self._add(connection, fresh, moment, used_from=None)
        self._again(moment)

    def _again(self, now: datetime) -> tuple[RingKey, ...]:
        """Look at the store anew."""
        self._read_at = float("-inf")
        return self.keys(now)

    def _refresh(self, now: datetime) -> None:
        if self._clock() - self._read_at <= self._max_age:
            return
        with self._lock:
            began = self._clock()
            with self._store.read() as connection:
                rows = _read(connection)
            missing = [kind for kind in self.kinds if not any(row.kind is kind for row in rows)]
            if missing:
                rows = self._begin(missing, now)
            self._opened = {row.key_id: self._open(row) for row in rows}
            self._rows = tuple(rows)
            self._read_at = began

    def _begin(self, kinds: Sequence[KeyKind], now: datetime) -> list[_Row]:
        """Make the first keys: one that signs at once, and the next."""
        made = {kind: (generate_key(kind), generate_key(kind)) for kind in kinds}
        with self._store.write(locks=(_LOCK,)) as connection:
            there = {row.kind for row in _read(connection)}
            for kind, (first, following) in made.items():
                if kind not in there:  # another process may have made them meanwhile
                    self._add(connection, first, now, used_from=seconds(now))
                    self._add(connection, following, now, used_from=None)
            return _read(connection)

    def _add(
        self, connection: Connection, key: SigningKey, now: datetime, *, used_from: int | None
    ) -> None:
        key_id = key.public.key_id_text
        private = strict_json.dump(private_jwk(key))
        connection.execute(
            insert(ring_keys).values(
                key_id=key_id,
                kind=str(key.kind),
                published_at=seconds(now),
                used_from=used_from,
                private=self._protector.seal(private, SEALED.place("private", key_id)),
            )
        )

    def _open(self, row: _Row) -> SigningKey:
        known = self._opened.get(row.key_id)
        if known is not None:  # to parse an RSA key takes longer than 50 signatures
            return known
        private = self._protector.open(row.private, SEALED.place("private", row.key_id))
        return signing_key_from_jwk(strict_json.load_object(private))

    def _drop_finished(self, connection: Connection, now: datetime) -> None:
        rows = _read(connection)
        alive = {key.key_id for key in _states(rows, now)}
        over = [row.key_id for row in rows if row.key_id not in alive]
        connection.execute(delete(ring_keys).where(ring_keys.c.key_id.in_(over)))


class Signers(Protocol):
    """What signs for an issuer: a key ring, or what stands for one."""

    def signer(self, kind: KeyKind | None = None, *, now: datetime | None = None) -> SigningKey:
        """Give the key that signs now."""

    def key_set(self, now: datetime | None = None) -> KeySet:
        """Give the public keys that verifiers need."""


@dataclass(frozen=True, slots=True)
class _Row:
    key_id: str
    kind: KeyKind
    published_at: int
    used_from: int | None
    private: bytes


def _read(connection: Connection) -> list[_Row]:
    rows = connection.execute(select(ring_keys).order_by(ring_keys.c.published_at))
    return [
        _Row(row.key_id, KeyKind(row.kind), row.published_at, row.used_from, row.private)
        for row in rows
    ]


def _use(connection: Connection, row: _Row, now: datetime) -> None:
    """Let a key sign, after every other of its kind whatever the clock says."""
    of_kind = select(func.max(ring_keys.c.used_from)).where(ring_keys.c.kind == str(row.kind))
    before = connection.scalar(of_kind) or 0
    this = ring_keys.c.key_id == row.key_id
    used_from = max(seconds(now), before + 1)
    connection.execute(update(ring_keys).where(this).values(used_from=used_from))


def _states(rows: Sequence[_Row], now: datetime) -> tuple[RingKey, ...]:
    """Say what each key does: the newest in use of its kind signs, older ones retire."""
    found = []
    for kind in dict.fromkeys(row.kind for row in rows):
        of_kind = [row for row in rows if row.kind is kind]
        found += [_ring_key(row, RingState.NEXT) for row in of_kind if row.used_from is None]
        used = sorted(
            (row for row in of_kind if row.used_from is not None),
            key=lambda row: row.used_from or 0,
            reverse=True,
        )
        replaced: datetime | None = None
        for row in used:
            state = RingState.CURRENT if replaced is None else RingState.RETIRING
            until = None if replaced is None else replaced + RETIRES_AFTER
            if until is None or until > now:
                found.append(_ring_key(row, state, until))
            replaced = from_seconds(row.used_from or 0)
    return tuple(found)


def _ring_key(row: _Row, state: RingState, until: datetime | None = None) -> RingKey:
    used = None if row.used_from is None else from_seconds(row.used_from)
    return RingKey(row.key_id, row.kind, state, from_seconds(row.published_at), used, until)
