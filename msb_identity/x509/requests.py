"""Certificate requests (PKCS #10, RFC 2986): made, and read with their signature checked.

A request proves that its maker has the key. Of what it asks for, a CA here takes the subject, the
key and DNS names; usages follow from the role that the CA gives.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msb_identity.errors import (
    AlgorithmRefused,
    CertificateRefused,
    EncodingRefused,
    KeyRefused,
    SignatureRefused,
)
from msb_identity.pki import der
from msb_identity.pki.spki import verifying_key_from_spki
from msb_identity.x509 import oids
from msb_identity.x509.algorithms import read_algorithm
from msb_identity.x509.asn1_names import csr, keys, x509
from msb_identity.x509.certificate import usual_spki
from msb_identity.x509.files import read_block
from msb_identity.x509.making import extension, make_name, signed
from msb_identity.x509.names import Name, read_name
from msb_identity.x509.values import context, read_bits, read_dns_names, read_extensions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msb_identity.pki.keys import SigningKey, VerifyingKey
    from msb_identity.x509.subjects import Subject

MAX_REQUEST_BYTES = 64_000
_EXTENSION_REQUEST = "1.2.840.113549.1.9.14"


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A request whose signature holds."""

    encoded: bytes = field(repr=False)
    subject: Name
    key: VerifyingKey
    dns_names: tuple[str, ...] = ()

    @classmethod
    def load(cls, data: bytes) -> CertificateRequest:
        """Read a request, PEM or DER, and check its signature; CertificateRefused otherwise."""
        raw = read_block(data, b"CERTIFICATE REQUEST", limit=MAX_REQUEST_BYTES)
        try:
            return _read(raw)
        except (EncodingRefused, KeyRefused, AlgorithmRefused) as error:
            message = f"no certificate request that can be read: {error}"
            raise CertificateRefused(message) from error
        except SignatureRefused as error:
            message = "the request's signature is wrong: its maker has not shown the key"
            raise CertificateRefused(message) from error


def make_request(
    key: SigningKey, subject: Subject, *, dns_names: Sequence[str] = ()
) -> CertificateRequest:
    """Ask for a certificate for the key's public half."""
    names = [x509.GeneralName("dns_name", x509.DNSName(name)) for name in dns_names]
    wanted = [extension(oids.SUBJECT_ALT_NAME, x509.GeneralNames(names))] if names else []
    content = csr.CertificationRequestInfo(
        {
            "version": "v1",
            "subject": x509.Name.load(make_name(subject)),
            "subject_pk_info": keys.PublicKeyInfo.load(key.public.spki),
            "attributes": [{"type": "extension_request", "values": [wanted]}] if wanted else [],
        }
    )
    return CertificateRequest.load(signed(content.dump(), key))


def _read(raw: bytes) -> CertificateRequest:
    parts = der.read_ber(raw, limit=MAX_REQUEST_BYTES).sequence()
    content = parts[0].sequence() if len(parts) == 3 else ()  # noqa: PLR2004 - as a certificate
    if not 3 <= len(content) <= 4 or content[0].integer() != 0:  # noqa: PLR2004 - attributes last
        message = "not a version, a subject, a key and attributes"
        raise EncodingRefused(message)
    key = verifying_key_from_spki(usual_spki(content[2].encoded))
    algorithm = read_algorithm(parts[1])
    algorithm.verify(key, parts[0].encoded, read_bits(parts[2]))
    if algorithm.algorithm.weak:
        message = f"a request signed with {algorithm.name}"
        raise AlgorithmRefused(message)
    attributes = content[3] if len(content) > 3 else None  # noqa: PLR2004 - as above
    names = _dns_names(attributes) if attributes is not None else ()
    return CertificateRequest(raw, read_name(content[1]), key, names)


def _dns_names(attributes: der.Element) -> tuple[str, ...]:
    for attribute in attributes.sequence(context(0)):
        parts = attribute.sequence()
        if len(parts) != 2:  # noqa: PLR2004 - type and values
            message = "an attribute that is not a type and its values"
            raise EncodingRefused(message)
        if parts[0].oid() == _EXTENSION_REQUEST and parts[1].children:
            found = read_extensions(parts[1].children[0]).get(oids.SUBJECT_ALT_NAME)
            if found is not None:
                return read_dns_names(der.read_ber(found.value).sequence())
    return ()
