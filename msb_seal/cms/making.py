"""Making a CMS signature in three steps: prepare, sign (here or elsewhere), finish.

SM2 keys sign with SM3, P-256 and RSA with SHA-256, Ed25519 with SHA-512. The outer types are those
of RFC 5652, or with `gm` those of GM/T 0010 (GB/T 35275). Sources: RFC 5652 section 5, RFC 5816
(signingCertificateV2), RFC 3161 appendix A (a time-stamp).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from msb_identity.errors import AlgorithmRefused, KeyRefused, SignatureRefused, SigningFailed
from msb_identity.foundation.clock import aware
from msb_identity.pki import der
from msb_identity.pki.keys import KeyKind
from msb_identity.x509.values import context
from msb_seal.cms import oids
from msb_seal.cms.values import digest_by, write_integer
from msb_seal.errors import CmsRefused
from msb_seal.seals.encoding import utc_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from msb_identity.x509.certificate import Certificate
    from msb_seal.seals.sealer import TimestampSource

_DIRECTORY_NAME = context(4)


@dataclass(frozen=True, slots=True)
class PreparedCms:
    """A CMS signature but for its value; `to_sign` is what the signer signs whole."""

    template: CmsTemplate = field(repr=False)
    to_sign: bytes = field(repr=False)
    content: bytes | None = field(repr=False)
    attributes: bytes = field(repr=False)

    def finish(
        self,
        signature: bytes,
        *,
        timestamps: TimestampSource | None = None,
        verify: bool = True,
    ) -> bytes:
        """Put the signature value in and give the whole.

        signature: as SigningKey.sign gives it; it is verified before it is used, SigningFailed
        where it is not the certificate's. verify: False for a signer whose signatures were verified
        before, as in a batch.
        timestamps: where to have the value stamped; TimestampRefused where none can be had.
        """
        try:
            if verify:
                self.template.certificate.key.verify(self.to_sign, signature)
        except SignatureRefused as error:
            message = f"the signature is not that of the signer's certificate: {error}"
            raise SigningFailed(message) from error
        token = None if timestamps is None else timestamps.stamp(signature)
        return self.template.pack(self.content, self.attributes, signature, token)


@dataclass(frozen=True)
class CmsTemplate:
    """What does not change between CMS signatures by one signer, written once.

    chain: the certificates above the signer's, to go along. gm: write the types of GM/T 0010.
    claims_time: put the time among the signed attributes. CmsRefused for a key that we cannot sign
    with here.
    """

    certificate: Certificate
    chain: Sequence[Certificate] = field(default=(), repr=False)
    content_type: str = oids.DATA
    gm: bool = False
    claims_time: bool = True
    carries_certificates: bool = True

    def __post_init__(self) -> None:
        """Refuse a key of another kind, or one too short."""
        _kind_of(self.certificate)

    def prepare(self, digest: bytes, *, now: datetime | None = None) -> PreparedCms:
        """Prepare a signature over content that stays outside; signed attributes digest it."""
        self._check_digest(digest)
        attributes = self._signed_attributes(digest, aware(now) if self.claims_time else None)
        return PreparedCms(self, der.element(der.SET, attributes), None, attributes)

    def prepare_bare(self, digest: bytes) -> PreparedCms:
        """Prepare a signature over a digest that is itself the content, without attributes."""
        self._check_digest(digest)
        return PreparedCms(self, digest, digest, b"")

    def prepare_content(self, content: bytes) -> PreparedCms:
        """Prepare a signature that carries its content."""
        digest = cms_digest(content, self.certificate)
        attributes = self._signed_attributes(digest, None)
        return PreparedCms(self, der.element(der.SET, attributes), content, attributes)

    def pack(
        self, content: bytes | None, attributes: bytes, signature: bytes, token: bytes | None
    ) -> bytes:
        """Write the whole around what was signed."""
        head, names, algorithm = self._parts
        held = [der.oid(self.content_type)]
        if content is not None:
            held.append(der.element(context(0), der.octet_string(content)))
        unsigned = b""
        if token is not None:
            unsigned = der.element(context(1), _attribute(oids.SIGNATURE_TIMESTAMP, token))
        signer = der.sequence(
            names,
            der.element(context(0), attributes) if attributes else b"",
            algorithm,
            der.octet_string(signature),
            unsigned,
        )
        body = der.sequence(
            head, der.sequence(*held), self._certificates, der.element(der.SET, signer)
        )
        outer = oids.GM_SIGNED_DATA if self.gm else oids.SIGNED_DATA
        return der.sequence(der.oid(outer), der.element(context(0), body))

    @cached_property
    def _parts(self) -> tuple[bytes, bytes, bytes]:
        """Write the head of SignedData, and what a SignerInfo has before and after attributes."""
        certificate, kind = self.certificate, self.certificate.key.kind
        # Section 5.1: 1 for data, 3 for any other content.
        version = der.integer(1 if self.content_type in (oids.DATA, oids.GM_DATA) else 3)
        head = version + der.element(der.SET, digest_algorithm(kind))
        named = der.sequence(certificate.issuer.encoded, write_integer(certificate.serial))
        names = der.integer(1) + named + digest_algorithm(kind)
        null = der.null() if kind is KeyKind.RSA else b""
        return head, names, der.sequence(der.oid(oids.OWN_SIGNATURES[kind]), null)

    @cached_property
    def _certificates(self) -> bytes:
        """Write the certificates; the signer's comes first: some readers look no further."""
        if not self.carries_certificates:
            return b""
        carried = dict.fromkeys(one.encoded for one in (self.certificate, *self.chain))
        return der.element(context(0), *carried)

    @cached_property
    def _own_attributes(self) -> tuple[bytes, bytes]:
        return (
            _attribute(oids.CONTENT_TYPE, der.oid(self.content_type)),
            _attribute(oids.SIGNING_CERTIFICATE_V2, _signing_certificate(self.certificate)),
        )

    @cached_property
    def _digest_bytes(self) -> int:
        return len(cms_digest(b"", self.certificate))

    def _check_digest(self, digest: bytes) -> None:
        if len(digest) != self._digest_bytes:
            kind = self.certificate.key.kind
            message = f"a digest of {len(digest)} bytes is not of the algorithm for {kind}"
            raise CmsRefused(message)

    def _signed_attributes(self, digest: bytes, moment: datetime | None) -> bytes:
        """Write the attributes in DER's order for a SET."""
        found = [
            *self._own_attributes,
            _attribute(oids.MESSAGE_DIGEST, der.octet_string(digest)),
        ]
        if moment is not None:
            found.append(_attribute(oids.SIGNING_TIME, utc_time(moment)))  # section 11.3
        return b"".join(sorted(found))


