"""SubjectPublicKeyInfo: every kind of public key as certificates and key files carry it.

Read strictly as DER and accepted only in the one encoding that we would write ourselves. Kinds that
we do not have are refused by name. Sources: RFC 5280 section 4.1.2.7, RFC 5480, RFC 3279 section
2.3.1 (RSA), RFC 8410 (Ed25519), GM/T 0015 (SM2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.errors import EncodingRefused, KeyRefused
from msb_identity.pki import der
from msb_identity.pki.curves import FIELD_BYTES
from msb_identity.pki.keys import KeyKind, public_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msb_identity.pki.keys import VerifyingKey

MAX_SPKI_BYTES = 4_096
OID_EC, OID_RSA, OID_ED25519 = "1.2.840.10045.2.1", "1.2.840.113549.1.1.1", "1.3.101.112"
CURVE_OIDS: Mapping[KeyKind, str] = {
    KeyKind.SM2: "1.2.156.10197.1.301",
    KeyKind.P256: "1.2.840.10045.3.1.7",
}
# Names of what we do not accept, so that a refusal can say what it met.
_NAMES = {
    "1.2.840.10045.3.1.1": "P-192",
    "1.3.132.0.33": "P-224",
    "1.3.132.0.34": "P-384",
    "1.3.132.0.35": "P-521",
    "1.3.132.0.10": "secp256k1",
    "1.3.36.3.3.2.8.1.1.7": "brainpoolP256r1",
    "1.3.36.3.3.2.8.1.1.11": "brainpoolP384r1",
    "1.3.36.3.3.2.8.1.1.13": "brainpoolP512r1",
    "1.2.156.10197.1.301.101": "WAPI's curve",
    "1.2.156.10197.1.302": "SM9",
    "1.2.840.113549.1.1.10": "RSASSA-PSS",
    "1.2.840.113549.1.1.7": "RSAES-OAEP",
    "1.2.840.113549.1.3.1": "Diffie-Hellman",
    "1.2.840.10040.4.1": "DSA",
    "1.3.132.1.12": "ECDH",
    "1.3.101.110": "X25519",
    "1.3.101.111": "X448",
    "1.3.101.113": "Ed448",
}
_UNCOMPRESSED = 4
_PARTS = 2


def point_algorithm(kind: KeyKind) -> bytes:
    """Give the AlgorithmIdentifier of an SM2 or P-256 key."""
    return der.sequence(der.oid(OID_EC), der.oid(CURVE_OIDS[kind]))


def rsa_algorithm() -> bytes:
    """Give the AlgorithmIdentifier of an RSA key."""
    return der.sequence(der.oid(OID_RSA), der.null())


def ed25519_algorithm() -> bytes:
    """Give the AlgorithmIdentifier of an Ed25519 key."""
    return der.sequence(der.oid(OID_ED25519))


def point_spki(kind: KeyKind, x: bytes, y: bytes) -> bytes:
    """Write the SubjectPublicKeyInfo of a point, uncompressed."""
    point = bytes((_UNCOMPRESSED,)) + x + y
    return der.sequence(point_algorithm(kind), der.bit_string(point))


def verifying_key_from_spki(data: bytes, *, allow_weak: bool = False) -> VerifyingKey:
    """Read a DER SubjectPublicKeyInfo; KeyRefused for anything else, by name where it has one.

    allow_weak: also take RSA of 1024 to 2047 bits, for judging what others made long ago; such a
    key says so (`VerifyingKey.weak`), and what it signed is never valid.
    """
    try:
        parts = der.read_der(data, limit=MAX_SPKI_BYTES).sequence()
        if len(parts) != _PARTS:
            message = "not an algorithm and a key"
            raise EncodingRefused(message)
        key = _read_key(read_algorithm(parts[0]), parts[1].bits(), allow_weak=allow_weak)
    except EncodingRefused as error:
        message = f"no SubjectPublicKeyInfo: {error}"
        raise KeyRefused(message) from error
    if key.spki != data:
        message = "a SubjectPublicKeyInfo that is not in its one encoding"
        raise KeyRefused(message)
    return key


def read_algorithm(element: der.Element) -> KeyKind:
    """Read the AlgorithmIdentifier of a key; KeyRefused, by name, for a kind we do not have."""
    parts = element.sequence()
    if not parts:
        message = "an empty AlgorithmIdentifier"
        raise EncodingRefused(message)
    named, parameters = parts[0].oid(), parts[1:]
    if named == OID_EC and len(parameters) == 1:
        return read_curve(parameters[0])
    if named == OID_RSA and len(parameters) == 1 and parameters[0].is_null():
        return KeyKind.RSA
    if named == OID_ED25519 and not parameters:
        return KeyKind.ED25519
    known = named in (OID_EC, OID_RSA, OID_ED25519)
    what = "with other parameters than its own" if known else _NAMES.get(named, "unknown")
    message = f"a key of a kind that we do not have: {named} ({what})"
    raise KeyRefused(message)


def read_curve(parameters: der.Element) -> KeyKind:
    """Read ECParameters, which must name one of our curves (RFC 5480 section 2.1.1)."""
    if parameters.tag == der.SEQUENCE:
        # They let an attacker choose the generator (CVE-2020-0601).
        message = "explicit curve parameters; only a named curve is taken"
        raise KeyRefused(message)
    if parameters.is_null():
        message = "an implicit curve; only a named curve is taken"
        raise KeyRefused(message)
    named = parameters.oid()
    for kind, dotted in CURVE_OIDS.items():
        if dotted == named:
            return kind
    message = f"a key on a curve that we do not have: {named} ({_NAMES.get(named, 'unknown')})"
    raise KeyRefused(message)


def read_point(kind: KeyKind, point: bytes) -> VerifyingKey:
    """Read an uncompressed point (SEC 1 section 2.3.4)."""
    if point[:1] in (b"\2", b"\3"):
        message = f"{kind}: a compressed point; only uncompressed ones are taken"
        raise KeyRefused(message)
    if len(point) != 1 + 2 * FIELD_BYTES or point[0] != _UNCOMPRESSED:
        message = f"{kind}: no uncompressed point of {1 + 2 * FIELD_BYTES} bytes"
        raise KeyRefused(message)
    return public_key(kind, point[1 : 1 + FIELD_BYTES], point[1 + FIELD_BYTES :])


def read_rsa_public(data: bytes, *, allow_weak: bool = False) -> VerifyingKey:
    """Read an RSAPublicKey of PKCS #1 (RFC 8017 appendix A.1.1)."""
    from msb_identity.pki.rsa import RSAVerifyingKey

    numbers = der.read_der(data, limit=MAX_SPKI_BYTES).sequence()
    if len(numbers) != _PARTS:
        message = "an RSA public key is two numbers"
        raise EncodingRefused(message)
    return RSAVerifyingKey(*(number.integer() for number in numbers), allow_weak=allow_weak)


def _read_key(kind: KeyKind, data: bytes, *, allow_weak: bool) -> VerifyingKey:
    if kind in CURVE_OIDS:
        return read_point(kind, data)
    if kind is KeyKind.RSA:
        return read_rsa_public(data, allow_weak=allow_weak)
    from msb_identity.pki.ed25519 import Ed25519VerifyingKey

    return Ed25519VerifyingKey(data)
