"""RegisteredSealer: a kept seal in the hands of one user, for one purpose.

It is a Sealer, so that formats use it as they use a key at hand. Each signature is a use that was
allowed, counted and recorded before (uses.py). A batch reserves its uses in one transaction and
records them in groups; what it does not use goes back, or comes back when the reservation expires.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from msb_identity.foundation.clock import aware
from msb_seal.lifecycle.uses import Asking, Use, UseBook, Watch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta
    from types import TracebackType

    from msb_identity.pki.keys import SigningKey
    from msb_identity.x509.certificate import Certificate
    from msb_seal.lifecycle.reservations import Reservations
    from msb_seal.seals.model import ElectronicSeal


@dataclass(frozen=True, slots=True)
class Hand:
    """What belongs together where a registered seal is used; made by `SealRegistry.sealer`."""

    book: UseBook
    reservations: Reservations
    asking: Asking
    seal: ElectronicSeal
    certificate: Certificate
    key: SigningKey = field(repr=False)

    def check(self, to_sign: bytes, use: Use, now: datetime) -> None:
        """Refuse, in the log too, what cannot be this seal's signature over that digest."""
        if not use.digest or use.digest not in to_sign:
            fault = "digest-not-signed"  # else the log would name another document
        elif not self.certificate.not_before <= aware(now) <= self.certificate.not_after:
            fault = "certificate-period"
        else:
            return
        self.book.refuse(self.asking, use, fault, now=now)

    def sign(self, to_sign: bytes, watch: Watch, now: datetime) -> bytes:
        """Sign for a use that is recorded."""
        self.book.confirm(self.asking, watch, now=now)
        signature = self.key.sign(to_sign)
        # A signer elsewhere may take its time: what it gives is let out only while it still holds.
        self.book.confirm(self.asking, watch, now=now)
        return signature


class RegisteredSealer:
    """Signs with a registered seal, one recorded use a signature; safe between threads."""

    def __init__(self, hand: Hand) -> None:
        """Use `SealRegistry.sealer` instead."""
        self._hand = hand
        self.seal, self.certificate = hand.seal, hand.certificate

    def sign(self, to_sign: bytes, *, digest: bytes, document: str, now: datetime) -> bytes:
        """Have one use recorded, then sign; SM2 and ECDSA signatures are DER.

        Raises SealingRefused where the seal may not be used, StoreError where the use could not be
        recorded, SigningFailed where signing failed: then the use stays recorded and counted, since
        a signer elsewhere may have signed.
        """
        hand, use = self._hand, Use(digest, document)
        hand.check(to_sign, use, now)
        watch = hand.book.record(hand.asking, [use], now=now)
        return hand.sign(to_sign, watch, now)

    def reserve(
        self, count: int, *, lifetime: timedelta | None = None, now: datetime | None = None
    ) -> ReservedSealer:
        """Reserve uses for a batch: all of them or, with SealingRefused, none.

        lifetime: how long after its last use the reservation still stands.
        """
        hand = self._hand
        reserved = hand.reservations.reserve(hand.asking, count, lifetime=lifetime, now=aware(now))
        return self.resume(reserved)

    def resume(self, reservation: str) -> ReservedSealer:
        """Go on under a reservation: in another process, or after a batch was killed."""
        asking = replace(self._hand.asking, reservation=reservation)
        return ReservedSealer(replace(self._hand, asking=asking), reservation)


class ReservedSealer:
    """A sealer for a batch, under a reservation; `with` gives back what was not used."""

    def __init__(self, hand: Hand, reservation: str) -> None:
        """Use `RegisteredSealer.reserve` or `resume` instead.

        reservation: its id, for other processes and for going on after a crash.
        """
        self._hand, self.reservation = hand, reservation
        self.seal, self.certificate = hand.seal, hand.certificate
        self._lock = threading.Lock()
        self._recorded: Counter[bytes] = Counter()
        self._watch: Watch | None = None

    def record(
        self, uses: Sequence[Use], *, since: datetime | None = None, now: datetime | None = None
    ) -> None:
        """Record the next uses together, so that signing each costs no transaction of its own.

        At most MAX_USES_AT_ONCE; all of them or, with SealingRefused, none. What is recorded and
        never signed stays recorded and counted.
        since: for a batch that was killed in the middle: what this user had recorded from then on,
        for this purpose and of the same digest, is signed under that record and not counted again.
        """
        watch = self._hand.book.record(self._hand.asking, uses, since=since, now=now)
        with self._lock:
            self._watch = watch
            self._recorded.update(use.digest for use in uses)

    def sign(self, to_sign: bytes, *, digest: bytes, document: str, now: datetime) -> bytes:
        """Sign for a recorded use, recording it first where `record` has not."""
        hand, use = self._hand, Use(digest, document)
        hand.check(to_sign, use, now)
        watch = self._take(digest)
        if watch is None:
            watch = hand.book.record(hand.asking, [use], now=now)
        return hand.sign(to_sign, watch, now)

    def close(self, *, now: datetime | None = None) -> int:
        """Give back the uses that were not recorded, and say how many; doing it again gives 0."""
        hand = self._hand
        return hand.reservations.close(self.reservation, by=hand.asking.user, now=aware(now))

    def __enter__(self) -> Self:
        """Use it in a `with` statement."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give back what is left."""
        self.close()

    def _take(self, digest: bytes) -> Watch | None:
        """Take one recorded use of this digest, if there is one."""
        with self._lock:
            left = self._recorded.pop(digest, 0)
            if left > 1:
                self._recorded[digest] = left - 1
            return self._watch if left else None
