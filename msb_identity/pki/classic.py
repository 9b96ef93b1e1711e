"""ECDSA on P-256 by `cryptography`, behind our own strict encodings.

SHA-256 for what we make; SHA-384, SHA-512 and SHA-1 are verified where others name them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512

from msb_identity.errors import AlgorithmRefused, KeyRefused, SignatureRefused
from msb_identity.pki.curves import FIELD_BYTES, P256_CURVE, check_number
from msb_identity.pki.keys import (
    KeyKind,
    PointKey,
    SignatureAlgorithm,
    SigningKey,
    VerifyingKey,
    refuse_signer_id,
)
from msb_identity.pki.signatures import numbers_from_der

if TYPE_CHECKING:
    from collections.abc import Mapping

_ECDSA = ec.ECDSA(SHA256())
_SCHEMES: Mapping[SignatureAlgorithm, ec.ECDSA] = {
    SignatureAlgorithm.ECDSA_SHA256: _ECDSA,
    SignatureAlgorithm.ECDSA_SHA384: ec.ECDSA(SHA384()),
    SignatureAlgorithm.ECDSA_SHA512: ec.ECDSA(SHA512()),
    SignatureAlgorithm.ECDSA_SHA1: ec.ECDSA(SHA1()),  # noqa: S303 - verified to be called weak
}


class P256VerifyingKey(PointKey):
    """A P-256 public key."""

    kind = KeyKind.P256

    def __init__(self, x: bytes, y: bytes) -> None:
        """Check the point and hand it to the library once."""
        super().__init__(x, y)
        numbers = ec.EllipticCurvePublicNumbers(
            int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1()
        )
        try:
            self._key = numbers.public_key()
        except ValueError as error:
            message = "P-256: the library refuses the point"
            raise KeyRefused(message) from error

    def verify(
        self,
        message: bytes,
        signature: bytes,
        *,
        algorithm: SignatureAlgorithm | None = None,
        signer_id: bytes | None = None,
    ) -> None:
        """Verify a strict DER signature, over SHA-256 of the message by default."""
        refuse_signer_id(self.kind, signer_id)
        named = algorithm or SignatureAlgorithm.ECDSA_SHA256
        if named not in _SCHEMES:
            text = f"{named} is no algorithm for a P-256 key"
            raise AlgorithmRefused(text)
        numbers_from_der(signature, P256_CURVE)
        try:
            self._key.verify(signature, message, _SCHEMES[named])
        except (InvalidSignature, UnsupportedAlgorithm) as error:
            text = "the signature is not this key's over this message"
            raise SignatureRefused(text) from error


class P256SigningKey(SigningKey):
    """A P-256 key pair."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        """Take a library key on P-256."""
        self._key = key
        point = key.public_key().public_numbers()
        self.public = P256VerifyingKey(
            point.x.to_bytes(FIELD_BYTES, "big"), point.y.to_bytes(FIELD_BYTES, "big")
        )

    @classmethod
    def generate(cls) -> P256SigningKey:
        """Make a new key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_numbers(cls, number: int, public: VerifyingKey) -> P256SigningKey:
        """Pair a private number with its point."""
        key = cls(ec.derive_private_key(number, ec.SECP256R1()))
        if key.public != public:
            message = "P-256: the private number does not belong to the public point"
            raise KeyRefused(message)
        return key

    @classmethod
    def from_number(cls, private: bytes) -> P256SigningKey:
        """Take a private number whose point was not given with it."""
        return cls(ec.derive_private_key(check_number(private, P256_CURVE), ec.SECP256R1()))

    def sign(self, message: bytes, *, signer_id: bytes | None = None) -> bytes:
        """Sign SHA-256 of the message."""
        refuse_signer_id(self.kind, signer_id)
        return self._key.sign(message, _ECDSA)

    def private_bytes(self) -> bytes:
        """Give the private number, 32 bytes."""
        return self._key.private_numbers().private_value.to_bytes(FIELD_BYTES, "big")
