"""The part of CBOR that signed things are made of, read strictly (RFC 8949).

Read: integers of 64 bits, byte and text strings, arrays, maps, true, false, null, tags. Everything
in its shortest form (section 4.2.1), definite lengths, no duplicate names, nothing after the end,
at most MAX_BYTES and MAX_DEPTH. Not read: floats, indefinite lengths, other simple values; no tag
is ever interpreted. Names in a map may come in any order, since other issuers do not sort.

Written: the deterministic encoding of section 4.2.1. Why our own: docs/decisions/cbor.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from msb_identity.errors import EncodingRefused

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_INLINE = 24
_EIGHT_BYTES = 27
_SHORT_HEADS = [[bytes((major << 5 | n,)) for n in range(_INLINE)] for major in range(8)]
_SIMPLES: dict[int, bool | None] = {20: False, 21: True, 22: None}


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value under a tag that nobody has interpreted."""

    tag: int
    value: Value


Value = int | bytes | str | bool | None | list["Value"] | dict["int | str", "Value"] | Tagged


def decode(data: bytes) -> Value:
    """Read exactly one value; EncodingRefused for any other bytes."""
    if len(data) > MAX_BYTES:
        message = f"CBOR of more than {MAX_BYTES} bytes"
        raise EncodingRefused(message)
    value, end = _read(data, 0, MAX_DEPTH)
    if end != len(data):
        message = "bytes after the CBOR value"
        raise EncodingRefused(message)
    return value


def encode(value: Value) -> bytes:
    """Write the deterministic encoding; TypeError for what we never write."""
    # The most frequent first: every entry of the audit log comes through here.
    if isinstance(value, bytes):
        return _head(_BYTES, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return _head(_TEXT, len(text)) + text
    if value is None or isinstance(value, bool):
        return bytes((_SIMPLE << 5 | {False: 20, True: 21, None: 22}[value],))
    if isinstance(value, int):
        return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
    if isinstance(value, list):
        return _head(_ARRAY, len(value)) + b"".join([encode(item) for item in value])
    if isinstance(value, dict):
        pairs = sorted((encode(name), encode(item)) for name, item in value.items())
        return _head(_MAP, len(pairs)) + b"".join(name + item for name, item in pairs)
    if isinstance(value, Tagged):
        return _head(_TAG, value.tag) + encode(value.value)
    message = f"{type(value).__name__} is not written as CBOR"
    raise TypeError(message)


def _head(major: int, argument: int) -> bytes:
    if 0 <= argument < _INLINE:
        return _SHORT_HEADS[major][argument]
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << (8 * size):
            return bytes((major << 5 | code,)) + argument.to_bytes(size, "big")
    message = "integer of more than 64 bits"
    raise ValueError(message)


def _read_head(data: bytes, at: int) -> tuple[int, int, int]:
    """Give major type, argument and where the content starts."""
    if at >= len(data):
        message = "CBOR ends early"
        raise EncodingRefused(message)
    major, info = data[at] >> 5, data[at] & 0x1F
    at += 1
    if info < _INLINE:
        return major, info, at
    if info > _EIGHT_BYTES:
        message = "CBOR with an indefinite or reserved length"
        raise EncodingRefused(message)
    size = 1 << (info - _INLINE)
    argument = int.from_bytes(data[at : at + size], "big")
    smallest = _INLINE if size == 1 else 1 << (4 * size)
    if at + size > len(data) or argument < smallest or major == _SIMPLE:
        message = "CBOR not in its shortest form, cut short, or with a float"
        raise EncodingRefused(message)
    return major, argument, at + size


def _read(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    if depth == 0:
        message = f"CBOR deeper than {MAX_DEPTH}"
        raise EncodingRefused(message)
    major, argument, at = _read_head(data, at)
    if major == _UNSIGNED:
        return argument, at
    if major == _NEGATIVE:
        return -1 - argument, at
    if major == _SIMPLE:
        if argument not in _SIMPLES:
            message = "CBOR with a simple value that we do not use"
            raise EncodingRefused(message)
        return _SIMPLES[argument], at
    if major == _TAG:
        inner, at = _read(data, at, depth - 1)
        return Tagged(argument, inner), at
    # Every item takes at least a byte, so a length beyond the data is refused before any work.
    if argument > len(data) - at:
        message = "CBOR ends early"
        raise EncodingRefused(message)
    if major in (_BYTES, _TEXT):
        return _string(major, data[at : at + argument]), at + argument
    if major == _ARRAY:
        return _read_array(data, at, argument, depth)
    return _read_map(data, at, argument, depth)


def _string(major: int, content: bytes) -> bytes | str:
    if major == _BYTES:
        return content
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        message = "CBOR text that is not UTF-8"
        raise EncodingRefused(message) from error


def _read_array(data: bytes, at: int, count: int, depth: int) -> tuple[Value, int]:
    items: list[Value] = []
    for _ in range(count):
        item, at = _read(data, at, depth - 1)
        items.append(item)
    return items, at


def _read_map(data: bytes, at: int, count: int, depth: int) -> tuple[Value, int]:
    entries: dict[int | str, Value] = {}
    for _ in range(count):
        name, at = _read(data, at, depth - 1)
        if isinstance(name, bool) or not isinstance(name, int | str):
            message = "CBOR map with a name that is neither an integer nor text"
            raise EncodingRefused(message)
        if name in entries:
            message = "CBOR map with a name twice"
            raise EncodingRefused(message)
        entries[name], at = _read(data, at, depth - 1)
    return entries, at
