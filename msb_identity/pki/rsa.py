"""RSA by `cryptography`: PKCS #1 v1.5 with SHA-256 for what we make.

PSS and other digests are verified where a certificate of others names them. We make 2048, 3072 and
4096 bits. Source: RFC 8017.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.hashes import (
    MD5,
    SHA1,
    SHA256,
    SHA384,
    SHA512,
    HashAlgorithm,
)

from msb_identity.errors import AlgorithmRefused, KeyRefused, SignatureRefused
from msb_identity.pki import der
from msb_identity.pki.keys import (
    RSA_BITS,
    KeyKind,
    SignatureAlgorithm,
    SigningKey,
    VerifyingKey,
    base64url,
    refuse_signer_id,
)
from msb_identity.pki.spki import rsa_algorithm

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_BITS, MIN_WEAK_BITS, MAX_BITS, MAX_PRIVATE_BITS = RSA_BITS[0], 1024, 8192, 4096
_EXPONENT = 65537
_MAX_EXPONENT_BITS = 64  # a huge one makes verifying slow
# Primes of Infineon's faulty chips are 65537^a modulo many small primes, and so is their product
# (CVE-2017-15361); by chance one modulus in 2^27 looks so.
_ROCA = {
    prime: frozenset(pow(_EXPONENT, power, prime) for power in range(prime))
    for prime in (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)
}


def _pss(digest: HashAlgorithm) -> tuple[AsymmetricPadding, HashAlgorithm]:
    # Others choose the length of the salt; it is read from the encoding, as OpenSSL does.
    return PSS(MGF1(digest), PSS.AUTO), digest


_SCHEMES: Mapping[SignatureAlgorithm, tuple[AsymmetricPadding, HashAlgorithm]] = {
    SignatureAlgorithm.RSA_SHA256: (PKCS1v15(), SHA256()),
    SignatureAlgorithm.RSA_SHA384: (PKCS1v15(), SHA384()),
    SignatureAlgorithm.RSA_SHA512: (PKCS1v15(), SHA512()),
    SignatureAlgorithm.RSA_SHA1: (PKCS1v15(), SHA1()),  # noqa: S303 - verified to be called weak
    SignatureAlgorithm.RSA_MD5: (PKCS1v15(), MD5()),  # noqa: S303 - verified to be called weak
    SignatureAlgorithm.RSA_PSS_SHA256: _pss(SHA256()),
    SignatureAlgorithm.RSA_PSS_SHA384: _pss(SHA384()),
    SignatureAlgorithm.RSA_PSS_SHA512: _pss(SHA512()),
}


class RSAVerifyingKey(VerifyingKey):
    """An RSA public key."""

    kind = KeyKind.RSA

    def __init__(self, n: int, e: int, *, allow_weak: bool = False) -> None:
        """Check modulus and exponent; KeyRefused for a modulus too short, too long or even."""
        bits = n.bit_length()
        if bits < (MIN_WEAK_BITS if allow_weak else MIN_BITS) or bits > MAX_BITS:
            message = f"an RSA key of {bits} bits, not {MIN_BITS} to {MAX_BITS}"
            raise KeyRefused(message)
        if not n & 1 or not e & 1 or e == 1 or e.bit_length() > _MAX_EXPONENT_BITS:
            message = "RSA: an even modulus, or an exponent that is even, 1 or huge"
            raise KeyRefused(message)
        if all(n % prime in residues for prime, residues in _ROCA.items()):
            message = "RSA: a key made by a chip whose keys can be computed (ROCA)"
            raise KeyRefused(message)
        self.n, self.e = n, e
        try:
            self._key = rsa.RSAPublicNumbers(e, n).public_key()
        except ValueError as error:
            message = "RSA: the library refuses the key"
            raise KeyRefused(message) from error

    @property
    def bits(self) -> int:
        """The length of the modulus."""
        return self.n.bit_length()

    @property
    def signature_bytes(self) -> int:
        """The length of every signature of this key."""
        return (self.bits + 7) // 8

    @property
    def weak(self) -> bool:
        """Whether the modulus is below 2048 bits."""
        return self.bits < MIN_BITS

    @property
    def pkcs1(self) -> bytes:
        """The DER RSAPublicKey (RFC 8017 appendix A.1.1)."""
        return der.sequence(der.integer(self.n), der.integer(self.e))

    @cached_property
    def spki(self) -> bytes:
        """The DER SubjectPublicKeyInfo."""
        return der.sequence(rsa_algorithm(), der.bit_string(self.pkcs1))

    @property
    def jwk_members(self) -> Mapping[str, str]:
        """The members of RFC 7518 section 6.3.1."""
        return {
            "e": base64url(shortest_bytes(self.e)),
            "kty": "RSA",
            "n": base64url(shortest_bytes(self.n)),
        }

    def verify(
        self,
        message: bytes,
        signature: bytes,
        *,
        algorithm: SignatureAlgorithm | None = None,
        signer_id: bytes | None = None,
    ) -> None:
        """Verify a signature as long as the modulus: PKCS #1 v1.5 with SHA-256 by default."""
        refuse_signer_id(self.kind, signer_id)
        named = algorithm or SignatureAlgorithm.RSA_SHA256
        if named not in _SCHEMES:
            text = f"{named} is no algorithm for an RSA key"
            raise AlgorithmRefused(text)
        if len(signature) != self.signature_bytes:
            text = f"an RSA signature of {len(signature)} bytes, not {self.signature_bytes}"
            raise SignatureRefused(text)
        padding, digest = _SCHEMES[named]
        try:
            self._key.verify(signature, message, padding, digest)
        except (InvalidSignature, UnsupportedAlgorithm) as error:
            text = "the signature is not this key's over this message"
            raise SignatureRefused(text) from error


