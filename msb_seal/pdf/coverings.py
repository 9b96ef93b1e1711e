"""What later signatures hide of the pages that earlier ones were put on.

A new signature may lie over the page, as seals do: what stands there must stay legible, for every
earlier signature by itself. A field that was there counts by what was seen of it: its first look is
new, though who signed knew that something would stand there.
Rules: docs/decisions/pdf-verification.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_seal.errors import PdfRefused
from msb_seal.pdf.comparing import Changes, Comparison
from msb_seal.pdf.drawn.hiding import MAX_PAGES
from msb_seal.pdf.found import fields, find_signatures
from msb_seal.pdf.page_tree import inherited, pages_of
from msb_seal.pdf.syntax import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from msb_seal.pdf.comparing import Filled
    from msb_seal.pdf.drawings import Drawings
    from msb_seal.pdf.drawn.pages import Corners
    from msb_seal.pdf.judged import Case
    from msb_seal.pdf.revisions import PdfBytes, Revision
    from msb_seal.pdf.syntax import PdfValue

MAX_SHARE = 1 / 3
"""Of its page: how much a signature that is no page of its own may cover."""
MAX_FILLED = 1_000
"""Fields that are filled in after a signature: each is held against each."""
_MOST = 0.8
"""Of the marks under a signature: if so many are hidden, that is what it is there for."""


@dataclass(frozen=True, slots=True)
class Covering:
    """What a later signature hides of what the one that ends at `end` was put on.

    Forbidden, or not to be decided here.
    """

    end: int
    is_forbidden: bool
    what: str


def find_coverings(cases: Sequence[Case], file: PdfBytes, drawings: Drawings) -> Iterator[Covering]:
    """Tell what each signature hides of the pages as every earlier one left them."""
    revisions = [one.range.revision for one in cases]
    for index, (case, now) in enumerate(zip(cases, revisions, strict=True)):
        earlier = {one.end: one for one in revisions[:index] if one is not None}
        for end, before in sorted(earlier.items()):
            if now is None or end >= now.end:
                continue
            name = case.found.field.name
            try:
                yield from _Pair(name, before, now, drawings).coverings(case, file)
            except PdfRefused as error:
                what = f"field {name}: what it covers cannot be drawn ({error.en})"
                yield Covering(end, is_forbidden=False, what=what)


@dataclass(frozen=True, slots=True)
class _Pair:
    """A signature's field, before it was signed and after."""

    name: str
    before: Revision
    now: Revision
    drawings: Drawings

    def coverings(self, case: Case, file: PdfBytes) -> Iterator[Covering]:
        """Tell what the field hides that its look, at the earlier signature, did not."""
        pages = pages_of(self.now)
        widgets = [one for one in case.found.field.widgets if isinstance(one, Ref)]
        shown = [one for one in widgets if "AP" in self.now.dictionary(one)]
        known = set(places_of(self.before, [one for one in shown if self._looked_so(one)], pages))
        new = [one for one in places_of(self.now, shown, pages) if one not in known]
        places: dict[str, list[Corners]] = {}
        for _, page, box in new:
            if box[0] < box[2] and box[1] < box[3]:
                places.setdefault(str(pages[page]), []).append(box)
                if _share(self.now, page, box) > MAX_SHARE:
                    yield self._doubt(f"it covers too much of page {pages[page] + 1}")
        if len(places) > MAX_PAGES:
            yield self._doubt("it shows on more pages than are looked at")
        known_fields = (one.widgets for one in fields(self.before))
        was_there = {one for widgets in known_fields for one in widgets if isinstance(one, Ref)}
        is_prepared = any(ref in was_there for ref, _, _ in new)
        data = file.data[: self.now.end]
        given = {"before": self.before.end, "places": places, "seals": self._seals(pages)}
        for told in self.drawings.ask("hidden", data, **given) if places else ():
            page_number, hidden, inked = (int(one) for one in told.split(":"))
            what = f"field {self.name}: it hides what page {page_number} shows"
            forbidden = hidden >= _MOST * inked and not is_prepared
            yield Covering(self.before.end, is_forbidden=forbidden, what=what)

    def _looked_so(self, widget: Ref) -> bool:
        one, two = self.before.dictionary(widget), self.now.dictionary(widget)
        comparison = Comparison(self.before, self.now, Changes())
        return all(comparison.same(one.get(key), two.get(key)) for key in ("AP", "AS"))

    def _seals(self, pages: Mapping[Ref, int]) -> dict[str, list[Corners]]:
        """Give where earlier signatures show themselves, by page."""
        found: dict[str, list[Corners]] = {}
        signatures = (one.field.widgets for one in find_signatures(self.before))
        shown = [one for widgets in signatures for one in widgets if isinstance(one, Ref)]
        for _, page, box in places_of(self.before, shown, pages):
            found.setdefault(str(pages[page]), []).append(box)
        return found

    def _doubt(self, what: str) -> Covering:
        what = f"field {self.name}: {what}"
        return Covering(self.before.end, is_forbidden=False, what=what)


