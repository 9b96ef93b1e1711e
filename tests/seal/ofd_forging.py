"""Seals on OFDs as no honest program puts them; the signature itself is always good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_identity.foundation.report import Verdict
from msb_seal.ofd.archive import Packed
from msb_seal.ofd.digests import SHA256, FileDigest, find_digest
from msb_seal.ofd.package import OfdPackage
from msb_seal.ofd.signature_writing import SignatureText
from msb_seal.ofd.signature_xml import Provider, SignatureType, Stamp
from msb_seal.ofd.slots import make_slot
from msb_seal.placement import Box
from tests.identity.authorities import NOW
from tests.seal.archives import archive
from tests.seal.makers import world
from tests.seal.ofd_documents import Entries, checked, document

if TYPE_CHECKING:
    from collections.abc import Callable

    from msb_seal.seals.model import ElectronicSeal

SIGN = "Doc_0/Signs/Sign_0"
LIST = "Doc_0/Signs/Signatures.xml"
RECORD = f'<ofd:Signature ID="1" Type="Seal" BaseLoc="/{SIGN}/Signature.xml"/>'
SM2_WITH_SM3 = "1.2.156.10197.1.501"
INVALID, UNDECIDED, VALID = Verdict.INVALID, Verdict.INDETERMINATE, Verdict.VALID


@dataclass(frozen=True)
class Forger:
    """Seals as no honest program does; the signature itself is always good.

    method: the CheckMethod written. leave_out: names not protected. change: in Signature.xml.
    put_on: the seal, by default a new one.
    """

    leave_out: Callable[[str], bool] = lambda _: False
    method: str = "SM3"
    page: str = "1"
    index: int = 0
    change: Callable[[str], str] = lambda text: text
    put_on: ElectronicSeal | None = None

    def seal(self, entries: Entries) -> Entries:
        package = OfdPackage.read(archive(entries))
        slot = make_slot(package, kind=SignatureType.SEAL, index=self.index)
        seal = self.put_on or world().seal()
        files = {**slot.entries, slot.seal: Packed.of(seal.encoded)}
        digest = find_digest(self.method) or SHA256
        named = FileDigest(digest.name, self.method, digest.compute)
        text = SignatureText(Provider("p"), SM2_WITH_SM3, named, slot.seal, slot.value)
        checked_files = [
            (name, named.compute(packed.content))
            for name, packed in files.items()
            if name != slot.signature_list and not self.leave_out(name[1:])
        ]
        stamps = (Stamp("1", self.page, Box(10, 10, 42, 42)),)
        written = text.write(time=NOW, checked=checked_files, stamps=stamps).decode()
        description = self.change(written).encode()
        value = world().forge_signature(
            seal, time=NOW, document=description, property_info=slot.description
        )
        return {
            **{name[1:]: packed.content for name, packed in files.items()},
            slot.description[1:]: description,
            slot.value[1:]: value,
        }


def unprotected(*names: str) -> Entries:
    """The document sealed with a good signature that leaves these files out."""
    return Forger(leave_out=lambda name: name in names).seal(document())


def verdict_of(entries: Entries) -> Verdict:
    return checked(archive(entries)).verdict
