"""Putting a seal on a document's digest (签章): prepare, have it signed anywhere, finish.

`prepare_signature` gives the bytes to sign, `finish` verifies what came back and packs it. A batch
makes one SignatureTemplate and prepares many. Sources: GM/T 0031-2014 clause 6.2.2, GB/T 38540-2020
clause 7.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from msb_identity.errors import AlgorithmRefused, KeyRefused, SignatureRefused
from msb_identity.foundation.clock import aware
from msb_seal.errors import SealingRefused, SealRefused
from msb_seal.seals import encoding
from msb_seal.seals.algorithms import (
    algorithm_of,
    document_digest,
    own_algorithm,
    usual_signature,
)
from msb_seal.seals.listing import Listing, find_signer
from msb_seal.seals.model import SealVersion

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from msb_identity.x509.certificate import Certificate
    from msb_seal.seals.model import ElectronicSeal, SealExtension
    from msb_seal.seals.sealer import Sealer, TimestampSource

__all__ = [
    "PreparedSignature",
    "SignatureTemplate",
    "document_digest",
    "prepare_signature",
    "sign_digest",
]


@dataclass(frozen=True)
class SignatureTemplate:
    """What does not change between signatures by one seal and one signer, checked once.

    SealingRefused for a certificate that the seal does not list or whose key seals nothing.
    """

    seal: ElectronicSeal = field(repr=False)
    certificate: Certificate
    extensions: Sequence[SealExtension] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Check that this signer may use this seal at all (GM/T 0031-2014 clause 6.2.2 c)."""
        try:
            own_algorithm(self.certificate.key.kind)
        except (KeyRefused, AlgorithmRefused) as error:
            raise _refused("key", "不能用此种密钥签章", str(error)) from error
        if find_signer(self.seal.signers, self.certificate) is not Listing.LISTED:
            zh, en = (
                "签章人证书不在印章的列表中",
                "the seal does not list this signer's certificate",
            )
            raise _refused("not-listed", zh, en)
        if self.extensions and self.seal.version is SealVersion.V1:
            zh, en = "1 版签章没有扩展项", "a signature of version 1 has no extensions"
            raise _refused("extensions", zh, en)

    def prepare(
        self, digest: bytes, *, property_info: str, now: datetime | None = None
    ) -> PreparedSignature:
        """Prepare one signature over a document's digest, as `prepare_signature` does."""
        moment = aware(now).replace(microsecond=0)
        self._check_time(moment)
        if len(digest) != self._digest_bytes:
            zh, en = "摘要长度与算法不符", "the digest is not as long as the algorithm's is"
            raise _refused("digest", zh, en)
        try:
            to_sign = encoding.signature_to_sign(
                self.seal,
                self._signer,
                time=moment,
                digest=digest,
                property_info=property_info,
                extensions=self._extensions,
            )
        except SealRefused as error:
            raise _refused("property-info", "原文属性信息须为 ASCII", str(error)) from error
        return PreparedSignature(self, to_sign, digest, moment)

    def pack(self, to_sign: bytes, signature: bytes, token: bytes | None) -> bytes:
        """Write the whole signature around what was signed."""
        return encoding.seal_signature(
            self.seal.version, to_sign, self._signer, signature=signature, token=token
        )

    @cached_property
    def _signer(self) -> tuple[bytes, bytes]:
        algorithm = own_algorithm(self.certificate.key.kind)
        return encoding.signer_parts(self.certificate.encoded, algorithm)

    @cached_property
    def _extensions(self) -> bytes:
        return encoding.signature_extensions(self.extensions)

    @cached_property
    def _digest_bytes(self) -> int:
        return len(document_digest(b"", self.certificate))

    def _check_time(self, moment: datetime) -> None:
        if not self.seal.valid_from <= moment <= self.seal.valid_until:
            zh, en = "不在印章有效期内", "the seal is not within its period"
            raise _refused("seal-period", zh, en)
        if not self.certificate.not_before <= moment <= self.certificate.not_after:
            zh, en = "不在签章人证书有效期内", "the signer's certificate is not within its period"
            raise _refused("certificate-period", zh, en)


@dataclass(frozen=True)
class PreparedSignature:
    """One signature that waits to be signed: `to_sign` goes to the key, wherever it is.

    time: what the signature says of when it was made, in whole seconds of UTC.
    """

    template: SignatureTemplate = field(repr=False)
    to_sign: bytes = field(repr=False)
    digest: bytes
    time: datetime

    def finish(
        self,
        signature: bytes,
        *,
        timestamps: TimestampSource | None = None,
        verify: bool = True,
    ) -> bytes:
        """Pack the signature (DER for SM2 and P-256; raw 64 bytes are taken) as SES_Signature.

        timestamps: what stamps the signature value; v1 has no room for it.
        verify: False for a signer whose signatures were verified before, as in a batch.
        SealingRefused where it is not the certificate's over `to_sign`; TimestampRefused where no
        time-stamp could be had.
        """
        version, certificate = self.template.seal.version, self.template.certificate
        if timestamps is not None and version is SealVersion.V1:
            zh, en = (
                "1 版签章不能加盖时间戳",
                "a signature of version 1 has no room for a time-stamp",
            )
            raise _refused("timestamp", zh, en)
        key = certificate.key
        try:
            value = usual_signature(signature, key.kind)
            if verify:
                key.verify(self.to_sign, value, algorithm=algorithm_of(own_algorithm(key.kind)))
        except SignatureRefused as error:
            zh, en = (
                "签名不是该证书对此内容的签名",
                "the signature is not this certificate's over this",
            )
            raise _refused("bad-signature", zh, en) from error
        token = None if timestamps is None else timestamps.stamp(value)
        return self.template.pack(self.to_sign, value, token)


def prepare_signature(
    seal: ElectronicSeal,
    *,
    digest: bytes,
    property_info: str,
    certificate: Certificate,
    now: datetime | None = None,
    extensions: Sequence[SealExtension] = (),
) -> PreparedSignature:
    """Prepare a seal signature over a document's digest (see `document_digest`).

    property_info: what was digested, ASCII: for OFD the absolute path of Signature.xml.
    SealingRefused where the signer is not in the seal's list, the seal or the certificate is not
    within its period at `now`, or the digest has another length than the algorithm's.
    """
    template = SignatureTemplate(seal, certificate, extensions)
    return template.prepare(digest, property_info=property_info, now=now)


def sign_digest(
    sealer: Sealer,
    *,
    digest: bytes,
    property_info: str,
    document: str,
    timestamps: TimestampSource | None = None,
    now: datetime | None = None,
) -> bytes:
    """Have a sealer put its seal on a document's digest; the DER of SES_Signature.

    document: the document's name for the sealer's log. Raises what `prepare_signature`, the sealer
    and `PreparedSignature.finish` raise.
    """
    prepared = prepare_signature(
        sealer.seal,
        digest=digest,
        property_info=property_info,
        certificate=sealer.certificate,
        now=now,
    )
    signature = sealer.sign(prepared.to_sign, digest=digest, document=document, now=prepared.time)
    return prepared.finish(signature, timestamps=timestamps)


def _refused(code: str, zh: str, en: str) -> SealingRefused:
    return SealingRefused(code, zh, en)
