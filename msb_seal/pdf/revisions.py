"""A PDF as it was at one of its revisions: cross-references, objects, streams.

Every revision is read as the file that it was when it ended there (ISO 32000-1, clause 7.5), so
that what a signer saw and what a reader sees now can be laid side by side. Nothing is repaired: a
file whose cross-references lead nowhere is refused.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from msb_seal.errors import PdfRefused
from msb_seal.pdf.filters import Allowance, decode
from msb_seal.pdf.object_streams import unpack
from msb_seal.pdf.syntax import Dictionary, PdfValue, Ref, Stream, read_value, skip_blank

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_SECTIONS = 1_000
MAX_OBJECTS = 500_000
MAX_HEAD_BYTES = 1_024
MAX_SECONDS = 60
MAX_ENTRIES = 3_000_000
"""Of cross-references, in all revisions together that are looked at."""
_MAX_HOPS = 32
_TAIL_BYTES = 2_048
_STARTXREF = re.compile(rb"startxref[\x00\t\n\x0c\r ]*(\d{1,12})[\x00\t\n\x0c\r ]*(?:%%EOF)?")
_HEADER = re.compile(
    rb"[\x00\t\n\x0c\r ]*(\d{1,10})[\x00\t\n\x0c\r ]+(\d{1,5})[\x00\t\n\x0c\r ]+obj"
)
_SUBSECTION = re.compile(
    rb"[\x00\t\n\x0c\r ]*(\d{1,10})[\x00\t\n\x0c\r ]+(\d{1,10})[\x00\t\n\x0c\r ]*"
)
_ENTRY = re.compile(
    rb"[\x00\t\n\x0c\r ]*(\d{1,10})[\x00\t\n\x0c\r ]+(\d{1,5})[\x00\t\n\x0c\r ]+([nf])"
)
_REGULAR_ROW = re.compile(rb"(\d{10}) (\d{5}) ([nf])(?: \r| \n|\r\n)")
_REGULAR_ROWS = re.compile(rb"(?:\d{10} \d{5} [nf](?: \r| \n|\r\n))*+")
_ROW_BYTES = 20
_STREAM = re.compile(rb"[\x00\t\n\x0c\r ]*stream(?:\r\n|\n|\r)")
_ENDSTREAM = re.compile(rb"[\x00\t\n\x0c\r ]*endstream")
_ENDOBJ = re.compile(rb"[\x00\t\n\x0c\r ]*(?:endstream[\x00\t\n\x0c\r ]*)?endobj")
FREE, PLAIN, PACKED = 0, 1, 2


class Entry(NamedTuple):
    """Where an object lies: at an offset, or at an index in an object stream; or nowhere."""

    kind: int
    place: int
    rest: int


@dataclass(frozen=True, slots=True)
class Section:
    """One table or stream of cross-references."""

    offset: int
    entries: Mapping[int, Entry] = field(repr=False)
    trailer: Dictionary = field(repr=False)
    stop: int


@dataclass(slots=True)
class _Parsed:
    """An object as read at an offset, before the length of its stream is known."""

    number: int
    generation: int
    value: PdfValue
    stream_at: int | None
    end: int


class PdfBytes:
    """A whole file, and what was read of it already: revisions share their earlier bytes."""

    def __init__(self, data: bytes) -> None:
        """Take the bytes as they are."""
        self.data = data
        self.parsed: dict[int, _Parsed] = {}
        self.packed: dict[tuple[int, int], Sequence[tuple[int, PdfValue]]] = {}
        self.sections: dict[int, Section] = {}
        self.allowance = Allowance()
        self.entries_read, self.compared = 0, 0
        self.value_bytes = 0
        self._deadline = time.monotonic() + MAX_SECONDS

    def check_time(self) -> None:
        """Raise PdfRefused where reading takes longer than any honest file needs."""
        if time.monotonic() > self._deadline:
            code = "limit"
            raise PdfRefused(code, "耗时过长", f"reading took more than {MAX_SECONDS} s")

    def object_at(self, offset: int) -> _Parsed:
        """Read the object whose header stands exactly there."""
        self.check_time()
        if offset not in self.parsed:
            self.parsed[offset] = self._read(offset)
        return self.parsed[offset]

    def decode(self, stream: Stream) -> bytes:
        """Undo a stream's filters; PdfRefused for others than ours, or beyond the caps."""
        self.check_time()
        return decode(stream, self.allowance)

    def _read(self, offset: int) -> _Parsed:
        header = _HEADER.match(self.data, offset)
        if header is None:
            _broken(f"no object stands at {offset}")
        value, end = read_value(self.data, header.end())
        stream = _STREAM.match(self.data, end) if isinstance(value, dict) else None
        if stream is None and self.data.startswith(b"stream", skip_blank(self.data, end)):
            _broken(f"a stream at {offset} that begins in an odd way")
        stream_at = None if stream is None else stream.end()
        return _Parsed(int(header[1]), int(header[2]), value, stream_at, end)


