"""Reading documents: where pages and words are, and how pages look (GB/T 33190-2016).

For placing seals and for previews. A preview shows seals whether or not they are good; only
verifying says that.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from msb_seal.drawing.paths import moved
from msb_seal.drawing.pdf import to_pdf
from msb_seal.drawing.png import to_png
from msb_seal.drawing.scene import WHITE, Group, Scene
from msb_seal.errors import DrawingRefused
from msb_seal.ofd.document import open_document
from msb_seal.ofd.document import page_frames as page_frames  # noqa: PLC0414 - for other rooms
from msb_seal.ofd.refusals import refusal
from msb_seal.ofd.rendering import PageRenderer
from msb_seal.ofd.stamps import stamped_items
from msb_seal.ofd.texts import found_text
from msb_seal.ofd.walking import PageWalk
from msb_seal.placement import TextPlace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msb_seal.drawing.scene import Item
    from msb_seal.ofd.document import Budget, Document, Page
    from msb_seal.ofd.package import OfdPackage

MAX_PDF_PAGES = 500
MAX_FOUND = 1_000
MAX_KEYWORD_CHARS = 200


@dataclass(frozen=True, slots=True)
class _Character:
    character: str
    left: float
    top: float
    right: float
    bottom: float


def find_text(package: OfdPackage, keyword: str, index: int = 0) -> list[TextPlace]:
    """Find a keyword within the lines of the pages; from the first page on, from top to bottom.

    Spaces do not count, and a line may be made of several text objects. At most MAX_FOUND places.
    Raises OfdRefused.
    """
    wanted = "".join(keyword.split())
    found: list[TextPlace] = []
    if not wanted or len(wanted) > MAX_KEYWORD_CHARS:
        return found
    document = open_document(package, index)
    for number, page in enumerate(document.pages, 1):
        for line in _lines(document, page):
            for run in _found_in_line(line, wanted, document.budget):
                found.append(_place(run, number))
                if len(found) == MAX_FOUND:
                    return found
    return found


def render_page(package: OfdPackage, page: int, *, dpi: float = 150, index: int = 0) -> bytes:
    """Draw a page (counted from 1) with its seals, as PNG on white; OfdRefused."""
    document = open_document(package, index)
    shown = document.page(page)
    scene = _scene(PageRenderer(document), shown, stamped_items(document, [shown]))
    try:
        return to_png(scene, dpi=dpi, ground=WHITE)
    except DrawingRefused as error:
        raise refusal("too-complex", str(error)) from error


def render_pdf(package: OfdPackage, index: int = 0) -> bytes:
    """Draw all pages, at most MAX_PDF_PAGES, with their seals, as one PDF; OfdRefused."""
    document = open_document(package, index)
    if len(document.pages) > MAX_PDF_PAGES:
        raise refusal("too-complex", f"{len(document.pages)} > {MAX_PDF_PAGES}")
    if not document.pages:
        raise refusal("no-page", "1")
    renderer, stamps = PageRenderer(document), stamped_items(document, document.pages)
    try:
        return to_pdf([_scene(renderer, page, stamps) for page in document.pages])
    except DrawingRefused as error:
        raise refusal("too-complex", str(error)) from error


def _scene(renderer: PageRenderer, page: Page, stamps: dict[str, list[Item]]) -> Scene:
    area, items = renderer.page(page)
    seals = tuple(stamps.get(page.id, ()))
    if seals and (area.x_mm or area.y_mm):
        seals = (Group(seals, moved(-area.x_mm, -area.y_mm)),)
    try:
        return Scene(area.width_mm, area.height_mm, (*items, *seals))
    except DrawingRefused as error:
        raise refusal("too-complex", str(error)) from error


def _lines(document: Document, page: Page) -> Iterator[list[_Character]]:
    """Give the page's characters by line, from top to bottom, each from left to right."""
    characters = []
    for placed in PageWalk(document, page):
        if placed.kind == "TextObject":
            for text, box in found_text(placed):
                document.budget.spend()
                if not text.isspace():
                    characters.append(_Character(text, *box))
    characters.sort(key=lambda c: (c.bottom, c.left))
    line: list[_Character] = []
    for character in characters:
        # Characters of one line may differ a little in size, and so in their lower edges.
        if line and character.bottom - line[0].bottom > (line[0].bottom - line[0].top) / 3:
            yield sorted(line, key=lambda c: c.left)
            line = []
        line.append(character)
    if line:
        yield sorted(line, key=lambda c: c.left)


def _found_in_line(
    line: list[_Character], wanted: str, budget: Budget
) -> Iterator[list[_Character]]:
    text = "".join(c.character for c in line)
    at = text.find(wanted)
    while at >= 0:
        budget.spend(len(wanted))
        run = line[at : at + len(wanted)]
        if all(_touch(one, other) for one, other in pairwise(run)):
            yield run
        at = text.find(wanted, at + 1)


def _place(run: list[_Character], page: int) -> TextPlace:
    left, top = min(c.left for c in run), min(c.top for c in run)
    right, bottom = max(c.right for c in run), max(c.bottom for c in run)
    return TextPlace(page, left, top, right - left, bottom - top)


def _touch(one: _Character, other: _Character) -> bool:
    """Whether two characters belong to one word: columns of a table do not."""
    return other.left - one.right <= 2 * (one.bottom - one.top)