def prepare_cms(
    *,
    digest: bytes,
    certificate: Certificate,
    chain: Sequence[Certificate] = (),
    attached: bool = False,
    gm: bool = False,
    claims_time: bool = True,
    now: datetime | None = None,
) -> PreparedCms:
    """Prepare a signature over a document by its digest (see `cms_digest`).

    attached: the digest itself is the content and nothing else is signed, as many Chinese signers
    of OFD and PDF do; otherwise the content stays outside, and signed attributes digest it.
    The others: see CmsTemplate, which a batch makes once. now: the time that is claimed.

    CmsRefused for a key that we cannot sign with here, or a digest that is not its algorithm's.
    """
    kind = oids.GM_DATA if gm else oids.DATA
    template = CmsTemplate(certificate, tuple(chain), kind, gm=gm, claims_time=claims_time)
    return template.prepare_bare(digest) if attached else template.prepare(digest, now=now)


def prepare_content(
    content_type: str,
    content: bytes,
    *,
    certificate: Certificate,
    chain: Sequence[Certificate] = (),
    carries_certificates: bool = True,
) -> PreparedCms:
    """Prepare a signature that carries content of another type than data, as a time-stamp does."""
    template = CmsTemplate(
        certificate, tuple(chain), content_type, carries_certificates=carries_certificates
    )
    return template.prepare_content(content)


def cms_digest(data: bytes, certificate: Certificate) -> bytes:
    """Digest with the algorithm that goes with the certificate's key: SM3, SHA-256 or SHA-512."""
    digest = digest_by(oids.OWN_DIGESTS[_kind_of(certificate)], data)
    if digest is None:  # pragma: no cover - our own algorithms are all there
        raise CmsRefused
    return digest


def digest_algorithm(kind: KeyKind) -> bytes:
    """Write the AlgorithmIdentifier of the digest that goes with a kind of key."""
    return der.sequence(der.oid(oids.OWN_DIGESTS[kind]))  # RFC 5754: no parameters


def _kind_of(certificate: Certificate) -> KeyKind:
    try:
        key = certificate.key
    except (KeyRefused, AlgorithmRefused) as error:
        message = f"no signing with this certificate: {error}"
        raise CmsRefused(message) from error
    if key.weak:
        message = "no signing with a key this short"
        raise CmsRefused(message)
    return key.kind


def _attribute(oid: str, value: bytes) -> bytes:
    return der.sequence(der.oid(oid), der.element(der.SET, value))


def _signing_certificate(certificate: Certificate) -> bytes:
    """Write SigningCertificateV2 with one ESSCertIDv2; SHA-256 is its default and left out."""
    kind = certificate.key.kind
    named = digest_algorithm(kind) if oids.OWN_DIGESTS[kind] != oids.SHA256 else b""
    issuer = der.sequence(der.element(_DIRECTORY_NAME, certificate.issuer.encoded))
    identifier = der.sequence(
        named,
        der.octet_string(cms_digest(certificate.encoded, certificate)),
        der.sequence(issuer, write_integer(certificate.serial)),
    )
    return der.sequence(der.sequence(identifier))