class Revision:
    """The file as it was when it ended at `end`."""

    def __init__(self, file: PdfBytes, end: int) -> None:
        """Read the cross-references that count at that end; PdfRefused where there are none."""
        self.file, self.end = file, end
        self.sections: list[Section] = []
        self.is_hybrid = False
        self._resolving: set[int] = set()
        self._cache: dict[int, PdfValue] = {}
        self._read_sections(self._start())
        self.entries: dict[int, Entry] = {}
        for section in reversed(self.sections):
            self.entries.update(section.entries)
        file.entries_read += len(self.entries)
        if len(self.entries) > MAX_OBJECTS or file.entries_read > MAX_ENTRIES:
            code = "limit"
            raise PdfRefused(code, "对象过多", "the file has too many objects")
        self.trailer = self.sections[0].trailer

    @property
    def catalog(self) -> Dictionary:
        """The document's catalog; PdfRefused where it is none."""
        root = self.resolve(self.trailer.get("Root"))
        if not isinstance(root, dict):
            _broken("the file has no catalog")
        return root

    def resolve(self, value: PdfValue) -> PdfValue:
        """Follow references to what they name; null where there is nothing."""
        for _ in range(_MAX_HOPS):
            if not isinstance(value, Ref):
                break
            value = self.object(value)
        else:
            _broken("references that lead on and on")
        return value

    def dictionary(self, value: PdfValue) -> Dictionary:
        """Give a dictionary, or a stream's; an empty one for anything else."""
        found = self.resolve(value)
        if isinstance(found, Stream):
            return found.entries
        return found if isinstance(found, dict) else {}

    def array(self, value: PdfValue) -> list[PdfValue]:
        """Give a list; an empty one for anything else."""
        found = self.resolve(value)
        return found if isinstance(found, list) else []

    def object(self, ref: Ref) -> PdfValue:
        """Give the object of that number and generation; null where there is none."""
        entry = self.entries.get(ref.number)
        if entry is None or entry.kind == FREE:
            return None
        if ref.generation != (entry.rest if entry.kind == PLAIN else 0):
            _broken(
                f"object {ref.number} has another generation: some readers take it all the same"
            )
        if ref.number not in self._cache:
            if ref.number in self._resolving:
                _broken("an object that needs itself to be read")
            self._resolving.add(ref.number)
            try:
                self._cache[ref.number] = self.load(ref.number, entry)
            finally:
                self._resolving.discard(ref.number)
        return self._cache[ref.number]

    def extent(self, ref: Ref) -> tuple[int, int] | None:
        """Give where an object that is no stream begins and ends in the file; None if packed."""
        entry = self.entries.get(ref.number)
        if entry is None or entry.kind != PLAIN:
            return None
        return entry.place, self.file.object_at(entry.place).end

    def end_of(self, number: int, entry: Entry) -> int:
        """Give where an object that is not packed ends, with its `endobj`."""
        parsed = self.file.object_at(entry.place)
        value = self.load(number, entry)
        end = parsed.end
        if isinstance(value, Stream) and parsed.stream_at is not None:
            end = parsed.stream_at + len(value.raw)
        return self._after_object(end)

    def packed_numbers(self, ref: Ref) -> list[int]:
        """Give the numbers of the objects in an object stream, as its header says."""
        return [number for number, _ in self._unpack(ref.number)]

    def load(self, number: int, entry: Entry) -> PdfValue:
        """Read an object where an entry says; PdfRefused where it is not there."""
        if entry.kind == PACKED:
            packed = self._unpack(entry.place)
            if entry.rest >= len(packed) or packed[entry.rest][0] != number:
                _broken(f"object {number} is not where it should be packed")
            return packed[entry.rest][1]
        if not 0 < entry.place < self.end:
            _broken(f"object {number} lies outside the file")
        parsed = self.file.object_at(entry.place)
        if (parsed.number, parsed.generation) != (number, entry.rest):
            _broken(f"object {number} is not where it should be")
        return self._with_stream(parsed)

    def _with_stream(self, parsed: _Parsed) -> PdfValue:
        if parsed.stream_at is None or not isinstance(parsed.value, dict):
            return parsed.value
        length = self.resolve(parsed.value.get("Length"))
        start = parsed.stream_at
        if not isinstance(length, int) or not 0 <= length <= self.end - start:
            _broken("a stream without a length")
        if not _ENDSTREAM.match(self.file.data, start + length):
            _broken("a stream that does not end where its length says")
        return Stream(parsed.value, self.file.data[start : start + length])

    def _unpack(self, number: int) -> Sequence[tuple[int, PdfValue]]:
        """Read all objects of an object stream (7.5.7)."""
        entry = self.entries.get(number)
        stream = None
        if entry is not None and entry.kind == PLAIN:
            stream = self.object(Ref(number, entry.rest))
        if not isinstance(stream, Stream) or stream.entries.get("Type") != "ObjStm" or not entry:
            _broken(f"no object stream {number}")
        key = (entry.place, len(stream.raw))
        if key not in self.file.packed:
            count, first = (self.resolve(stream.entries.get(name)) for name in ("N", "First"))
            if not isinstance(count, int) or not isinstance(first, int):
                _broken("an object stream without its numbers")
            self.file.packed[key] = unpack(self.file.decode(stream), count, first)
        return self.file.packed[key]

    def _after_object(self, end: int) -> int:
        found = _ENDOBJ.match(self.file.data, end)
        if found is None:
            _broken(f"an object without an end at {end}")
        return found.end()

    def _start(self) -> int:
        tail_at = max(0, self.end - _TAIL_BYTES)
        found = _STARTXREF.findall(self.file.data[tail_at : self.end])
        if not found:
            _broken("no startxref at the end")
        return int(found[-1])

    def _read_sections(self, offset: int) -> None:
        """Follow /Prev from the last section to the first, with the streams of hybrid files."""
        seen: set[int] = set()
        place: PdfValue = offset
        while isinstance(place, int) and place not in seen:
            seen.add(place)
            if len(seen) > MAX_SECTIONS:
                code = "limit"
                raise PdfRefused(code, "修订过多", "the file has too many revisions")
            section = self._read_section(place)
            hidden = section.trailer.get("XRefStm")
            if any(
                not isinstance(one, int | None) for one in (hidden, section.trailer.get("Prev"))
            ):
                _broken("a trailer that leads nowhere")
            if isinstance(hidden, int):
                self.is_hybrid = True
                stream = self._read_section(hidden)
                # What the table calls free is what the stream hides from old readers (7.5.8.4).
                merged = {**stream.entries, **_in_use(section.entries)}
                for number, entry in section.entries.items():
                    merged.setdefault(number, entry)
                section = Section(section.offset, merged, section.trailer, section.stop)
            self.sections.append(section)
            place = section.trailer.get("Prev")

    def _read_section(self, offset: int) -> Section:
        if offset not in self.file.sections:
            self.file.sections[offset] = self._load_section(offset)
        section = self.file.sections[offset]
        if section.stop > self.end:
            _broken(f"cross-references outside the file, at {offset}")
        return section

    def _load_section(self, offset: int) -> Section:
        """Read a table or a stream."""
        data = self.file.data
        if not 0 <= offset < self.end:
            _broken(f"cross-references outside the file, at {offset}")
        start = skip_blank(data, offset)
        if data.startswith(b"xref", start):
            return _read_table(data, offset, start + len(b"xref"), self.end)
        parsed = self.file.object_at(offset)
        if parsed.stream_at is None or not isinstance(parsed.value, dict):
            _broken(f"no cross-references at {offset}")
        length = parsed.value.get("Length")
        if parsed.value.get("Type") != "XRef" or not isinstance(length, int) or length < 0:
            _broken(f"no cross-references at {offset}")
        stop = parsed.stream_at + length
        decoded = self.file.decode(Stream(parsed.value, data[parsed.stream_at : stop]))
        rows = _read_rows(decoded, parsed.value)
        return Section(offset, rows, parsed.value, self._after_object(stop))


