"""A document of an OFD as it is laid out: pages, templates, resources, annotations (clauses 6, 7).

Read for placing and preview, so with leniency: a missing resource file is no resource. What names a
page is read strictly: which pages there are must not depend on the reader.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msb_seal.errors import OfdRefused
from msb_seal.ofd.boxes import read_box
from msb_seal.ofd.package import child, child_text, local_name, may_have, plain_text
from msb_seal.ofd.refusals import refusal
from msb_seal.placement import Box, PageFrame

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lxml import etree

    from msb_seal.ofd.package import OfdDocument, OfdPackage

MAX_PAGES = 10_000
MAX_WORK = 2_000_000
MAX_PIXELS = 120_000_000
"""Of all images together."""
MAX_RESOURCE_FILES = 100
A4 = Box(0, 0, 210, 297)


class Budget:
    """What one reading may cost: elements parsed or drawn, numbers of paths, characters, pixels.

    Many pages may name one huge file, composites may hold composites: small input, endless work.
    """

    def __init__(self) -> None:
        """Begin with all of it."""
        self._left = MAX_WORK
        self._pixels = MAX_PIXELS

    def spend(self, units: int = 1) -> None:
        """Take units; OfdRefused ("too-complex") when there are none left."""
        self._left -= units
        if self._left < 0:
            raise refusal("too-complex")

    def has_room_for(self, pixels: int) -> bool:
        """Take room for an image; whether there was some left. One too large shows nothing."""
        if pixels > self._pixels:
            return False
        self._pixels -= pixels
        return True


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its ID in Document.xml and the entry of its content."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource (clause 7.9): its element, and the file it names, if it does and it is there."""

    element: etree._Element = field(repr=False)
    file: str | None


@dataclass(frozen=True, slots=True)
class Document:
    """One document: area is the default page's. Resources by ID."""

    package: OfdPackage = field(repr=False)
    source: OfdDocument
    area: Box
    pages: tuple[Page, ...]
    templates: Mapping[str, str]
    resources: Mapping[str, Resource] = field(repr=False)
    annotations: Mapping[str, Sequence[str]]
    budget: Budget = field(repr=False)

    def xml(self, name: str) -> etree._Element:
        """Parse an entry within the budget; OfdRefused."""
        return _parsed(self.package, name, self.budget)

    def page(self, number: int) -> Page:
        """Give a page counted from 1; OfdRefused ("no-page")."""
        if not 1 <= number <= len(self.pages):
            raise refusal("no-page", str(number))
        return self.pages[number - 1]

    def page_area(self, root: etree._Element) -> Box:
        """Give the area of a page from its content, or else the document's."""
        area = child(root, "Area")
        return _area(area) or self.area


def open_document(package: OfdPackage, index: int = 0, *, budget: Budget | None = None) -> Document:
    """Read the structure of the package's document, counted from 0.

    budget: that of the document in which this one is a picture.
    Raises OfdRefused where Document.xml or the list of pages cannot be read.
    """
    budget = Budget()
    source, root = _opened(package, index, budget)
    common = child(root, "CommonData")
    pages = _pages(package, source.root, child(root, "Pages"))
    return Document(
        package,
        source,
        _default_area(common),
        pages,
        {} if common is None else _templates(package, source.root, common),
        {} if common is None else _resources(package, source.root, common, budget),
        _annotations(package, source.root, child_text(root, "Annotations"), budget),
        budget,
    )


def page_frames(package: OfdPackage, index: int = 0) -> tuple[PageFrame, ...]:
    """Give the pages of the package's document (counted from 0) with their sizes; OfdRefused.

    For a batch it matters what is not read: no resources, and no page that has no area of its own.
    """
    budget = Budget()
    source, root = _opened(package, index, budget)
    default = _default_area(child(root, "CommonData"))
    frames = []
    for page in _pages(package, source.root, child(root, "Pages")):
        own = None
        if may_have(package.entry(page.name), "Area"):
            own = _area(child(_parsed(package, page.name, budget), "Area"))
        area = own or default
        frames.append(PageFrame(page.id, area.width_mm, area.height_mm))
    return tuple(frames)


