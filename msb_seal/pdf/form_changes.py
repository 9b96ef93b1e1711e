"""What changed in a form after signing: new signatures, and values that were filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msb_seal.pdf.comparing import Filled, has_layers
from msb_seal.pdf.coverings import corners
from msb_seal.pdf.filling import Shown, look_of, showed_value
from msb_seal.pdf.found import OF_ANNOTATION, Field, fields
from msb_seal.pdf.permissions import NO_CHANGES
from msb_seal.pdf.syntax import Name, Ref, Stream
from msb_seal.pdf.ticks import MAX_TICK_POINTS, is_mark

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from msb_seal.pdf.comparing import Comparison
    from msb_seal.pdf.drawn.pages import Corners
    from msb_seal.pdf.permissions import Permissions
    from msb_seal.pdf.revisions import Revision
    from msb_seal.pdf.syntax import Dictionary, PdfValue

_LOOKS: Final = frozenset({"AP", "AS"})
_VALUES: Final = frozenset({*_LOOKS, "V", "I", "Kids", "Ff"})
"""Of a widget, and of a field: what is compared by rules of their own."""
_PLAIN_FIELD: Final = frozenset(
    {
        *("Type", "Subtype", "FT", "T", "TU", "TM", "V", "Rect", "F", "P", "Ff", "Parent", "Kids"),
        *("Lock", "SV", "DA", "NM", "M", "H"),
    }
)
"""Of a signature field and its widgets: what makes no reader draw anything."""
_OFF: Final = Name("Off")
_READ_ONLY = 1
_SIGNER_FLAGS = 4 | 128 | 512  # Print, Locked, LockedContents (12.5.3)
_SHOWN_SOMEWHERE = 2 | 8 | 16 | 32 | 256  # Hidden, NoZoom, NoRotate, NoView, ToggleNoView
_TIMESTAMP = "DocTimeStamp"


class FormChanges:
    """The form's fields before and after.

    apart: the objects that are fields or their widgets. new_widgets: those of new signatures.
    """

    def __init__(
        self, comparison: Comparison, permissions: Permissions, *, outside: set[Ref]
    ) -> None:
        """Find the fields of both sides; outside: what is used apart from the document too."""
        self.outside = outside
        self.comparison, self.permissions = comparison, permissions
        self.before, self.after = comparison.before, comparison.after
        self.changes = comparison.changes
        self.old = {_key(one): one for one in fields(self.before)}
        self.new = {_key(one): one for one in fields(self.after)}
        self.apart = {ref for one in self.old.values() for ref in _refs(one)}
        self.new_widgets: set[Ref] = set()

    def compare(self) -> None:
        """Tell what changed."""
        old = self.before.dictionary(self.before.catalog.get("AcroForm"))
        new = self.after.dictionary(self.after.catalog.get("AcroForm"))
        for key in {**old, **new}:
            path = f"/Root/AcroForm/{key}"
            if key == "Fields":
                self._compare_lists(path, old.get(key), new.get(key))
            elif key == "DR":
                self._compare_resources(path, old.get(key), new.get(key))
            elif key == "NeedAppearances":
                self._compare_making(path, old.get(key), new.get(key))
            elif key != "SigFlags" and (key != "DA" or key in old):
                self.comparison.compare(path, old.get(key), new.get(key))
        for name, one in self.old.items():
            self._compare_field(one, self.new.get(name))
        for name, one in self.new.items():
            if name not in self.old:
                self._compare_added(one)

    def _compare_making(self, path: str, one: PdfValue, two: PdfValue) -> None:
        """Appearances that readers make anew may differ from those that were signed."""
        filled = any(field.kind != "Sig" for field in self.new.values())
        if filled and self.after.resolve(two) is True and self.before.resolve(one) is not True:
            self.changes.doubt(f"{path}: readers make the fields' appearances themselves")
        else:
            self.comparison.compare(path, one, two, harmless=True)

    def _compare_lists(self, path: str, one: PdfValue, two: PdfValue) -> None:
        """Every old field stays where it is; what is new comes after."""
        old, new = self.before.array(one), self.after.array(two)
        if len(new) < len(old):
            self.changes.forbid(f"{path}: a field was taken out")
        for index, (first, second) in enumerate(zip(old, new, strict=False)):
            self.comparison.compare(f"{path}/{index}", first, second)

    def _compare_resources(self, path: str, one: PdfValue, two: PdfValue) -> None:
        """Every old resource stays; new ones under other names change nothing."""
        old, new = self.before.dictionary(one), self.after.dictionary(two)
        for kind, value in old.items():
            known, now = self.before.resolve(value), self.after.resolve(new.get(kind))
            if not isinstance(known, dict) or not isinstance(now, dict):
                self.comparison.compare(f"{path}/{kind}", value, new.get(kind))
                continue
            for name, resource in known.items():
                self.comparison.compare(f"{path}/{kind}/{name}", resource, now.get(name))

    def _compare_field(self, old: Field, new: Field | None) -> None:
        path = f"field {old.name}"
        if new is None:
            self.changes.forbid(f"{path} was taken out")
            return
        if (old.name, old.kind, len(old.widgets)) != (new.name, new.kind, len(new.widgets)):
            self.changes.forbid(f"{path}: name, kind or widgets")
            return
        if old.flags != new.flags and old.flags | _READ_ONLY != new.flags:
            self.changes.forbid(f"{path}/Ff")
        signing = old.kind == "Sig" and self.before.resolve(old.value) is None
        self._compare_entries(path, old.entries, new.entries, signing=signing)
        for first, second in zip(old.widgets, new.widgets, strict=True):
            if isinstance(first, Ref) and first != second:
                self.changes.forbid(f"{path}/Kids")
            if first != old.ref:
                widgets = self.before.dictionary(first), self.after.dictionary(second)
                self._compare_entries(path, *widgets, signing=signing, apart=_LOOKS)
        self._compare_value(path, old, new)

    def _compare_entries(
        self,
        path: str,
        old: Dictionary,
        new: Dictionary,
        *,
        signing: bool,
        apart: Collection[str] = _VALUES,
    ) -> None:
        for key in {**old, **new}:
            if key == "F" and signing and self._only_locks(old.get(key), new.get(key)):
                continue
            if key == "V" and signing and key not in old:
                continue  # its widgets may have it too: compared with the field's own
            if key not in apart:
                self.comparison.compare(f"{path}/{key}", old.get(key), new.get(key))

    def _only_locks(self, old: PdfValue, new: PdfValue) -> bool:
        """Whether a widget's flags differ only in what a signer sets: printed, and locked."""
        one, two = self.before.resolve(old) or 0, self.after.resolve(new) or 0
        return isinstance(one, int) and isinstance(two, int) and not (one ^ two) & ~_SIGNER_FLAGS

    def _compare_value(self, path: str, old: Field, new: Field) -> None:
        same = self.comparison.same(old.value, new.value)
        same = same and self.comparison.same(old.entries.get("I"), new.entries.get("I"))
        looks = all(self._looks_same(*pair) for pair in zip(old.widgets, new.widgets, strict=True))
        if same and looks:
            return
        if new.beside_kids:
            self.changes.forbid(f"{path}: a field that is drawn beside its widgets was changed")
            return
        if not looks and self._is_used_elsewhere(old):
            self.changes.forbid(f"{path}: an appearance that is used elsewhere too was replaced")
        elif old.kind == "Sig":
            if self.before.resolve(old.value) is None and not same:
                self._compare_signed(path, new)
            else:
                self.changes.forbid(f"{path}: a signature or its appearance was replaced")
        elif self.permissions.level == NO_CHANGES or self.permissions.locked(old.name):
            self.changes.forbid(f"{path}: filled in, which the signature does not allow")
        elif same:
            self.changes.forbid(f"{path}: another appearance for the same value")
        else:
            self._compare_filled(path, old, new)

    def _is_used_elsewhere(self, old: Field) -> bool:
        appearances = [self.before.dictionary(one).get("AP") for one in old.widgets]
        normal = [self.before.dictionary(one).get("N") for one in appearances]
        return any(isinstance(r, Ref) and r in self.outside for r in (*appearances, *normal))

    def _looks_same(self, old: PdfValue, new: PdfValue) -> bool:
        one, two = self.before.dictionary(old), self.after.dictionary(new)
        return all(self.comparison.same(one.get(key), two.get(key)) for key in ("AP", "AS"))

    def _compare_filled(self, path: str, old: Field, new: Field) -> None:
        """Judge a new value by what its appearance shows, and by what the old one showed."""
        for first, second in zip(old.widgets, new.widgets, strict=True):
            one, two = self.before.dictionary(first), self.after.dictionary(second)
            same = self.comparison.same(one.get("AP"), two.get("AP"))
            if new.kind == "Btn":
                told = self._state(new, two) if same else Shown.OTHER
                if told is Shown.VALUE and not self.comparison.same(one.get("AS"), two.get("AS")):
                    told = self._ticked(one, two)
                    box = corners(self.after, two.get("Rect"))
                    self._lies_over(path, second, marks=() if box is None else (box,))
            elif same:
                told = Shown.UNKNOWN
            else:
                told = self._written(path, (old, one), (new, second, two))
            if told is Shown.VALUE:
                self.changes.allow(f"{path}: filled in")
            elif told is Shown.OTHER:
                self.changes.forbid(f"{path}: its appearance shows something else than its value")
            else:
                self.changes.doubt(f"{path}: its appearance cannot be held against its value")

    def _written(
        self, path: str, old: tuple[Field, Dictionary], new: tuple[Field, PdfValue, Dictionary]
    ) -> Shown:
        """Judge a text: it shows just the value, as the old look did, on bare paper."""
        field, ref, widget = new
        now = look_of(self.after, field, widget)
        before = showed_value(self.before, *old)
        if now.shown is Shown.VALUE and before.shown is not Shown.VALUE:
            return Shown.UNKNOWN
        self._lies_over(path, ref, letters=(*now.letters, *before.letters))
        return now.shown

    def _lies_over(
        self,
        path: str,
        ref: PdfValue,
        *,
        letters: tuple[Corners, ...] = (),
        marks: tuple[Corners, ...] = (),
    ) -> None:
        """Have it asked what is under a field: letters where they stand, a tick all that it is."""
        if isinstance(ref, Ref):
            self.changes.filled.append(Filled(path, ref, letters, marks))
        else:
            self.changes.doubt(f"{path}: a field that has no number")

    def _ticked(self, old: Dictionary, new: Dictionary) -> Shown:
        """Say whether a box or button changed by a mark alone, as small as a tick."""
        box = corners(self.after, new.get("Rect"))
        if box is None or max(box[2] - box[0], box[3] - box[1]) > MAX_TICK_POINTS:
            return Shown.UNKNOWN
        looks = (
            (revision, self._states(widget, revision).get(str(revision.resolve(widget.get("AS")))))
            for revision, widget in ((self.before, old), (self.after, new))
        )
        return Shown.VALUE if all(is_mark(*one) for one in looks) else Shown.UNKNOWN

    def _state(self, new: Field, widget: Dictionary) -> Shown:
        """Say whether a box or button is on where the field's value is its own, and off else."""
        value = self.after.resolve(new.value) or _OFF
        state = self.after.resolve(widget.get("AS"))
        looks = [self._states(self.after.dictionary(one)) for one in new.widgets]
        if not isinstance(value, Name) or state is None:
            return Shown.UNKNOWN
        if value != _OFF and not any(value in one for one in looks):
            return Shown.UNKNOWN
        expected = value if value in self._states(widget) else _OFF
        return Shown.VALUE if state == expected else Shown.OTHER

    def _states(self, widget: Dictionary, revision: Revision | None = None) -> Dictionary:
        of = revision or self.after
        return of.dictionary(of.dictionary(widget.get("AP")).get("N"))

    def _compare_added(self, new: Field) -> None:
        path = f"field {new.name}"
        if new.kind != "Sig":
            self.changes.forbid(f"{path} was added")
        elif new.beside_kids:
            self.changes.forbid(f"{path}: a field that is drawn beside its widgets was added")
        elif any(one.name == new.name for one in self.old.values()):
            self.changes.forbid(f"{path} was added under a name that was taken")
        elif self.after.resolve(new.value) is None:
            self._compare_empty(path, new)
        else:
            self._compare_signed(path, new)

    def _compare_empty(self, path: str, new: Field) -> None:
        widgets = [self.after.dictionary(one) for one in new.widgets]
        if any(one.keys() - _PLAIN_FIELD for one in (*widgets, new.entries)) or any(
            map(self._is_other_annotation, widgets)
        ):
            self.changes.forbid(f"{path}: a field that shows something was added unsigned")
        elif self.permissions.level == NO_CHANGES:
            self.changes.forbid(f"{path} was added, which the signature does not allow")
        else:
            self._accept(path, new)

    def _compare_signed(self, path: str, new: Field) -> None:
        """A new signature may show itself; a time-stamp, which anybody can have, may not."""
        widgets = [self.after.dictionary(one) for one in new.widgets]
        if fault := self._fault_in_showing(new, widgets) or self._fault_in_signing(new, widgets):
            self.changes.forbid(f"{path}: {fault}")
            return
        self._accept(f"{path}: signed", new)
        if any("AP" in one and not self._is_plain(one) for one in widgets):
            self.changes.doubt(f"{path}: a signature that shows itself to some readers only")

    def _fault_in_showing(self, new: Field, widgets: Sequence[Dictionary]) -> str | None:
        """Say what is wrong with how a signature shows itself."""
        if any({"A", "AA"} & one.keys() for one in (*widgets, new.entries)):
            return "a signature with actions was added"
        if any(map(self._is_other_annotation, widgets)):
            return "a signature shown by an annotation that is no widget"
        if any("AP" in one and corners(self.after, one.get("Rect")) is None for one in widgets):
            return "a signature in a place that readers take differently"
        if any(one.get("V", new.value) != new.value for one in widgets):
            return "a signature whose widgets have another value"
        if _key(new) not in self.old and any(map(_draws_itself, widgets)):
            return "a signature without an appearance of its own draws a box"
        return None

    def _fault_in_signing(self, new: Field, widgets: Sequence[Dictionary]) -> str | None:
        """Say why it is no signature, or none that may be there."""
        value = self.after.dictionary(new.value)
        is_timestamp = value.get("Type") == _TIMESTAMP or value.get("SubFilter") == "ETSI.RFC3161"
        if "ByteRange" not in value or "Contents" not in value:
            return "something that is no signature was added as one"
        if self._is_borrowed(new):
            return "another field's signature was added as a new one"
        if is_timestamp and any(self._is_seen(one) for one in widgets):
            return "a time-stamp that shows something was added"
        if not is_timestamp and self.permissions.level == NO_CHANGES:
            return "signed, which the signature does not allow"
        if self.permissions.locked(new.name) and _key(new) in self.old:
            return "signed, though the field is locked"
        return None

    def _is_other_annotation(self, widget: Dictionary) -> bool:
        """Whether it is an annotation, but no widget: readers draw most kinds without a look."""
        kind = self.after.resolve(widget.get("Subtype"))
        return bool(OF_ANNOTATION & widget.keys()) and kind != "Widget"

    def _is_plain(self, widget: Dictionary) -> bool:
        """Whether a widget shows the same look on every screen, and on paper."""
        flags = self.after.resolve(widget.get("F")) or 0
        appearances = self.after.dictionary(widget["AP"])
        look = self.after.resolve(appearances.get("N"))
        shown = isinstance(flags, int) and not flags & _SHOWN_SOMEWHERE
        one_look = isinstance(look, Stream) and not appearances.keys() - {"N"}
        return shown and one_look and "OC" not in widget and not has_layers(self.after, look)

    def _is_borrowed(self, new: Field) -> bool:
        """Whether a field has the signature of another, which takes nobody's key."""
        value = self.after.dictionary(new.value)
        others = [one for one in self.new.values() if one is not new and one.kind == "Sig"]
        there = [self.after.dictionary(one.value) for one in others]
        there += [self.before.dictionary(one.value) for one in self.old.values()]
        return any(
            value.get(key) is not None and value.get(key) == one.get(key)
            for one in there
            for key in ("Contents", "ByteRange")
        )

    def _accept(self, path: str, new: Field) -> None:
        self.new_widgets |= _refs(new)
        self.changes.allow(path)

    def _is_seen(self, widget: Dictionary) -> bool:
        """Whether a widget takes up room and has something to show there."""
        box = [self.after.resolve(one) for one in self.after.array(widget.get("Rect"))]
        numbers = [one for one in box if isinstance(one, int | float)]
        flat = len(numbers) == 4 and (numbers[0] == numbers[2] or numbers[1] == numbers[3])  # noqa: PLR2004 - corners
        return "AP" in widget and not flat


def _draws_itself(widget: Dictionary) -> bool:
    """Whether readers draw a box or a border for a widget that has no appearance."""
    return "AP" not in widget and bool(widget.keys() - _PLAIN_FIELD)


def _key(one: Field) -> Ref | str:
    return one.ref if one.ref is not None else one.name


def _refs(one: Field) -> set[Ref]:
    return {ref for ref in (one.ref, *one.widgets) if isinstance(ref, Ref)}
