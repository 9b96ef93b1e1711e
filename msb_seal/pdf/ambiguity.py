"""What was appended to a file and could be read in two ways (ISO 32000-1, clauses 7.3 and 7.5).

Readers settle a contradiction each in their own way: one takes the first of two entries, another
the last; one repairs what another skips. So every byte that was appended must belong to an object
that a cross-reference names, to the cross-references, or to nothing; and no entry may stand twice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msb_seal.pdf.revisions import FREE, PACKED, PLAIN
from msb_seal.pdf.syntax import DUPLICATE_KEY, Ref, Stream, skip_blank

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msb_seal.pdf.revisions import Entry, PdfBytes, Revision, Section
    from msb_seal.pdf.syntax import PdfValue

_ENDS: Final = re.compile(
    rb"(?:[\x00\t\n\x0c\r ]++|%(?!%EOF)[^\r\n]{0,200}[\r\n])*+"
    rb"startxref[\x00\t\n\x0c\r ]+\d{1,12}[\x00\t\n\x0c\r ]+(?=%%EOF|\Z)"
)
_TABLE: Final = re.compile(
    rb"xref *(?:\r\n|\r|\n)(?:\d{1,10} \d{1,10} *(?:\r\n|\r|\n)"
    rb"(?:\d{10} \d{5} [nf](?: \r| \n|\r\n))*+)*+[\x00\t\n\x0c\r ]*trailer"
)
"""A table whose rows are of 20 bytes each (7.5.4); of others, readers repair the file."""
_AFTER: Final = re.compile(rb"[\x00\t\n\x0c\r ]*(?:%%EOF[\x00\t\n\x0c\r ]*)?")
_MAX_TAIL: Final = 1_024
"""So many bytes from the end readers look for the last startxref."""
_OBJECT_INSIDE: Final = re.compile(rb"\d[\x00\t\n\x0c\r ]+\d+[\x00\t\n\x0c\r ]+obj\b|\btrailer\b")


def ambiguities(before: Revision, after: Revision) -> Iterator[str]:
    """Tell what readers may take in different ways of what was appended after `before`.

    Raises PdfRefused for an appended object that cannot be read.
    """
    added = [one for one in after.sections if one.offset >= before.end]
    for section in added:
        if has_twice(section.trailer):
            yield f"an entry stands twice in the trailer of {section.offset}"
        if not _is_regular(after, section):
            yield f"cross-references at {section.offset} that some readers repair"
    extents = [(one.offset, one.stop) for one in added]
    for section in added:
        for number, entry in section.entries.items():
            yield from _of_object(after, number, entry, since=before.end)
            if entry.kind == PLAIN and entry.place >= before.end:
                extents.append((entry.place, after.end_of(number, entry)))
    yield from _between(before.end, after, extents, added)


def doubled_entries(file: PdfBytes) -> Iterator[int]:
    """Give the numbers of objects with an entry that stands twice: readers take either.

    Of all that was read: catalog, pages, what they draw, fields. What was not, fonts for one, is
    not read for this alone.
    """
    for parsed in file.parsed.values():
        if has_twice(parsed.value):
            yield parsed.number
    for packed in file.packed.values():
        yield from (number for number, value in packed if has_twice(value))


def _is_regular(after: Revision, section: Section) -> bool:
    """Whether cross-references are written as every reader takes them."""
    data, size = after.file.data, section.trailer.get("Size")
    entries = after.entries if section is after.sections[0] else section.entries
    used = [number for number, one in entries.items() if one.kind != FREE]
    if not isinstance(size, int) or max(used, default=0) >= size:
        return False
    if any(one.kind == PLAIN and not _begins(data, one.place) for one in section.entries.values()):
        return False
    return bool(_TABLE.match(data, section.offset)) or _begins(data, section.offset)


def _begins(data: bytes, place: int) -> bool:
    """Whether the number of an object stands exactly there."""
    return data[place : place + 1].isdigit()


def _of_object(after: Revision, number: int, entry: Entry, *, since: int) -> Iterator[str]:
    """Tell what is ambiguous in one object as a cross-reference names it."""
    if entry.kind == FREE:
        return
    value = after.load(number, entry)
    if entry.kind == PLAIN and entry.place < since:
        return
    if has_twice(value):
        yield f"an entry stands twice in object {number}"
    if entry.kind == PLAIN and isinstance(value, Stream) and value.entries.get("Type") == "ObjStm":
        named = {
            (one, there.rest)
            for section in after.sections
            for one, there in section.entries.items()
            if there.kind == PACKED and there.place == number
        }
        packed = after.packed_numbers(Ref(number, entry.rest))
        if any((one, index) not in named for index, one in enumerate(packed)):
            yield f"object stream {number} has an object that no cross-reference names"


def has_twice(value: PdfValue) -> bool:
    """Whether a dictionary written in there has an entry twice."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Stream):
            one = one.entries
        if isinstance(one, dict):
            if DUPLICATE_KEY in one:
                return True
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return False


def _between(
    start: int, after: Revision, extents: list[tuple[int, int]], added: list[Section]
) -> Iterator[str]:
    """Tell bytes that belong to nothing; other readers may find objects there, or other files."""
    data, position = after.file.data, start
    if b"startxref" not in data[max(start, after.end - _MAX_TAIL) : after.end]:
        yield "no startxref near the end"
    stops = {one.stop for one in added}
    for first, last in [*sorted(set(extents)), (after.end, after.end)]:
        if first < position:
            yield f"two objects share the bytes at {first}"
            return
        if position in stops and (ends := _ENDS.match(data, position, after.end)):
            position = ends.end()
        if skip_blank(data, position) < first or _OBJECT_INSIDE.search(data, position, first):
            yield f"bytes at {position} that nothing names"
            return
        if first == last == after.end and not _AFTER.fullmatch(data, position, first):
            yield f"bytes at {position} that stand behind the end"
            return
        position = last