def page_resources(
    document: Document, page_name: str, root: etree._Element
) -> Mapping[str, Resource]:
    """Give the document's resources and those that the page has for itself (PageRes)."""
    files = _texts(root, "PageRes")
    if not files:
        return document.resources
    document.budget.spend(len(document.resources))
    own = _read_files(document.package, page_name, files, document.budget)
    return {**document.resources, **dict(own)}


def _opened(package: OfdPackage, index: int, budget: Budget) -> tuple[OfdDocument, etree._Element]:
    if not 0 <= index < len(package.documents):
        raise refusal("bad-structure", f"document {index}")
    source = package.documents[index]
    root = _parsed(package, source.root, budget)
    if local_name(root) != "Document":
        raise refusal("bad-structure", source.root)
    return source, root


def _default_area(common: etree._Element | None) -> Box:
    return A4 if common is None else _area(child(common, "PageArea")) or A4


def _parsed(package: OfdPackage, name: str, budget: Budget) -> etree._Element:
    budget.spend(package.entry(name).count(b"<"))
    return package.xml(name)


def _pages(package: OfdPackage, base: str, pages: etree._Element | None) -> tuple[Page, ...]:
    found: list[Page] = []
    for element in () if pages is None else pages:
        if local_name(element) != "Page":
            continue
        location = element.get("BaseLoc")
        if not location or len(found) >= MAX_PAGES:
            raise refusal("bad-structure", base)
        found.append(Page(element.get("ID", ""), package.resolve(base, location)))
    return tuple(found)


def _templates(package: OfdPackage, base: str, common: etree._Element) -> dict[str, str]:
    return {
        element.get("ID", ""): package.resolve(base, element.get("BaseLoc", ""))
        for element in common
        if local_name(element) == "TemplatePage" and element.get("BaseLoc")
    }


def _resources(
    package: OfdPackage, base: str, common: etree._Element, budget: Budget
) -> dict[str, Resource]:
    files = [*_texts(common, "PublicRes"), *_texts(common, "DocumentRes")]
    return dict(_read_files(package, base, files, budget))


def _texts(parent: etree._Element, name: str) -> list[str]:
    return [plain_text(e) for e in parent if local_name(e) == name]


def _read_files(
    package: OfdPackage, base: str, files: Sequence[str], budget: Budget
) -> Iterator[tuple[str, Resource]]:
    for location in files[:MAX_RESOURCE_FILES]:
        try:
            name = package.resolve(base, location)
            root = _parsed(package, name, budget)
        except OfdRefused as error:
            if error.code == "too-complex":
                raise
            continue
        yield from _read_resources(package, name, root)


def _read_resources(
    package: OfdPackage, name: str, root: etree._Element
) -> Iterator[tuple[str, Resource]]:
    base = root.get("BaseLoc", "").strip().replace("\\", "/").rstrip("/")
    for group in root:
        for element in group if isinstance(group.tag, str) else ():
            identifier = element.get("ID")
            if identifier is None or not local_name(element):
                continue
            location = child_text(element, "FontFile") or child_text(element, "MediaFile")
            yield identifier, Resource(element, _file(package, name, base, location))


def _file(package: OfdPackage, name: str, base: str, location: str | None) -> str | None:
    if not location:
        return None
    # Some writers repeat the base in the location, and some give it from the root.
    for reference in (f"{base}/{location}" if base else location, location):
        try:
            found = package.resolve(name, reference)
        except OfdRefused:
            continue
        if found in package.entries:
            return found
    return None


def _annotations(
    package: OfdPackage, base: str, location: str | None, budget: Budget
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    if not location:
        return found
    try:
        name = package.resolve(base, location)
        root = _parsed(package, name, budget)
        for element in root:
            file = child_text(element, "FileLoc") if local_name(element) == "Page" else None
            if file:
                found.setdefault(element.get("PageID", ""), []).append(package.resolve(name, file))
    except OfdRefused as error:
        if error.code == "too-complex":
            raise
    return found


def _area(area: etree._Element | None) -> Box | None:
    text = None if area is None else child_text(area, "PhysicalBox")
    if not text:
        return None
    box = read_box(text)
    return box if box.width_mm > 0 and box.height_mm > 0 else None
