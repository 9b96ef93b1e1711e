"""SM2 by `gmssl` in pure Python: verifying everywhere, signing only where it was allowed.

Of gmssl we use point multiplication, addition and the signature equation. Never its random numbers
(Mersenne Twister), its encodings, its digest or its own checks, which let through numbers out of
range. Encodings, ranges and points are checked by us before a call comes here. Not constant time.
"""

# ruff: noqa: SLF001 - the functions that we need of gmssl have no public names
from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from msb_identity.errors import KeyRefused, NoBackend
from msb_identity.pki.curves import FIELD_BYTES, SM2_CURVE
from msb_identity.pki.signatures import der_from_numbers, numbers_from_der
from msb_identity.pki.sm2_answers import DIGEST, NONCE, POINT, PRIVATE, SIGNATURE, prove

if TYPE_CHECKING:
    from msb_identity.pki.sm2_answers import SM2Backend

_HEX = 2 * FIELD_BYTES
_G = f"{SM2_CURVE.gx:064x}{SM2_CURVE.gy:064x}"
_TURNS = 16  # each nonce fails with a chance of 2^-255


def load(*, allow_signing: bool) -> SM2Backend:
    """Load and prove gmssl; NoBackend where it is missing or wrong."""
    try:
        from gmssl.sm2 import CryptSM2  # type: ignore[import-untyped]
    except ImportError as error:
        message = "the package gmssl is not installed"
        raise NoBackend(message) from error
    backend = GmsslBackend(CryptSM2, allow_signing=allow_signing)
    prove(backend, signing=allow_signing)
    if allow_signing:
        backend.prove_nonce()
    return backend


class GmsslBackend:
    """The SM2 operations of gmssl."""

    name = "gmssl"

    def __init__(self, engine: Any, *, allow_signing: bool) -> None:  # noqa: ANN401 - untyped
        """Take gmssl's class CryptSM2."""
        self._engine, self._allow_signing = engine, allow_signing

    def generate(self) -> tuple[GmsslHandle, bytes, bytes]:
        """Make a key from the system's randomness: 1 ≤ d ≤ n - 2."""
        private = (secrets.randbelow(SM2_CURVE.n - 2) + 1).to_bytes(FIELD_BYTES, "big")
        point = self.point_of(private)
        return GmsslHandle(self._new(point, private), signs=True), private, point

    def take(self, point: bytes, private: bytes | None = None) -> GmsslHandle:
        """Take a point, or a pair whose halves must belong together."""
        if private is not None and self.point_of(private) != point:
            message = "SM2: the private number does not belong to the public point"
            raise KeyRefused(message)
        return GmsslHandle(self._new(point, private or b""), signs=private is not None)

    def point_of(self, private: bytes) -> bytes:
        """Multiply the generator."""
        if not self._allow_signing:
            message = "gmssl is slow and not constant time: signing with it was not allowed"
            raise NoBackend(message)
        engine = self._new(b"", private)
        return b"\x04" + bytes.fromhex(engine._kg(int.from_bytes(private, "big"), _G))

    def prove_nonce(self) -> None:
        """Raise NoBackend unless the nonce that we give is the one that is used."""
        made = GmsslHandle(self._new(POINT, PRIVATE), signs=True).sign_with(DIGEST, NONCE)
        if made != SIGNATURE:
            message = "gmssl does not sign with the nonce it is given"
            raise NoBackend(message)

    def _new(self, point: bytes, private: bytes) -> Any:  # noqa: ANN401 - untyped
        engine = self._engine(private.hex(), "")
        # Not through the constructor: its lstrip("04") eats the first digits of some keys.
        engine.public_key = point[1:].hex()
        return engine


class GmsslHandle:
    """A key inside gmssl; its points are texts of 128 hexadecimal digits."""

    def __init__(self, engine: Any, *, signs: bool) -> None:  # noqa: ANN401 - untyped
        """Own an engine that holds the key."""
        self._engine, self._signs = engine, signs

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign e with a nonce from the system's randomness, and verify what came out."""
        if not self._signs:
            message = "an SM2 key without its private half does not sign"
            raise KeyRefused(message)
        for _ in range(_TURNS):
            nonce = (secrets.randbelow(SM2_CURVE.n - 1) + 1).to_bytes(FIELD_BYTES, "big")
            signature = self.sign_with(digest, nonce)
            if signature is not None and self.verify_digest(digest, signature):
                return signature
        message = "gmssl made no good signature"
        raise KeyRefused(message)

    def sign_with(self, digest: bytes, nonce: bytes) -> bytes | None:
        """Sign e with this nonce; None where it gives no signature. For `prove_nonce` alone."""
        raw = self._engine.sign(digest, nonce.hex())
        if raw is None:
            return None
        return der_from_numbers(int(raw[:_HEX], 16), int(raw[_HEX:], 16))

    def verify_digest(self, digest: bytes, der: bytes) -> bool:
        """Whether (e + x of sG + tP) mod n is r, where t = r + s (GB/T 32918.2 section 7.1)."""
        r, s = numbers_from_der(der, SM2_CURVE)
        x = self._sum_x(s, (r + s) % SM2_CURVE.n)
        return x is not None and (int.from_bytes(digest, "big") + x) % SM2_CURVE.n == r

    def _sum_x(self, s: int, t: int) -> int | None:
        """Give x of sG + tP; None for the point at infinity, on which gmssl's own verify fails."""
        engine = self._engine
        first, second = engine._kg(s, _G), engine._kg(t, engine.public_key)
        if first == second:
            total = engine._double_point(first + "1")
        elif first[:_HEX] == second[:_HEX]:
            return None
        else:
            total = engine._add_point(first + "1", second)
        return int(engine._convert_jacb_to_nor(total)[:_HEX], 16)
