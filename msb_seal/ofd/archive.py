"""The ZIP under an OFD (APPNOTE 6.3), read strictly and written the same each time.

Signatures cover entries, not the archive, so an archive that two readers take differently could
show unsigned content under a good signature. Here the central directory and the local headers must
agree, entries may not overlap, and nothing that looks like an entry may hide between them. Sizes
that are declared bound the work; they are never believed. Bytes before the first entry (some
vendors write their own header there) are allowed.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msb_seal.ofd.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_ARCHIVE_BYTES = 256 * 1024 * 1024
MAX_ENTRIES = 2_000
MAX_UNPACKED_BYTES = 256 * 1024 * 1024
MAX_RATIO = 100
RATIO_FLOOR_BYTES = 1024 * 1024
"""Below this size an entry may be packed as densely as deflate can: lists of numbers are."""

STORED, DEFLATED = 0, 8
_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_END_MARK, _CENTRAL_MARK, _LOCAL_MARK = b"PK\5\6", b"PK\1\2", b"PK\3\4"
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64_MARK, _END64_LOCATOR_MARK = b"PK\6\6", b"PK\6\7"
_MAX_SHORT = 0xFFFF  # the longest comment; as a count, that the true one stands elsewhere
_ENCRYPTED_FLAGS = 0x0001 | 0x0040 | 0x2000
_STREAMED_FLAG = 0x0008  # sizes follow the data, in a descriptor of 12 to 24 bytes
_UTF8_FLAG = 0x0800
_MAX_DESCRIPTOR = 24
_DESCRIPTOR_MARK = b"PK\7\x08"
_DESCRIPTOR, _DESCRIPTOR64 = struct.Struct("<3L"), struct.Struct("<L2Q")
_UNICODE_PATH_FIELD, _SIZES64_FIELD = 0x7075, 0x0001
_FILE_TYPE, _SYMBOLIC_LINK = 0o170000, 0o120000  # of the Unix mode in the upper 16 bits
_PROGRAM_MARK, _PDF_MARK, _PDF_HEAD_BYTES = b"MZ", b"%PDF-", 1024
_ESCAPED_SIZE = 0xFFFFFFFF  # the true size stands in a ZIP64 field
_TINY, _SMALL = 640, 8_192
_PACK_SMALL = (3, zlib.DEFLATED, -13, 6)  # level, method, window, memory
_PACK_LARGE = (6, zlib.DEFLATED, -15, 8)
_VERSION = 20
_DATE = (1 << 5) | 1  # 1980-01-01, the first day that ZIP knows


@dataclass(frozen=True, slots=True)
class Packed:
    """The content of one entry, and as it is stored: made once, put into many archives.

    method: STORED or DEFLATED; crc: CRC-32 of the content.
    """

    content: bytes = field(repr=False)
    stored: bytes | memoryview = field(repr=False)
    method: int
    crc: int
    _digests: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, content: bytes, *, compress: bool = True) -> Packed:
        """Pack the content; without `compress` it is stored as it is (pictures, signatures)."""
        crc = zlib.crc32(content)
        if compress and len(content) > _TINY:
            # Making tables for a window of 32 KiB takes longer than packing a small page.
            small = len(content) <= _SMALL
            packer = zlib.compressobj(*(_PACK_SMALL if small else _PACK_LARGE))
            stored = packer.compress(content) + packer.flush()
            if len(stored) < len(content):
                return cls(content, stored, DEFLATED, crc)
        return cls(content, content, STORED, crc)

    def digest(self, algorithm: str, compute: Callable[[bytes], bytes]) -> bytes:
        """Give compute(content), computed once for each name: a batch shares fonts and pictures."""
        found = self._digests.get(algorithm)
        if found is None:
            found = self._digests[algorithm] = compute(self.content)
        return found


@dataclass(frozen=True, slots=True)
class ArchivedEntry:
    """One entry as the archive names it: the raw name, and whether it says that this is UTF-8."""

    raw_name: bytes
    is_utf8: bool
    packed: Packed


@dataclass(frozen=True, slots=True)
class _Record:
    """One record of the central directory."""

    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed_size: int
    size: int
    start: int

    @property
    def shown(self) -> str:
        return self.raw_name.decode("utf-8", "replace")


def read_archive(data: bytes) -> tuple[list[ArchivedEntry], int]:
    """Read every entry, unpacked and checked; also give the number of bytes before the archive.

    Raises OfdRefused; memory and time stay within the caps above, whatever the archive declares.
    """
    if len(data) > MAX_ARCHIVE_BYTES:
        raise refusal("too-large", f"{len(data)} > {MAX_ARCHIVE_BYTES}")
    records, leading, end = _central_directory(data)
    _require_caps(records)
    view = memoryview(data)
    entries, extents = [], []
    for record in records:
        data_start = _check_local(data, record)
        data_end = data_start + record.packed_size
        if data_end > end:
            raise refusal("damaged", record.shown)
        if record.flags & _STREAMED_FLAG:
            _check_descriptor(data[data_end : min(end, data_end + _MAX_DESCRIPTOR)], record)
        extents.append((record.start, data_end, record.flags & _STREAMED_FLAG))
        packed = _unpack(record, view[data_start:data_end])
        entries.append(ArchivedEntry(record.raw_name, bool(record.flags & _UTF8_FLAG), packed))
    _require_nothing_between(data, sorted(extents), leading=leading, end=end)
    return entries, leading


def write_archive(entries: Iterable[tuple[str, Packed]]) -> bytes:
    """Write the entries in their order; equal entries give equal bytes (no clock, no system)."""
    parts: list[bytes | memoryview] = []
    directory: list[bytes] = []
    offset = 0
    for name, packed in entries:
        raw = name.encode()
        flags = 0 if name.isascii() else _UTF8_FLAG
        sizes = (packed.crc, len(packed.stored), len(packed.content), len(raw))
        common = (_VERSION, flags, packed.method, 0, _DATE, *sizes, 0)
        parts += (_LOCAL.pack(_LOCAL_MARK, *common), raw, packed.stored)
        directory += (
            _CENTRAL.pack(_CENTRAL_MARK, _VERSION, *common, 0, 0, 0, 0, offset),
            raw,
        )
        offset += _LOCAL.size + len(raw) + len(packed.stored)
    count, size = len(directory) // 2, sum(map(len, directory))
    if count > MAX_ENTRIES:
        raise refusal("too-many-entries", str(count))
    if offset + size > MAX_ARCHIVE_BYTES:
        raise refusal("too-large", str(offset + size))
    end = _END.pack(_END_MARK, 0, 0, count, count, size, offset, 0)
    return b"".join((*parts, *directory, end))


def _central_directory(data: bytes) -> tuple[list[_Record], int, int]:
    """Give the records, how many bytes stand before the archive, and where its entries end."""
    end, count, size, offset = _end_record(data)
    if count > MAX_ENTRIES:
        raise refusal("too-many-entries", str(count))
    leading = end - size - offset
    position = end - size
    if leading < 0 or position < 0:
        raise refusal("damaged", "central directory")
    if data[position : position + 4] == _CENTRAL_MARK or not count:
        # Some writers count their leading bytes in the offsets: then `leading` is 0 by itself.
        records = list(_records(data, position, count=count, end=end, leading=leading))
        return records, _leading_bytes(records, position), position
    raise refusal("damaged", "central directory")


def _leading_bytes(records: list[_Record], position: int) -> int:
    return min((record.start for record in records), default=position)


def _end_record(data: bytes) -> tuple[int, int, int, int]:
    """Find the end record; give where the directory ends, its count, size and offset."""
    tail_start = max(0, len(data) - _END.size - _MAX_SHORT)
    at = data.rfind(_END_MARK, tail_start)
    if at < 0 or at + _END.size > len(data):
        raise refusal("not-a-zip")
    _, disk, start_disk, count, total, size, offset, comment = _END.unpack_from(data, at)
    if at + _END.size + comment != len(data):
        raise refusal("damaged", "bytes after the archive")
    if _has_another_end(data, tail_start, at):
        raise refusal("ambiguous", "two end records")
    if disk or start_disk or count != total:
        raise refusal("unsupported", "split archive")
    locator = at - _END64_LOCATOR.size
    if locator >= 0 and data[locator : locator + 4] == _END64_LOCATOR_MARK:
        if _ESCAPED_SIZE in (size, offset) or count == _MAX_SHORT:
            raise refusal("too-large", "ZIP64")
        record = data.rfind(_END64_MARK, max(0, locator - 256), locator)
        at = record if record >= 0 else at
    return at, count, size, offset


def _has_another_end(data: bytes, position: int, last: int) -> bool:
    """Whether an earlier end record claims all that follows, the last one included, as comment."""
    while (position := data.find(_END_MARK, position, last)) >= 0:
        comment = int.from_bytes(data[position + 20 : position + 22], "little")
        if position + _END.size + comment == len(data):
            return True
        position += 1
    return False


def _records(
    data: bytes, position: int, *, count: int, end: int, leading: int
) -> Iterable[_Record]:
    for _ in range(count):
        if position + _CENTRAL.size > end:
            raise refusal("damaged", "central directory")
        fields = _CENTRAL.unpack_from(data, position)
        mark, _, _, flags, method, _, _, crc, packed_size, size = fields[:10]
        name_size, extra_size, comment_size, _, _, attributes, offset = fields[10:]
        name_start = position + _CENTRAL.size
        position = name_start + name_size + extra_size + comment_size
        if mark != _CENTRAL_MARK or position > end:
            raise refusal("damaged", "central directory")
        raw_name = data[name_start : name_start + name_size]
        record = _Record(raw_name, flags, method, crc, packed_size, size, leading + offset)
        if attributes >> 16 & _FILE_TYPE == _SYMBOLIC_LINK:
            # Whoever unpacks the archive would show what it points at.
            raise refusal("ambiguous", record.shown)
        if extra_size:
            extra_start = name_start + name_size
            _check_extra(record, data[extra_start : extra_start + extra_size])
        yield record
    if position != end:
        raise refusal("ambiguous", "central directory")


def _require_caps(records: list[_Record]) -> None:
    """Refuse by what the entries declare; _unpack then holds them to it."""
    total = 0
    for record in records:
        total += record.size
        if record.flags & _ENCRYPTED_FLAGS:
            raise refusal("encrypted", record.shown)
        if record.method not in (STORED, DEFLATED):
            raise refusal("unsupported", record.shown)
        if _ESCAPED_SIZE in (record.size, record.packed_size) or total > MAX_UNPACKED_BYTES:
            raise refusal("too-large", record.shown)
        if record.size > max(RATIO_FLOOR_BYTES, MAX_RATIO * record.packed_size):
            raise refusal("bomb", record.shown)


def _check_local(data: bytes, record: _Record) -> int:
    """Hold the local header against the directory's record; give where the data begins."""
    if record.start + _LOCAL.size > len(data):
        raise refusal("damaged", record.shown)
    fields = _LOCAL.unpack_from(data, record.start)
    mark, _, flags, method, _, _, crc, packed_size, size, name_size, extra_size = fields
    if mark != _LOCAL_MARK:
        raise refusal("damaged", record.shown)
    name_start = record.start + _LOCAL.size
    same = data[name_start : name_start + name_size] == record.raw_name
    sizes = (crc, packed_size, size)
    declared = (record.crc, record.packed_size, record.size)
    # A streaming writer leaves zeros here; ZIP64-minded ones leave the escape and an extra field.
    for mine, theirs in zip(sizes, declared, strict=True):
        absent = mine == 0 and flags & _STREAMED_FLAG
        same = same and (mine in (theirs, _ESCAPED_SIZE) or bool(absent))
    meaning = _ENCRYPTED_FLAGS | _UTF8_FLAG
    if not same or method != record.method or (flags ^ record.flags) & meaning:
        raise refusal("ambiguous", record.shown)
    extra_start = name_start + name_size
    if extra_size:
        _check_extra(record, data[extra_start : extra_start + extra_size])
    return int(extra_start + extra_size)


