"""The signature fields of a revision, and the signatures in them.

ISO 32000-1, 12.7.4.5 and 12.8.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from msb_seal.errors import PdfRefused
from msb_seal.pdf.revisions import PLAIN
from msb_seal.pdf.syntax import Dictionary, Name, Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msb_seal.pdf.revisions import Revision
    from msb_seal.pdf.syntax import PdfValue

MAX_FIELDS = 20_000
MAX_UNLISTED = 20
MAX_FIELD_NESTING = 32
OF_ANNOTATION: Final = frozenset({"Subtype", "Rect", "AP"})
"""What a dictionary needs some of for readers to draw it, where a page lists it (12.5.2)."""
_DATE = re.compile(
    r"(?:D:)?(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:([Zz+-])(\d{2})?'?(\d{2})?'?)?"
)
_BYTE_RANGE = re.compile(rb"/ByteRange[\x00\t\n\x0c\r ]*\[")
_LATIN = "latin-1"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form: its own entries, and those that it has from above (12.7.3.1).

    name: full and partial names with dots. ref: None for one that stands in its list directly.
    widgets: what shows it, itself or its kids. beside_kids: whether it is a widget too, which
    readers draw, though it has kids.
    """

    name: str
    ref: Ref | None
    entries: Dictionary = dataclasses.field(repr=False)
    kind: PdfValue
    value: PdfValue = dataclasses.field(repr=False)
    flags: int
    widgets: tuple[PdfValue, ...] = dataclasses.field(repr=False)
    beside_kids: bool = False


@dataclass(frozen=True, slots=True)
class FoundSignature:
    """A signature of a revision.

    holder: the object in which its dictionary stands. extent: from where to where that is in the
    file, None where it is packed.
    """

    field: Field
    holder: Ref | None
    entries: Dictionary = dataclasses.field(repr=False)
    extent: tuple[int, int] | None

    @property
    def sub_filter(self) -> str:
        """By what rules /Contents is made; empty where it is not said."""
        name = self.entries.get("SubFilter")
        return str(name) if isinstance(name, str) else ""

    @property
    def claimed_time(self) -> datetime | None:
        """What /M says of the time."""
        return read_date(self.entries.get("M"))


def fields(revision: Revision) -> Iterator[Field]:
    """Give every terminal field of the form; PdfRefused beyond the caps."""
    form = revision.dictionary(revision.catalog.get("AcroForm"))
    seen: set[Ref] = set()
    above = _Above("", None, None, 0)
    waiting = [(value, above, 0) for value in reversed(revision.array(form.get("Fields")))]
    count = 0
    while waiting:
        value, above, nesting = waiting.pop()
        ref = value if isinstance(value, Ref) else None
        entries = revision.resolve(value)
        if not isinstance(entries, dict) or (ref is not None and ref in seen):
            continue
        count += 1
        if count > MAX_FIELDS or nesting > MAX_FIELD_NESTING:
            code = "limit"
            raise PdfRefused(code, "表单域过多", "the form has too many fields")
        if ref is not None:
            seen.add(ref)
        here = above.with_entries(revision, entries)
        kids = revision.array(entries.get("Kids"))
        inner = [kid for kid in kids if "T" in revision.dictionary(kid)]
        if inner:
            waiting += [(kid, here, nesting + 1) for kid in reversed(inner)]
        else:
            beside = bool(kids) and bool(OF_ANNOTATION & entries.keys())
            widgets = (*kids, value) if beside and value not in kids else tuple(kids) or (value,)
            what = (here.kind, here.value, here.flags)
            yield Field(here.name, ref, entries, *what, widgets, beside_kids=beside)


@dataclass(frozen=True, slots=True)
class _Above:
    """What a field inherits."""

    name: str
    kind: PdfValue
    value: PdfValue
    flags: int

    def with_entries(self, revision: Revision, entries: Dictionary) -> _Above:
        part = as_text(revision.resolve(entries.get("T")))
        flags = revision.resolve(entries.get("Ff"))
        return _Above(
            ".".join(filter(None, (self.name, part))),
            revision.resolve(entries.get("FT", self.kind)),
            entries.get("V", self.value),
            flags if isinstance(flags, int) else self.flags,
        )


