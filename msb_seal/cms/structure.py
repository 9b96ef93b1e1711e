"""Reading a CMS signature: SignedData with its signers, beside the exact bytes that were signed.

Read as BER within caps. Both sets of content types are taken, those of RFC 5652 and those of GM/T
0010 (GB/T 35275). Nothing here says whether a signature is good: see signers.py and verify.py.
Source: RFC 5652 sections 5 and 11.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msb_identity.errors import CertificateRefused, EncodingRefused
from msb_identity.pki import der
from msb_identity.x509.algorithms import AlgorithmIdentifier, read_algorithm
from msb_identity.x509.certificate import Certificate
from msb_identity.x509.names import Name, read_name
from msb_identity.x509.values import context, read_integer, read_time
from msb_seal.cms import oids
from msb_seal.errors import CmsRefused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MAX_CMS_BYTES, MAX_CMS_ELEMENTS = 4_000_000, 400_000
"""A signature may carry CRLs: 50,000 entries have so many elements, read in 2 s and 100 MB."""
MAX_SIGNERS = 64
MAX_CERTIFICATES = 64
MAX_ATTRIBUTES = 64
_PAIR, _SIGNED_PARTS, _SIGNER_PARTS = 2, 4, 5
_KEY_ID = context(0, constructed=False)

Attributes = dict[str, tuple[der.Element, ...]]
"""The values of each attribute, by its OID."""


@dataclass(frozen=True, slots=True)
class CmsSigner:
    """One SignerInfo.

    issuer and serial, or key_id: which certificate the signer says is theirs.
    signed_attributes: None where the content itself is signed; attributes_signed: their bytes as
    they were received, but under the tag of a SET, which is what is signed (section 5.4).
    """

    issuer: Name | None
    serial: int | None
    key_id: bytes | None = field(repr=False)
    digest_algorithm: AlgorithmIdentifier
    signature_algorithm: AlgorithmIdentifier
    signature: bytes = field(repr=False)
    signed_attributes: Mapping[str, tuple[der.Element, ...]] | None = field(repr=False)
    attributes_signed: bytes | None = field(repr=False)
    unsigned_attributes: Mapping[str, tuple[der.Element, ...]] = field(repr=False)

    def is_of(self, certificate: Certificate) -> bool:
        """Whether the signer names this certificate."""
        if self.key_id is not None:
            return self.key_id == certificate.facts.subject_key_id
        named = self.issuer is not None and self.issuer.matches(certificate.issuer)
        return named and self.serial == certificate.serial

    def signed_attribute(self, oid: str) -> der.Element | None:
        """Give the one value of a signed attribute, None where it is not there."""
        values = (self.signed_attributes or {}).get(oid)
        return values[0] if values else None

    @property
    def claimed_time(self) -> datetime | None:
        """The signer's own word on when it was (signingTime)."""
        value = self.signed_attribute(oids.SIGNING_TIME)
        return None if value is None else read_time(value)

    @property
    def timestamps(self) -> tuple[bytes, ...]:
        """The time-stamp tokens over the signature value (RFC 3161 appendix A)."""
        values = self.unsigned_attributes.get(oids.SIGNATURE_TIMESTAMP, ())
        return tuple(value.encoded for value in values)


@dataclass(frozen=True, slots=True)
class CmsSignature:
    """One SignedData.

    content: what stands inside, None where it is elsewhere (detached).
    """

    encoded: bytes = field(repr=False)
    content_type: str
    content: bytes | None = field(repr=False)
    certificates: tuple[Certificate, ...] = field(repr=False)
    signers: tuple[CmsSigner, ...]
    oddities: tuple[str, ...] = field(default=(), repr=False)


def parse_cms(data: bytes) -> CmsSignature:
    """Read one SignedData with at least one signer; CmsRefused for anything else."""
    try:
        return _read(der.read_ber(data, limit=MAX_CMS_BYTES, elements=MAX_CMS_ELEMENTS))
    except EncodingRefused as error:
        message = f"no CMS signature that can be read: {error}"
        raise CmsRefused(message) from error


def _read(outer: der.Element) -> CmsSignature:
    typed = outer.sequence()
    if len(typed) != _PAIR or typed[1].tag != context(0) or len(typed[1].children) != 1:
        message = "not a content type and a content"
        raise EncodingRefused(message)
    outer_type = typed[0].oid()
    if outer_type not in (oids.SIGNED_DATA, oids.GM_SIGNED_DATA):
        message = f"a CMS of another type than signed data ({outer_type})"
        raise EncodingRefused(message)
    left = list(typed[1].children[0].sequence())
    if len(left) < _SIGNED_PARTS:
        message = "fewer parts than signed data has"
        raise EncodingRefused(message)
    left.pop(0).integer()
    for algorithm in left.pop(0).sequence(der.SET):
        read_algorithm(algorithm)
    content_type, content = _read_content(left.pop(0))
    certificates, oddities = _read_certificates(_optional(left, 0))
    _optional(left, 1)  # CRLs inside are no newer than the signature: never the last word
    if len(left) != 1:
        message = "more or fewer parts than signed data has"
        raise EncodingRefused(message)
    return CmsSignature(
        encoded=outer.encoded,
        content_type=content_type,
        content=content,
        certificates=certificates,
        signers=_read_signers(left[0]),
        oddities=oddities,
    )


