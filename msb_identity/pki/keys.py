"""Keys: what signs, what verifies, and what a key is called.

A key is parsed and checked once; after that `SigningKey.sign(message)` and
`VerifyingKey.verify(message, signature)` are all anyone needs. SM2 and ECDSA signatures are DER
here (formats that want raw r‖s convert at their edge with `signatures.py`); those of RSA and
Ed25519 have one form only. Key objects are safe to share between threads.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from base64 import urlsafe_b64encode
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from msb_identity.errors import AlgorithmRefused, KeyRefused
from msb_identity.pki.curves import FIELD_BYTES, P256_CURVE, SM2_CURVE, check_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msb_identity.pki.curves import Curve

KEY_ID_BYTES = 8
RSA_BITS = (2048, 3072, 4096)


class KeyKind(StrEnum):
    """The kinds of key we make and accept."""

    SM2 = "SM2"
    P256 = "P-256"
    RSA = "RSA"
    ED25519 = "Ed25519"

    @property
    def curve(self) -> Curve:
        """The curve of an SM2 or P-256 key; KeyRefused for the other kinds."""
        if self not in _CURVES:
            message = f"{self} keys have no point on a curve of ours"
            raise KeyRefused(message)
        return _CURVES[self]


_CURVES: Mapping[KeyKind, Curve] = {KeyKind.SM2: SM2_CURVE, KeyKind.P256: P256_CURVE}
POINT_KINDS = frozenset(_CURVES)


class SignatureAlgorithm(StrEnum):
    """Signature algorithms that certificates and documents of others name.

    Our own formats use each kind's own, the first of its kind here. What is `weak` is verified only
    so that a report can say so: by the rules of verdicts it never makes anything valid.
    """

    SM2_SM3 = "SM2-SM3"
    ECDSA_SHA256 = "ECDSA-SHA256"
    ECDSA_SHA384 = "ECDSA-SHA384"
    ECDSA_SHA512 = "ECDSA-SHA512"
    ECDSA_SHA1 = "ECDSA-SHA1"
    RSA_SHA256 = "RSA-SHA256"
    RSA_SHA384 = "RSA-SHA384"
    RSA_SHA512 = "RSA-SHA512"
    RSA_SHA1 = "RSA-SHA1"
    RSA_MD5 = "RSA-MD5"
    RSA_PSS_SHA256 = "RSA-PSS-SHA256"
    RSA_PSS_SHA384 = "RSA-PSS-SHA384"
    RSA_PSS_SHA512 = "RSA-PSS-SHA512"
    ED25519 = "Ed25519"

    @property
    def weak(self) -> bool:
        """Whether its digest can be made to collide."""
        return self.endswith(("SHA1", "MD5"))


class VerifyingKey(ABC):
    """The public half of a key, checked when it was made.

    x, y: the point of an SM2 or P-256 key, 32 bytes each; other kinds have none.
    """

    kind: KeyKind
    x: bytes
    y: bytes

    @property
    def curve(self) -> Curve:
        """The key's curve; KeyRefused for kinds without."""
        return self.kind.curve

    @property
    def weak(self) -> bool:
        """Whether the key is too short to make anything valid (RSA below 2048 bits)."""
        return False

    @property
    @abstractmethod
    def spki(self) -> bytes:
        """The DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7)."""

    @property
    @abstractmethod
    def jwk_members(self) -> Mapping[str, str]:
        """The members of a JWK that make the key, sorted by name (RFC 7638 section 3.2)."""

    @abstractmethod
    def verify(
        self,
        message: bytes,
        signature: bytes,
        *,
        algorithm: SignatureAlgorithm | None = None,
        signer_id: bytes | None = None,
    ) -> None:
        """Return when the signature is this key's over `message`; else SignatureRefused.

        algorithm: another than the kind's own, where a certificate or document of others names it;
        AlgorithmRefused where it is not for this kind of key.
        signer_id: the signer's ID that enters SM2's Z, 1234567812345678 by default; for SM2 alone.
        """

    @cached_property
    def thumbprint(self) -> bytes:
        """The RFC 7638 thumbprint, SHA-256, 32 bytes; SM2 keys by the members of GM/T 0125.4."""
        members = ",".join(f'"{name}":"{value}"' for name, value in self.jwk_members.items())
        return hashlib.sha256(f"{{{members}}}".encode()).digest()

    @property
    def key_id(self) -> bytes:
        """The key's short name in our own envelopes: the first 8 bytes of its thumbprint.

        It only picks a key among those of one issuer; lists refuse two keys of one name.
        """
        return self.thumbprint[:KEY_ID_BYTES]

    @cached_property
    def key_id_text(self) -> str:
        """The key id in base64url, as `kid` of JWS and JWK."""
        return base64url(self.key_id)

    def __eq__(self, other: object) -> bool:
        """Two public keys are one when their encodings are."""
        if not isinstance(other, VerifyingKey):
            return NotImplemented
        return self.spki == other.spki

    def __hash__(self) -> int:
        """Hash as equality compares."""
        return hash(self.spki)

    def __repr__(self) -> str:
        """Name kind and id."""
        return f"<{self.kind} key {self.key_id_text}>"


