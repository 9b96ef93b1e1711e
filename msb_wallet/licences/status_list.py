"""Token Status List in CWT form: made and read (draft-ietf-oauth-status-list, sections 4, 5.2, 7).

2 bits an entry, the first entry in the lowest bits of the first byte, zlib, 1,048,576 entries. The
token's `sub` is the list's URI; who may sign for which URI stands in the trust list.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_identity.envelopes import cbor
from msb_identity.envelopes.cose import KEY_ID, TYPE, Sign1, parse_sign1, sign1
from msb_identity.errors import EncodingRefused
from msb_identity.foundation.clock import from_seconds, seconds

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from msb_identity.pki.keys import SigningKey

ENTRIES = 1_048_576
BITS = 2
MEDIA_TYPE = "application/statuslist+cwt"
MAX_TOKEN_BYTES = 600_000
MAX_LIST_BYTES = 1_048_576
MAX_URI = 200
_SUB, _EXP, _IAT, _TTL, _STATUS_LIST = 2, 4, 6, 65534, 65533
_COMPRESSION = 6  # level 9 costs 22 times as much for 16 % (measured at 40 million entries)
_URI = re.compile(r"https://[A-Za-z0-9.-]{1,100}(:[0-9]{1,5})?/[A-Za-z0-9._~/-]{1,150}", re.ASCII)


@dataclass(frozen=True, slots=True)
class StatusList:
    """The content of a status list token; verify `envelope` before believing it."""

    envelope: Sign1
    uri: str
    issued_at: datetime
    expires_at: datetime
    ttl_seconds: int | None
    bits: int
    content: bytes

    def entry(self, index: int) -> int:
        """Give the status at `index`; IndexError outside the list."""
        return read_entry(self.content, index, self.bits)


def is_status_uri(uri: str) -> bool:
    """Whether `uri` is one we would ever use: https, plain path, no query, no dot segments."""
    return (
        len(uri) <= MAX_URI
        and bool(_URI.fullmatch(uri))
        and "/." not in uri
        and "//" not in uri[8:]
    )


def read_entry(content: bytes, index: int, bits: int) -> int:
    """Give one entry of an unpacked list; the lowest bits of a byte come first."""
    per_byte = 8 // bits
    if not 0 <= index < len(content) * per_byte:
        message = "index outside the status list"
        raise IndexError(message)
    return (content[index // per_byte] >> (index % per_byte * bits)) & ((1 << bits) - 1)


def build_content(entries: Iterable[tuple[int, int]]) -> bytes:
    """Give the unpacked list in which the named (index, status) stand and all others are valid."""
    content = bytearray(ENTRIES * BITS // 8)
    for index, status in entries:
        content[index // 4] |= status << (index % 4 * BITS)
    return bytes(content)


def sign_status_list(
    content: bytes, *, uri: str, key: SigningKey, now: datetime, lifetime: timedelta, ttl: timedelta
) -> bytes:
    """Sign a list that holds for `lifetime` and may be cached for `ttl`; bytes of the CWT."""
    claims: dict[int | str, cbor.Value] = {
        _SUB: uri,
        _IAT: seconds(now),
        _EXP: seconds(now + lifetime),
        _TTL: int(ttl.total_seconds()),
        _STATUS_LIST: {"bits": BITS, "lst": zlib.compress(content, _COMPRESSION)},
    }
    return sign1(cbor.encode(claims), key, header={KEY_ID: key.public.key_id, TYPE: MEDIA_TYPE})


def parse_status_list(token: bytes, *, lenient: bool = False) -> StatusList:
    """Read a status list token without verifying it; EncodingRefused for any other bytes.

    lenient: also take an unprotected key id, as the specification's own example has it.
    """
    if len(token) > MAX_TOKEN_BYTES:
        message = f"a status list of more than {MAX_TOKEN_BYTES} bytes"
        raise EncodingRefused(message)
    envelope = parse_sign1(token, lenient=lenient)
    if envelope.protected.get(TYPE) != MEDIA_TYPE:
        message = "not typed as a status list"
        raise EncodingRefused(message)
    claims = cbor.decode(envelope.payload)
    if not isinstance(claims, dict):
        message = "status list claims are not a map"
        raise EncodingRefused(message)
    uri, issued, expires = claims.get(_SUB), claims.get(_IAT), claims.get(_EXP)
    ttl = claims.get(_TTL)
    if not isinstance(uri, str) or not _is_time(issued) or not _is_time(expires):
        message = "a status list needs sub, iat and exp"
        raise EncodingRefused(message)
    if ttl is not None and not _is_time(ttl):
        message = "ttl of a status list is not a number of seconds"
        raise EncodingRefused(message)
    bits, content = parse_list_map(claims.get(_STATUS_LIST))
    try:
        times = from_seconds(int(issued)), from_seconds(int(expires))  # type: ignore[arg-type]
    except ValueError as error:
        raise EncodingRefused(str(error)) from error
    return StatusList(envelope, uri, *times, ttl if isinstance(ttl, int) else None, bits, content)


def parse_list_map(value: cbor.Value) -> tuple[int, bytes]:
    """Read the map { "bits", "lst" }: bits an entry and the unpacked list."""
    if not isinstance(value, dict):
        message = "a status list token without a status list"
        raise EncodingRefused(message)
    bits, packed = value.get("bits"), value.get("lst")
    if isinstance(bits, bool) or bits not in (1, 2, 4, 8) or not isinstance(packed, bytes):
        message = "status list bits or content malformed"
        raise EncodingRefused(message)
    return bits, unpack(packed, MAX_LIST_BYTES)


def unpack(packed: bytes, limit: int) -> bytes:
    """Undo zlib; EncodingRefused for damage, a remainder, or more than `limit` bytes."""
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(packed, limit + 1)
    except zlib.error as error:
        message = "compressed content is damaged"
        raise EncodingRefused(message) from error
    if len(content) > limit:
        message = f"compressed content unpacks to more than {limit} bytes"
        raise EncodingRefused(message)
    if not unpacker.eof or unpacker.unused_data:
        message = "compressed content is cut short or has bytes after its end"
        raise EncodingRefused(message)
    return content


def _is_time(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
