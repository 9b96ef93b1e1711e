"""What changed in a document after it was signed, and whether that was allowed.

The rule (docs/security.md, "verdicts"): validation data (DSS), time-stamps, new signatures and form
filling may be added; what alters no page is a warning; everything else that a reader reaches from
the catalog must be what it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msb_seal.errors import PdfRefused
from msb_seal.pdf.ambiguity import ambiguities
from msb_seal.pdf.comparing import Changes, Comparison, reached
from msb_seal.pdf.form_changes import FormChanges
from msb_seal.pdf.metadata import same_but_for_writing
from msb_seal.pdf.page_tree import pages_of
from msb_seal.pdf.permissions import NO_CHANGES, Permissions
from msb_seal.pdf.syntax import Ref

if TYPE_CHECKING:
    from msb_seal.pdf.revisions import Revision
    from msb_seal.pdf.syntax import PdfValue

_FREE: Final = frozenset({"DSS", "Extensions", "Version"})
"""Of the catalog: what may change without a word."""
_HARMLESS: Final = frozenset(
    {
        *("Metadata", "Outlines", "PageLabels", "PageMode", "PageLayout", "PieceInfo", "Lang"),
        *("Dests", "Threads", "SpiderInfo", "MarkInfo", "StructTreeRoot", "Legal", "AF"),
    }
)
_HARMLESS_NAMES: Final = frozenset({"EmbeddedFiles", "Dests", "IDS", "URLS"})
_HARMLESS_IN_PAGE: Final = frozenset(
    {"LastModified", "PieceInfo", "Metadata", "Thumb", "StructParents", "Tabs"}
)
_CROPPING: Final = frozenset({"ViewArea", "ViewClip", "PrintArea", "PrintClip", "PrintPageRange"})
"""Of the viewer's preferences: what decides over which parts of pages are shown or printed."""
_OF_REVISION: Final = frozenset(
    {
        *("Root", "Info", "ID", "Size", "Prev", "XRefStm", "Type", "Index", "W", "Length"),
        *("Filter", "DecodeParms"),
    }
)
"""Of the trailer: what is compared on its own, or says only how this revision is written."""


def compare(before: Revision, after: Revision) -> Changes:
    """Tell what changed from a signed revision to a later one; never raises on a bad file."""
    changes = Changes()
    try:
        _Document(before, after, changes).compare()
    except PdfRefused as error:
        changes.doubt(error.en)
    return changes


