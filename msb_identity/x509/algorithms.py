"""Algorithm identifiers of certificates, CRLs, OCSP answers and requests, and checking by them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msb_identity.errors import AlgorithmRefused, EncodingRefused
from msb_identity.pki import der
from msb_identity.pki.keys import SignatureAlgorithm
from msb_identity.x509.oids import (
    DIGESTS,
    MGF1,
    OTHER_ALGORITHMS,
    RSA_PSS,
    SIGNATURE_ALGORITHMS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msb_identity.pki.keys import VerifyingKey

_SHA1 = "1.3.14.3.2.26"
_PSS: Mapping[str, SignatureAlgorithm] = {
    "sha256": SignatureAlgorithm.RSA_PSS_SHA256,
    "sha384": SignatureAlgorithm.RSA_PSS_SHA384,
    "sha512": SignatureAlgorithm.RSA_PSS_SHA512,
}
_DEFAULT_SALT_BYTES = 20
_PAIR = 2


@dataclass(frozen=True, slots=True)
class AlgorithmIdentifier:
    """An AlgorithmIdentifier; parameters of NULL and none at all are the same to us."""

    oid: str
    parameters: bytes = field(default=b"", repr=False)

    @property
    def name(self) -> str:
        """What people call it, for a report."""
        try:
            return str(self.algorithm)
        except AlgorithmRefused:
            return f"{OTHER_ALGORITHMS.get(self.oid, 'unknown')} ({self.oid})"

    @property
    def algorithm(self) -> SignatureAlgorithm:
        """The signature algorithm; AlgorithmRefused, by name, for one that we do not have."""
        if self.oid == RSA_PSS:
            return _pss(self.parameters)
        if self.oid not in SIGNATURE_ALGORITHMS or self.parameters:
            named = OTHER_ALGORITHMS.get(self.oid, "unknown")
            what = "with parameters" if self.oid in SIGNATURE_ALGORITHMS else named
            message = f"a signature algorithm that we do not have: {self.oid} ({what})"
            raise AlgorithmRefused(message)
        return SIGNATURE_ALGORITHMS[self.oid]

    def verify(self, key: VerifyingKey, message: bytes, signature: bytes) -> None:
        """Return when the signature holds; SignatureRefused, AlgorithmRefused or KeyRefused."""
        key.verify(message, signature, algorithm=self.algorithm)


def read_algorithm(element: der.Element) -> AlgorithmIdentifier:
    """Read an AlgorithmIdentifier."""
    parts = element.sequence()
    if not 1 <= len(parts) <= _PAIR:
        message = "not an algorithm identifier"
        raise EncodingRefused(message)
    none = len(parts) == 1 or parts[1].is_null()
    return AlgorithmIdentifier(parts[0].oid(), b"" if none else parts[1].encoded)


def digest(oid: str, data: bytes) -> bytes | None:
    """Give the digest of that name; None for one that we do not have."""
    name = DIGESTS.get(oid)
    if name is None:
        return None
    if name == "sm3":
        from msb_identity.pki.sm import sm3

        return sm3(data)
    return hashlib.new(name, data, usedforsecurity=False).digest()


def _pss(parameters: bytes) -> SignatureAlgorithm:
    """Read RSASSA-PSS-params (RFC 4055 section 3.1): only one digest, its own length as salt."""
    try:
        hash_oid, mask_oid, salt = _pss_parameters(parameters)
    except EncodingRefused as error:
        message = "RSASSA-PSS with parameters that cannot be read"
        raise AlgorithmRefused(message) from error
    name = DIGESTS.get(hash_oid, "")
    if name not in _PSS or mask_oid != hash_oid or salt != hashlib.new(name).digest_size:
        message = f"RSASSA-PSS with parameters that we do not have ({name or hash_oid})"
        raise AlgorithmRefused(message)
    return _PSS[name]


def _pss_parameters(parameters: bytes) -> tuple[str, str, int]:
    hash_oid, mask_oid, salt = _SHA1, _SHA1, _DEFAULT_SALT_BYTES
    for part in der.read_ber(parameters).sequence() if parameters else ():
        inner = part.children
        if len(inner) != 1:
            message = "a parameter that is not one value"
            raise EncodingRefused(message)
        if part.tag == 0xA0:  # noqa: PLR2004 - [0] to [3] of RFC 4055
            hash_oid = read_algorithm(inner[0]).oid
        elif part.tag == 0xA1:  # noqa: PLR2004
            mask = read_algorithm(inner[0])
            if mask.oid != MGF1 or not mask.parameters:
                message = "another mask than MGF1"
                raise EncodingRefused(message)
            mask_oid = read_algorithm(der.read_ber(mask.parameters)).oid
        elif part.tag == 0xA2:  # noqa: PLR2004
            salt = inner[0].integer()
        elif part.tag != 0xA3 or inner[0].integer() != 1:  # noqa: PLR2004
            message = "another trailer than the one there is"
            raise EncodingRefused(message)
    return hash_oid, mask_oid, salt
