"""SM2 signatures with SM3: Z, the message digest, and keys over a proven backend.

The signer's ID is 1234567812345678 (GM/T 0009-2012 section 10) unless another is given; Z is
computed once per key and ID. Source: GB/T 32918.2 sections 5.5, 6 and 7.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from msb_identity.errors import AlgorithmRefused, KeyRefused, SignatureRefused
from msb_identity.pki.curves import FIELD_BYTES, SM2_CURVE, check_number
from msb_identity.pki.keys import (
    KeyKind,
    PointKey,
    SignatureAlgorithm,
    SigningKey,
    VerifyingKey,
)
from msb_identity.pki.signatures import der_from_numbers, numbers_from_der
from msb_identity.pki.sm import sm3
from msb_identity.pki.sm2_backend import sm2_backend

if TYPE_CHECKING:
    from msb_identity.pki.sm2_answers import Handle, SM2Backend

SIGNER_ID = b"1234567812345678"
MAX_ID_BYTES = 8191  # its length in bits must fit in 16 bits
_KEPT_IDS = 16


def signer_digest(x: bytes, y: bytes, signer_id: bytes = SIGNER_ID) -> bytes:
    """Give Z = SM3(ENTL ‖ ID ‖ a ‖ b ‖ G ‖ public point) (GB/T 32918.2 section 5.5)."""
    if len(signer_id) > MAX_ID_BYTES:
        message = f"a signer's ID of more than {MAX_ID_BYTES} bytes"
        raise AlgorithmRefused(message)
    curve = (SM2_CURVE.a, SM2_CURVE.b, SM2_CURVE.gx, SM2_CURVE.gy)
    entl = (8 * len(signer_id)).to_bytes(2, "big")
    return sm3(entl, signer_id, *(v.to_bytes(FIELD_BYTES, "big") for v in curve), x, y)


class SM2VerifyingKey(PointKey):
    """An SM2 public key."""

    kind = KeyKind.SM2

    def __init__(self, x: bytes, y: bytes, *, backend: SM2Backend | None = None) -> None:
        """Check the point; KeyRefused where it is none.

        backend: the one to verify with; by default the best one here, chosen at the first use.
        """
        super().__init__(x, y)
        self._backend = backend
        self._z: dict[bytes, bytes] = {}

    @cached_property
    def _handle(self) -> Handle:
        return (self._backend or sm2_backend()).take(b"\x04" + self.x + self.y)

    def digest(self, message: bytes, signer_id: bytes | None = None) -> bytes:
        """Give e = SM3(Z ‖ message), which is what SM2 signs; Z is kept for a few IDs."""
        named = SIGNER_ID if signer_id is None else signer_id
        z = self._z.get(named)
        if z is None:
            z = signer_digest(self.x, self.y, named)
            if len(self._z) < _KEPT_IDS:  # IDs can come from strangers: bounded
                self._z[named] = z
        return sm3(z, message)

    def verify(
        self,
        message: bytes,
        signature: bytes,
        *,
        algorithm: SignatureAlgorithm | None = None,
        signer_id: bytes | None = None,
    ) -> None:
        """Verify a strict DER signature over SM3(Z ‖ message)."""
        if algorithm not in (None, SignatureAlgorithm.SM2_SM3):
            text = f"{algorithm} is no algorithm for an SM2 key"
            raise AlgorithmRefused(text)
        numbers_from_der(signature, SM2_CURVE)
        digest = self.digest(message, signer_id)
        if not self._handle.verify_digest(digest, signature):
            text = "the signature is not this key's over this message"
            raise SignatureRefused(text)


class SM2SigningKey(SigningKey):
    """An SM2 key pair."""

    public: SM2VerifyingKey

    def __init__(
        self, private: bytes, public: VerifyingKey, *, backend: SM2Backend | None = None
    ) -> None:
        """Pair a private number with its point; KeyRefused where they do not belong together."""
        if not isinstance(public, SM2VerifyingKey):
            message = "an SM2 private number needs an SM2 public key"
            raise KeyRefused(message)
        self.public = public
        self._private = private
        self._handle = (backend or sm2_backend()).take(b"\x04" + public.x + public.y, private)

    @classmethod
    def generate(cls, *, backend: SM2Backend | None = None) -> SM2SigningKey:
        """Make a new key."""
        _, private, point = (backend or sm2_backend()).generate()
        x, y = point[1 : 1 + FIELD_BYTES], point[1 + FIELD_BYTES :]
        return cls(private, SM2VerifyingKey(x, y, backend=backend), backend=backend)

    @classmethod
    def from_number(cls, private: bytes) -> SM2SigningKey:
        """Take a private number whose point was not given with it."""
        check_number(private, SM2_CURVE)
        point = sm2_backend().point_of(private)
        return cls(private, SM2VerifyingKey(point[1 : 1 + FIELD_BYTES], point[1 + FIELD_BYTES :]))

    def sign(self, message: bytes, *, signer_id: bytes | None = None) -> bytes:
        """Sign SM3(Z ‖ message)."""
        digest = self.public.digest(message, signer_id)
        signature = self._handle.sign_digest(digest)
        # Re-encoded by us, so that what leaves is strict whatever the library wrote.
        return der_from_numbers(*numbers_from_der(signature, SM2_CURVE))

    def private_bytes(self) -> bytes:
        """Give the private number, 32 bytes."""
        return self._private
