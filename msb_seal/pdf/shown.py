"""Step `unsigned-seal-picture`: pictures on the pages that look like seals and are none.

What a seal (SES) shows is left out. What stands on the page without a signature is drawn and looked
for; a signature that is no seal and shows a picture as large as one is told by its size alone.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from msb_seal.errors import PdfRefused
from msb_seal.pdf.coverings import corners, places_of
from msb_seal.pdf.drawn.asking import ask
from msb_seal.pdf.drawn.pages import POINTS_PER_MM
from msb_seal.pdf.drawn.seals import MAX_DRAWN_PAGES, is_as_large_as_a_seal
from msb_seal.pdf.page_tree import pages_of
from msb_seal.pdf.red_pictures import can_show_red, has_fields, shows_picture
from msb_seal.pdf.syntax import Ref

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from msb_identity.foundation.report import ReportBuilder
    from msb_seal.pdf.drawn.pages import Corners
    from msb_seal.pdf.judged import Case
    from msb_seal.pdf.revisions import Revision

MAX_SEARCHED_PAGES = 500
_STEP = "unsigned-seal-picture"


def tell_pictures(builder: ReportBuilder, cases: Sequence[Case], revision: Revision) -> None:
    """Say loudly where a page shows a seal that no signature, or no seal, is behind."""
    try:
        pages = pages_of(revision)
        searched = dict(islice(pages.items(), MAX_SEARCHED_PAGES))
        suspects, found = _find(cases, revision, searched)
        worn = [one.found.field.name for one in cases if _wears_picture(one, revision)]
    except PdfRefused as error:
        builder.warning(_STEP, "not-searched", error.en)
        return
    if worn:
        builder.warning(_STEP, "not-a-seal", ", ".join(worn[:5]))
    if found:
        builder.warning(_STEP, "found", "; ".join(found[:5]))
    elif suspects > MAX_DRAWN_PAGES or len(pages) > MAX_SEARCHED_PAGES:
        builder.warning(_STEP, "partly-searched", f"{len(pages)} pages")
    elif not worn:
        builder.ok(_STEP, "none")


def _find(
    cases: Sequence[Case], revision: Revision, pages: Mapping[Ref, int]
) -> tuple[int, list[str]]:
    """Give how many pages could show a seal, and what was found on those that were drawn."""
    widgets = {w for case in cases for w in case.found.field.widgets if isinstance(w, Ref)}
    suspects = [
        (ref, number)
        for ref, number in pages.items()
        if can_show_red(revision, revision.dictionary(ref), signed=widgets)
    ]
    if not suspects:
        return 0, []
    looks = [revision.dictionary(ref) for ref, _ in suspects]
    places: dict[str, list[Corners]] = {}
    for ref, box in places_of(revision, list(widgets), pages):
        places.setdefault(str(pages[ref]), []).append(box)
    # The bytes of this revision, so that what is drawn is what was read.
    found = ask(
        "red-seals",
        revision.file.data[: revision.end],
        pages=[number for _, number in suspects],
        signed=places,
        with_forms=any(has_fields(revision, page, signed=widgets) for page in looks),
    )
    return len(suspects), found


def _wears_picture(case: Case, revision: Revision) -> bool:
    """Whether a signature that is no seal shows an image as large as a seal."""
    if case.is_seal:
        return False
    for widget in (revision.dictionary(one) for one in case.found.field.widgets):
        x1, y1, x2, y2 = corners(revision, widget.get("Rect")) or (0, 0, 0, 0)
        size = (x2 - x1) / POINTS_PER_MM, (y2 - y1) / POINTS_PER_MM
        if is_as_large_as_a_seal(*size) and shows_picture(revision, widget):
            return True
    return False
