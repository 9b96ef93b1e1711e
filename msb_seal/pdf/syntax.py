"""The objects of a PDF as they are written (ISO 32000-1, clauses 7.2 and 7.3), read within caps.

A reader of our own, because what is verified is hostile: nothing is guessed, repaired or searched
for, every nesting has a limit, and whatever cannot be read is told as PdfRefused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, NoReturn, TypeAlias

from msb_seal.errors import PdfRefused

MAX_NESTING = 64
MAX_ITEMS = 1_000_000
"""So many values in one object; a page tree of 100,000 pages has fewer."""
DUPLICATE_KEY: Final = "\0duplicate"
"""The key under which a dictionary says that one of its keys stands in it twice."""

_SKIP = re.compile(rb"(?:[\x00\t\n\x0c\r ]++|%[^\r\n]*+)*+")
_TOKEN = re.compile(
    rb"(?:[\x00\t\n\x0c\r ]++|%[^\r\n]*+)*+(?:"
    rb"(\d{1,10}[\x00\t\n\x0c\r ]+\d{1,5}[\x00\t\n\x0c\r ]+R"
    rb"(?![^\x00\t\n\x0c\r ()<>\[\]{}/%]))"
    rb"|([+-]?(?:\d+\.?\d*|\.\d+))"
    rb"|/([^\x00\t\n\x0c\r ()<>\[\]{}/%]*+)"
    rb"|(<<|\[)|(>>|\])"
    rb"|<([0-9A-Fa-f\x00\t\n\x0c\r ]*+)>"
    rb"|(\()"
    rb"|([^\x00\t\n\x0c\r ()<>\[\]{}/%]++))"
)
_REF, _NUMBER, _NAME, _OPEN, _CLOSE, _HEX, _TEXT = range(1, 8)
"""The groups of _TOKEN; the last one is a word."""
_STRING_PART = re.compile(rb"[^()\\]++|\\(?:[0-7]{1,3}|\r\n|[\s\S])|[()]")
_ESCAPES: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_WORDS: Final = {b"true": True, b"false": False, b"null": None}
_MAX_DIGITS = 40


class Name(str):
    """A name (/Name), without its slash; bytes above 127 as Latin-1."""

    __slots__ = ()


class Ref(NamedTuple):
    """A reference to an object by its number and generation."""

    number: int
    generation: int


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream: its dictionary and the bytes as they stand in the file, still filtered."""

    entries: Dictionary
    raw: bytes


PdfValue: TypeAlias = (
    "bool | int | float | bytes | Name | Ref | Stream | list[PdfValue] | Dictionary | None"
)
Dictionary: TypeAlias = "dict[str, PdfValue]"


def skip_blank(data: bytes, position: int) -> int:
    """Go past white space and comments."""
    match = _SKIP.match(data, position)
    return match.end() if match else position


def read_value(data: bytes, position: int, *, nesting: int = 0) -> tuple[PdfValue, int]:
    """Read one value that stands there; give it and where it ends."""
    # One loop and no recursion: nearly all the time that reading a PDF takes is spent here.
    outer: list[tuple[list[PdfValue], bytes]] = []
    items: list[PdfValue] = []
    closing = b""
    while True:
        match = _TOKEN.match(data, position)
        if match is None:
            _broken("no value stands here", position)
        kind, position = match.lastindex or 0, match.end()
        written = match[kind]
        value: PdfValue
        if kind == _OPEN:
            if nesting + len(outer) >= MAX_NESTING:
                code = "limit"
                raise PdfRefused(code, "嵌套过深", f"values are nested too deep at {position}")
            outer.append((items, closing))
            items, closing = [], b"]" if written == b"[" else b">>"
            continue
        if kind == _CLOSE:
            if written != closing:
                _broken("not a value", match.start(kind))
            value = items if closing == b"]" else _dictionary(items, position)
            items, closing = outer.pop()
        elif kind == _TEXT:
            value, position = _read_string(data, position)
        else:
            value = _simple(kind, written, position)
        if not closing:
            return value, position
        items.append(value)
        if len(items) > MAX_ITEMS:
            code = "limit"
            raise PdfRefused(code, "数组过长", "a list or dictionary has too many entries")


def _dictionary(items: list[PdfValue], position: int) -> Dictionary:
    if len(items) % 2:
        _broken("a dictionary's key without a value", position)
    found: Dictionary = {}
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, Name):
            _broken("a dictionary's key that is no name", position)
        if key in found:
            # All of them, since whoever compares must see the one that another reader takes.
            found[DUPLICATE_KEY] = items
        found[key] = value
    return found


def _simple(kind: int, written: bytes, end: int) -> PdfValue:
    """Read a value of one token, the commonest kinds first."""
    if kind == _NAME:
        return _name(written)
    if kind == _REF:
        return _ref(written)
    if kind == _NUMBER:
        if len(written) > _MAX_DIGITS:
            _broken("a number that is too long", end)
        return _number(written)
    if kind == _HEX:
        return _unhex(written)
    if written not in _WORDS:
        _broken("not a value", end)
    return _WORDS[written]


@lru_cache(maxsize=4_096)
def _name(written: bytes) -> Name:
    if b"#" in written:
        written = re.sub(rb"#([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), written)
    return Name(written.decode("latin-1"))


@lru_cache(maxsize=4_096)
def _ref(written: bytes) -> Ref:
    number, generation, _ = written.split()
    return Ref(int(number), int(generation))


@lru_cache(maxsize=4_096)
def _number(written: bytes) -> int | float:
    return float(written) if b"." in written else int(written)


def _unhex(written: bytes) -> bytes:
    digits = written.translate(None, _BLANK_BYTES)
    return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii"))


_BLANK_BYTES: Final = b"\x00\t\n\x0c\r "


def _read_string(data: bytes, position: int) -> tuple[bytes, int]:
    """Read the rest of a literal string (7.3.4.2)."""
    parts: list[bytes] = []
    depth = 1
    while True:
        match = _STRING_PART.match(data, position)
        if match is None or len(parts) > MAX_ITEMS:
            _broken("a string without an end", position)
        part, position = match[0], match.end()
        if part == b")":
            depth -= 1
            if not depth:
                return b"".join(parts), position
        elif part == b"(":
            depth += 1
        if part[:1] == b"\\":
            part = _unescape(part[1:])
        parts.append(part)


def _unescape(written: bytes) -> bytes:
    if written[:1].isdigit() and written[:1] < b"8":
        return bytes([int(written, 8) & 0xFF])
    if written in (b"\n", b"\r", b"\r\n"):
        return b""
    return _ESCAPES.get(written, written)


def _broken(what: str, position: int) -> NoReturn:
    code = "malformed"
    raise PdfRefused(code, f"PDF 语法错误（位置 {position}）", f"{what} (at {position})")