def find_overwritten(
    filled: Sequence[Filled], before: Revision, now: Revision, drawings: Drawings
) -> Iterator[str]:
    """Tell which filled fields lie over something that the page shows without them.

    Letters stand on bare paper, and not on each other's; a mark hides nothing, neither before it
    was set nor after.
    """
    if len(filled) > MAX_FILLED:
        yield f"more than {MAX_FILLED} fields were filled in"
        return
    apart = [(one, one.letters or one.marks) for one in filled]
    for place, (one, boxes) in enumerate(apart):
        for other, more in apart[:place]:
            if one.widget != other.widget and any(_meet(a, b) for a in boxes for b in more):
                yield f"{one.path}: filled in over {other.path}"
    try:
        if asked := _asked(filled, now):
            data = now.file.data[: now.end]
            counts = _counts(now)
            given = {"before": before.end, "asked": asked, "counts": counts}
            for told in drawings.ask("overwritten", data, **given):
                yield f"filled in over what page {told} shows"
    except PdfRefused as error:
        yield f"what is under the filled fields cannot be drawn ({error.en})"


def _asked(filled: Sequence[Filled], now: Revision) -> dict[str, list[tuple[int, bool, Corners]]]:
    """Give by page which of its annotations were filled in, and where, as drawn/hiding.py asks."""
    widgets = {one.widget: one for one in filled}
    asked: dict[str, list[tuple[int, bool, Corners]]] = {}
    for page, number in pages_of(now).items() if widgets else ():
        for index, value in enumerate(now.array(now.dictionary(page).get("Annots"))):
            if isinstance(value, Ref) and value in widgets:
                here = asked.setdefault(str(number), [])
                here += [(index, False, box) for box in widgets[value].letters]
                here += [(index, True, box) for box in widgets[value].marks]
    return asked


def _counts(now: Revision) -> dict[str, int]:
    """Give how many annotations each page has."""
    return {
        str(number): len(now.array(now.dictionary(page).get("Annots")))
        for page, number in pages_of(now).items()
    }


def _meet(one: Corners, other: Corners) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def places_of(
    revision: Revision, widgets: Sequence[Ref], pages: Mapping[Ref, int]
) -> Iterator[tuple[Ref, Ref, Corners]]:
    """Give which widget stands on which page, and where."""
    wanted = set(widgets)
    for ref in pages if wanted else ():
        for value in revision.array(revision.dictionary(ref).get("Annots")):
            if isinstance(value, Ref) and value in wanted:
                box = corners(revision, revision.dictionary(value).get("Rect"))
                if box is not None:
                    yield value, ref, box


def corners(revision: Revision, value: PdfValue) -> Corners | None:
    """Read a rectangle; None for what is none."""
    numbers = [revision.resolve(one) for one in revision.array(value)]
    edges = [float(one) for one in numbers if isinstance(one, int | float)]
    if len(edges) != 4 or len(numbers) != 4:  # noqa: PLR2004 - two corners
        return None
    x1, y1, x2, y2 = edges
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _share(revision: Revision, page: Ref, box: Corners) -> float:
    """Give how much of its page a rectangle takes."""
    media = corners(revision, inherited(revision, revision.dictionary(page), "MediaBox"))
    if media is None:
        return 0
    area = (media[2] - media[0]) * (media[3] - media[1])
    return (box[2] - box[0]) * (box[3] - box[1]) / area if area else 1
