"""Certificates and CRLs from files: PEM or DER, one or a bundle, within caps (RFC 7468)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from msb_identity.errors import CertificateRefused, TooLarge
from msb_identity.pki.pem import write_pem
from msb_identity.x509.certificate import MAX_CERTIFICATE_BYTES, Certificate
from msb_identity.x509.crl import MAX_CRL_BYTES, RevocationList

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BUNDLE_CERTIFICATES = 1_000
MAX_BUNDLE_BYTES = 32_000_000
_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_CERTIFICATE_LABELS = (b"CERTIFICATE", b"X509 CERTIFICATE")
_CRL_LABELS = (b"X509 CRL", b"CRL")


def load_certificate(data: bytes) -> Certificate:
    """Read the one certificate in `data`, PEM or DER; CertificateRefused for none or several."""
    found = load_certificates(data)
    if len(found) != 1:
        message = f"{len(found)} certificates where one belongs"
        raise CertificateRefused(message)
    return found[0]


def load_certificates(data: bytes) -> tuple[Certificate, ...]:
    """Read all certificates in `data`, in order: PEM blocks, or one DER certificate."""
    certificates, _ = load_all(data)
    if not certificates:
        message = "no certificate in this file"
        raise CertificateRefused(message)
    return certificates


def load_crls(data: bytes) -> tuple[RevocationList, ...]:
    """Read all CRLs in `data`: PEM blocks, or one DER CRL."""
    if not is_pem(data):
        return (RevocationList.load(data),)
    _, lists = load_all(data)
    if not lists:
        message = "no CRL in this file"
        raise CertificateRefused(message)
    return lists


def load_all(data: bytes) -> tuple[tuple[Certificate, ...], tuple[RevocationList, ...]]:
    """Read certificates and CRLs out of one PEM file; DER is one certificate. Keys are passed by.

    CertificateRefused for more than 1,000 certificates and for any of them that is broken.
    """
    if len(data) > MAX_BUNDLE_BYTES:
        message = f"a file of more than {MAX_BUNDLE_BYTES} bytes"
        raise TooLarge(message)
    if not is_pem(data):
        return (Certificate.load(data),), ()
    certificates, lists = [], []
    for label, content in _blocks(data):
        if label in _CERTIFICATE_LABELS:
            certificates.append(Certificate.load(_bytes_of(content, MAX_CERTIFICATE_BYTES)))
        elif label in _CRL_LABELS:
            lists.append(RevocationList.load(_bytes_of(content, MAX_CRL_BYTES)))
        if len(certificates) + len(lists) > MAX_BUNDLE_CERTIFICATES:
            message = f"a bundle of more than {MAX_BUNDLE_CERTIFICATES} certificates"
            raise TooLarge(message)
    return tuple(certificates), tuple(lists)


def is_pem(data: bytes) -> bool:
    """Whether this is PEM text rather than DER."""
    return b"-----BEGIN " in data[:65_536] and data[:1] != b"\x30"


def looks_like_certificate(data: bytes) -> bool:
    """Whether this is meant to be a certificate, though it may be broken."""
    if is_pem(data):
        return any(b"-----BEGIN " + label + b"-----" in data for label in _CERTIFICATE_LABELS)
    # A PKCS#12 file begins with a number inside, a certificate with a SEQUENCE.
    start = 2 + (data[1] & 0x7F if data[1:2] > b"\x80" else 0)
    return data[:1] == b"\x30" and data[start : start + 1] in (b"\x30", b"")


def encode_pem(*items: Certificate | RevocationList) -> bytes:
    """Write certificates and CRLs as PEM, in order."""
    return b"".join(
        write_pem("CERTIFICATE" if isinstance(item, Certificate) else "X509 CRL", item.encoded)
        for item in items
    )


def read_block(data: bytes, label: bytes, *, limit: int) -> bytes:
    """Give the bytes of the first PEM block of that label, or `data` itself where it is DER."""
    if not is_pem(data):
        return data
    for found, content in _blocks(data):
        if found.endswith(label):
            return _bytes_of(content, limit)
    message = f"no {label.decode().lower()} in this file"
    raise CertificateRefused(message)


def _blocks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while begin := _BEGIN.search(data, at):
        end = data.find(b"-----END " + begin[1] + b"-----", begin.end())
        if end < 0:
            message = "a PEM block without an end"
            raise CertificateRefused(message)
        yield begin[1], data[begin.end() : end]
        at = end


def _bytes_of(content: bytes, limit: int) -> bytes:
    joined = b"".join(content.split())
    if len(joined) > 4 * (limit // 3 + 2):
        message = f"a PEM block of more than {limit} bytes"
        raise CertificateRefused(message)
    try:
        return base64.b64decode(joined, validate=True)
    except (binascii.Error, ValueError) as error:
        message = "a PEM block that is not base64"
        raise CertificateRefused(message) from error
