"""What later signatures hide of the pages that earlier ones were put on.

A new signature may lie over the page, as seals do: what stands there must stay legible. Fields that
were there when the earlier signature was made may hide what is under them: its signer saw them.
Rules: docs/decisions/pdf-verification.md.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_seal.errors import PdfRefused
from msb_seal.pdf.drawn.asking import ask
from msb_seal.pdf.drawn.hiding import MAX_PAGES
from msb_seal.pdf.found import fields, find_signatures
from msb_seal.pdf.page_tree import inherited, pages_of
from msb_seal.pdf.syntax import Ref

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from msb_seal.pdf.drawn.pages import Corners
    from msb_seal.pdf.judged import Case
    from msb_seal.pdf.revisions import PdfBytes, Revision
    from msb_seal.pdf.syntax import PdfValue

MAX_SECONDS = 30
"""For all signatures of a file together, by the clock; those that are left stay undecided."""
MAX_SHARE = 1 / 3
"""Of its page: how much a signature that is no page of its own may cover."""
_MOST = 0.8
"""Of the marks under a signature: if so many are hidden, that is what it is there for."""


@dataclass(frozen=True, slots=True)
class Covering:
    """What a signature hides that ends at `end`: forbidden, or not to be decided here."""

    end: int
    is_forbidden: bool
    what: str


def find_coverings(cases: Sequence[Case], file: PdfBytes) -> list[Covering]:
    """Tell what each signature hides of the page as the one before it left it."""
    found: list[Covering] = []
    earlier: Revision | None = None
    until = time.monotonic() + MAX_SECONDS
    for case in cases:
        now = case.range.revision
        if now is None:
            continue
        if earlier is not None and earlier.end < now.end:
            name = case.found.field.name
            try:
                _check_time(until)
                found += _coverings(name, case, earlier, now, file)
            except PdfRefused as error:
                what = f"field {name}: what it covers cannot be drawn ({error.en})"
                found.append(Covering(now.end, is_forbidden=False, what=what))
        earlier = now
    return found


def _check_time(until: float) -> None:
    if time.monotonic() >= until:
        code = "limit"
        raise PdfRefused(code, "耗时过长", f"drawing took more than {MAX_SECONDS} s")


def _coverings(
    name: str, case: Case, earlier: Revision, now: Revision, file: PdfBytes
) -> Iterator[Covering]:
    known = {one for field in fields(earlier) for one in field.widgets}
    new = [one for one in case.found.field.widgets if isinstance(one, Ref) and one not in known]
    pages = pages_of(now)
    places: dict[str, list[Corners]] = {}
    for ref, box in places_of(now, [one for one in new if "AP" in now.dictionary(one)], pages):
        if box[0] < box[2] and box[1] < box[3]:
            places.setdefault(str(pages[ref]), []).append(box)
            if _share(now, ref, box) > MAX_SHARE:
                what = f"field {name}: it covers too much of page {pages[ref] + 1}"
                yield Covering(now.end, is_forbidden=False, what=what)
    if len(places) > MAX_PAGES:
        what = f"field {name}: it shows on more pages than are looked at"
        yield Covering(now.end, is_forbidden=False, what=what)
    if not places:
        return
    seals: dict[str, list[Corners]] = {}
    signatures = (one.field.widgets for one in find_signatures(earlier))
    shown = [one for widgets in signatures for one in widgets if isinstance(one, Ref)]
    for ref, box in places_of(earlier, shown, pages):
        seals.setdefault(str(pages[ref]), []).append(box)
    data, before = file.data[: now.end], earlier.end
    for told in ask("hidden", data, before=before, places=places, seals=seals):
        page, hidden, inked = (int(one) for one in told.split(":"))
        what = f"field {name}: it hides what page {page} shows"
        yield Covering(now.end, hidden >= _MOST * inked, what)


def places_of(
    revision: Revision, widgets: Sequence[Ref], pages: Mapping[Ref, int]
) -> Iterator[tuple[Ref, Corners]]:
    """Give on which pages, and where, widgets stand."""
    wanted = set(widgets)
    for ref in pages if wanted else ():
        for value in revision.array(revision.dictionary(ref).get("Annots")):
            if isinstance(value, Ref) and value in wanted:
                box = corners(revision, revision.dictionary(value).get("Rect"))
                if box is not None:
                    yield ref, box


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