class PointKey(VerifyingKey):
    """A public key that is a point on one of the two curves."""

    def __init__(self, x: bytes, y: bytes) -> None:
        """Take two coordinates of exactly 32 bytes; KeyRefused unless they are a point."""
        if len(x) != FIELD_BYTES or len(y) != FIELD_BYTES:
            message = f"{self.kind}: a coordinate is not {FIELD_BYTES} bytes long"
            raise KeyRefused(message)
        self.curve.check_point(int.from_bytes(x, "big"), int.from_bytes(y, "big"))
        self.x, self.y = x, y

    @cached_property
    def spki(self) -> bytes:
        """The DER SubjectPublicKeyInfo, point uncompressed."""
        from msb_identity.pki.spki import point_spki

        return point_spki(self.kind, self.x, self.y)

    @property
    def jwk_members(self) -> Mapping[str, str]:
        """The members of RFC 7518 section 6.2.1; for SM2 those of GM/T 0125.4."""
        x, y = base64url(self.x), base64url(self.y)
        return {"crv": self.curve.name, "kty": "EC", "x": x, "y": y}


class SigningKey(ABC):
    """A private key; its repr, errors and logs never show it."""

    public: VerifyingKey

    @property
    def kind(self) -> KeyKind:
        """The key's kind."""
        return self.public.kind

    @abstractmethod
    def sign(self, message: bytes, *, signer_id: bytes | None = None) -> bytes:
        """Sign the whole message (hashing is part of it) by the kind's own algorithm.

        SM2 with SM3, ECDSA with SHA-256, RSA PKCS#1 v1.5 with SHA-256, or Ed25519.
        signer_id: another signer's ID for SM2's Z; for SM2 alone.
        """

    def private_bytes(self) -> bytes:
        """Give the private number of SM2 or P-256, or the seed of Ed25519: 32 bytes.

        For writing a key file. KeyRefused for kinds without, and where the number is elsewhere.
        """
        message = f"this {self.kind} key has no private number of 32 bytes here"
        raise KeyRefused(message)

    def __repr__(self) -> str:
        """Name the public half only."""
        return f"<signing half of {self.public!r}>"


def refuse_signer_id(kind: KeyKind, signer_id: bytes | None) -> None:
    """Raise AlgorithmRefused where an SM2 signer's ID is given for another kind of key."""
    if signer_id is not None:
        message = f"a signer's ID belongs to SM2, but the key is for {kind}"
        raise AlgorithmRefused(message)


def base64url(data: bytes) -> str:
    """Write base64url without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def generate_key(
    kind: KeyKind | str, *, bits: int = RSA_BITS[0], allow_slow_signing: bool = False
) -> SigningKey:
    """Make a new key from the system's randomness; ValueError for a kind there is not.

    bits: the length of an RSA key: 2048, 3072 or 4096; the other kinds have one length.
    allow_slow_signing: where only gmssl can do SM2 here, use it although it is not constant time.
    """
    kind = KeyKind(kind)
    if kind is KeyKind.SM2:
        from msb_identity.pki.sm2 import SM2SigningKey
        from msb_identity.pki.sm2_backend import sm2_backend

        backend = sm2_backend(allow_slow_signing=True) if allow_slow_signing else None
        return SM2SigningKey.generate(backend=backend)
    if kind is KeyKind.P256:
        from msb_identity.pki.classic import P256SigningKey

        return P256SigningKey.generate()
    if kind is KeyKind.ED25519:
        from msb_identity.pki.ed25519 import Ed25519SigningKey

        return Ed25519SigningKey.generate()
    from msb_identity.pki.rsa import RSASigningKey

    return RSASigningKey.generate(bits)


def public_key(kind: KeyKind, x: bytes, y: bytes) -> VerifyingKey:
    """Build the SM2 or P-256 key at that point; KeyRefused where it is no point of the curve."""
    if kind is KeyKind.SM2:
        from msb_identity.pki.sm2 import SM2VerifyingKey

        return SM2VerifyingKey(x, y)
    if kind is KeyKind.P256:
        from msb_identity.pki.classic import P256VerifyingKey

        return P256VerifyingKey(x, y)
    message = f"{kind} keys are no points of a curve of ours"
    raise KeyRefused(message)


def private_key(
    kind: KeyKind, d: bytes, x: bytes, y: bytes, *, allow_slow_signing: bool = False
) -> SigningKey:
    """Build an SM2 or P-256 pair; KeyRefused unless the private number belongs to the point.

    allow_slow_signing: as for `generate_key`.
    """
    public = public_key(kind, x, y)
    number = check_number(d, kind.curve)
    if kind is KeyKind.SM2:
        from msb_identity.pki.sm2 import SM2SigningKey
        from msb_identity.pki.sm2_backend import sm2_backend

        backend = sm2_backend(allow_slow_signing=True) if allow_slow_signing else None
        return SM2SigningKey(d, public, backend=backend)
    from msb_identity.pki.classic import P256SigningKey

    return P256SigningKey.from_numbers(number, public)
