"""Sealing an OFD: prepare, have it signed anywhere, finish (GB/T 33190-2016, clause 18).

The seal signs Signature.xml, which lists the digests of every other file of the container: the
pages, all resources, earlier signatures. Its own two files stay out, and so does Signatures.xml,
into which later signatures must write themselves; a final seal protects that, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from msb_identity.foundation.clock import aware
from msb_identity.pki.keys import KeyKind
from msb_seal.ofd.archive import Packed, write_archive
from msb_seal.ofd.digests import SHA256, SM3, RememberedDigest
from msb_seal.ofd.document import page_frames
from msb_seal.ofd.package import OfdPackage
from msb_seal.ofd.placement import place_stamps
from msb_seal.ofd.signature_writing import SignatureText
from msb_seal.ofd.signature_xml import Provider, SignatureType
from msb_seal.ofd.slots import Slot, make_slot
from msb_seal.seals.algorithms import own_algorithm
from msb_seal.seals.signing import SignatureTemplate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from msb_identity.x509.certificate import Certificate
    from msb_seal.ofd.digests import FileDigest
    from msb_seal.placement import Place, TextPlace
    from msb_seal.seals.model import ElectronicSeal
    from msb_seal.seals.sealer import Sealer, TimestampSource
    from msb_seal.seals.signing import PreparedSignature

PROVIDER = Provider("msb-seal", "1", "MSB")


@dataclass(frozen=True, slots=True)
class PreparedOfd:
    """A document that waits for its signature: `to_sign` goes to the key, wherever it is.

    digest: of Signature.xml, the digest inside `to_sign`. description: the name of Signature.xml.
    """

    signature: PreparedSignature = field(repr=False)
    description: str
    value: str
    entries: Mapping[str, Packed] = field(repr=False)

    @property
    def to_sign(self) -> bytes:
        """The bytes to sign."""
        return self.signature.to_sign

    @property
    def digest(self) -> bytes:
        """The document's digest, for the log."""
        return self.signature.digest

    @property
    def time(self) -> datetime:
        """The claimed signing time."""
        return self.signature.time

    def finish(
        self,
        signature: bytes,
        *,
        timestamps: TimestampSource | None = None,
        verify: bool = True,
    ) -> bytes:
        """Put the signature in and write the OFD; raises as PreparedSignature.finish does."""
        value = self.signature.finish(signature, timestamps=timestamps, verify=verify)
        # Pictures and signatures hardly shrink: storing them saves more time than it costs space.
        return write_entries({**self.entries, self.value: Packed.of(value, compress=False)})


@dataclass(frozen=True)
class OfdSealing:
    """One seal and one signer, checked once; prepares any number of documents.

    SealingRefused where this signer may not use this seal.
    """

    template: SignatureTemplate = field(repr=False)
    provider: Provider
    digest: FileDigest
    method: str
    packed_seal: Packed = field(repr=False)
    compute: Callable[[bytes], bytes] = field(repr=False)

    @classmethod
    def of(
        cls, seal: ElectronicSeal, certificate: Certificate, *, provider: Provider = PROVIDER
    ) -> OfdSealing:
        """Check seal and signer, and pack the seal."""
        template = SignatureTemplate(seal, certificate)
        kind = certificate.key.kind
        digest = file_digest(kind)
        return cls(
            template,
            provider,
            digest,
            own_algorithm(kind),
            Packed.of(seal.encoded),
            RememberedDigest(digest),
        )

    def prepare(
        self,
        package: OfdPackage,
        *,
        places: Sequence[Place],
        now: datetime | None = None,
        final: bool = False,
        index: int = 0,
    ) -> PreparedOfd:
        """Prepare one document; index: which of the package's documents, counted from 0."""
        moment = aware(now)
        picture = self.template.seal.picture
        stamps = place_stamps(
            places,
            pages=page_frames(package, index),
            size_mm=(picture.width_mm, picture.height_mm),
            find_text=lambda text: _find_text(package, text, index),
        )
        slot = make_slot(package, kind=SignatureType.SEAL, index=index)
        slot = replace(slot, entries={**slot.entries, slot.seal: self.packed_seal})
        text = SignatureText(self.provider, self.method, self.digest, slot.seal, slot.value)
        checked = checked_files(slot, self.digest.name, self.compute, final=final)
        description = text.write(time=moment, checked=checked, stamps=stamps)
        signature = self.template.prepare(
            self.digest.compute(description), property_info=slot.description, now=moment
        )
        entries = {**slot.entries, slot.description: Packed.of(description)}
        return PreparedOfd(signature, slot.description, slot.value, entries)


def prepare_ofd(
    data: bytes | OfdPackage,
    *,
    seal: ElectronicSeal,
    certificate: Certificate,
    places: Sequence[Place],
    now: datetime | None = None,
    final: bool = False,
    provider: Provider = PROVIDER,
    index: int = 0,
) -> PreparedOfd:
    """Prepare a seal on an OFD; `finish` takes the signature over `to_sign`.

    places: where the seal shows. final: protect the list of signatures, so that no further one fits
    in. index: which of the package's documents (DocBody).

    OfdRefused for what is no OFD that can be read; SealingRefused where the place is none, an
    earlier seal is final, or seal and signer may not be used.
    """
    package = data if isinstance(data, OfdPackage) else OfdPackage.read(data)
    sealing = OfdSealing.of(seal, certificate, provider=provider)
    return sealing.prepare(package, places=places, now=now, final=final, index=index)


def seal_ofd(
    data: bytes | OfdPackage,
    *,
    sealer: Sealer,
    places: Sequence[Place],
    document: str = "",
    final: bool = False,
    timestamps: TimestampSource | None = None,
    now: datetime | None = None,
) -> bytes:
    """Have a sealer put its seal on an OFD; the sealed file.

    document: the document's name for the sealer's log. Raises what `prepare_ofd`, the sealer and
    `finish` raise.
    """
    prepared = prepare_ofd(
        data,
        seal=sealer.seal,
        certificate=sealer.certificate,
        places=places,
        now=now,
        final=final,
    )
    signature = sealer.sign(
        prepared.to_sign, digest=prepared.digest, document=document, now=prepared.time
    )
    return prepared.finish(signature, timestamps=timestamps)


def checked_files(
    slot: Slot, algorithm: str, compute: Callable[[bytes], bytes], *, final: bool
) -> list[tuple[str, bytes]]:
    """Give name and digest of every file that the new signature protects."""
    return [
        (name, packed.digest(algorithm, compute))
        for name, packed in slot.entries.items()
        if final or name != slot.signature_list
    ]


def file_digest(kind: KeyKind) -> FileDigest:
    """Give the digest that goes with a kind of key."""
    return SM3 if kind is KeyKind.SM2 else SHA256


def write_entries(entries: Mapping[str, Packed]) -> bytes:
    """Write the container of entries under their absolute names."""
    return write_archive((name[1:], packed) for name, packed in entries.items())


def _find_text(package: OfdPackage, text: str, index: int) -> Sequence[TextPlace]:
    from msb_seal.ofd.reading import find_text  # which loads what draws

    return find_text(package, text, index)
