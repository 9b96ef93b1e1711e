"""Where a new signature goes in an OFD, and what must be rewritten for it.

A new signature may not break an earlier one: where an earlier one protects Signatures.xml (a final
seal) or an OFD.xml that would have to change, there is no room for another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from lxml import etree

from msb_seal.errors import SealingRefused
from msb_seal.ofd.archive import Packed
from msb_seal.ofd.package import OFD_NAMESPACE, ROOT_NAME, child, local_name
from msb_seal.ofd.signature_writing import with_record, write_signature_list
from msb_seal.ofd.signature_xml import (
    MAX_SIGNATURES,
    SignatureList,
    read_signature,
    read_signature_list,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msb_seal.ofd.package import OfdDocument, OfdPackage
    from msb_seal.ofd.signature_xml import SignatureType


@dataclass(frozen=True, slots=True)
class Slot:
    """The room for one new signature.

    description, value, seal: the names of its files. signature_list: the name of Signatures.xml.
    entries: the package's entries with those rewritten that name the new signature.
    """

    description: str
    value: str
    seal: str
    signature_list: str
    entries: Mapping[str, Packed] = field(repr=False)


def make_slot(package: OfdPackage, *, kind: SignatureType, index: int = 0) -> Slot:
    """Make room for one more signature on the package's document of that index.

    Raises SealingRefused (`final`, `too-many-signatures`, `no-such-document`), OfdRefused where
    the signatures there cannot be read.
    """
    if not 0 <= index < len(package.documents):
        raise _refused("no-such-document", "没有该文档", "the package has no such document")
    document = package.documents[index]
    folder = _signs_folder(document)
    list_name = document.signatures or f"{folder}/Signatures.xml"
    if list_name in package.entries:
        signatures = read_signature_list(package.xml(list_name))
    else:
        signatures = SignatureList(())
    if len(signatures.records) >= MAX_SIGNATURES:
        raise _refused("too-many-signatures", "签名过多", "it has too many signatures already")
    rewritten = {list_name} if document.signatures else {list_name, _root_name(package)}
    _require_open(package, rewritten)
    home = _free_folder(package, folder)
    description = f"{home}/Signature.xml"
    grown, _ = with_record(signatures, kind=kind, location=description)
    entries = dict(package.entries)
    if not document.signatures:
        entries[_root_name(package)] = Packed.of(_with_signatures(package, index, list_name))
    entries[list_name] = _packed_list(grown)
    return Slot(description, f"{home}/SignedValue.dat", f"{home}/Seal.esl", list_name, entries)


def protected_by_earlier(package: OfdPackage) -> frozenset[str]:
    """Give the names of all files that the package's signatures protect."""
    found: set[str] = set()
    for document in package.documents:
        if document.signatures is None or document.signatures not in package.entries:
            continue
        for record in read_signature_list(package.xml(document.signatures)).records:
            name = package.resolve(document.signatures, record.location)
            description = read_signature(package.xml(name))
            found |= {package.resolve(name, reference.path) for reference in description.references}
    return frozenset(found)


def _require_open(package: OfdPackage, rewritten: set[str]) -> None:
    if rewritten & protected_by_earlier(package):
        zh, en = (
            "文档已有锁定签名，不能再签",
            "an earlier signature is final: another would break it",
        )
        raise _refused("final", zh, en)


@lru_cache(16)
def _packed_list(signatures: SignatureList) -> Packed:
    """Write Signatures.xml; most documents of a batch get the same."""
    return Packed.of(write_signature_list(signatures))


def _signs_folder(document: OfdDocument) -> str:
    """Give the folder for signatures; seals name it in ASCII, so the root for other documents."""
    folder = document.root.rpartition("/")[0]
    return f"{folder}/Signs" if folder.isascii() else "/Signs"


def _free_folder(package: OfdPackage, folder: str) -> str:
    taken = {name.lower() for name in package.entries}
    for number in range(len(taken) + 1):
        home = f"{folder}/Sign_{number}"
        if not any(name.startswith(f"{home}/".lower()) for name in taken):
            return home
    raise AssertionError  # one more folder than entries is tried


def _root_name(package: OfdPackage) -> str:
    return package.resolve("/", ROOT_NAME)


def _with_signatures(package: OfdPackage, index: int, list_name: str) -> bytes:
    """Give OFD.xml with the element Signatures at the end of the document's DocBody."""
    root = package.xml(_root_name(package))
    bodies = [element for element in root if local_name(element) == "DocBody"]
    body = bodies[index]
    namespace = etree.QName(body).namespace or OFD_NAMESPACE
    found = child(body, "Signatures")
    element = found if found is not None else etree.SubElement(body, f"{{{namespace}}}Signatures")
    element.text = list_name
    return etree.tostring(root.getroottree(), xml_declaration=True, encoding="UTF-8")


def _refused(code: str, zh: str, en: str) -> SealingRefused:
    return SealingRefused(code, zh, en)
