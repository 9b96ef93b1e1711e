"""Values inside CMS: digests by their names, and what names a signer's certificate (ESS).

Sources: RFC 5035 sections 3 and 4, RFC 5816.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from msb_identity.errors import AlgorithmRefused, EncodingRefused
from msb_identity.pki import der
from msb_identity.x509.algorithms import digest, read_algorithm
from msb_identity.x509.names import read_name
from msb_identity.x509.values import context, read_integer
from msb_seal.cms import oids

if TYPE_CHECKING:
    from msb_identity.x509.certificate import Certificate
    from msb_seal.cms.structure import CmsSigner

_PAIR = 2
_DIRECTORY_NAME = context(4)


def digest_by(oid: str, data: bytes) -> bytes | None:
    """Give the digest of that name; None for one that we do not have."""
    name = oids.DIGEST_NAMES.get(oid, "")
    return digest(oids.SM3 if name == "SM3" else oid, data)


def write_integer(value: int) -> bytes:
    """Write an INTEGER, as the negative numbers of odd certificates and requests too."""
    return der.element(der.INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def names_certificate(signer: CmsSigner, certificate: Certificate) -> str:
    """Say what the signed attributes signingCertificate say of this certificate.

    ok, ok-sha1 (only named by SHA-1), absent, other-certificate, unreadable, or unsupported.
    """
    found = "absent"
    for oid, default in (
        (oids.SIGNING_CERTIFICATE, oids.SHA1),
        (oids.SIGNING_CERTIFICATE_V2, oids.SHA256),
    ):
        attribute = signer.signed_attribute(oid)
        if attribute is None:
            continue
        try:
            named = _is_named(attribute, certificate, default)
        except EncodingRefused:
            return "unreadable"
        except AlgorithmRefused:
            return "unsupported"
        if not named:
            return "other-certificate"
        found = "ok-sha1" if oid == oids.SIGNING_CERTIFICATE else "ok"
    return found


def _is_named(attribute: der.Element, certificate: Certificate, digest_oid: str) -> bool:
    """Whether the first ESSCertID or ESSCertIDv2 is this certificate's."""
    outer = attribute.sequence()
    identifiers = outer[0].sequence() if outer else ()
    left = list(identifiers[0].sequence()) if identifiers else []
    if left and left[0].tag == der.SEQUENCE and digest_oid != oids.SHA1:  # only version 2 has one
        digest_oid = read_algorithm(left.pop(0)).oid
    if not 1 <= len(left) <= _PAIR:
        message = "a certificate that is not named by a digest"
        raise EncodingRefused(message)
    expected = digest_by(digest_oid, certificate.encoded)
    if expected is None:
        message = f"a certificate named by a digest that we do not have: {digest_oid}"
        raise AlgorithmRefused(message)
    same = hmac.compare_digest(expected, left[0].octets())
    return same and (len(left) == 1 or _is_issuer_serial(left[1], certificate))


def _is_issuer_serial(element: der.Element, certificate: Certificate) -> bool:
    parts = element.sequence()
    if len(parts) != _PAIR:
        message = "not an issuer and a number"
        raise EncodingRefused(message)
    names = [
        read_name(name.children[0])
        for name in parts[0].sequence()
        if name.tag == _DIRECTORY_NAME and len(name.children) == 1
    ]
    issuer = any(name.matches(certificate.issuer) for name in names)
    return issuer and read_integer(parts[1]) == certificate.serial
