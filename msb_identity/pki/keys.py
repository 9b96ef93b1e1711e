"""Keys: what signs, what verifies, and what a key is called.

A key is parsed and checked once; after that `SigningKey.sign(message)` and
`VerifyingKey.verify(message, signature)` are all anyone needs. Signatures are DER here; formats
that want raw r‖s convert at their edge with `signatures.py`. Key objects are safe to share between
threads.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from base64 import urlsafe_b64encode
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from msb_identity.errors import KeyRefused
from msb_identity.pki.curves import FIELD_BYTES, P256_CURVE, SM2_CURVE

if TYPE_CHECKING:
    from msb_identity.pki.curves import Curve

KEY_ID_BYTES = 8


class KeyKind(StrEnum):
    """The kinds of key we make and accept."""

    SM2 = "SM2"
    P256 = "P-256"

    @property
    def curve(self) -> Curve:
        """The curve this kind of key lives on."""
        return SM2_CURVE if self is KeyKind.SM2 else P256_CURVE


class VerifyingKey(ABC):
    """The public half of a key: a point on its curve, checked when it was made."""

    kind: KeyKind

    def __init__(self, x: bytes, y: bytes) -> None:
        """Take two coordinates of exactly 32 bytes; KeyRefused unless they are a point."""
        if len(x) != FIELD_BYTES or len(y) != FIELD_BYTES:
            message = f"{self.kind}: a coordinate is not {FIELD_BYTES} bytes long"
            raise KeyRefused(message)
        self.curve.check_point(int.from_bytes(x, "big"), int.from_bytes(y, "big"))
        self.x, self.y = x, y

    @property
    def curve(self) -> Curve:
        """The key's curve."""
        return self.kind.curve

    @abstractmethod
    def verify(self, message: bytes, signature: bytes) -> None:
        """Return when the DER signature is this key's over `message`; else SignatureRefused."""

    @cached_property
    def thumbprint(self) -> bytes:
        """The RFC 7638 thumbprint, SHA-256, 32 bytes; SM2 keys by the members of GM/T 0125.4."""
        name = "sm2p256v1" if self.kind is KeyKind.SM2 else "P-256"
        x, y = (urlsafe_b64encode(value).rstrip(b"=").decode() for value in (self.x, self.y))
        return hashlib.sha256(
            f'{{"crv":"{name}","kty":"EC","x":"{x}","y":"{y}"}}'.encode()
        ).digest()

    @property
    def key_id(self) -> bytes:
        """The key's short name in our own envelopes: the first 8 bytes of its thumbprint.

        It only picks a key among those of one issuer; lists refuse two keys of one name.
        """
        return self.thumbprint[:KEY_ID_BYTES]

    @property
    def key_id_text(self) -> str:
        """The key id in base64url, as `kid` of JWS and JWK."""
        return urlsafe_b64encode(self.key_id).rstrip(b"=").decode()

    def __eq__(self, other: object) -> bool:
        """Two public keys are one when kind and point are."""
        if not isinstance(other, VerifyingKey):
            return NotImplemented
        return (self.kind, self.x, self.y) == (other.kind, other.x, other.y)

    def __hash__(self) -> int:
        """Hash as equality compares."""
        return hash((self.kind, self.x, self.y))

    def __repr__(self) -> str:
        """Name kind and id."""
        return f"<{self.kind} key {self.key_id_text}>"


class SigningKey(ABC):
    """A private key; its repr, errors and logs never show it."""

    public: VerifyingKey

    @property
    def kind(self) -> KeyKind:
        """The key's kind."""
        return self.public.kind

    @abstractmethod
    def sign(self, message: bytes) -> bytes:
        """Sign the whole message (hashing is part of it) and give the DER signature."""

    @abstractmethod
    def private_bytes(self) -> bytes:
        """Give the private number, 32 bytes big-endian, for writing a key file."""

    def __repr__(self) -> str:
        """Name the public half only."""
        return f"<signing half of {self.public!r}>"


def generate_key(kind: KeyKind) -> SigningKey:
    """Make a new key from the system's randomness."""
    if kind is KeyKind.SM2:
        from msb_identity.pki.sm2 import SM2SigningKey

        return SM2SigningKey.generate()
    from msb_identity.pki.classic import P256SigningKey

    return P256SigningKey.generate()


def public_key(kind: KeyKind, x: bytes, y: bytes) -> VerifyingKey:
    """Build the public key at that point; KeyRefused where it is no point of the curve."""
    if kind is KeyKind.SM2:
        from msb_identity.pki.sm2 import SM2VerifyingKey

        return SM2VerifyingKey(x, y)
    from msb_identity.pki.classic import P256VerifyingKey

    return P256VerifyingKey(x, y)


def private_key(kind: KeyKind, d: bytes, x: bytes, y: bytes) -> SigningKey:
    """Build a key pair; KeyRefused unless the private number belongs to the point."""
    public = public_key(kind, x, y)
    number = int.from_bytes(d, "big")
    # n - 1 has no SM2 signature: (1 + d) must be invertible (GB/T 32918.2 section 6.1).
    top = kind.curve.n - 2 if kind is KeyKind.SM2 else kind.curve.n - 1
    if len(d) != FIELD_BYTES or not 1 <= number <= top:
        message = f"{kind}: the private number is outside its range"
        raise KeyRefused(message)
    if kind is KeyKind.SM2:
        from msb_identity.pki.sm2 import SM2SigningKey

        return SM2SigningKey(d, public)
    from msb_identity.pki.classic import P256SigningKey

    return P256SigningKey.from_numbers(number, public)
