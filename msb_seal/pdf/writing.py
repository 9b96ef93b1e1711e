"""Writing one incremental update byte by byte (ISO 32000-1 sections 7.3 and 7.5.6).

Cross-references are written in the kind that the file has. Nothing is random: the same document,
seal and time give the same bytes but for the signature's value.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from msb_seal.pdf.plain import NotPlain
from msb_seal.pdf.syntax import DUPLICATE_KEY, Name, Ref, Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from msb_seal.pdf.plain import PlainFile
    from msb_seal.pdf.syntax import Dictionary, PdfValue

_ODD_IN_NAME = re.compile(r"[^!-~]|[#%()<>\[\]{}/]")
_PLAIN_TEXT = re.compile(rb"[ -'*-\[\]-~]*")  # printable, without parentheses and backslash
_RANGES = b"/ByteRange [0 %d %d %d]"
_RANGES_BYTES = len(_RANGES) + 3 * 8  # MAX_PDF_BYTES has nine digits, "%d" two
_ID_BYTES = 16
# 7.5.5, 7.5.8.2: entries of the one table or stream; an update repeats all others.
_OF_SECTION = frozenset(
    ("ID", "Prev", "Size", "Type", "W", "Index", "Length", "Filter", "DecodeParms", "XRefStm")
)


class Update:
    """Objects added to a file, or put in the place of its own, and where each will stand."""

    def __init__(self, file: PlainFile) -> None:
        """Begin after the file's last byte."""
        self._file = file
        self._parts = [] if file.data.endswith((b"\n", b"\r")) else [b"\n"]
        self._at = len(file.data) + len(self._parts)
        self._places: dict[int, tuple[int, int]] = {}
        self._next = file.size
        self._entries = b""

    def reserve(self) -> int:
        """Give the number of an object that is to be put later."""
        self._next += 1
        return self._next - 1

    def add(self, *content: bytes) -> int:
        """Add an object and give its number."""
        number = self.reserve()
        self.put(Ref(number, 0), *content)
        return number

    def put(self, ref: Ref, *content: bytes) -> None:
        """Write an object under that number; NotPlain where it is written already."""
        if ref.number in self._places:
            raise NotPlain  # two pages that share one list
        self._places[ref.number] = self._at, ref.generation
        self._write(b"%d %d obj\n%b\nendobj\n" % (*ref, b"".join(content)))

    def put_entry(self, ref: Ref, name: str, value: PdfValue) -> None:
        """Write an object again, a dictionary, with one entry more or another value in it."""
        found = self._file.revision.object(ref)
        extent = self._file.revision.extent(ref)
        if not isinstance(found, dict) or DUPLICATE_KEY in found:
            raise NotPlain
        if name in found or extent is None:
            self.put(ref, write_value({**found, name: value}))
            return
        # As it stands, so that nothing else in it changes by as much as a space.
        written = self._file.data[slice(*extent)]
        begins = written.index(b"<<")
        self.put(ref, written[begins:-2], _write_name(name), b" ", write_value(value), b">>")

    def finish(self, number: int, entries: bytes, *, room: int) -> tuple[bytes, int, int]:
        """Write the signature dictionary last, and the cross-references; give the whole file.

        entries: those beside /ByteRange and /Contents. room: bytes for the value, in zeros here.
        The two numbers are where /Contents stands, with its angle brackets.
        """
        self._entries = entries
        self._places[number] = self._at, 0
        self._write(b"%d 0 obj\n<<" % number, entries)
        ranges_at = len(self._parts)
        self._write(b" " * _RANGES_BYTES, b"/Contents")
        start = self._at
        self._write(b"<" + b"0" * (2 * room) + b">")
        end = self._at
        self._write(b">>\nendobj\n")
        self._write_references()
        ranges = _RANGES % (start, end, self._at - end)
        self._parts[ranges_at] = ranges.ljust(_RANGES_BYTES)
        return b"".join((self._file.data, *self._parts)), start, end

    def _write(self, *content: bytes) -> None:
        for one in content:
            self._parts.append(one)
            self._at += len(one)

    def _write_references(self) -> None:
        at = self._at
        if self._file.has_stream:
            number = self.reserve()
            self._places[number] = at, 0
            runs = list(_runs(sorted(self._places)))
            rows = b"".join(
                b"\1%b%b" % (place.to_bytes(4, "big"), generation.to_bytes(2, "big"))
                for run in runs
                for place, generation in map(self._places.__getitem__, run)
            )
            index = b" ".join(b"%d %d" % (run.start, len(run)) for run in runs)
            head = b"%d 0 obj\n<</Type/XRef/W[1 4 2]/Index[%b]/Length %d" % (
                number,
                index,
                len(rows),
            )
            self._write(head, self._trailer(), b">>\nstream\n", rows, b"\nendstream\nendobj\n")
        else:
            self._write(b"xref\n")
            for run in _runs(sorted(self._places)):
                rows = b"".join(b"%010d %05d n \n" % self._places[number] for number in run)
                self._write(b"%d %d\n" % (run.start, len(run)), rows)
            self._write(b"trailer\n<<", self._trailer(), b">>\n")
        self._write(b"startxref\n%d\n%%%%EOF\n" % at)

    def _trailer(self) -> bytes:
        file, trailer = self._file, self._file.revision.trailer
        kept = {name: value for name, value in trailer.items() if name not in _OF_SECTION}
        # 14.4: the second changes with each update.
        known = file.ids
        told = b"%d %d %b" % (len(file.data), self._at, self._entries)
        changed = sha256(b"".join((*known, told))).digest()[:_ID_BYTES]
        kept["ID"] = [known[0] if known else changed, changed]
        return write_entries(kept | {"Prev": file.xref_at, "Size": self._next})