def _in_use(entries: Mapping[int, Entry]) -> dict[int, Entry]:
    return {number: entry for number, entry in entries.items() if entry.kind != FREE}


def _enter(entries: dict[int, Entry], number: int, entry: Entry) -> None:
    if entries.setdefault(number, entry) != entry:
        _broken(f"object {number} has two places in one section: readers take either")


def _read_table(data: bytes, offset: int, position: int, end: int) -> Section:
    entries: dict[int, Entry] = {}
    while not data.startswith(b"trailer", skip_blank(data, position)):
        head = _SUBSECTION.match(data, position)
        if head is None or position >= end:
            _broken(f"a broken table of cross-references at {offset}")
        position = head.end()
        first, count = int(head[1]), int(head[2])
        if count > MAX_OBJECTS:
            _broken("too many cross-references")
        rows, position = _read_table_rows(data, position, count)
        found = {
            number: Entry(PLAIN if used == b"n" else FREE, int(place), int(rest))
            for number, (place, rest, used) in enumerate(rows, first)
        }
        for number in entries.keys() & found.keys():
            _enter(entries, number, found[number])
        entries.update(found)
    trailer, stop = read_value(data, skip_blank(data, position) + len(b"trailer"))
    if not isinstance(trailer, dict):
        _broken("a trailer that is no dictionary")
    return Section(offset, entries, trailer, stop)


