"""What the check of one OFD may cost in all: limits that hold over the whole document.

Each file and each signature has caps of its own, but 2,000 small files or 100 signatures that each
stay below theirs add up to minutes. What counts is work, not bytes of the file: XML packs a
hundredfold. Numbers: docs/formats.md, "OFD signatures".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_seal.ofd.refusals import refusal

if TYPE_CHECKING:
    from lxml import etree

    from msb_seal.ofd.package import OfdPackage

EXHAUSTED = "too-much"
"""The code of the refusal; whoever goes on after other refusals must not after this one."""
MAX_NODES = 1_500_000
"""Elements and attributes parsed, as their bytes tell: about a second."""
MAX_ALL_SIGNATURES = 100
MAX_ALL_REFERENCES = 20_000
"""So many References of all signatures together are compared: a path may be slow to resolve."""
MAX_ALL_STAMPS = 20_000
MAX_SEARCHES = 300
"""Searches for chains of certificates: a crafted one costs some 200 signature checks."""


@dataclass(slots=True)
class Budget:
    """What is left of each limit; every method raises OfdRefused ("too-much") beyond its own."""

    nodes: int = MAX_NODES
    signatures: int = MAX_ALL_SIGNATURES
    references: int = MAX_ALL_REFERENCES
    stamps: int = MAX_ALL_STAMPS
    searches: int = MAX_SEARCHES

    def xml(self, package: OfdPackage, name: str) -> etree._Element:
        """Parse an entry as OfdPackage.xml does, its nodes counted before."""
        content = package.entry(name)
        self.nodes -= content.count(b"<") + content.count(b"=")
        _require(self.nodes, "XML")
        return package.xml(name)

    def take_signatures(self, count: int) -> None:
        """Take signatures that lists name."""
        self.signatures -= count
        _require(self.signatures, f"> {MAX_ALL_SIGNATURES} signatures")

    def take_files(self, *, references: int, stamps: int) -> None:
        """Take what one Signature.xml lists."""
        self.references -= references
        self.stamps -= stamps
        _require(self.references, f"> {MAX_ALL_REFERENCES} references")
        _require(self.stamps, f"> {MAX_ALL_STAMPS} stamps")

    def take_searches(self, count: int) -> None:
        """Take searches for chains."""
        self.searches -= count
        _require(self.searches, f"> {MAX_SEARCHES} chains")


def _require(left: int, what: str) -> None:
    if left < 0:
        raise refusal(EXHAUSTED, what)
