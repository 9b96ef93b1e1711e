"""The algorithms of seals: which digest goes with which signature, and signature values as found.

GM/T 0031-2014 clause 6 pairs them: SM2 with SM3, RSA (PKCS #1) with SHA-256 or SHA-1. SHA-1 is only
read, and never makes anything valid. Real seals hold SM2 signatures as 64 raw bytes, and numbers
with zero bytes before them or a missing one: they are put into DER before verifying.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from msb_identity.errors import AlgorithmRefused, EncodingRefused, SignatureRefused
from msb_identity.pki import der
from msb_identity.pki.keys import POINT_KINDS, KeyKind, SignatureAlgorithm
from msb_identity.pki.signatures import RAW_BYTES, der_from_numbers, der_from_raw
from msb_identity.pki.sm import sm3
from msb_identity.x509.algorithms import AlgorithmIdentifier
from msb_identity.x509.certificate import Certificate
from msb_identity.x509.oids import OWN_ALGORITHMS, SM2_WITH_SM3

if TYPE_CHECKING:
    from collections.abc import Mapping

SM2_SIGNING = "1.2.156.10197.1.301.1"
"""GM/T 0006: "SM2-1, signing", which some write where SM2-with-SM3 belongs."""
SEALING_KINDS = (KeyKind.SM2, KeyKind.RSA, KeyKind.P256)
_DIGESTS: Mapping[str, str] = {
    "SM3": "sm3",
    "SHA1": "sha1",
    "SHA256": "sha256",
    "SHA384": "sha384",
    "SHA512": "sha512",
    "MD5": "md5",
}
_NUMBERS, _MAX_NUMBER_BYTES = 2, 40


def algorithm_of(oid: str) -> SignatureAlgorithm:
    """Give the signature algorithm of that name; AlgorithmRefused for one that we do not have."""
    return AlgorithmIdentifier(SM2_WITH_SM3 if oid == SM2_SIGNING else oid).algorithm


def own_algorithm(kind: KeyKind) -> str:
    """Give the OID that our signatures by such a key name; AlgorithmRefused for other kinds."""
    if kind not in SEALING_KINDS:
        message = f"no e-seal is made with {kind} keys"
        raise AlgorithmRefused(message)
    return OWN_ALGORITHMS[kind]


def document_digest(data: bytes, by: Certificate | SignatureAlgorithm) -> bytes:
    """Digest a document for a signature by that certificate's key, or by that algorithm.

    SM3 for SM2; for the others the digest that the algorithm itself uses, SHA-256 by default.
    """
    algorithm = algorithm_of(own_algorithm(by.key.kind)) if isinstance(by, Certificate) else by
    name = _DIGESTS.get(algorithm.rpartition("-")[2])
    if name is None:
        message = f"no digest goes with {algorithm}"
        raise AlgorithmRefused(message)
    if name == "sm3":
        return sm3(data)
    return hashlib.new(name, data, usedforsecurity=False).digest()


def usual_signature(value: bytes, kind: KeyKind) -> bytes:
    """Give a signature value in strict DER where it was found in another spelling.

    SignatureRefused for two numbers that no signer can make; other kinds' values are as they are.
    """
    if kind not in POINT_KINDS:
        return value
    numbers = _numbers(value)
    if numbers is None:
        return der_from_raw(value, kind.curve) if len(value) == RAW_BYTES else value
    return der_from_numbers(*numbers)


def _numbers(value: bytes) -> tuple[int, int] | None:
    """Read SEQUENCE { INTEGER, INTEGER } leniently; None where the value is nothing of that kind.

    A first byte 30 may also begin 64 raw bytes: the lengths decide.
    """
    try:
        parts = der.read_ber(value, limit=2 * RAW_BYTES).sequence()
    except EncodingRefused:
        return None
    if [part.tag for part in parts] != [der.INTEGER] * _NUMBERS:
        return None
    if any(len(part.content) > _MAX_NUMBER_BYTES for part in parts):
        return None
    first, second = (int.from_bytes(part.content, "big") for part in parts)
    if max(first, second).bit_length() > 256:  # noqa: PLR2004 - both curves have 256 bits
        message = "signature number of more than 256 bits"
        raise SignatureRefused(message)
    return first, second