def _read_table_rows(
    data: bytes, position: int, count: int
) -> tuple[Sequence[Sequence[bytes]], int]:
    """Read rows of a table; all at once where each has its 20 bytes, as in nearly every file."""
    regular = data[position : position + _ROW_BYTES * count]
    if len(regular) == _ROW_BYTES * count and _REGULAR_ROWS.fullmatch(regular):
        return _REGULAR_ROW.findall(regular), position + len(regular)
    rows: list[Sequence[bytes]] = []
    for _ in range(count):
        row = _ENTRY.match(data, position)
        if row is None:
            _broken(f"a broken table of cross-references at {position}")
        position = row.end()
        rows.append(row.groups())
    return rows, position


def _read_rows(data: bytes, entries: Dictionary) -> dict[int, Entry]:
    """Read the rows of a cross-reference stream (7.5.8)."""
    widths, size = entries.get("W"), entries.get("Size")
    index = entries.get("Index", [0, size])
    if not isinstance(widths, list) or not isinstance(index, list) or len(widths) != 3:  # noqa: PLR2004 - three fields
        _broken("a cross-reference stream without widths")
    w = [one if isinstance(one, int) and 0 <= one <= 8 else -1 for one in widths]  # noqa: PLR2004 - bytes of a number
    if min(w) < 0 or not sum(w) or len(index) % 2:
        _broken("a cross-reference stream with odd widths")
    found: dict[int, Entry] = {}
    position, step = 0, sum(w)
    for first, count in zip(index[::2], index[1::2], strict=True):
        if not isinstance(first, int) or not isinstance(count, int) or count < 0:
            _broken("a cross-reference stream with an odd index")
        for number in range(first, first + min(count, (len(data) - position) // step)):
            a, b = position + w[0], position + w[0] + w[1]
            kind = int.from_bytes(data[position:a], "big") if w[0] else PLAIN
            place, rest = int.from_bytes(data[a:b], "big"), data[b : position + step]
            _enter(found, number, Entry(kind, place, int.from_bytes(rest, "big")))
            position += step
    return found


def _broken(what: str) -> NoReturn:
    code = "malformed"
    raise PdfRefused(code, "PDF 结构损坏", what)
