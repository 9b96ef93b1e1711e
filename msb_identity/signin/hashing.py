"""Password hashes by Argon2id (RFC 9106), by argon2-cffi: costly on purpose, few at a time.

A hash takes memory by design, so a flood of sign-ins would take all of it: `at_once` bounds how
many are made at the same moment in this process, and who waits longer than a moment is told to come
back. A hash made with other parameters is verified with its own, which it names, and made anew when
its password is next right.
"""

from __future__ import annotations

import secrets
import threading
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION, Type

from msb_identity.errors import SignInRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

_BUSY = ("busy", "系统繁忙，请稍后再试", "too many are signing in at this moment: try again")
_SALT_BYTES, _HASH_BYTES = 16, 32  # as argon2-cffi makes them


@dataclass(frozen=True, slots=True)
class HashCost:
    """What one hash costs. The default is the second choice of RFC 9106 section 4.

    at_once: how many hashes this process makes at the same time: so many times `memory_kib`.
    patience: how long one may wait for its turn.
    """

    time: int = 3
    memory_kib: int = 65_536
    lanes: int = 4
    at_once: int = 4
    patience: timedelta = field(default=timedelta(seconds=3))


class Hasher:
    """Makes and checks hashes of passwords; threads share one."""

    def __init__(self, cost: HashCost | None = None) -> None:
        """Take what a hash costs."""
        self._cost = cost or HashCost()
        self._argon2 = PasswordHasher(
            time_cost=self._cost.time,
            memory_cost=self._cost.memory_kib,
            parallelism=self._cost.lanes,
            type=Type.ID,
        )
        self._turns = threading.BoundedSemaphore(self._cost.at_once)
        self._nobodys = _hash_of_nothing(self._cost)

    def make(self, password: bytes) -> str:
        """Hash a password; the text names the algorithm and its parameters.

        SignInRefused (`busy`, with `retry_after`) where too many are at it.
        """
        with self._turn():
            return self._argon2.hash(password)

    def matches(self, kept: str | None, password: bytes) -> bool:
        """Whether this is the password that was kept; without one the same work is done for no."""
        with self._turn():
            try:
                self._argon2.verify(self._nobodys if kept is None else kept, password)
            except (VerificationError, InvalidHashError):
                return False
        return kept is not None

    def is_current(self, kept: str) -> bool:
        """Whether a hash was made with the parameters of today."""
        return not self._argon2.check_needs_rehash(kept)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=self._cost.patience.total_seconds()):
            raise SignInRefused(*_BUSY, retry_after=self._cost.patience)
        try:
            yield
        finally:
            self._turns.release()


def _hash_of_nothing(cost: HashCost) -> str:
    """Give a hash of the present cost that no known password has: 32 random bytes."""
    salt, value = (
        b64encode(secrets.token_bytes(count)).decode().rstrip("=")
        for count in (_SALT_BYTES, _HASH_BYTES)
    )
    parameters = f"m={cost.memory_kib},t={cost.time},p={cost.lanes}"
    return f"$argon2id$v={ARGON2_VERSION}${parameters}${salt}${value}"
