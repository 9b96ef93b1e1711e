"""Walking a chain: every entry hashed again, in order, a page at a time.

The rows are read without types, since whoever edits a table by hand need not respect them. The
first bad entry of a chain ends its walk; what was done to it is told from what its hash and its
link still say.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect, text

from msb_identity.errors import MsbError, StoreError
from msb_identity.foundation.audit.entry import HASHED_COLUMNS, chain_start, entry_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from sqlalchemy import Connection, Row, TextClause

PAGE = 1_000
_NEARBY = 500
_LONGEST_SHOWN = 60
MAX_ROW_BYTES = 16_384
"""More than the values of any entry take together: a longer row is none, and is not read."""
_COLUMNS = (*HASHED_COLUMNS, "hash", "personal")
_PAGE = (
    "SELECT {columns} FROM audit_entries WHERE writer = :writer {bound} AND {size} <= :size"
    " ORDER BY sequence LIMIT :page"
)
_BOUND = "AND sequence > :after"
_STANDS = text("SELECT 1 FROM audit_entries WHERE writer = :writer AND sequence = :sequence")
_FOUND = text("SELECT sequence FROM audit_entries WHERE writer = :writer AND hash = :hash LIMIT 1")
_COUNT = text("SELECT count(*) FROM audit_entries WHERE writer = :writer")
_HEAD = text("SELECT sequence, hash FROM audit_heads WHERE writer = :writer")
_FIRST_WRITER = "SELECT min(writer) FROM {table}"
_NEXT_WRITER = "SELECT min(writer) FROM {table} WHERE writer > :last"
_NO_LOG = "the store has no audit log"
_NUMBERS = ("sequence", "time")
_SEQUENCE = HASHED_COLUMNS.index("sequence")


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """An entry, by its place and its hash."""

    sequence: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """The first bad entry of a chain, and what is wrong with it."""

    writer: str
    sequence: int
    code: str

    @property
    def detail(self) -> str:
        """Name the entry."""
        return f"writer {shown(self.writer)}, entry {self.sequence}"


@dataclass(frozen=True, slots=True)
class ChainResult:
    """How far a chain holds, and the hashes of the entries that were asked for."""

    end: ChainEnd
    fault: Fault | None
    hashes: dict[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Log:
    """The log of a store, by its random name."""

    id: bytes

    @classmethod
    def read(cls, connection: Connection) -> Log:
        """Give the store's log; StoreError where it has none, or none that can be one."""
        there = inspect(connection)
        if not all(there.has_table(name) for name in ("audit_log", "audit_heads", "audit_entries")):
            raise StoreError(_NO_LOG)
        ids = connection.execute(text("SELECT id FROM audit_log LIMIT 2")).scalars().all()
        if len(ids) != 1 or not isinstance(ids[0], bytes):
            raise StoreError(_NO_LOG)
        return cls(ids[0])

    def writers(self, connection: Connection, *, also: Iterable[str] = ()) -> list[str]:
        """Give all writers that the store knows, and those named."""
        found = set(also)
        for table in ("audit_entries", "audit_heads"):
            found.update(_distinct_writers(connection, table))
        return sorted(found)


def walk_chain(
    connection: Connection,
    log: Log,
    writer: str,
    *,
    start: ChainEnd | None = None,
    wanted: Collection[int] = (),
    progress: Callable[[int], None] | None = None,
) -> ChainResult:
    """Verify a chain from its beginning, or from an entry that is known, to its end.

    wanted: the sequence numbers whose hashes the caller wants to compare.
    progress: called after each page with the number of entries on it.
    """
    walk = _Walk(connection, writer, start or ChainEnd(0, chain_start(log.id, writer)))
    hashes: dict[int, bytes] = {}
    for page in walk.pages():
        for row in page:
            fault = walk.step(row)
            if fault is not None:
                return ChainResult(walk.end, fault, hashes)
            if row.sequence in wanted:
                hashes[row.sequence] = row.hash
        if progress is not None:
            progress(len(page))
    return ChainResult(walk.end, walk.fault_at_end(), hashes)


