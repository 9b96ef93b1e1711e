"""ECDSA on P-256 with SHA-256, by `cryptography`, behind our own strict encodings."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from msb_identity.errors import KeyRefused, SignatureRefused
from msb_identity.pki.curves import FIELD_BYTES, P256_CURVE
from msb_identity.pki.keys import KeyKind, SigningKey, VerifyingKey
from msb_identity.pki.signatures import numbers_from_der

_ECDSA = ec.ECDSA(SHA256())


class P256VerifyingKey(VerifyingKey):
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

    def verify(self, message: bytes, signature: bytes) -> None:
        """Verify a strict DER signature over SHA-256 of the message."""
        numbers_from_der(signature, P256_CURVE)
        try:
            self._key.verify(signature, message, _ECDSA)
        except InvalidSignature as error:
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

    def sign(self, message: bytes) -> bytes:
        """Sign SHA-256 of the message."""
        return self._key.sign(message, _ECDSA)

    def private_bytes(self) -> bytes:
        """Give the private number, 32 bytes."""
        return self._key.private_numbers().private_value.to_bytes(FIELD_BYTES, "big")