def _check_descriptor(found: bytes, record: _Record) -> None:
    """Refuse sizes behind the data that are others than the directory's; some leave them out."""
    if not found or found.startswith((_LOCAL_MARK, _CENTRAL_MARK)):
        return
    values = (record.crc, record.packed_size, record.size)
    forms = (form.pack(*values) for form in (_DESCRIPTOR, _DESCRIPTOR64))
    if not found.removeprefix(_DESCRIPTOR_MARK).startswith(tuple(forms)):
        raise refusal("ambiguous", record.shown)


def _check_extra(record: _Record, extra: bytes) -> None:
    """Refuse an extra field with a second name (Info-ZIP Unicode Path) or other sizes (ZIP64).

    Entries whose sizes really stand in a ZIP64 field are beyond our caps.
    """
    position = 0
    while position + 4 <= len(extra):
        header, size = struct.unpack_from("<HH", extra, position)
        value = extra[position + 4 : position + 4 + size]
        # One byte of version, four of the CRC of the other name, then the name.
        if header == _UNICODE_PATH_FIELD and value[5:] != record.raw_name:
            raise refusal("ambiguous", "an entry with two names")
        if header == _SIZES64_FIELD:
            sizes = struct.unpack_from(f"<{min(2, len(value) // 8)}Q", value)
            # A streaming writer leaves zeros in the local header.
            if any(sizes) and sizes != (record.size, record.packed_size)[: len(sizes)]:
                raise refusal("ambiguous", record.shown)
        position += 4 + size


