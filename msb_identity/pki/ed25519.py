"""Ed25519 by `cryptography`, with the checks on a public key that the library leaves out.

A point of small order verifies signatures that nobody made, so those are refused, as are encodings
that are no point. Only public values are computed with here. Source: RFC 8032 section 5.1.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from msb_identity.errors import AlgorithmRefused, KeyRefused, SignatureRefused
from msb_identity.pki import der
from msb_identity.pki.keys import (
    KeyKind,
    SignatureAlgorithm,
    SigningKey,
    VerifyingKey,
    base64url,
    refuse_signer_id,
)
from msb_identity.pki.spki import ed25519_algorithm

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY_BYTES, SIGNATURE_BYTES = 32, 64
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
# y of a point of order 8; with 0, 1 and -1 the only y of points whose order divides 8.
_Y8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})


class Ed25519VerifyingKey(VerifyingKey):
    """An Ed25519 public key."""

    kind = KeyKind.ED25519

    def __init__(self, encoded: bytes) -> None:
        """Take the 32 bytes of RFC 8032; KeyRefused unless they are a point of large order."""
        _check_point(encoded)
        self.encoded = encoded
        self._key = Ed25519PublicKey.from_public_bytes(encoded)

    @cached_property
    def spki(self) -> bytes:
        """The DER SubjectPublicKeyInfo (RFC 8410)."""
        return der.sequence(ed25519_algorithm(), der.bit_string(self.encoded))

    @property
    def jwk_members(self) -> Mapping[str, str]:
        """The members of RFC 8037 section 2."""
        return {"crv": "Ed25519", "kty": "OKP", "x": base64url(self.encoded)}

    def verify(
        self,
        message: bytes,
        signature: bytes,
        *,
        algorithm: SignatureAlgorithm | None = None,
        signer_id: bytes | None = None,
    ) -> None:
        """Verify a signature of 64 bytes."""
        refuse_signer_id(self.kind, signer_id)
        if algorithm not in (None, SignatureAlgorithm.ED25519):
            text = f"{algorithm} is no algorithm for an Ed25519 key"
            raise AlgorithmRefused(text)
        if len(signature) != SIGNATURE_BYTES:
            text = f"an Ed25519 signature of {len(signature)} bytes, not {SIGNATURE_BYTES}"
            raise SignatureRefused(text)
        try:
            self._key.verify(signature, message)
        except InvalidSignature as error:
            text = "the signature is not this key's over this message"
            raise SignatureRefused(text) from error


class Ed25519SigningKey(SigningKey):
    """An Ed25519 key pair."""

    public: Ed25519VerifyingKey

    def __init__(self, seed: bytes, public: VerifyingKey | None = None) -> None:
        """Take the seed of 32 bytes; where a public key is given, it must be the seed's."""
        if len(seed) != KEY_BYTES:
            message = f"Ed25519: a seed that is not {KEY_BYTES} bytes long"
            raise KeyRefused(message)
        self._seed, self._key = seed, Ed25519PrivateKey.from_private_bytes(seed)
        self.public = Ed25519VerifyingKey(self._key.public_key().public_bytes_raw())
        if public is not None and public != self.public:
            message = "Ed25519: the seed does not belong to the public key"
            raise KeyRefused(message)

    @classmethod
    def generate(cls) -> Ed25519SigningKey:
        """Make a new key."""
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    def sign(self, message: bytes, *, signer_id: bytes | None = None) -> bytes:
        """Sign; the same message gives the same signature."""
        refuse_signer_id(self.kind, signer_id)
        return self._key.sign(message)

    def private_bytes(self) -> bytes:
        """Give the seed, 32 bytes."""
        return self._seed


def _check_point(encoded: bytes) -> None:
    """Decode as RFC 8032 section 5.1.3 says, as far as to know that there is such a point."""
    if len(encoded) != KEY_BYTES:
        message = f"Ed25519: a public key that is not {KEY_BYTES} bytes long"
        raise KeyRefused(message)
    y = int.from_bytes(encoded, "little") & (1 << 255) - 1
    if y >= _P or y in _SMALL_ORDER:
        message = "Ed25519: a point out of range or of small order"
        raise KeyRefused(message)
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if pow(x_squared, (_P - 1) // 2, _P) != 1:
        message = "Ed25519: no point of the curve"
        raise KeyRefused(message)
