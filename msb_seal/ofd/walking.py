"""Walking over what a page shows, in the order it is drawn: templates, layers, blocks, annotations.

One walk for whoever draws and whoever searches, so that a keyword is found where it is seen. Each
object comes with the matrix from its own coordinates to the page's, in mm, y downwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msb_seal.drawing.paths import Matrix, compose, moved
from msb_seal.errors import OfdRefused
from msb_seal.ofd import graphics
from msb_seal.ofd.boxes import read_box
from msb_seal.ofd.document import Document, Page, Resource, page_resources
from msb_seal.ofd.package import child, local_name
from msb_seal.ofd.refusals import refusal
from msb_seal.placement import Box

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lxml import etree

MAX_DEPTH = 16
_OBJECTS = frozenset({"TextObject", "PathObject", "ImageObject"})
_LAYER_ORDER = {"Background": 0, "Body": 1, "Foreground": 2}


@dataclass(frozen=True, slots=True)
class PlacedObject:
    """One object of a page. clip: its boundary in page coordinates before its own matrix.

    draw_param: the ID that counts for it, its own or its layer's. opacity: 0 to 1.
    """

    kind: str
    element: etree._Element = field(repr=False)
    box: Box
    matrix: Matrix
    outer: Matrix
    draw_param: str | None
    opacity: float
    resources: Mapping[str, Resource] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What an object inherits from what it stands in."""

    matrix: Matrix
    draw_param: str | None
    opacity: float
    resources: Mapping[str, Resource]
    depth: int


class PageWalk:
    """The objects of one page; iterate once. area: the page's, which starts at its left top."""

    def __init__(self, document: Document, page: Page) -> None:
        """Read the page; OfdRefused where its content cannot be read."""
        self._document, self._page = document, page
        self._root = document.xml(page.name)
        if local_name(self._root) != "Page":
            raise refusal("bad-structure", page.name)
        self.area = document.page_area(self._root)

    def __iter__(self) -> Iterator[PlacedObject]:
        """Give the objects; OfdRefused ("too-complex") beyond the caps."""
        corner = moved(-self.area.x_mm, -self.area.y_mm)
        below, above = self._templates()
        for name in below:
            yield from self._content(name, corner)
        yield from self._layers(self._root, self._page.name, corner)
        for name in above:
            yield from self._content(name, corner)
        yield from self._annotations(corner)

    def _templates(self) -> tuple[list[str], list[str]]:
        below: list[str] = []
        above: list[str] = []
        for element in self._root:
            if local_name(element) != "Template":
                continue
            name = self._document.templates.get(element.get("TemplateID", ""))
            if name is not None:
                (above if element.get("ZOrder") == "Foreground" else below).append(name)
        return below, above

    def _content(self, name: str, corner: Matrix) -> Iterator[PlacedObject]:
        root = self._optional(name)
        if root is None:
            return
        yield from self._layers(root, name, corner)

    def _optional(self, name: str) -> etree._Element | None:
        """Parse a template or an annotation; a broken one shows nothing."""
        try:
            return self._document.xml(name)
        except OfdRefused as error:
            if error.code == "too-complex":
                raise
            return None

    def _layers(self, root: etree._Element, name: str, corner: Matrix) -> Iterator[PlacedObject]:
        content = child(root, "Content")
        layers = [e for e in (() if content is None else content) if local_name(e) == "Layer"]
        layers.sort(key=lambda layer: _LAYER_ORDER.get(layer.get("Type", "Body"), 1))
        resources = page_resources(self._document, name, root)
        for layer in layers:
            inherited = _Surroundings(corner, layer.get("DrawParam"), 1.0, resources, 0)
            yield from self._block(layer, inherited)

    def _annotations(self, corner: Matrix) -> Iterator[PlacedObject]:
        for name in self._document.annotations.get(self._page.id, ()):
            root = self._optional(name)
            for annotation in () if root is None else root:
                appearance = child(annotation, "Appearance") if local_name(annotation) else None
                if appearance is None or annotation.get("Visible") == "false":
                    continue
                box = _box(appearance)
                matrix = compose(corner, moved(box.x_mm, box.y_mm))
                resources = self._document.resources
                yield from self._block(appearance, _Surroundings(matrix, None, 1.0, resources, 1))

    def _block(self, block: etree._Element, around: _Surroundings) -> Iterator[PlacedObject]:
        if around.depth > MAX_DEPTH:
            raise refusal("too-complex", self._page.name)
        for element in block:
            kind = local_name(element)
            if element.get("Visible") == "false" or not kind:
                continue
            self._document.budget.spend(1 + around.depth)
            if kind == "PageBlock":
                yield from self._block(element, _inner(around, around.matrix, around.opacity))
            elif kind == "CompositeObject":
                yield from self._composite(element, around)
            elif kind in _OBJECTS:
                yield self._placed(kind, element, around)

    def _composite(self, element: etree._Element, around: _Surroundings) -> Iterator[PlacedObject]:
        unit = around.resources.get(element.get("ResourceID", ""))
        content = None if unit is None else child(unit.element, "Content")
        if content is not None:
            placed = self._placed("CompositeObject", element, around)
            yield from self._block(content, _inner(around, placed.matrix, placed.opacity))

    @staticmethod
    def _placed(kind: str, element: etree._Element, around: _Surroundings) -> PlacedObject:
        box = _box(element)
        outer = compose(around.matrix, moved(box.x_mm, box.y_mm))
        alpha = graphics.number(element.get("Alpha"), 255)
        return PlacedObject(
            kind,
            element,
            box,
            compose(outer, graphics.matrix(element.get("CTM"))),
            outer,
            element.get("DrawParam") or around.draw_param,
            around.opacity * min(255.0, max(0.0, alpha)) / 255,
            around.resources,
        )


def _inner(around: _Surroundings, matrix: Matrix, opacity: float) -> _Surroundings:
    return _Surroundings(matrix, around.draw_param, opacity, around.resources, around.depth + 1)


def _box(element: etree._Element) -> Box:
    """Give the Boundary; one that cannot be read is empty, at the corner."""
    try:
        return read_box(element.get("Boundary", ""))
    except OfdRefused:
        return Box(0, 0, 0, 0)
