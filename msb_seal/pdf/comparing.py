"""Two revisions side by side: every object that can be reached, and whatever differs in it.

The walk follows references on both sides at once and never needs the numbers of objects to say
anything: what counts is what a reader reaches from the catalog before and after.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from msb_seal.errors import PdfRefused
from msb_seal.pdf.syntax import Name, PdfValue, Ref, Stream

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from msb_seal.pdf.drawn.pages import Corners
    from msb_seal.pdf.revisions import Revision
    from msb_seal.pdf.syntax import Dictionary

MAX_COMPARED = 3_000_000
"""So many pairs of values are compared in one file."""
MAX_TOLD = 50
_MAX_ACTION_VALUES = 20_000
_UNREADABLE: Final = Name("unreadable")
_ACTION_KEYS = frozenset({"AA", "JS", "JavaScript"})
_QUIET_ACTIONS = ("GoTo",)
_ACTIONS: Final = frozenset(
    {
        *("GoToR", "GoToE", "GoToDp", "Launch", "URI", "Sound", "Movie", "Hide", "Named"),
        *("SubmitForm", "ResetForm", "ImportData", "JavaScript", "SetOCGState", "Rendition"),
        *("Trans", "GoTo3DView", "RichMediaExecute"),
    }
)
"""ISO 32000-2, 12.6.4.1: what an action's /S may say, but for those that only lead to a place."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A widget that was filled in: where its letters stand, or its mark, old and new."""

    path: str
    widget: Ref
    letters: tuple[Corners, ...]
    marks: tuple[Corners, ...]


@dataclass(slots=True)
class Changes:
    """What differs between two revisions, each with its path; by what it means.

    filled: what is allowed where it lies over nothing, which is to be asked yet.
    """

    forbidden: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    harmless: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)
    filled: list[Filled] = field(default_factory=list)

    def forbid(self, what: str) -> None:
        """Record a change that must not be."""
        _tell(self.forbidden, what)

    def doubt(self, what: str) -> None:
        """Record a change that nobody can judge here."""
        _tell(self.undecided, what)

    def warn(self, what: str) -> None:
        """Record a change that alters no page."""
        _tell(self.harmless, what)

    def allow(self, what: str) -> None:
        """Record a change that is allowed."""
        _tell(self.allowed, what)


def _tell(told: list[str], what: str) -> None:
    if len(told) < MAX_TOLD and what not in told:
        told.append(what)


class Comparison:
    """Lays two revisions side by side.

    apart: objects that are compared by rules of their own, wherever they are met under the same
    number on both sides.
    """

    def __init__(self, before: Revision, after: Revision, changes: Changes) -> None:
        """Compare `after` with `before`, telling `changes`."""
        self.before, self.after, self.changes = before, after, changes
        self.apart: set[Ref] = set()
        self._seen: set[tuple[Ref, Ref, bool]] = set()

    def same(self, one: PdfValue, other: PdfValue) -> bool:
        """Whether two values, and all that they lead to, are the same."""
        probe = Comparison(self.before, self.after, Changes())
        probe.apart = self.apart
        probe.compare("", one, other)
        return not probe.changes.forbidden and not probe.changes.undecided

    def compare(self, path: str, one: PdfValue, other: PdfValue, *, harmless: bool = False) -> None:
        """Tell every difference as forbidden; or as harmless, as long as it does nothing."""
        waiting = [(path, one, other, harmless)]
        while waiting:
            path, one, other, harmless = waiting.pop()
            self.after.file.compared += 1
            if self.after.file.compared > MAX_COMPARED:
                code = "limit"
                raise PdfRefused(code, "对象过多", "too much to compare")
            if isinstance(one, Ref) and isinstance(other, Ref):
                key = (one, other, harmless)
                if key in self._seen or (one == other and one in self.apart):
                    continue
                self._seen.add(key)
            old, new = _read(self.before, one), _read(self.after, other)
            inner = _parts(old, new)
            if inner is None:
                self._tell(path, new, harmless=harmless)
            elif new is _UNREADABLE:
                # Not even what was so when it was signed: who knows what has become of it?
                self.changes.doubt(f"{path or '/'} cannot be read")
            else:
                acts = harmless and (_acts(self.before, old, path) or _acts(self.after, new, path))
                waiting += [
                    (f"{path}/{name}", first, second, harmless and not acts)
                    for name, first, second in inner
                ]

    def _tell(self, path: str, new: PdfValue, *, harmless: bool) -> None:
        path = path or "/"
        if not harmless:
            self.changes.forbid(path)
        elif has_actions(self.after, new, apart=self.apart):
            self.changes.forbid(f"{path} (action)")
        else:
            self.changes.warn(path)