class RSASigningKey(SigningKey):
    """An RSA key pair."""

    public: RSAVerifyingKey

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        """Take a library key of 2048 to 4096 bits."""
        if key.key_size > MAX_PRIVATE_BITS:
            message = f"an RSA private key of more than {MAX_PRIVATE_BITS} bits"
            raise KeyRefused(message)
        self._key = key
        public = key.public_key().public_numbers()
        self.public = RSAVerifyingKey(public.n, public.e)

    @classmethod
    def generate(cls, bits: int = MIN_BITS) -> RSASigningKey:
        """Make a new key of 2048, 3072 or 4096 bits."""
        if bits not in RSA_BITS:
            message = f"RSA keys are made with {', '.join(map(str, RSA_BITS))} bits, not {bits}"
            raise KeyRefused(message)
        return cls(rsa.generate_private_key(_EXPONENT, bits))

    @classmethod
    def from_numbers(cls, numbers: rsa.RSAPrivateNumbers) -> RSASigningKey:
        """Take the numbers of PKCS #1 or JWK; KeyRefused unless all of them belong together."""
        public = numbers.public_numbers
        RSAVerifyingKey(public.n, public.e)
        if public.n.bit_length() > MAX_PRIVATE_BITS:
            message = f"an RSA private key of more than {MAX_PRIVATE_BITS} bits"
            raise KeyRefused(message)
        try:
            return cls(numbers.private_key())
        except (ValueError, OverflowError) as error:
            message = "RSA: the private numbers do not belong to the modulus"
            raise KeyRefused(message) from error

    @property
    def numbers(self) -> rsa.RSAPrivateNumbers:
        """The private numbers, for writing a key file."""
        return self._key.private_numbers()

    def sign(self, message: bytes, *, signer_id: bytes | None = None) -> bytes:
        """Sign by PKCS #1 v1.5 with SHA-256."""
        refuse_signer_id(self.kind, signer_id)
        return self._key.sign(message, *_SCHEMES[SignatureAlgorithm.RSA_SHA256])


def shortest_bytes(number: int) -> bytes:
    """Write a positive number big-endian without leading zeros (RFC 7518 section 2)."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
