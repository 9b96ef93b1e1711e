"""The pages of a revision, by its tree of pages (ISO 32000-1, 7.7.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_seal.errors import PdfRefused
from msb_seal.pdf.syntax import Ref

if TYPE_CHECKING:
    from msb_seal.pdf.revisions import Revision
    from msb_seal.pdf.syntax import Dictionary, PdfValue

MAX_PAGES = 100_000
_MAX_TREE_NESTING = 64


def pages_of(revision: Revision) -> dict[Ref, int]:
    """Give the pages that stand as objects of their own, with their numbers from 0.

    PdfRefused beyond the caps.
    """
    found: dict[Ref, int] = {}
    waiting = [(revision.catalog.get("Pages"), 0)]
    seen: set[Ref] = set()
    count = 0
    while waiting:
        value, nesting = waiting.pop()
        if isinstance(value, Ref):
            if value in seen:
                continue
            seen.add(value)
        node = revision.dictionary(value)
        if nesting > _MAX_TREE_NESTING or count > MAX_PAGES:
            code = "limit"
            raise PdfRefused(code, "页面过多", "the document has too many pages")
        if "Kids" in node:
            kids = revision.array(node["Kids"])
            waiting += [(kid, nesting + 1) for kid in reversed(kids)]
        else:
            if isinstance(value, Ref):
                found[value] = count
            count += 1
    return found


def inherited(revision: Revision, page: Dictionary, key: str) -> PdfValue:
    """Give an entry of a page, or of the nodes above it (7.7.3.4)."""
    node = page
    for _ in range(_MAX_TREE_NESTING):
        if key in node:
            return node[key]
        node = revision.dictionary(node.get("Parent"))
    return None