def _read(revision: Revision, value: PdfValue) -> PdfValue:
    """Follow references; what cannot be read is one value of its own."""
    try:
        return revision.resolve(value)
    except PdfRefused as error:
        if error.code == "limit":
            raise
        return _UNREADABLE


def _parts(old: PdfValue, new: PdfValue) -> list[tuple[str, PdfValue, PdfValue]] | None:
    """Give what is left to compare of two values that may be the same; None if they are not."""
    if isinstance(old, Stream) and isinstance(new, Stream):
        if old.raw != new.raw:
            return None
        old, new = dict(old.entries), dict(new.entries)
        old.pop("Length", None)
        new.pop("Length", None)
    if isinstance(old, dict) and isinstance(new, dict):
        return [(key, old.get(key), new.get(key)) for key in {**old, **new}]
    if isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            return None
        return [(str(n), one, two) for n, (one, two) in enumerate(zip(old, new, strict=True))]
    if isinstance(old, bool) or isinstance(new, bool):
        return [] if old is new else None
    if isinstance(old, int | float) and isinstance(new, int | float):
        return [] if old == new else None
    return [] if type(old) is type(new) and old == new else None


def reached(revision: Revision, values: list[PdfValue]) -> set[Ref]:
    """Give every object that these values lead to, as far as MAX_COMPARED goes."""
    walk = _Walk(revision, values, MAX_COMPARED)
    for entries in walk:
        walk.waiting += entries.values()
    return walk.seen


def has_layers(revision: Revision, appearance: PdfValue) -> bool:
    """Whether something that an appearance draws is in a layer, which readers switch on and off."""
    walk = _Walk(revision, [appearance], _MAX_ACTION_VALUES)
    for entries in walk:
        if "OC" in entries or entries.get("Type") in ("OCG", "OCMD"):
            return True
        walk.waiting += [one for key, one in entries.items() if key not in ("Parent", "P", "Pg")]
    return bool(walk.waiting)


def has_actions(revision: Revision, value: PdfValue, *, apart: Collection[Ref]) -> bool:
    """Whether something in there does more than lead to a place, or is too much to look through.

    apart: objects that are compared by themselves, and not looked into.
    """
    walk = _Walk(revision, [value], _MAX_ACTION_VALUES, set(apart))
    for entries in walk:
        if _acts(revision, entries) or _acts(revision, _read(revision, entries.get("A")), "/A"):
            return True
        # Pages, and what they show, are compared by themselves.
        walk.waiting += [one for key, one in entries.items() if key not in ("Parent", "P", "Pg")]
    return bool(walk.waiting)


def _acts(revision: Revision, value: PdfValue, path: str = "") -> bool:
    """Whether a dictionary is an action that does more than lead to a place, or holds some.

    path: where it stands, as far as that makes it an action.
    """
    if not isinstance(value, dict):
        return False
    kind = _read(revision, value.get("S"))
    is_action = path.endswith("/A") or _read(revision, value.get("Type")) == "Action"
    return (
        (isinstance(kind, Name) and kind in _ACTIONS)
        or bool(_ACTION_KEYS & value.keys())
        or (is_action and kind not in (None, *_QUIET_ACTIONS))
    )


@dataclass(slots=True)
class _Walk:
    """Gives the dictionaries and the heads of streams that values lead to, each object once.

    Into which values of a dictionary to go is the caller's choice: they are added to `waiting`.
    """

    revision: Revision
    waiting: list[PdfValue]
    steps: int
    seen: set[Ref] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Leave the caller's list alone."""
        self.waiting = list(self.waiting)

    def __iter__(self) -> Iterator[Dictionary]:
        """Go on until nothing is waiting, or the steps are used up."""
        for _ in range(self.steps):
            if not self.waiting:
                return
            value = self.waiting.pop()
            if isinstance(value, Ref):
                if value in self.seen:
                    continue
                self.seen.add(value)
            value = _read(self.revision, value)
            if isinstance(value, Stream):
                value = value.entries
            if isinstance(value, dict):
                yield value
            elif isinstance(value, list):
                self.waiting += value
