"""The value of a PDF signature, /Contents: CMS in its kinds, or the seal itself (SES).

What does not change between signatures by one signer is written once. Sources: ISO 32000-1 section
12.8.3, EN 319 142-1, GB/T 38540-2020, GM/T 0010.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

from msb_identity.errors import AlgorithmRefused, KeyRefused
from msb_identity.pki.keys import KeyKind
from msb_seal.cms import oids
from msb_seal.cms.making import CmsTemplate
from msb_seal.pdf.opening import refused
from msb_seal.seals.signing import SignatureTemplate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from msb_identity.x509.certificate import Certificate
    from msb_seal.cms.making import PreparedCms
    from msb_seal.pdf.embedding import Unfilled
    from msb_seal.seals.model import ElectronicSeal
    from msb_seal.seals.signing import PreparedSignature

_SIGNATURE_BYTES = 2_048  # what a signature value, names and attributes take, and more


class SignatureForm(Enum):
    """What stands in /Contents: the names of SubFilter and Filter."""

    PADES = "/ETSI.CAdES.detached", "/Adobe.PPKLite"  # CMS as EN 319 142-1 profiles it
    ADOBE = "/adbe.pkcs7.detached", "/Adobe.PPKLite"  # CMS as ISO 32000-1 12.8.3.3 has it
    SES = "/GM.sm2seal", "/MSB.GMPkiLite"  # SES_Signature (GB/T 38540-2020): the seal itself
    GM_CMS = "/GM.sm2cms.detached", "/MSB.GMPkiLite"  # CMS with the types of GM/T 0010

    @property
    def subfilter(self) -> str:
        """The name by which readers know what the value is."""
        return self.value[0]

    @property
    def filter(self) -> str:
        """The name of the handler."""
        return self.value[1]


@dataclass(frozen=True)
class SignatureValue:
    """What is to stand in /Contents; SealingRefused for what cannot."""

    form: SignatureForm
    certificate: Certificate
    seal: ElectronicSeal | None = field(repr=False)
    chain: Sequence[Certificate] = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse a form that this key, or this seal, does not have."""
        if self.form is SignatureForm.SES:
            _ = self.template
        if self.form is SignatureForm.GM_CMS and key_kind(self.certificate) is not KeyKind.SM2:
            raise refused("key", "国密形式须用 SM2 证书", "this form of signature needs an SM2 key")

    @classmethod
    def of(
        cls,
        certificate: Certificate,
        form: SignatureForm | None,
        *,
        seal: ElectronicSeal | None,
        chain: Sequence[Certificate],
    ) -> SignatureValue:
        """Choose the usual form where none is named: SES for a seal with an SM2 key, else PAdES."""
        if form is None:
            is_sm2 = key_kind(certificate) is KeyKind.SM2
            form = SignatureForm.SES if is_sm2 and seal is not None else SignatureForm.PADES
        return cls(form, certificate, seal, chain)

    @cached_property
    def template(self) -> SignatureTemplate:
        """The seal's template; SealingRefused without a seal."""
        if self.seal is None:
            raise refused("no-seal", "此形式须有印章", "this form of signature needs a seal")
        return SignatureTemplate(self.seal, self.certificate)

    @cached_property
    def room(self) -> int:
        """How many bytes it may take."""
        carried = sum(len(one.encoded) for one in (self.certificate, *self.chain))
        names = 2 * len(self.certificate.issuer.encoded)
        inside = len(self.template.seal.encoded) if self.form is SignatureForm.SES else 0
        return _SIGNATURE_BYTES + carried + names + inside

    def prepare(self, unfilled: Unfilled, moment: datetime) -> PreparedCms | PreparedSignature:
        """Prepare it over a file."""
        if self.form is SignatureForm.SES:
            return self.template.prepare(unfilled.digest, property_info=unfilled.ranges, now=moment)
        return self._cms.prepare(unfilled.digest, now=moment)

    @cached_property
    def _cms(self) -> CmsTemplate:
        gm = self.form is SignatureForm.GM_CMS
        return CmsTemplate(
            self.certificate,
            tuple(self.chain),
            oids.GM_DATA if gm else oids.DATA,
            gm=gm,
            # EN 319 142-1 table 1: in PAdES the time is in /M and not an attribute.
            claims_time=self.form is not SignatureForm.PADES,
        )


def digest_name(certificate: Certificate) -> str:
    """Name the digest that goes with the certificate's key, as pyHanko spells it."""
    return oids.DIGEST_NAMES[oids.OWN_DIGESTS[key_kind(certificate)]].lower()


def key_kind(certificate: Certificate) -> KeyKind:
    """Give the kind of a certificate's key; SealingRefused ("key") for one that signs nothing."""
    try:
        return certificate.key.kind
    except (KeyRefused, AlgorithmRefused) as error:
        zh, en = "不能用此种密钥签章", f"no signing with this certificate: {error}"
        raise refused("key", zh, en) from error
