"""What of an OFD a signature covers: pure rules over names.

A signature lists the files that it protects; whatever else is in the container could have been put
there by anybody. Readers look files up in different ways (by case, from the root, by habit), so an
entry counts as seen unless it is known to be inert: the files of the signatures themselves, where
nothing in the document refers to them. Rules: docs/decisions/ofd-signatures.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from msb_seal.ofd.package import local_name, plain_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from lxml import etree

MAX_NAMED = 20
"""So many names stand in a step's detail; of more the number is told."""


class Target(StrEnum):
    """What stands at a place: a file that names others, a page (which seldom does), or neither."""

    INDEX = "index"
    PAGE = "page"
    LEAF = "leaf"


_LOCATION_ELEMENTS = {
    "DocRoot": Target.INDEX,  # OFD.xml; and each version
    "PublicRes": Target.INDEX,  # Document.xml
    "DocumentRes": Target.INDEX,
    "Annotations": Target.INDEX,
    "Attachments": Target.INDEX,
    "CustomTags": Target.INDEX,
    "Extensions": Target.INDEX,
    "PageRes": Target.INDEX,  # a page
    "MediaFile": Target.LEAF,  # resources
    "FontFile": Target.LEAF,
    "FileLoc": Target.LEAF,  # annotations, attachments, tags
    "SchemaLoc": Target.LEAF,
    "ExtendData": Target.LEAF,
    "File": Target.LEAF,  # a version's FileList
}
"""Elements whose text is the place of a file (ST_Loc), GB/T 33190-2016."""
_LOCATION_ATTRIBUTES = {
    "Page": ("BaseLoc", Target.PAGE),
    "TemplatePage": ("BaseLoc", Target.PAGE),
    "Version": ("BaseLoc", Target.INDEX),
    "ColorSpace": ("Profile", Target.LEAF),
}
"""Elements one of whose attributes is the place of a file."""
_WANTED = tuple(f"{{*}}{name}" for name in (*_LOCATION_ELEMENTS, *_LOCATION_ATTRIBUTES))
_IN_RES_FOLDER = frozenset({"MediaFile", "FontFile", "ColorSpace"})
_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//|\\\\")
"""A scheme, a drive or another machine: nothing in the container."""


@dataclass(frozen=True, slots=True)
class Location:
    """One place of a file as an XML file names it. base: the folder in a resource's BaseLoc."""

    path: str
    target: Target
    base: str = ""

    @property
    def is_elsewhere(self) -> bool:
        """Whether it lies outside the container, where no signature reaches."""
        return any(_ELSEWHERE.match(part) for part in (self.path, self.base))

    @property
    def joined(self) -> str:
        """The path from the XML file's own folder, or from the root."""
        if not self.base or self.path.startswith(("/", "\\")):
            return self.path
        return f"{self.base.rstrip('/')}/{self.path}"


@dataclass(frozen=True, slots=True)
class Gap:
    """Files that a signature does not protect.

    bare: protected by no signature at all; by_others: only by other signatures.
    """

    bare: tuple[str, ...]
    by_others: tuple[str, ...]


def locations(root: etree._Element) -> Iterator[Location]:
    """Give every place of a file that an XML file of the document names.

    Not those of Signatures.xml and Signature.xml, which name what protects and not what is shown,
    nor the addresses of hyperlinks. OfdRefused ("bad-structure") where a path holds more than text.
    """
    base = (root.get("BaseLoc") or "").strip() if local_name(root) == "Res" else ""
    for element in root.iter(*_WANTED):
        name = local_name(element)
        if element is root:
            continue  # Annotations.xml has the name of the element that leads to it
        if name in _LOCATION_ELEMENTS:
            path, target = plain_text(element), _LOCATION_ELEMENTS[name]
        else:
            attribute, target = _LOCATION_ATTRIBUTES[name]
            path = (element.get(attribute) or "").strip()
        if path:
            yield Location(path, target, base if name in _IN_RES_FOLDER else "")


def find_gap(
    names: Iterable[str],
    *,
    protected: Collection[str],
    protected_by_others: Collection[str],
    inert: Collection[str],
) -> Gap:
    """Sort what a signature leaves open by whether any other signature protects it."""
    left = [name for name in names if name not in protected and name not in inert]
    return Gap(
        tuple(name for name in left if name not in protected_by_others),
        tuple(name for name in left if name in protected_by_others),
    )


def inert_names(signature_files: Iterable[str], *, shown: Collection[str]) -> frozenset[str]:
    """Give those files of signatures to which nothing that is shown refers."""
    return frozenset(signature_files) - frozenset(shown)


def name_some(names: Collection[str]) -> str:
    """Name files for a step's detail: the first MAX_NAMED, and how many more there are.

    Those nearer to the root, which decide more, come first.
    """
    listed = sorted(names, key=lambda name: (name.count("/"), name))
    more = len(listed) - MAX_NAMED
    return ", ".join(listed[:MAX_NAMED]) + (f" (+{more})" if more > 0 else "")


def broken_by(
    changed: Collection[str],
    *,
    later: Mapping[str, Collection[str]],
    rewritten_by_signing: Collection[str],
) -> tuple[str, ...]:
    """Name the later signatures that account for every changed file of an earlier one.

    changed: files whose digest no longer holds. later: for each later signature the files whose
    present content it vouches for. rewritten_by_signing: what adding a signature rewrites
    (Signatures.xml). Empty where something changed that no later signature accounts for.
    """
    accounted = [
        identifier
        for identifier, vouched in later.items()
        if all(name in vouched or name in rewritten_by_signing for name in changed)
    ]
    return tuple(accounted) if changed else ()