def _unpack(record: _Record, stored: memoryview) -> Packed:
    if record.method == STORED:
        content = bytes(stored)
    else:
        inflater = zlib.decompressobj(-15)
        try:
            # One byte more than declared is enough to see that the declaration was wrong.
            content = inflater.decompress(stored, record.size + 1)
        except zlib.error as error:
            raise refusal("damaged", record.shown) from error
        if not inflater.eof or inflater.unused_data:
            raise refusal("damaged", record.shown)
    if len(content) != record.size or zlib.crc32(content) != record.crc:
        raise refusal("damaged", record.shown)
    return Packed(content, stored, record.method, record.crc)


def _require_nothing_between(
    data: bytes, extents: list[tuple[int, int, int]], *, leading: int, end: int
) -> None:
    """Refuse overlaps, and anything between entries that a streaming reader would take for one."""
    if data.find(_LOCAL_MARK, 0, leading) >= 0:
        raise refusal("ambiguous", "an archive before the archive")
    head = data[: min(leading, _PDF_HEAD_BYTES)]
    if _PDF_MARK in head or head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<", _PROGRAM_MARK)):
        # By its beginning it is a PDF, a page of the web or a program, and shown as such.
        raise refusal("ambiguous", "another kind of file before the archive")
    starts = [start for start, _, _ in extents[1:]] + [end]
    for (_, stop, streamed), next_start in zip(extents, starts, strict=False):
        gap = next_start - stop
        if gap < 0:
            raise refusal("ambiguous", "entries overlap")
        if gap > (_MAX_DESCRIPTOR if streamed else 0) and (
            data.find(_LOCAL_MARK, stop, next_start) >= 0
        ):
            raise refusal("ambiguous", "an entry that the directory does not name")
