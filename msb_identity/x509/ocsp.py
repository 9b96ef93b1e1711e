"""OCSP: asking whether one certificate is revoked, and reading what is answered (RFC 6960).

The digests that name an issuer in a request identify and protect nothing, so SHA-1 is asked with:
every responder knows it. Who may answer is decided in revocation.py.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msb_identity.errors import CertificateRefused, EncodingRefused
from msb_identity.pki import der
from msb_identity.x509 import oids
from msb_identity.x509.algorithms import AlgorithmIdentifier, digest, read_algorithm
from msb_identity.x509.certificate import Certificate
from msb_identity.x509.crl import Revoked
from msb_identity.x509.names import Name, read_name
from msb_identity.x509.values import (
    Extension,
    context,
    read_bits,
    read_extensions,
    read_integer,
    read_time,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MAX_OCSP_BYTES = 256_000
MAX_ANSWERS = 100
MAX_RESPONDER_CERTIFICATES = 8
NONCE_BYTES = 16
_SHA1 = "1.3.14.3.2.26"
_ENUMERATED = 0x0A
_GOOD, _REVOKED, _UNKNOWN = context(0, constructed=False), context(1), 0x82
# RFC 6960 section 4.2.1
_STATUSES = {
    1: "malformedRequest",
    2: "internalError",
    3: "tryLater",
    5: "sigRequired",
    6: "unauthorized",
}


@dataclass(frozen=True, slots=True)
class CertificateId:
    """How OCSP names a certificate: digests of its issuer's name and key, and its number."""

    digest_oid: str
    issuer_name: bytes = field(repr=False)
    issuer_key: bytes = field(repr=False)
    serial: int = field(repr=False)

    @classmethod
    def of(
        cls, certificate: Certificate, issuer: Certificate, digest_oid: str
    ) -> CertificateId | None:
        """Name a certificate with that digest; None for a digest that we do not have."""
        key = key_bits(issuer)
        name_digest = digest(digest_oid, certificate.issuer.encoded)
        key_digest = digest(digest_oid, key)
        if name_digest is None or key_digest is None:
            return None
        return cls(digest_oid, name_digest, key_digest, certificate.serial)

    def encode(self) -> bytes:
        """Write the CertID."""
        number = self.serial.to_bytes(self.serial.bit_length() // 8 + 1, "big", signed=True)
        return der.sequence(
            der.sequence(der.oid(self.digest_oid), der.null()),
            der.octet_string(self.issuer_name),
            der.octet_string(self.issuer_key),
            der.element(der.INTEGER, number),
        )


@dataclass(frozen=True, slots=True)
class SingleAnswer:
    """What one answer says of one certificate; `revoked` is None for a good one."""

    names: CertificateId
    known: bool
    revoked: Revoked | None
    this_update: datetime
    next_update: datetime | None


@dataclass(frozen=True)
class OcspAnswer:
    """A signed OCSP answer as it was received."""

    encoded: bytes = field(repr=False)
    tbs: bytes = field(repr=False, compare=False)
    signature_algorithm: AlgorithmIdentifier = field(compare=False)
    signature: bytes = field(repr=False, compare=False)
    responder_name: Name | None = field(compare=False)
    responder_key: bytes | None = field(repr=False, compare=False)
    produced_at: datetime = field(compare=False)
    answers: tuple[SingleAnswer, ...] = field(repr=False, compare=False)
    extensions: Mapping[str, Extension] = field(repr=False, compare=False)
    certificates: tuple[Certificate, ...] = field(repr=False, compare=False)

    @classmethod
    def load(cls, data: bytes) -> OcspAnswer:
        """Read an OCSPResponse; CertificateRefused for a broken one and for one without answer."""
        try:
            return _read(data)
        except EncodingRefused as error:
            message = f"no OCSP answer that can be read: {error}"
            raise CertificateRefused(message) from error

    def answer_for(self, certificate: Certificate, issuer: Certificate) -> SingleAnswer | None:
        """Give what is said of this certificate of this issuer, or None."""
        for answer in self.answers:
            names = answer.names
            if names.serial == certificate.serial and names == CertificateId.of(
                certificate, issuer, names.digest_oid
            ):
                return answer
        return None

    @property
    def nonce(self) -> bytes | None:
        """The nonce that the answer repeats, or None."""
        extension = self.extensions.get(oids.OCSP_NONCE)
        if extension is None:
            return None
        try:
            return der.read_ber(extension.value).octets()
        except EncodingRefused:  # RFC 2560 left open what is inside
            return extension.value

    def __hash__(self) -> int:
        """Hash as equality compares."""
        return hash(self.encoded)


def make_ocsp_request(
    certificate: Certificate, issuer: Certificate, *, nonce: bytes | None = None
) -> bytes:
    """Write an OCSPRequest for one certificate; nonce: see `new_nonce`, left out where None."""
    names = CertificateId.of(certificate, issuer, _SHA1)
    if names is None:  # pragma: no cover - SHA-1 is always there
        raise CertificateRefused
    parts = [der.sequence(der.sequence(names.encode()))]
    if nonce is not None:
        inner = der.sequence(der.oid(oids.OCSP_NONCE), der.octet_string(der.octet_string(nonce)))
        parts.append(der.element(context(2), der.sequence(inner)))
    return der.sequence(der.sequence(*parts))


def new_nonce() -> bytes:
    """Make a nonce for a request."""
    return secrets.token_bytes(NONCE_BYTES)


def key_bits(certificate: Certificate) -> bytes:
    """Give the bits of the subject's public key, which key identifiers are digests of."""
    parts = der.read_ber(certificate.spki).sequence()
    if len(parts) != 2:  # noqa: PLR2004 - an algorithm and the key
        message = "a public key that is not an algorithm and bits"
        raise EncodingRefused(message)
    return parts[1].bits()


def _read(data: bytes) -> OcspAnswer:
    parts = der.read_ber(data, limit=MAX_OCSP_BYTES).sequence()
    if not parts or parts[0].tag != _ENUMERATED or len(parts[0].content) != 1:
        message = "no status"
        raise EncodingRefused(message)
    if status := parts[0].content[0]:
        message = f"the responder did not answer ({_STATUSES.get(status, 'unknown status')})"
        raise EncodingRefused(message)
    inner = parts[1].children if len(parts) == 2 and parts[1].tag == context(0) else ()  # noqa: PLR2004
    typed = inner[0].sequence() if inner else ()
    if len(typed) != 2 or typed[0].oid() != oids.OCSP_BASIC:  # noqa: PLR2004 - type and value
        message = "no basic answer"
        raise EncodingRefused(message)
    return _read_basic(data, der.read_ber(typed[1].octets(), limit=MAX_OCSP_BYTES))


def _read_basic(data: bytes, basic: der.Element) -> OcspAnswer:
    signed = basic.sequence()
    if not 3 <= len(signed) <= 4:  # noqa: PLR2004 - content, algorithm, signature, certificates
        message = "not a content, an algorithm and a signature"
        raise EncodingRefused(message)
    left = list(signed[0].sequence())
    if left and left[0].tag == context(0):
        left.pop(0)
    wrapped = left.pop() if left and left[-1].tag == context(1) and len(left) > 3 else None  # noqa: PLR2004
    if len(left) != 3:  # noqa: PLR2004 - responder, time, answers
        message = "fewer or more parts than an answer has"
        raise EncodingRefused(message)
    name, key = _responder(left[0])
    singles = left[2].sequence()
    if len(singles) > MAX_ANSWERS:
        message = f"more than {MAX_ANSWERS} answers in one"
        raise EncodingRefused(message)
    return OcspAnswer(
        encoded=data,
        tbs=signed[0].encoded,
        signature_algorithm=read_algorithm(signed[1]),
        signature=read_bits(signed[2]),
        responder_name=name,
        responder_key=key,
        produced_at=read_time(left[1]),
        answers=tuple(_read_single(single) for single in singles),
        extensions=read_extensions(wrapped.children[0]) if wrapped and wrapped.children else {},
        certificates=_read_certificates(signed[3]) if len(signed) > 3 else (),  # noqa: PLR2004
    )


def _responder(element: der.Element) -> tuple[Name | None, bytes | None]:
    if len(element.children) == 1 and element.tag == context(1):
        return read_name(element.children[0]), None
    if len(element.children) == 1 and element.tag == context(2):
        return None, element.children[0].octets()
    message = "a responder that is neither name nor key"
    raise EncodingRefused(message)


def _read_single(element: der.Element) -> SingleAnswer:
    parts = element.sequence()
    if not 3 <= len(parts) <= 5:  # noqa: PLR2004 - id, status, time, next time, extensions
        message = "a single answer that cannot be read"
        raise EncodingRefused(message)
    id_parts = parts[0].sequence()
    if len(id_parts) != 4:  # noqa: PLR2004 - digest, name, key, number
        message = "a certificate that is not named as one"
        raise EncodingRefused(message)
    names = CertificateId(
        read_algorithm(id_parts[0]).oid,
        id_parts[1].octets(),
        id_parts[2].octets(),
        read_integer(id_parts[3]),
    )
    next_update = parts[3].children if len(parts) > 3 and parts[3].tag == context(0) else ()  # noqa: PLR2004
    known, revoked = _read_status(parts[1])
    return SingleAnswer(
        names,
        known=known,
        revoked=revoked,
        this_update=read_time(parts[2]),
        next_update=read_time(next_update[0]) if next_update else None,
    )


def _read_status(element: der.Element) -> tuple[bool, Revoked | None]:
    if element.tag == _GOOD and not element.content:
        return True, None
    if element.tag == _REVOKED and element.children:
        reason = 0
        if len(element.children) > 1 and element.children[1].children:
            reason = int.from_bytes(element.children[1].children[0].content[-1:], "big")
        return True, Revoked.read(read_time(element.children[0]), reason)
    if element.tag & ~0x20 == _UNKNOWN:
        return False, None
    message = "a status that there is not"
    raise EncodingRefused(message)


def _read_certificates(element: der.Element) -> tuple[Certificate, ...]:
    if element.tag != context(0) or len(element.children) != 1:
        message = "certificates of the responder that cannot be read"
        raise EncodingRefused(message)
    found = element.children[0].sequence()
    if len(found) > MAX_RESPONDER_CERTIFICATES:
        message = f"more than {MAX_RESPONDER_CERTIFICATES} certificates of the responder"
        raise EncodingRefused(message)
    return tuple(Certificate.load(item.encoded) for item in found)
