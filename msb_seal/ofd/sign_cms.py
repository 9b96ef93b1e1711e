"""A plain digital signature on an OFD (数字签名, Type="Sign"): a CMS over Signature.xml, no seal.

GM/T 0099-2020 7.2.2: SignedData of GB/T 35275 for SM2; RSA and P-256 keys write RFC 5652. The same
files are protected as by a seal (sign.py); nothing shows on the pages.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msb_identity.foundation.clock import aware
from msb_identity.pki.keys import KeyKind
from msb_seal.cms.making import cms_digest, prepare_cms
from msb_seal.ofd.archive import Packed
from msb_seal.ofd.package import OfdPackage
from msb_seal.ofd.sign import PROVIDER, checked_files, file_digest, write_entries
from msb_seal.ofd.signature_writing import SignatureText
from msb_seal.ofd.signature_xml import Provider, SignatureType
from msb_seal.ofd.slots import make_slot
from msb_seal.seals.algorithms import own_algorithm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from msb_identity.pki.keys import SigningKey
    from msb_identity.x509.certificate import Certificate
    from msb_seal.cms.making import PreparedCms
    from msb_seal.seals.sealer import TimestampSource


@dataclass(frozen=True, slots=True)
class PreparedOfdCms:
    """A document that waits for its signature: `to_sign` goes to the key, wherever it is."""

    cms: PreparedCms = field(repr=False)
    digest: bytes
    description: str
    value: str
    entries: Mapping[str, Packed] = field(repr=False)

    @property
    def to_sign(self) -> bytes:
        """The bytes to sign."""
        return self.cms.to_sign

    def finish(self, signature: bytes, *, timestamps: TimestampSource | None = None) -> bytes:
        """Put the signature in and write the OFD; raises as PreparedCms.finish does."""
        value = self.cms.finish(signature, timestamps=timestamps)
        return write_entries({**self.entries, self.value: Packed.of(value, compress=False)})


def prepare_ofd_cms(
    data: bytes | OfdPackage,
    *,
    certificate: Certificate,
    chain: Sequence[Certificate] = (),
    attached: bool = False,
    now: datetime | None = None,
    final: bool = False,
    provider: Provider = PROVIDER,
    index: int = 0,
) -> PreparedOfdCms:
    """Prepare a plain signature on an OFD; `finish` takes the signature over `to_sign`.

    chain: the certificates above the signer's, to go along. attached: the form of older signers,
    whose content is the digest itself. final, index: as for `prepare_ofd`.

    OfdRefused for what is no OFD that can be read; SealingRefused where an earlier signature is
    final; KeyRefused or CmsRefused for a key that signs nothing here.
    """
    package = data if isinstance(data, OfdPackage) else OfdPackage.read(data)
    kind, moment = certificate.key.kind, aware(now)
    slot = make_slot(package, kind=SignatureType.SIGN, index=index)
    files = file_digest(kind)
    text = SignatureText(provider, own_algorithm(kind), files, None, slot.value)
    checked = checked_files(slot, files.name, files.compute, final=final)
    description = text.write(time=moment, checked=checked, stamps=())
    digest = cms_digest(description, certificate)
    cms = prepare_cms(
        digest=digest,
        certificate=certificate,
        chain=chain,
        attached=attached,
        gm=kind is KeyKind.SM2,
        now=moment,
    )
    entries = {**slot.entries, slot.description: Packed.of(description)}
    return PreparedOfdCms(cms, digest, slot.description, slot.value, entries)


def sign_ofd_cms(
    data: bytes | OfdPackage,
    *,
    key: SigningKey,
    certificate: Certificate,
    chain: Sequence[Certificate] = (),
    attached: bool = False,
    final: bool = False,
    timestamps: TimestampSource | None = None,
    now: datetime | None = None,
) -> bytes:
    """Sign an OFD with a key at hand; raises as `prepare_ofd_cms` and `finish` do."""
    prepared = prepare_ofd_cms(
        data, certificate=certificate, chain=chain, attached=attached, final=final, now=now
    )
    return prepared.finish(key.sign(prepared.to_sign), timestamps=timestamps)
