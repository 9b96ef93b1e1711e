"""Step `unsigned-seal-picture`: pictures on the pages that look like seals and are none.

Pages are drawn without the looks of their signatures, so that nothing beside, beneath or in place
of these is left out. A signature that is no seal and shows an image as large as one is told by its
size; for any other look, the page is drawn with it. What a seal (SES) shows is its own.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from msb_seal.errors import PdfRefused
from msb_seal.pdf.coverings import corners
from msb_seal.pdf.drawn.asking import ask
from msb_seal.pdf.drawn.pages import POINTS_PER_MM
from msb_seal.pdf.drawn.seals import MAX_DRAWN_PAGES, is_as_large_as_a_seal
from msb_seal.pdf.page_tree import pages_of
from msb_seal.pdf.red_pictures import RedSearch, has_fields, holds_image
from msb_seal.pdf.syntax import Ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from msb_identity.foundation.report import ReportBuilder
    from msb_seal.pdf.judged import Case
    from msb_seal.pdf.revisions import Revision
    from msb_seal.pdf.syntax import Dictionary, PdfValue

MAX_SEARCHED_PAGES = 500
_STEP = "unsigned-seal-picture"


def tell_pictures(builder: ReportBuilder, cases: Sequence[Case], revision: Revision) -> None:
    """Say loudly where a page shows a seal that no signature, or no seal, is behind."""
    try:
        pages = pages_of(revision)
        searched = dict(islice(pages.items(), MAX_SEARCHED_PAGES))
        search = RedSearch(revision)
        suspects = _suspects(cases, search, searched, revision)
        found = _draw(revision, suspects, _widgets(cases))
        worn = _find_worn(cases, search, searched, revision, found)
    except PdfRefused as error:
        builder.warning(_STEP, "not-searched", error.en)
        return
    if worn:
        builder.warning(_STEP, "not-a-seal", ", ".join(worn[:5]))
    if found:
        builder.warning(_STEP, "found", "; ".join(found[:5]))
    elif len(suspects) > MAX_DRAWN_PAGES or len(pages) > MAX_SEARCHED_PAGES:
        builder.warning(_STEP, "partly-searched", f"{len(pages)} pages")
    elif not worn:
        builder.ok(_STEP, "none")


def _widgets(cases: Iterable[Case]) -> set[Ref]:
    return {one for case in cases for one in case.found.field.widgets if isinstance(one, Ref)}


def _suspects(
    cases: Sequence[Case], search: RedSearch, pages: Mapping[Ref, int], revision: Revision
) -> dict[Ref, int]:
    """Give the pages that could show a seal beside what signatures show."""
    signed = _widgets(cases)
    return {
        ref: number
        for ref, number in pages.items()
        if search.can_show_red(revision.dictionary(ref), signed=signed)
    }


def _draw(revision: Revision, pages: Mapping[Ref, int], apart: set[Ref]) -> list[str]:
    """Draw pages without some of their annotations, and say where they show seals."""
    if not pages:
        return []
    without = {}
    for ref, number in pages.items():
        annotations = revision.array(revision.dictionary(ref).get("Annots"))
        places = [at for at, one in enumerate(annotations) if isinstance(one, Ref) and one in apart]
        without[str(number)] = len(annotations), places
    looks = [revision.dictionary(ref) for ref in pages]
    # The bytes of this revision, so that what is drawn is what was read.
    return ask(
        "red-seals",
        revision.file.data[: revision.end],
        pages=list(pages.values()),
        without=without,
        with_forms=any(has_fields(revision, page, signed=apart) for page in looks),
    )


def _find_worn(
    cases: Sequence[Case],
    search: RedSearch,
    pages: Mapping[Ref, int],
    revision: Revision,
    found: Sequence[str],
) -> list[str]:
    """Give the fields of signatures that are no seals and show pictures of seals.

    An image as large as a seal is one; other looks that might be red are drawn. found: what the
    pages show without any signature.
    """
    worn, drawn = [], []
    for case in cases:
        fields = [] if case.is_seal else case.found.field.widgets
        widgets = [revision.dictionary(one) for one in fields]
        if any(_wears_picture(revision, one) for one in widgets):
            worn.append(case.found.field.name)
        elif any(map(search.looks_can_show_red, widgets)):
            drawn.append(case)
    theirs = _widgets(drawn)
    shown = {
        ref: number
        for ref, number in (pages if theirs else {}).items()
        if not theirs.isdisjoint(_refs(revision.array(revision.dictionary(ref).get("Annots"))))
    }
    if set(_draw(revision, shown, _widgets(cases) - theirs)) - set(found):
        worn += [case.found.field.name for case in drawn]
    return worn


def _refs(values: Iterable[PdfValue]) -> Iterator[Ref]:
    return (one for one in values if isinstance(one, Ref))


def _wears_picture(revision: Revision, widget: Dictionary) -> bool:
    """Whether an annotation shows an image, on a place as large as a seal."""
    x1, y1, x2, y2 = corners(revision, widget.get("Rect")) or (0, 0, 0, 0)
    size = (x2 - x1) / POINTS_PER_MM, (y2 - y1) / POINTS_PER_MM
    return is_as_large_as_a_seal(*size) and holds_image(revision, widget)
