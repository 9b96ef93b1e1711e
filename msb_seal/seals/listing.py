"""Whether a seal lists a signer: by the whole certificate, or by its digest (certListType 2).

No real seal with digests has been seen: the digest may stand as bytes or as hexadecimal text, under
a name or an OID of the maker's choice. Source: GM/T 0031-2014 clause 6.2.2 c, GB/T 38540-2020.
"""

from __future__ import annotations

import hashlib
from enum import Enum, auto
from typing import TYPE_CHECKING

from msb_identity.pki.sm import sm3

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from msb_identity.x509.certificate import Certificate
    from msb_seal.seals.model import SignerList


class Listing(Enum):
    """What a seal's list says of a certificate."""

    LISTED = auto()
    NOT_LISTED = auto()
    UNDECIDED = auto()  # the list holds texts, or digests that prove nothing


_HEXADECIMAL = frozenset(b"0123456789abcdefABCDEF")
_BY_LENGTH: Mapping[int, tuple[Callable[[bytes], bytes], ...]] = {
    32: (sm3, lambda data: hashlib.sha256(data).digest()),
    48: (lambda data: hashlib.sha384(data).digest(),),
    64: (lambda data: hashlib.sha512(data).digest(),),
}


def find_signer(signers: SignerList, certificate: Certificate) -> Listing:
    """Look for a certificate in a seal's list."""
    encoded = certificate.encoded
    if encoded in signers.certificates:
        return Listing.LISTED
    undecided = bool(signers.names)
    for _, value in signers.digests:
        digest = _as_bytes(value)
        makers = _BY_LENGTH.get(len(digest), ())
        if any(make(encoded) == digest for make in makers):
            return Listing.LISTED
        undecided = undecided or not makers
    return Listing.UNDECIDED if undecided else Listing.NOT_LISTED


def _as_bytes(value: bytes) -> bytes:
    """Give the bytes of a digest that may be written as hexadecimal text."""
    if len(value) % 2 == 0 and all(byte in _HEXADECIMAL for byte in value):
        return bytes.fromhex(value.decode("ascii"))
    return value