class _Document:
    """The parts of a document, each by its own rules."""

    def __init__(self, before: Revision, after: Revision, changes: Changes) -> None:
        self.before, self.after, self.changes = before, after, changes
        self.permissions = Permissions.of(before)
        self.comparison = Comparison(before, after, changes)
        self.form = FormChanges(self.comparison, self.permissions, outside=_outside(before))
        self.pages = pages_of(before)
        self.listed = {
            one
            for page in self.pages
            for one in before.array(before.dictionary(page).get("Annots"))
            if isinstance(one, Ref)
        }

    def compare(self) -> None:
        """Compare everything that a reader reaches."""
        old, new = self.before.trailer, self.after.trailer
        for key in {**old, **new}.keys() - _OF_REVISION:
            self.comparison.compare(f"trailer/{key}", old.get(key), new.get(key))
        one, two = self.before.dictionary(old.get("Info")), self.after.dictionary(new.get("Info"))
        for key in {**one, **two}:
            self.comparison.compare(f"/Info/{key}", one.get(key), two.get(key), harmless=True)
        self.comparison.apart = {*self.pages, *self.form.apart}
        if isinstance(root := old.get("Root"), Ref):
            self.comparison.apart.add(root)
        self.form.compare()
        self._compare_catalog()
        for ref in self.pages:
            self._compare_page(ref)
        self._compare_syntax()
        if self.permissions.level == NO_CHANGES:
            # 12.8.2.2.2: validation data and time-stamps are all that may be added.
            for what in set(self.changes.harmless) - self._of_writing():
                self.changes.forbid(what)

    def _compare_catalog(self) -> None:
        old, new = self.before.catalog, self.after.catalog
        for key in {**old, **new}:
            path, one, two = f"/Root/{key}", old.get(key), new.get(key)
            if key == "Perms":
                self._compare_permissions(one, two)
            elif key == "Names":
                self._compare_names(one, two)
            elif key == "ViewerPreferences":
                self._compare_preferences(path, one, two)
            elif key not in _FREE and key != "AcroForm":
                self.comparison.compare(path, one, two, harmless=key in _HARMLESS)

    def _compare_permissions(self, one: PdfValue, two: PdfValue) -> None:
        old, new = self.before.dictionary(one), self.after.dictionary(two)
        for key in {**old, **new}:
            if key in old:
                self.comparison.compare(f"/Root/Perms/{key}", old[key], new.get(key))
            elif key == "DocMDP":
                self.changes.allow("/Root/Perms/DocMDP")
            else:
                self.changes.warn(f"/Root/Perms/{key}")

    def _compare_names(self, one: PdfValue, two: PdfValue) -> None:
        old, new = self.before.dictionary(one), self.after.dictionary(two)
        for key in {**old, **new}:
            self.comparison.compare(
                f"/Root/Names/{key}", old.get(key), new.get(key), harmless=key in _HARMLESS_NAMES
            )

    def _of_writing(self) -> set[str]:
        """Give what a writer notes of itself, even where nothing else may change."""
        one, two = self.before.catalog.get("Metadata"), self.after.catalog.get("Metadata")
        same = same_but_for_writing(self.before, one, self.after, two)
        return {"/Info/ModDate", "/Info/Producer", *(["/Root/Metadata"] if same else ())}

    def _compare_preferences(self, path: str, one: PdfValue, two: PdfValue) -> None:
        old, new = self.before.dictionary(one), self.after.dictionary(two)
        for key in {**old, **new}:
            self.comparison.compare(
                f"{path}/{key}", old.get(key), new.get(key), harmless=key not in _CROPPING
            )

    def _compare_page(self, ref: Ref) -> None:
        old, new = self.before.dictionary(ref), self.after.dictionary(ref)
        path = f"page {self.pages[ref] + 1}"
        for key in {**old, **new}:
            if key == "Annots":
                self._compare_annotations(f"{path}/Annots", old.get(key), new.get(key))
            else:
                harmless = key in _HARMLESS_IN_PAGE
                self.comparison.compare(
                    f"{path}/{key}", old.get(key), new.get(key), harmless=harmless
                )

    def _compare_annotations(self, path: str, one: PdfValue, two: PdfValue) -> None:
        """Every old annotation stays, in its order; of new ones, only signatures' may draw.

        One that stood on another page is not new.
        """
        old, new = self.before.array(one), self.after.array(two)
        known = {value for value in old if isinstance(value, Ref)}
        kept = []
        for value in new:
            if not isinstance(value, Ref) or value in known:
                kept.append(value)
            elif value in self.form.new_widgets and value not in self.listed:
                self.changes.allow(f"{path} (signature)")
            elif self.after.resolve(value) is not None:
                # Notes' windows too: readers open them over the page.
                self.changes.forbid(f"{path}: an annotation was added")
            else:
                self.changes.warn(f"{path}: an annotation that does not exist was added")
        if len(kept) != len(old):
            self.changes.forbid(f"{path}: an annotation was added or taken out")
            return
        for index, (first, second) in enumerate(zip(old, kept, strict=True)):
            self.comparison.compare(f"{path}/{index}", first, second)

    def _compare_syntax(self) -> None:
        """Find what was added and may be read in two ways."""
        for what in ambiguities(self.before, self.after):
            self.changes.doubt(what)
        if self.after.is_hybrid and not self.before.is_hybrid:
            self.changes.doubt("two kinds of cross-references, which readers take differently")


def _outside(revision: Revision) -> set[Ref]:
    """Give what entries of the trailer that PDF does not know lead to."""
    own = {key: value for key, value in revision.trailer.items() if key not in _OF_REVISION}
    own.pop("Encrypt", None)
    return reached(revision, list(own.values()))