def write_value(value: PdfValue) -> bytes:
    """Write a value; NotPlain for what is better left where it stands."""
    if value is None:
        return b"null"
    return _WRITERS[type(value)](value) if type(value) in _WRITERS else _write_compound(value)


def write_entries(entries: Dictionary) -> bytes:
    """Write what stands between a dictionary's brackets."""
    if DUPLICATE_KEY in entries:
        raise NotPlain
    return b"".join(
        _write_name(name) + b" " + write_value(value) for name, value in entries.items()
    )


def write_text(text: str) -> bytes:
    """Write a text string (7.9.2.2): as it is where it is ASCII, as UTF-16 elsewhere."""
    if text.isascii():
        return _write_string(text.encode())
    return _write_string(b"\xfe\xff" + text.encode("utf-16-be", "surrogatepass"))


def _write_compound(value: PdfValue) -> bytes:
    if isinstance(value, list):
        return b"[%b]" % b" ".join(map(write_value, value))
    if isinstance(value, dict) and not isinstance(value, Stream):
        return b"<<%b>>" % write_entries(value)
    raise NotPlain


@lru_cache(maxsize=4_096)
def _write_name(name: str) -> bytes:
    escaped = _ODD_IN_NAME.sub(lambda found: f"#{ord(found[0]):02x}", name)
    return b"/" + escaped.encode("latin-1")


def _write_string(value: bytes) -> bytes:
    return b"(%b)" % value if _PLAIN_TEXT.fullmatch(value) else b"<%b>" % value.hex().encode()


def _write_float(value: float) -> bytes:
    return format(Decimal(repr(value)), "f").encode()  # no exponents (7.3.3)


_WRITERS: dict[type, Callable[..., bytes]] = {
    bool: lambda value: b"true" if value else b"false",
    int: lambda value: b"%d" % value,
    float: _write_float,
    bytes: _write_string,
    Name: _write_name,
    Ref: lambda value: b"%d %d R" % value,
}


def _runs(numbers: list[int]) -> Iterator[range]:
    """Give runs of numbers that follow each other."""
    start = 0
    for index in range(1, len(numbers) + 1):
        if index == len(numbers) or numbers[index] != numbers[index - 1] + 1:
            yield range(numbers[start], numbers[index - 1] + 1)
            start = index