def _optional(left: list[der.Element], number: int) -> tuple[der.Element, ...]:
    return left.pop(0).children if left and left[0].tag == context(number) else ()


def _read_content(element: der.Element) -> tuple[str, bytes | None]:
    parts = element.sequence()
    if len(parts) == 1:
        return parts[0].oid(), None
    if len(parts) != _PAIR or parts[1].tag != context(0) or len(parts[1].children) != 1:
        message = "a content that is not a type and bytes"
        raise EncodingRefused(message)
    return parts[0].oid(), parts[1].children[0].octets()


def _read_certificates(
    elements: tuple[der.Element, ...],
) -> tuple[tuple[Certificate, ...], tuple[str, ...]]:
    """Read what is an X.509 certificate; one that cannot be read only helps nobody."""
    if len(elements) > MAX_CERTIFICATES:
        message = f"more than {MAX_CERTIFICATES} certificates"
        raise EncodingRefused(message)
    found, oddities = [], []
    for element in elements:
        try:
            found.append(Certificate.load(element.encoded))
        except CertificateRefused:
            oddities.append("a certificate inside that cannot be read")
    return tuple(dict.fromkeys(found)), tuple(dict.fromkeys(oddities))


def _read_signers(element: der.Element) -> tuple[CmsSigner, ...]:
    infos = element.sequence(der.SET)
    if not 1 <= len(infos) <= MAX_SIGNERS:
        message = f"signed by {len(infos)}, not by 1 to {MAX_SIGNERS}"
        raise EncodingRefused(message)
    return tuple(_read_signer(info) for info in infos)


def _read_signer(info: der.Element) -> CmsSigner:
    left = list(info.sequence())
    if len(left) < _SIGNER_PARTS:
        message = "fewer parts than a signer has"
        raise EncodingRefused(message)
    left.pop(0).integer()
    issuer, serial, key_id = _read_identifier(left.pop(0))
    digest_algorithm = read_algorithm(left.pop(0))
    signed, attributes_signed = None, None
    if left[0].tag == context(0):
        block = left.pop(0)
        signed = _read_signed_attributes(block.children)
        attributes_signed = der.element(der.SET, block.content)
    if not _PAIR <= len(left) <= _PAIR + 1:
        message = "more or fewer parts than a signer has"
        raise EncodingRefused(message)
    signature_algorithm, signature = read_algorithm(left[0]), left[1].octets()
    unsigned: Attributes = {}
    if len(left) > _PAIR:
        unsigned = _read_attributes(left[2].sequence(context(1)))
    signer = CmsSigner(
        issuer=issuer,
        serial=serial,
        key_id=key_id,
        digest_algorithm=digest_algorithm,
        signature_algorithm=signature_algorithm,
        signature=signature,
        signed_attributes=signed,
        attributes_signed=attributes_signed,
        unsigned_attributes=unsigned,
    )
    _ = signer.claimed_time  # a time that cannot be read makes the signer unreadable
    return signer


def _read_identifier(element: der.Element) -> tuple[Name | None, int | None, bytes | None]:
    if element.tag == _KEY_ID:
        return None, None, element.content
    parts = element.sequence()
    if len(parts) != _PAIR:
        message = "a signer who is neither issuer and number nor key"
        raise EncodingRefused(message)
    return read_name(parts[0]), read_integer(parts[1]), None


def _read_signed_attributes(elements: tuple[der.Element, ...]) -> Attributes:
    """Read what is signed: at least one, none twice, one value each (RFC 5652 section 11)."""
    attributes = _read_attributes(elements)
    if not elements or len(attributes) != len(elements):
        message = "signed attributes that are none, or one that stands twice"
        raise EncodingRefused(message)
    for oid in _SINGLE_VALUED & attributes.keys():
        if len(attributes[oid]) != 1:
            message = f"the signed attribute {oid} without exactly one value"
            raise EncodingRefused(message)
    return attributes


def _read_attributes(elements: tuple[der.Element, ...]) -> Attributes:
    if len(elements) > MAX_ATTRIBUTES:
        message = f"more than {MAX_ATTRIBUTES} attributes"
        raise EncodingRefused(message)
    found: Attributes = {}
    for element in elements:
        parts = element.sequence()
        if len(parts) != _PAIR:
            message = "an attribute that is not a type and values"
            raise EncodingRefused(message)
        oid = parts[0].oid()
        found[oid] = (*found.get(oid, ()), *parts[1].sequence(der.SET))
    return found


_SINGLE_VALUED = frozenset(
    {
        oids.CONTENT_TYPE,
        oids.MESSAGE_DIGEST,
        oids.SIGNING_TIME,
        oids.SIGNING_CERTIFICATE,
        oids.SIGNING_CERTIFICATE_V2,
        oids.ALGORITHM_PROTECTION,
    }
)
