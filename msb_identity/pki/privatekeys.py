"""The structures of private keys in DER: PKCS#8, plain and encrypted, SEC1, PKCS#1.

Sources: RFC 5958 (PKCS#8), RFC 5915 (SEC1), RFC 8017 appendix A (PKCS#1), RFC 8410 (Ed25519).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers, RSAPublicNumbers

from msb_identity.errors import EncodingRefused, KeyRefused, WrongPassword
from msb_identity.pki import der, pbes
from msb_identity.pki.ed25519 import Ed25519SigningKey
from msb_identity.pki.keys import POINT_KINDS, KeyKind, private_key
from msb_identity.pki.rsa import RSASigningKey
from msb_identity.pki.spki import (
    CURVE_OIDS,
    ed25519_algorithm,
    point_algorithm,
    read_algorithm,
    read_curve,
    read_point,
    rsa_algorithm,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msb_identity.pki.keys import SigningKey, VerifyingKey

_ATTRIBUTES, _PUBLIC = 0xA0, 0x81  # [0] and [1] of PKCS#8
_EC_PARAMETERS, _EC_PUBLIC = 0xA0, 0xA1  # [0] and [1] of SEC1
_RSA_NUMBERS = 8
_UNCOMPRESSED = b"\x04"


def read_private_key_info(info: der.Element) -> SigningKey:
    """Read a PrivateKeyInfo or OneAsymmetricKey."""
    version, algorithm, octets, *rest = _at_least(info.sequence(), 3)
    tags = [part.tag for part in rest]
    allowed = [[], [_ATTRIBUTES]]
    if version.integer() == 1:
        allowed += [[_PUBLIC], [_ATTRIBUTES, _PUBLIC]]
    if version.integer() > 1 or tags not in allowed:
        message = "PKCS#8 of another version, or with parts that it does not have"
        raise EncodingRefused(message)
    kind = read_algorithm(algorithm)
    inner = der.read_der(octets.octets())
    if kind in POINT_KINDS:
        key = read_ec_private_key(inner, kind)
    elif kind is KeyKind.RSA:
        key = read_rsa_private_key(inner)
    else:
        key = Ed25519SigningKey(inner.octets())
    if _PUBLIC in tags:
        _check_public(key.public, rest[-1].content)
    return key


def read_encrypted_private_key_info(info: der.Element, password: pbes.Password) -> SigningKey:
    """Decrypt an EncryptedPrivateKeyInfo and read what is inside."""
    parts = info.sequence()
    if len(parts) != 2:  # noqa: PLR2004 - algorithm and ciphertext
        message = "an encrypted key is an algorithm and a ciphertext"
        raise EncodingRefused(message)
    if not password.given:
        message = "the key is encrypted and no password was given"
        raise WrongPassword(message)
    plain = pbes.decrypt(parts[0], parts[1].octets(), password)
    try:
        inner = der.read_der(plain)
    except EncodingRefused:  # a wrong password leaves good padding once in 256 times
        message = "the password is wrong, or the file was changed"
        raise WrongPassword(message) from None
    return read_private_key_info(inner)


def read_ec_private_key(element: der.Element, kind: KeyKind | None = None) -> SigningKey:
    """Read an ECPrivateKey of SEC1; `kind` where the curve was named outside it."""
    version, number, *rest = _at_least(element.sequence(), 2)
    if version.integer() != 1 or [part.tag for part in rest] not in _EC_TAGS:
        message = "an EC private key of another version, or with parts that it does not have"
        raise EncodingRefused(message)
    if rest and rest[0].tag == _EC_PARAMETERS:
        named = read_curve(_only(rest.pop(0)))
        if kind not in (None, named):
            message = "an EC private key that names two curves"
            raise KeyRefused(message)
        kind = named
    if kind is None:
        message = "an EC private key that names no curve"
        raise KeyRefused(message)
    private = number.octets()
    if rest:
        public = read_point(kind, _only(rest[0]).bits())
        return private_key(kind, private, public.x, public.y)
    return _without_point(kind, private)


def read_rsa_private_key(element: der.Element) -> SigningKey:
    """Read an RSAPrivateKey of two primes."""
    version, *numbers = _at_least(element.sequence(), 1)
    if version.integer() != 0 or len(numbers) != _RSA_NUMBERS:
        message = "an RSA private key of two primes is a version 0 and eight numbers"
        raise EncodingRefused(message)
    n, e, d, p, q, dp, dq, qi = (number.integer() for number in numbers)
    return RSASigningKey.from_numbers(
        RSAPrivateNumbers(p, q, d, dp, dq, qi, RSAPublicNumbers(e, n))
    )


def private_key_info(key: SigningKey) -> bytes:
    """Write a PrivateKeyInfo, version 0, as OpenSSL does."""
    if isinstance(key, RSASigningKey):
        algorithm, inner = rsa_algorithm(), _rsa_private_key(key)
    elif key.kind not in POINT_KINDS:  # a key that is elsewhere is refused by private_bytes
        algorithm, inner = ed25519_algorithm(), der.octet_string(key.private_bytes())
    else:
        algorithm, inner = point_algorithm(key.kind), _ec_private_key(key)
    return der.sequence(der.integer(0), algorithm, der.octet_string(inner))


def encrypted_private_key_info(key: SigningKey, password: pbes.Password) -> bytes:
    """Write an EncryptedPrivateKeyInfo."""
    algorithm, ciphertext = pbes.encrypt(private_key_info(key), password)
    return der.sequence(algorithm, der.octet_string(ciphertext))


def ec_private_key(key: SigningKey) -> bytes:
    """Write an ECPrivateKey of SEC1 that names its curve; KeyRefused for kinds without one."""
    if key.kind not in POINT_KINDS:
        message = f"SEC1 has no form for {key.kind} keys"
        raise KeyRefused(message)
    return _ec_private_key(key, der.element(_EC_PARAMETERS, der.oid(CURVE_OIDS[key.kind])))


_EC_TAGS: tuple[list[int], ...] = ([], [_EC_PARAMETERS], [_EC_PUBLIC], [_EC_PARAMETERS, _EC_PUBLIC])


def _ec_private_key(key: SigningKey, parameters: bytes = b"") -> bytes:
    point = der.bit_string(_UNCOMPRESSED + key.public.x + key.public.y)
    number = der.octet_string(key.private_bytes())
    return der.sequence(der.integer(1), number, parameters, der.element(_EC_PUBLIC, point))


def _rsa_private_key(key: RSASigningKey) -> bytes:
    numbers = key.numbers
    public = numbers.public_numbers
    values = (0, public.n, public.e, numbers.d, numbers.p, numbers.q)
    more = (numbers.dmp1, numbers.dmq1, numbers.iqmp)
    return der.sequence(*(der.integer(value) for value in values + more))


def _without_point(kind: KeyKind, private: bytes) -> SigningKey:
    if kind is KeyKind.SM2:
        from msb_identity.pki.sm2 import SM2SigningKey

        return SM2SigningKey.from_number(private)
    from msb_identity.pki.classic import P256SigningKey

    return P256SigningKey.from_number(private)


def _check_public(public: VerifyingKey, bits: bytes) -> None:
    """Compare with the public key of a OneAsymmetricKey, a BIT STRING's content."""
    if bits != b"\0" + der.read_der(public.spki).sequence()[1].bits():
        message = "the private number does not belong to the public key"
        raise KeyRefused(message)


def _only(element: der.Element) -> der.Element:
    if len(element.children) != 1:
        message = "an ASN.1 wrapping of more or less than one element"
        raise EncodingRefused(message)
    return element.children[0]


def _at_least(parts: Sequence[der.Element], count: int) -> Sequence[der.Element]:
    if len(parts) < count:
        message = "a private key that lacks parts"
        raise EncodingRefused(message)
    return parts