@contextmanager
def any_text(connection: Connection) -> Iterator[None]:
    """Read texts that are no UTF-8 too, which SQLite may hold, as texts that nothing was hashed to.

    Else one edited byte would keep the rest of the log from being read.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    raw: Any = connection.connection.driver_connection
    kept, raw.text_factory = raw.text_factory, lambda data: data.decode(errors="surrogateescape")
    try:
        yield
    finally:
        raw.text_factory = kept


def shown(text_: object) -> str:
    """Give what stands in a table for display."""
    return "".join(c if c.isprintable() else "?" for c in str(text_)[:_LONGEST_SHOWN])


class _Walk:
    """One chain, entry after entry; `end` is the last one that holds."""

    def __init__(self, connection: Connection, writer: str, start: ChainEnd) -> None:
        self._connection, self._writer = connection, writer
        self._start = self.end = start
        self._before_end: bytes | None = None
        self._first_page, self._next_page = _page_queries(connection.dialect.name)

    def pages(self) -> Iterator[list[Row[Any]]]:
        """Give the rows after the start, a page at a time.

        From the beginning of a chain there is no lower bound: numbers below 1 are found too.
        """
        bound = bool(self._start.sequence)
        while True:
            query = self._next_page if bound else self._first_page
            values = {"writer": self._writer, "page": PAGE, "size": MAX_ROW_BYTES}
            if bound:
                values["after"] = self.end.sequence
            rows = list(self._connection.execute(query, values))
            yield rows
            if len(rows) < PAGE:
                return
            bound = True

    def step(self, row: Row[Any]) -> Fault | None:
        """Take the next row, or say what is wrong with it."""
        expected = self.end.sequence + 1
        own = _hash_of(row)
        if own is None or own != row.hash:
            return self._changed(row)
        if type(row.sequence) is not int:
            return self._fault(expected, "inserted")
        if row.sequence < expected:
            return self._fault(row.sequence, "inserted")
        if row.sequence > expected:
            return self._not_read(expected)
        if row.previous != self.end.hash:
            # Its own hash is right, so the one before is not the one it was chained to.
            return self._fault(max(expected - 1, 1), "relinked")
        if row.personal_digest is None:
            personal_holds = row.personal is None
        else:
            personal_holds = _digest_of(row.personal) == row.personal_digest
        if not personal_holds:
            return self._fault(expected, "personal-changed")
        self._before_end = row.previous
        self.end = ChainEnd(expected, row.hash)
        return None

    def fault_at_end(self) -> Fault | None:
        """Compare the end with the head that the store keeps, and the rows with their number."""
        head = self._connection.execute(_HEAD, {"writer": self._writer}).first()
        if head is None:
            # A chain has its head before its first entry: either that went, or these were put in.
            return self._fault(self.end.sequence, "head-changed") if self.end.sequence else None
        if type(head.sequence) is not int or not isinstance(head.hash, bytes):
            return self._fault(self.end.sequence, "head-changed")
        if head.sequence > self.end.sequence:
            return self._not_read(self.end.sequence + 1)
        if head.sequence < self.end.sequence:
            return self._fault(max(head.sequence, 0) + 1, "inserted")
        if head.hash != self.end.hash:
            return self._fault(self.end.sequence, "head-changed")
        count = self._connection.scalar(_COUNT, {"writer": self._writer}) or 0
        if count == self.end.sequence:
            return None
        # Two rows of one number, in a table without its key; or one gone from before the start.
        code = "inserted" if count > self.end.sequence else "missing"
        return self._fault(self._start.sequence, code)

    def _changed(self, row: Row[Any]) -> Fault:
        """Tell what was done to an entry whose hash is not its own."""
        expected = self.end.sequence + 1
        number = row.sequence if type(row.sequence) is int else expected
        original = self._original_number(row)
        if original is None:
            # A foreign row far on, after a gap: what is wrong first is the gap.
            return self._fault(min(number, expected), "changed")
        if original == expected or number < 1:
            return self._fault(original, "renumbered")
        if original == self.end.sequence and row.hash != self.end.hash:
            # It follows the same entry as the one before it, and held that one's place.
            return self._fault(self.end.sequence, "inserted")
        if original > expected and self._sequence_of(row.previous) is None:
            return self._fault(expected, "missing")
        return self._fault(number, "reordered")

    def _not_read(self, sequence: int) -> Fault:
        """Tell an entry that is missing from one that is too long to be one."""
        values = {"writer": self._writer, "sequence": sequence}
        stands = self._connection.execute(_STANDS, values).first() is not None
        return self._fault(sequence, "changed" if stands else "missing")

    def _original_number(self, row: Row[Any]) -> int | None:
        """Find under which number the row's hash would be right."""
        if not isinstance(row.hash, bytes):
            return None
        expected = self.end.sequence + 1
        before = self._sequence_of(row.previous)
        candidates = [] if before is None else [before + 1]
        candidates += range(max(1, expected - _NEARBY), expected + _NEARBY)
        for candidate in candidates:
            if _hash_of(row, sequence=candidate) == row.hash:
                return candidate
        return None

    def _sequence_of(self, hash_: object) -> int | None:
        if not isinstance(hash_, bytes):
            return None
        found = self._connection.scalar(_FOUND, {"writer": self._writer, "hash": hash_})
        return found if type(found) is int else None

    def _fault(self, sequence: int, code: str) -> Fault:
        return Fault(self._writer, sequence, code)


@cache
def _page_queries(dialect: str) -> tuple[TextClause, TextClause]:
    """Give the queries for the first page and those after it.

    The database measures every row before it gives it. SQLite holds any type anywhere, and its
    length() of a text ends at a NUL; PostgreSQL keeps numbers to their size.
    """
    if dialect == "sqlite":
        sizes = [f"coalesce(length(CAST({name} AS BLOB)), 0)" for name in _COLUMNS]
    else:
        sizes = [f"coalesce(octet_length({name}), 0)" for name in _COLUMNS if name not in _NUMBERS]
    columns, size = ", ".join(_COLUMNS), " + ".join(sizes)
    first, following = (
        text(_PAGE.format(columns=columns, bound=bound, size=size)) for bound in ("", _BOUND)
    )
    return first, following


def _hash_of(row: Row[Any], *, sequence: int | None = None) -> bytes | None:
    """Hash a row as it stands; None where it holds what no entry can."""
    hashed = list(row[: len(HASHED_COLUMNS)])
    if sequence is not None:
        hashed[_SEQUENCE] = sequence
    try:
        return entry_hash(hashed)
    except (TypeError, ValueError, MsbError):
        return None


def _digest_of(personal: object) -> bytes | None:
    return sha256(personal).digest() if isinstance(personal, bytes) else None


def _distinct_writers(connection: Connection, table: str) -> Iterator[str]:
    """Give a table's writers, each by one step in its index; what is no text is left to a count."""
    last = connection.scalar(text(_FIRST_WRITER.format(table=table)))
    while isinstance(last, str) and _is_unicode(last):
        yield last
        last = connection.scalar(text(_NEXT_WRITER.format(table=table)), {"last": last})


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
