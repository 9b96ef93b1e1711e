"""A PDF as the fast path takes it: read by our strict reader, and understood in all it needs.

What is odd in any way raises NotPlain, and pyHanko takes the file (opening.py) or refuses it: the
fast path guesses nothing. ISO 32000-1 sections 7.5, 7.7 and 12.7.2.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final, NoReturn, overload

from msb_seal.errors import PdfRefused
from msb_seal.pdf.found import as_text, fields, find_signatures
from msb_seal.pdf.opening import MAX_PDF_BYTES
from msb_seal.pdf.pages import MAX_PAGES, MAX_TREE_NODES, PdfPage, make_page
from msb_seal.pdf.revisions import PLAIN, PdfBytes, Revision
from msb_seal.pdf.syntax import DUPLICATE_KEY, Dictionary, Ref, Stream

if TYPE_CHECKING:
    from msb_seal.pdf.syntax import PdfValue
    from msb_seal.placement import PageFrame

_HEAD = re.compile(rb"%PDF-[12]\.\d")
_END = re.compile(rb"startxref[\r\n]+(\d{1,10})[\r\n]+%%EOF[\r\n]*\Z")
_END_BYTES = 64
# 7.5.4: rows of 20 bytes each; tables of other rows are repaired by some readers.
_TABLE: Final = re.compile(
    rb"xref *(?:\r\n|\r|\n)(?:\d{1,10} \d{1,10} *(?:\r\n|\r|\n)"
    rb"(?:\d{10} \d{5} [nf](?: \r| \n|\r\n))*+)*+[\x00\t\n\x0c\r ]*trailer"
)
_INHERITED = ("MediaBox", "CropBox", "Rotate")
_IDS = 2


class NotPlain(Exception):
    """The fast path does not fully understand this file."""


@dataclass(frozen=True, slots=True)
class PlainFile:
    """A file that can be added to.

    xref_at: where its last cross-references begin. has_stream: they are a stream. size: the first
    number that is free. root: the catalog's own object.
    """

    data: bytes = field(repr=False)
    revision: Revision = field(repr=False)
    xref_at: int
    has_stream: bool
    size: int
    root: Ref
    catalog: Dictionary = field(repr=False)
    form: Dictionary = field(repr=False)

    @classmethod
    def read(cls, data: bytes) -> PlainFile:
        """Read a file; NotPlain for one that is odd, and for all that `open_update` refuses."""
        try:
            return cls._read(data)
        except PdfRefused as error:
            raise NotPlain from error

    @classmethod
    def _read(cls, data: bytes) -> PlainFile:
        if len(data) > MAX_PDF_BYTES or _HEAD.match(data) is None:
            _odd("head")
        end = _END.search(data, max(0, len(data) - _END_BYTES))
        if end is None:
            _odd("end")
        revision = Revision(PdfBytes(data), len(data))
        root = revision.trailer.get("Root")
        if revision.is_hybrid or not isinstance(root, Ref):
            _odd("trailer")
        size = max(_size_of(revision, data, index) for index in range(len(revision.sections)))
        if max(revision.entries, default=0) >= size:
            _odd("size")
        _check_places(revision, data)
        catalog = plain_dictionary(revision.object(root))
        if catalog.get("Type") != "Catalog" or "Perms" in catalog:
            _odd("catalog")
        form = plain_dictionary(revision.resolve(catalog.get("AcroForm", {})))
        if "XFA" in form:
            _odd("form")
        at = int(end[1])
        return cls(
            data,
            revision,
            xref_at=at,
            has_stream=not data.startswith(b"xref", at),
            size=size,
            root=root,
            catalog=catalog,
            form=form,
        )

    @property
    def ids(self) -> list[bytes]:
        """The entry /ID of the trailer; empty where there is none."""
        given = self.revision.resolve(self.revision.trailer.get("ID"))
        if given is None:
            return []
        found = [one for one in given if isinstance(one, bytes)] if isinstance(given, list) else []
        if len(found) != _IDS:
            _odd("ID")
        return found

    def names(self) -> set[str]:
        """Give the names of the form's fields; NotPlain where a signature says what may follow."""
        revision = self.revision
        listed = plain_list(revision.resolve(self.form.get("Fields", [])))
        if not listed:
            return set()
        for one in listed:
            if not isinstance(one, Ref) or "T" not in plain_dictionary(revision.object(one)):
                _odd("field")
        for _ in fields(revision):  # reads all, within its caps
            pass
        for found in find_signatures(revision):
            if "Reference" in found.entries or "Lock" in found.field.entries or not found.entries:
                _odd("signature")
        tops = (plain_dictionary(revision.resolve(one)) for one in listed)
        return {as_text(revision.resolve(top["T"])) for top in tops}