def find_signatures(revision: Revision) -> list[FoundSignature]:
    """Give the signatures of all signature fields, in the order in which they were added."""
    found = []
    for one in fields(revision):
        entries = revision.resolve(one.value)
        if one.kind != "Sig" or entries is None:
            continue
        holder = one.value if isinstance(one.value, Ref) else one.ref
        extent = None if holder is None else revision.extent(holder)
        known = entries if isinstance(entries, dict) else {}
        found.append(FoundSignature(one, holder, known, extent))
    return in_order(found)


def in_order(found: list[FoundSignature]) -> list[FoundSignature]:
    """Sort signatures by how they were added."""
    return sorted(found, key=_place)


def _place(found: FoundSignature) -> tuple[int, int]:
    """Order by how far the signature reaches, which grows with every one that is added."""
    numbers = found.entries.get("ByteRange")
    reach = 0
    if isinstance(numbers, list):
        reach = max((one for one in numbers[2:3] if isinstance(one, int)), default=0)
    return reach, found.extent[0] if found.extent else 0


def find_unlisted(
    data: bytes, listed: list[FoundSignature], revision: Revision
) -> tuple[list[int], list[FoundSignature]]:
    """Find signatures that no field of the form has (any more).

    Give where their /ByteRange stands, and those of them that can be judged all the same.
    """
    extents = [one.extent for one in listed if one.extent is not None]
    rights = revision.dictionary(revision.catalog.get("Perms")).get("UR3")
    if isinstance(rights, Ref) and (extent := revision.extent(rights)) is not None:
        extents.append(extent)
    strays: list[int] = []
    found: list[FoundSignature] = []
    for match in _BYTE_RANGE.finditer(data):
        if any(start <= match.start() < end for start, end in extents):
            continue
        strays.append(match.start())
        if len(strays) > MAX_UNLISTED:
            break
        if (one := _around(match.start(), revision)) is not None:
            found.append(one)
    return strays, found


def _around(position: int, revision: Revision) -> FoundSignature | None:
    """Read the object in which that lies, by the cross-references of any revision."""
    places = {
        entry.place: number
        for section in revision.sections
        for number, entry in section.entries.items()
        if entry.kind == PLAIN and entry.place <= position
    }
    if not places:
        return None
    place = max(places)
    try:
        parsed = revision.file.object_at(place)
    except PdfRefused:
        return None
    value = parsed.value
    if not isinstance(value, dict) or "ByteRange" not in value or position >= parsed.end:
        return None
    ref = Ref(parsed.number, parsed.generation)
    nowhere = Field("", None, {}, Name("Sig"), ref, 0, ())
    return FoundSignature(nowhere, ref, value, (place, parsed.end))


def as_text(value: PdfValue) -> str:
    """Give a text string (7.9.2.2); empty for what is none."""
    if not isinstance(value, bytes):
        return ""
    if value.startswith(b"\xfe\xff"):
        return value[2:].decode("utf-16-be", "replace")
    if value.startswith(b"\xef\xbb\xbf"):
        return value[3:].decode("utf-8", "replace")
    return value.decode(_LATIN)


def read_date(value: PdfValue) -> datetime | None:
    """Read a date (7.9.4); one without a zone is taken as UTC. None for what is none."""
    match = _DATE.match(as_text(value))
    if match is None:
        return None
    groups = zip(match.groups()[:6], (1, 1, 1, 0, 0, 0), strict=True)
    year, month, day, hour, minute, second = (int(part or default) for part, default in groups)
    sign, hours, minutes = match[7], int(match[8] or 0), int(match[9] or 0)
    offset = timedelta(hours=hours, minutes=minutes) * (-1 if sign == "-" else 1)
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC) - offset
    except (ValueError, OverflowError):
        return None
