"""Making a CMS signature in three steps: prepare, sign (here or elsewhere), finish.

SM2 keys sign with SM3, P-256 and RSA with SHA-256, Ed25519 with SHA-512. The outer types are those
of RFC 5652, or with `gm` those of GM/T 0010 (GB/T 35275). Sources: RFC 5652 section 5, RFC 5816
(signingCertificateV2), RFC 3161 appendix A (a time-stamp).
"""

from __future__ import annotations

from dataclasses import dataclass, field
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

    to_sign: bytes = field(repr=False)
    certificate: Certificate
    gm: bool
    content_type: str
    content: bytes | None = field(repr=False)
    attributes: bytes = field(repr=False)
    certificates: tuple[bytes, ...] = field(repr=False)

    def finish(self, signature: bytes, *, timestamps: TimestampSource | None = None) -> bytes:
        """Put the signature value in and give the whole.

        signature: as SigningKey.sign gives it; it is verified before it is used, SigningFailed
        where it is not the certificate's.
        timestamps: where to have the value stamped; TimestampRefused where none can be had.
        """
        try:
            self.certificate.key.verify(self.to_sign, signature)
        except SignatureRefused as error:
            message = f"the signature is not that of the signer's certificate: {error}"
            raise SigningFailed(message) from error
        token = None if timestamps is None else timestamps.stamp(signature)
        content = [der.oid(self.content_type)]
        if self.content is not None:
            content.append(der.element(context(0), der.octet_string(self.content)))
        # The signer's own certificate comes first: some readers look no further.
        carried = [der.element(context(0), *self.certificates)] if self.certificates else []
        body = der.sequence(
            # Section 5.1: 1 for data, 3 for any other content.
            der.integer(1 if self.content_type in (oids.DATA, oids.GM_DATA) else 3),
            der.element(der.SET, digest_algorithm(self.certificate.key.kind)),
            der.sequence(*content),
            *carried,
            der.element(der.SET, self._signer(signature, token)),
        )
        outer = oids.GM_SIGNED_DATA if self.gm else oids.SIGNED_DATA
        return der.sequence(der.oid(outer), der.element(context(0), body))

    def _signer(self, signature: bytes, token: bytes | None) -> bytes:
        """Write the SignerInfo."""
        certificate, kind = self.certificate, self.certificate.key.kind
        null = der.null() if kind is KeyKind.RSA else b""
        unsigned = b""
        if token is not None:
            unsigned = der.element(context(1), _attribute(oids.SIGNATURE_TIMESTAMP, token))
        return der.sequence(
            der.integer(1),
            der.sequence(certificate.issuer.encoded, write_integer(certificate.serial)),
            digest_algorithm(kind),
            der.element(context(0), self.attributes) if self.attributes else b"",
            der.sequence(der.oid(oids.OWN_SIGNATURES[kind]), null),
            der.octet_string(signature),
            unsigned,
        )


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
    chain: the certificates above the signer's, to go along. gm: write the types of GM/T 0010.
    claims_time: put the time `now` among the signed attributes.

    CmsRefused for a key that we cannot sign with here, or a digest that is not its algorithm's.
    """
    kind = _kind_of(certificate)
    if len(digest) != len(cms_digest(b"", certificate)):
        message = f"a digest of {len(digest)} bytes is not of the algorithm for {kind}"
        raise CmsRefused(message)
    content_type = oids.GM_DATA if gm else oids.DATA
    attributes = b""
    if not attached:
        moment = aware(now) if claims_time else None
        attributes = _signed_attributes(content_type, digest, certificate, moment)
    return PreparedCms(
        to_sign=der.element(der.SET, attributes) if attributes else digest,
        certificate=certificate,
        gm=gm,
        content_type=content_type,
        content=digest if attached else None,
        attributes=attributes,
        certificates=_carried(certificate, chain),
    )


def prepare_content(
    content_type: str,
    content: bytes,
    *,
    certificate: Certificate,
    chain: Sequence[Certificate] = (),
    carries_certificates: bool = True,
) -> PreparedCms:
    """Prepare a signature that carries content of another type than data, as a time-stamp does."""
    _kind_of(certificate)
    digest = cms_digest(content, certificate)
    attributes = _signed_attributes(content_type, digest, certificate, None)
    return PreparedCms(
        to_sign=der.element(der.SET, attributes),
        certificate=certificate,
        gm=False,
        content_type=content_type,
        content=content,
        attributes=attributes,
        certificates=_carried(certificate, chain) if carries_certificates else (),
    )


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


def _carried(certificate: Certificate, chain: Sequence[Certificate]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(one.encoded for one in (certificate, *chain)))


def _signed_attributes(
    content_type: str, digest: bytes, certificate: Certificate, moment: datetime | None
) -> bytes:
    """Write the attributes in DER's order for a SET."""
    found = [
        _attribute(oids.CONTENT_TYPE, der.oid(content_type)),
        _attribute(oids.MESSAGE_DIGEST, der.octet_string(digest)),
        _attribute(oids.SIGNING_CERTIFICATE_V2, _signing_certificate(certificate)),
    ]
    if moment is not None:
        found.append(_attribute(oids.SIGNING_TIME, utc_time(moment)))  # section 11.3
    return b"".join(sorted(found))


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
