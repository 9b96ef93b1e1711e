"""RegisteredSealer: a kept seal in the hands of one user, for one purpose.

It is a Sealer, so that formats use it as they use a key at hand. Each signature is a use that was
allowed, counted and recorded before (uses.py). A batch reserves its uses in one transaction and
records them in groups; what it does not use goes back, or comes back when the reservation expires.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Self

from msb_identity.foundation.clock import aware
from msb_seal.lifecycle.sentences import use_refused
from msb_seal.lifecycle.uses import Asking, Use, UseBook, Watch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta
    from types import TracebackType

    from msb_identity.pki.keys import SigningKey
    from msb_identity.x509.certificate import Certificate
    from msb_seal.lifecycle.reservations import Reservations
    from msb_seal.seals.model import ElectronicSeal


class RegisteredSealer:
    """Signs with a registered seal, one recorded use a signature; safe between threads."""

    def __init__(
        self,
        book: UseBook,
        reservations: Reservations,
        *,
        asking: Asking,
        seal: ElectronicSeal,
        certificate: Certificate,
        key: SigningKey,
    ) -> None:
        """Use `SealRegistry.sealer` instead, which makes sure that these belong together."""
        self.seal, self.certificate = seal, certificate
        self._book, self._reservations = book, reservations
        self._asking, self._key = asking, key

    def sign(self, to_sign: bytes, *, digest: bytes, document: str, now: datetime) -> bytes:
        """Have one use recorded, then sign; SM2 and ECDSA signatures are DER.

        Raises SealingRefused where the seal may not be used, StoreError where the use could not be
        recorded, SigningFailed where signing failed: then the use stays recorded and counted, since
        a signer elsewhere may have signed.
        """
        use = Use(digest, document)
        self._check(to_sign, use, now)
        watch = self._book.record(self._asking, [use], now=now)
        return self._sign(to_sign, watch, now)

    def reserve(
        self, count: int, *, lifetime: timedelta | None = None, now: datetime | None = None
    ) -> ReservedSealer:
        """Reserve uses for a batch: all of them or, with SealingRefused, none.

        lifetime: how long after its last use the reservation still stands.
        """
        reservation = self._reservations.reserve(
            self._asking, count, lifetime=lifetime, now=aware(now)
        )
        return self.resume(reservation)

    def resume(self, reservation: str) -> ReservedSealer:
        """Go on under a reservation: in another process, or after this batch was killed."""
        asking = Asking(
            self._asking.record,
            self._asking.user,
            self._asking.user_mark,
            self._asking.purpose,
            reservation,
        )
        return ReservedSealer(
            self._book,
            self._reservations,
            asking=asking,
            seal=self.seal,
            certificate=self.certificate,
            key=self._key,
        )

    def _check(self, to_sign: bytes, use: Use, now: datetime) -> None:
        """Refuse, in the log too, what cannot be this seal's signature over that digest."""
        fault = ""
        if not use.digest or use.digest not in to_sign:
            fault = "digest-not-signed"  # else the log would name another document
        elif not self.certificate.not_before <= aware(now) <= self.certificate.not_after:
            fault = "certificate-period"
        if fault:
            self._book.refuse(self._asking, use, fault, now=now)

    def _sign(self, to_sign: bytes, watch: Watch, now: datetime) -> bytes:
        self._book.confirm(self._asking, watch, now=now)
        signature = self._key.sign(to_sign)
        # A signer elsewhere may take its time: what it gives is let out only while it still holds.
        self._book.confirm(self._asking, watch, now=now)
        return signature


class ReservedSealer(RegisteredSealer):
    """A sealer for a batch, under a reservation; `with` gives back what was not used."""

    def __init__(
        self,
        book: UseBook,
        reservations: Reservations,
        *,
        asking: Asking,
        seal: ElectronicSeal,
        certificate: Certificate,
        key: SigningKey,
    ) -> None:
        """Use `RegisteredSealer.reserve` or `resume` instead."""
        super().__init__(
            book, reservations, asking=asking, seal=seal, certificate=certificate, key=key
        )
        self._lock = threading.Lock()
        self._recorded: Counter[bytes] = Counter()
        self._watch: Watch | None = None

    @property
    def reservation(self) -> str:
        """The reservation's id, for other processes and for going on after a crash."""
        return self._asking.reservation or ""

    def record(self, uses: Sequence[Use], *, now: datetime | None = None) -> None:
        """Record the next uses together, so that signing each costs no transaction of its own.

        All of them or, with SealingRefused, none. What is recorded and never signed stays recorded
        and counted.
        """
        watch = self._book.record(self._asking, uses, now=now)
        with self._lock:
            self._watch = watch
            self._recorded.update(use.digest for use in uses)

    def sign(self, to_sign: bytes, *, digest: bytes, document: str, now: datetime) -> bytes:
        """Sign for a recorded use, recording it first where `record` has not."""
        use = Use(digest, document)
        self._check(to_sign, use, now)
        watch = self._take(digest)
        if watch is None:
            watch = self._book.record(self._asking, [use], now=now)
        return self._sign(to_sign, watch, now)

    def reserve(
        self, count: int, *, lifetime: timedelta | None = None, now: datetime | None = None
    ) -> ReservedSealer:
        """Refuse: what is reserved is not reserved again."""
        raise use_refused("reservation-used-up")

    def close(self, *, now: datetime | None = None) -> int:
        """Give back the uses that were not recorded, and say how many; doing it again gives 0."""
        return self._reservations.close(self.reservation, now=aware(now))

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
            if not self._recorded[digest]:
                del self._recorded[digest]
                return None
            self._recorded[digest] -= 1
            return self._watch
