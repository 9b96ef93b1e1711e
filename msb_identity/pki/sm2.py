"""SM2 signatures with SM3: Z, the message digest, and keys over a proven libcrypto.

The signer's ID is 1234567812345678 (GM/T 0009-2012 section 10); Z is computed once per key.
Sources: GB/T 32918.2 sections 5.5, 6 and 7; GB/T 32905 (SM3).
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.hashes import SM3, Hash

from msb_identity.errors import KeyRefused, SignatureRefused
from msb_identity.pki import libcrypto
from msb_identity.pki.curves import FIELD_BYTES, SM2_CURVE
from msb_identity.pki.keys import KeyKind, SigningKey, VerifyingKey
from msb_identity.pki.signatures import der_from_numbers, numbers_from_der

if TYPE_CHECKING:
    from msb_identity.pki.libcrypto import KeyHandle

SIGNER_ID = b"1234567812345678"


def sm3(*parts: bytes) -> bytes:
    """Digest the parts one after another; 32 bytes."""
    digest = Hash(SM3())
    for part in parts:
        digest.update(part)
    return digest.finalize()


def signer_digest(x: bytes, y: bytes, signer_id: bytes = SIGNER_ID) -> bytes:
    """Give Z = SM3(ENTL ‖ ID ‖ a ‖ b ‖ G ‖ public point) (GB/T 32918.2 section 5.5)."""
    curve = (SM2_CURVE.a, SM2_CURVE.b, SM2_CURVE.gx, SM2_CURVE.gy)
    entl = (8 * len(signer_id)).to_bytes(2, "big")
    return sm3(entl, signer_id, *(v.to_bytes(FIELD_BYTES, "big") for v in curve), x, y)


class SM2VerifyingKey(VerifyingKey):
    """An SM2 public key."""

    kind = KeyKind.SM2

    @cached_property
    def _handle(self) -> KeyHandle:
        return libcrypto.library().take(b"\x04" + self.x + self.y)

    @cached_property
    def z(self) -> bytes:
        """The key's Z for the fixed signer ID."""
        return signer_digest(self.x, self.y)

    def verify(self, message: bytes, signature: bytes) -> None:
        """Verify a strict DER signature over SM3(Z ‖ message)."""
        numbers_from_der(signature, SM2_CURVE)
        digest = sm3(self.z, message)
        if not libcrypto.library().verify_digest(self._handle, digest, signature):
            text = "the signature is not this key's over this message"
            raise SignatureRefused(text)


class SM2SigningKey(SigningKey):
    """An SM2 key pair."""

    public: SM2VerifyingKey

    def __init__(
        self, private: bytes, public: VerifyingKey, *, handle: KeyHandle | None = None
    ) -> None:
        """Pair a private number with its point; KeyRefused where they do not belong together."""
        if not isinstance(public, SM2VerifyingKey):
            message = "an SM2 private number needs an SM2 public key"
            raise KeyRefused(message)
        self.public = public
        self._private = private
        point = b"\x04" + public.x + public.y
        self._handle = handle or libcrypto.library().take(point, private)

    @classmethod
    def generate(cls) -> SM2SigningKey:
        """Make a new key."""
        handle, private, point = libcrypto.library().generate()
        public = SM2VerifyingKey(point[1 : 1 + FIELD_BYTES], point[1 + FIELD_BYTES :])
        return cls(private, public, handle=handle)

    def sign(self, message: bytes) -> bytes:
        """Sign SM3(Z ‖ message)."""
        digest = sm3(self.public.z, message)
        signature = libcrypto.library().sign_digest(self._handle, digest)
        # Re-encoded by us, so that what leaves is strict whatever the library wrote.
        return der_from_numbers(*numbers_from_der(signature, SM2_CURVE))

    def private_bytes(self) -> bytes:
        """Give the private number, 32 bytes."""
        return self._private
