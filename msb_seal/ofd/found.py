"""The signatures that an OFD names, each with the files that make it and what it lists.

Finding is apart from judging: a signature that cannot be read keeps the reason, and the others are
found all the same.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from msb_seal.errors import OfdRefused
from msb_seal.ofd.budget import EXHAUSTED
from msb_seal.ofd.digests import find_digest
from msb_seal.ofd.package import may_have
from msb_seal.ofd.refusals import refusal
from msb_seal.ofd.signature_xml import (
    MAX_SIGNATURE_XML_BYTES,
    MAX_SIGNATURES,
    SignatureRecord,
    SignatureType,
    read_signature,
    read_signature_list,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from msb_seal.ofd.budget import Budget
    from msb_seal.ofd.digests import FileDigest
    from msb_seal.ofd.package import OfdDocument, OfdPackage
    from msb_seal.ofd.signature_xml import Reference, SignatureDescription


class State(StrEnum):
    """What became of a protected file since."""

    INTACT = "intact"
    CHANGED = "changed"
    MISSING = "missing"
    UNCOMPARED = "uncompared"  # by a digest that we do not have


@dataclass(frozen=True, slots=True)
class FoundSignature:
    """One signature as far as it could be read.

    list_name, description_name, value_name, seal_name: absolute names of its files; the first is
    None where no list names the signature, the last where Signature.xml names no Seal.esl.
    problem: why it cannot be judged.
    files: the state of every protected file, by absolute name.
    """

    record: SignatureRecord
    list_name: str | None
    description_name: str | None = None
    description: SignatureDescription | None = field(default=None, repr=False)
    value_name: str | None = None
    seal_name: str | None = None
    digest: FileDigest | None = None
    files: dict[str, State] = field(default_factory=dict, repr=False)
    problem: OfdRefused | None = None

    @property
    def own_files(self) -> frozenset[str]:
        """The files that make the signature, and the list that names it."""
        names = (self.list_name, self.description_name, self.value_name, self.seal_name)
        return frozenset(name for name in names if name is not None)

    def files_in(self, *states: State) -> frozenset[str]:
        """Give the protected files that are in one of these states."""
        return frozenset(name for name, state in self.files.items() if state in states)


def find_signatures(
    package: OfdPackage, document: OfdDocument, budget: Budget
) -> list[FoundSignature]:
    """Find the signatures of one document.

    Raises OfdRefused where its Signatures.xml cannot be read or the budget is spent.
    """
    if document.signatures is None:
        return []
    found: dict[str, FoundSignature] = {}
    answers = []
    records = read_signature_list(budget.xml(package, document.signatures)).records
    budget.take_signatures(len(records))
    for record in records:
        # A file that is named again is not read again: that alone is wrong already.
        signature = found.get(record.location) or _find(
            package, document.signatures, record, budget
        )
        found[record.location] = signature
        answers.append(replace(signature, record=record))
    return answers


def find_unlisted(
    package: OfdPackage, listed: Collection[str], budget: Budget
) -> list[FoundSignature]:
    """Find the signatures whose Signature.xml is there although no list names it.

    listed: the names of those that a list names. Whoever takes a line out of a list, or the list
    out of OFD.xml, makes a seal vanish from the page while its files stay. OfdRefused where the
    budget is spent.
    """
    found: list[FoundSignature] = []
    for name, packed in package.entries.items():
        small = len(packed.content) <= MAX_SIGNATURE_XML_BYTES
        if name in listed or not small or not may_have(packed.content, "SignedInfo"):
            continue
        if len(found) == MAX_SIGNATURES:
            break
        record = SignatureRecord("", SignatureType.SEAL, name)
        signature = _find(package, None, record, budget)
        if signature.problem is None:
            found.append(signature)
    return found


def _find(
    package: OfdPackage, list_name: str | None, record: SignatureRecord, budget: Budget
) -> FoundSignature:
    name = None
    try:
        name = package.resolve(list_name or record.location, record.location)
        if len(package.entry(name)) > MAX_SIGNATURE_XML_BYTES:
            raise refusal("too-large", name)
        description = read_signature(budget.xml(package, name))
        budget.take_files(references=len(description.references), stamps=len(description.stamps))
        seal = description.seal_location
        digest = find_digest(description.check_method)
        value_name = package.resolve(name, description.value_location)
        package.packed(value_name)
        return FoundSignature(
            record,
            list_name,
            description_name=name,
            description=description,
            value_name=value_name,
            seal_name=None if seal is None else package.resolve(name, seal),
            digest=digest,
            files=_states(package, name, description, digest),
        )
    except OfdRefused as error:
        if error.code == EXHAUSTED:
            raise
        return FoundSignature(record, list_name, description_name=name, problem=error)


def _states(
    package: OfdPackage,
    name: str,
    description: SignatureDescription,
    digest: FileDigest | None,
) -> dict[str, State]:
    """Compare every Reference; of two to one file the worse counts."""
    found: dict[str, State] = {}
    for reference in description.references:
        target = package.resolve(name, reference.path)
        state = _state(package, target, reference, digest)
        if found.get(target, State.INTACT) is State.INTACT:
            found[target] = state
    return found


def _state(
    package: OfdPackage, target: str, reference: Reference, digest: FileDigest | None
) -> State:
    packed = package.entries.get(target)
    if packed is None:
        return State.MISSING
    if digest is None:
        return State.UNCOMPARED
    if reference.value is None:
        return State.CHANGED  # what is no digest is nobody's
    computed = packed.digest(digest.name, digest.compute)
    return State.INTACT if hmac.compare_digest(computed, reference.value) else State.CHANGED