class PageList(Sequence["PageFrame"]):
    """The pages as placing needs them; only those are read that are asked for."""

    def __init__(self, file: PlainFile) -> None:
        """Read none yet."""
        self._revision = file.revision
        self._tree = file.catalog.get("Pages")
        self._known: dict[int, PdfPage] = {}
        self._all: list[PdfPage] | None = None

    def page(self, index: int) -> PdfPage:
        """Give a page by its index, from the end where that is negative; IndexError beyond."""
        if self._all is not None:
            return self._all[index]
        if index not in self._known:
            number = index if index >= 0 else -1 - index
            found = next(islice(self._walk(backwards=index < 0), number, None), None)
            if found is None:
                raise IndexError(index)
            self._known[index] = found
        return self._known[index]

    def all(self) -> list[PdfPage]:
        """Give all pages."""
        if self._all is None:
            self._all = list(self._walk(backwards=False))
        return self._all

    @overload
    def __getitem__(self, index: int) -> PageFrame: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[PageFrame]: ...
    def __getitem__(self, index: int | slice) -> PageFrame | Sequence[PageFrame]:
        """Give a page as placing needs it; its id is the index that was asked for."""
        if isinstance(index, int):
            return self.page(index).frame(index)
        return [self[number] for number in range(*index.indices(len(self)))]

    def __len__(self) -> int:
        """Count the pages, for which all are read."""
        return len(self.all())

    def _walk(self, *, backwards: bool) -> Iterator[PdfPage]:
        waiting: list[tuple[PdfValue, Dictionary]] = [(self._tree, {})]
        seen: set[Ref] = set()
        count = 0
        while waiting:
            ref, inherited = waiting.pop()
            if not isinstance(ref, Ref) or ref in seen or len(seen) > MAX_TREE_NODES:
                _odd("page tree")
            seen.add(ref)
            node = plain_dictionary(self._revision.object(ref))
            known = inherited | {name: node[name] for name in _INHERITED if name in node}
            if "Kids" in node:
                kids = plain_list(self._revision.resolve(node["Kids"]))
                waiting += [(kid, known) for kid in (kids if backwards else reversed(kids))]
                continue
            count += 1
            if count > MAX_PAGES or node.get("Type") != "Page":
                _odd("page")
            yield self._page(ref, node, known)

    def _page(self, ref: Ref, node: Dictionary, known: Dictionary) -> PdfPage:
        rotation = self._number(known.get("Rotate", 0))
        return make_page(
            ref,
            media=self._corners(known.get("MediaBox")),
            crop=self._corners(known.get("CropBox")),
            rotation=int(rotation),
            unit=self._number(node.get("UserUnit", 1)),
        )

    def _corners(self, value: PdfValue) -> list[float]:
        found = self._revision.resolve(value)
        return [] if found is None else [self._number(one) for one in plain_list(found)]

    def _number(self, value: PdfValue) -> float:
        found = self._revision.resolve(value)
        if (
            isinstance(found, bool)
            or not isinstance(found, int | float)
            or not math.isfinite(found)
        ):
            _odd("number")
        return found


def plain_dictionary(value: PdfValue) -> Dictionary:
    """Give a dictionary without an entry twice."""
    if not isinstance(value, dict) or DUPLICATE_KEY in value:
        _odd("dictionary")
    return value


def plain_list(value: PdfValue) -> list[PdfValue]:
    """Give a list."""
    if not isinstance(value, list) or any(isinstance(one, Stream) for one in value):
        _odd("list")
    return value


def _check_places(revision: Revision, data: bytes) -> None:
    """Every object stands where the cross-references say, whether it is needed here or not."""
    for number, (kind, place, rest) in revision.entries.items():
        if kind == PLAIN and not data.startswith(b"%d %d obj" % (number, rest), place):
            _odd("an object that is elsewhere")


def _size_of(revision: Revision, data: bytes, index: int) -> int:
    """Give /Size of a section that every reader takes as it is."""
    section = revision.sections[index]
    trailer, at = section.trailer, section.offset
    size = trailer.get("Size")
    if not isinstance(size, int) or "Encrypt" in trailer or DUPLICATE_KEY in trailer:
        _odd("trailer")
    if not (data[at : at + 1].isdigit() or _TABLE.match(data, at)):
        _odd("cross-references")
    return size


def _odd(what: str) -> NoReturn:
    raise NotPlain(what)
