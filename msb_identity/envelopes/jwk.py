"""JWK: public and private keys as JSON objects, read strictly.

SM2 and P-256 (`EC`), RSA, Ed25519 (`OKP`). What is not for signatures, names another algorithm than
the key's own, or has a second spelling of a number, is refused. Sources: RFC 7517, RFC 7518
section 6, RFC 8037; GM/T 0125-2022 for SM2.
"""

from __future__ import annotations

import string
from binascii import a2b_base64
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers, RSAPublicNumbers

from msb_identity.envelopes.algorithms import (
    JOSE_ALGORITHM,
    JOSE_CURVE,
    check_jose_algorithm,
)
from msb_identity.errors import AlgorithmRefused, EncodingRefused, KeyRefused
from msb_identity.pki.ed25519 import Ed25519SigningKey, Ed25519VerifyingKey
from msb_identity.pki.keys import (
    POINT_KINDS,
    KeyKind,
    SigningKey,
    VerifyingKey,
    base64url,
    private_key,
    public_key,
)
from msb_identity.pki.rsa import RSASigningKey, RSAVerifyingKey, shortest_bytes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_ALPHABET = (string.ascii_letters + string.digits + "-_").encode()
_STANDARD = bytes.maketrans(b"-_", b"+/")
_UNREADABLE = "not base64url in its one form"
_KINDS_OF: Mapping[str, Collection[KeyKind]] = {
    "EC": POINT_KINDS,
    "RSA": (KeyKind.RSA,),
    "OKP": (KeyKind.ED25519,),
}
_RSA_PRIVATE = ("d", "p", "q", "dp", "dq", "qi")
_PRIVATE = frozenset({*_RSA_PRIVATE, "oth", "k"})


def encode_base64url(data: bytes) -> str:
    """Write base64url without padding (RFC 7515 section 2)."""
    return base64url(data)


def decode_base64url(text: str) -> bytes:
    """Read base64url without padding, refusing a second spelling of the same bytes."""
    try:
        written = text.encode("ascii")
        if written.translate(None, _ALPHABET):
            raise EncodingRefused(_UNREADABLE)
        data = a2b_base64(written.translate(_STANDARD) + b"=" * (-len(written) % 4))
    except ValueError as error:  # not ASCII, or a length that no bytes have
        raise EncodingRefused(_UNREADABLE) from error
    last = len(text) // 4 * 4
    if encode_base64url(data[last // 4 * 3 :]) != text[last:]:  # spare bits that are not zero
        raise EncodingRefused(_UNREADABLE)
    return data


def public_jwk(key: VerifyingKey) -> dict[str, str]:
    """Give the public JWK with its key id and algorithm."""
    named = {"kid": key.key_id_text, "alg": JOSE_ALGORITHM[key.kind], "use": "sig"}
    return {**key.jwk_members, **named}


def private_jwk(key: SigningKey) -> dict[str, str]:
    """Give the JWK with its private numbers, for a key file of mode 0600 and nowhere else."""
    public = public_jwk(key.public)
    if not isinstance(key, RSASigningKey):
        return {**public, "d": encode_base64url(key.private_bytes())}
    numbers = key.numbers
    values = (numbers.d, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)
    private = zip(_RSA_PRIVATE, values, strict=True)
    return {**public, **{name: encode_base64url(shortest_bytes(n)) for name, n in private}}


def is_ours(jwk: Mapping[str, Any]) -> bool:
    """Whether the JWK is of a kind that we have."""
    return _find_kind(jwk) is not None


def is_for_others(jwk: Mapping[str, Any]) -> bool:
    """Whether a key set lists the key for what we do not do: another kind, use or algorithm.

    Issuers list keys for encryption, and RSA keys for PSS, beside those for signatures.
    """
    kind = _find_kind(jwk)
    if kind is None:
        return True
    ours = JOSE_ALGORITHM[kind]
    return bool(jwk.get("use", "sig") != "sig" or jwk.get("alg", ours) != ours)


def verifying_key_from_jwk(jwk: Mapping[str, Any]) -> VerifyingKey:
    """Take a public JWK; KeyRefused for another kind or purpose, or with its private number."""
    if not _PRIVATE.isdisjoint(jwk) and is_ours(jwk):
        message = "a JWK with its private number where a public one belongs"
        raise KeyRefused(message)
    return _public_half(jwk, "verify")


def signing_key_from_jwk(jwk: Mapping[str, Any]) -> SigningKey:
    """Take a private JWK; KeyRefused unless its halves belong together."""
    public = _public_half(jwk, "sign")
    if isinstance(public, RSAVerifyingKey):
        if "oth" in jwk:
            message = "an RSA key of more than two primes"
            raise KeyRefused(message)
        d, p, q, dp, dq, qi = (_number(jwk, name) for name in _RSA_PRIVATE)
        named = RSAPublicNumbers(public.e, public.n)
        return RSASigningKey.from_numbers(RSAPrivateNumbers(p, q, d, dp, dq, qi, named))
    private = _octets(jwk, "d")
    if isinstance(public, Ed25519VerifyingKey):
        return Ed25519SigningKey(private, public)
    return private_key(public.kind, private, public.x, public.y)


def _public_half(jwk: Mapping[str, Any], operation: str) -> VerifyingKey:
    kind = _kind(jwk)
    _check_use(jwk, kind, operation)
    if kind is KeyKind.RSA:
        return RSAVerifyingKey(_number(jwk, "n"), _number(jwk, "e"))
    if kind is KeyKind.ED25519:
        return Ed25519VerifyingKey(_octets(jwk, "x"))
    return public_key(kind, _octets(jwk, "x"), _octets(jwk, "y"))


def _find_kind(jwk: Mapping[str, Any]) -> KeyKind | None:
    type_, curve = jwk.get("kty"), jwk.get("crv")
    kinds = _KINDS_OF.get(type_, ()) if isinstance(type_, str) else ()
    return next((kind for kind in kinds if JOSE_CURVE.get(kind, curve) == curve), None)


def _kind(jwk: Mapping[str, Any]) -> KeyKind:
    kind = _find_kind(jwk)
    if kind is None:
        type_, curve = jwk.get("kty"), jwk.get("crv")
        message = f"a JWK of a kind that we do not have: {type_!r:.40} {curve!r:.40}"
        raise KeyRefused(message)
    return kind


def _check_use(jwk: Mapping[str, Any], kind: KeyKind, operation: str) -> None:
    operations = jwk.get("key_ops", [operation])
    if (
        jwk.get("use", "sig") != "sig"
        or not isinstance(operations, list)
        or (operation not in operations)
    ):
        message = "a JWK that is not for signatures"
        raise KeyRefused(message)
    if "alg" in jwk:
        try:
            check_jose_algorithm(jwk["alg"], kind)
        except AlgorithmRefused as error:
            raise KeyRefused(str(error)) from error


def _octets(jwk: Mapping[str, Any], name: str) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str):
        message = f"a JWK without {name}"
        raise KeyRefused(message)
    try:
        return decode_base64url(value)
    except EncodingRefused as error:
        raise KeyRefused(str(error)) from error


def _number(jwk: Mapping[str, Any], name: str) -> int:
    """Read a positive number (Base64urlUInt, RFC 7518 section 2), without leading zeros."""
    data = _octets(jwk, name)
    if not data or data[0] == 0:
        message = f"a JWK whose {name} is empty or not in its shortest form"
        raise KeyRefused(message)
    return int.from_bytes(data, "big")
