"""ASN.1 elements: a strict DER reader, a BER reader within caps, and a small DER writer.

What we define, and keys, are read as DER: shortest definite lengths, one element, nothing after it.
What others made (PKCS#12) is read as BER. Both are walked whole before anything is interpreted:
depth, number of elements and every length are bounded. EncodingRefused is the only error.
Source: X.690.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from msb_identity.errors import EncodingRefused

MAX_DEPTH = 32
MAX_ELEMENTS = 20_000
MAX_BYTES = 1_000_000
BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 1, 2, 3, 4, 5, 6
UTF8_STRING, BMP_STRING, SEQUENCE, SET = 0x0C, 0x1E, 0x30, 0x31
_CONSTRUCTED, _HIGH_TAG = 0x20, 0x1F
_LONG_FORM = _INDEFINITE = 0x80
_MAX_LENGTH_BYTES = 4
_MAX_OID_BYTES = 64


@dataclass(frozen=True, slots=True)
class Element:
    """One element as it was received."""

    tag: int
    content: bytes = field(repr=False)
    encoded: bytes = field(repr=False)
    children: tuple[Element, ...] = ()

    def sequence(self, tag: int = SEQUENCE) -> tuple[Element, ...]:
        """Give what is inside a SEQUENCE, or inside the constructed element of another tag."""
        self._expect(tag)
        return self.children

    def integer(self) -> int:
        """Give an INTEGER that is not negative, in its shortest form."""
        self._expect(INTEGER)
        return unsigned(self.content)

    def oid(self) -> str:
        """Give an OBJECT IDENTIFIER in its dotted form."""
        self._expect(OID)
        return _dotted(self.content)

    def octets(self, tag: int = OCTET_STRING) -> bytes:
        """Give an OCTET STRING; BER may have cut it into parts."""
        if self.tag == tag | _CONSTRUCTED:
            return b"".join(part.octets() for part in self.children)
        self._expect(tag)
        return self.content

    def bits(self) -> bytes:
        """Give a BIT STRING of whole bytes."""
        self._expect(BIT_STRING)
        if not self.content or self.content[0]:
            message = "a BIT STRING that is not whole bytes"
            raise EncodingRefused(message)
        return self.content[1:]

    def is_null(self) -> bool:
        """Whether this is NULL."""
        return self.tag == NULL and not self.content

    def _expect(self, tag: int) -> None:
        if self.tag != tag:
            message = f"an element of tag {self.tag:#04x} where {tag:#04x} belongs"
            raise EncodingRefused(message)


def read_der(data: bytes, *, limit: int = MAX_BYTES) -> Element:
    """Read one DER element that fills `data`."""
    return _read_whole(data, limit=limit, ber=False)


def read_ber(
    data: bytes, *, limit: int = MAX_BYTES, depth: int = MAX_DEPTH, elements: int = MAX_ELEMENTS
) -> Element:
    """Read one BER element that fills `data`: long and indefinite lengths are taken too.

    depth: how deep elements may stand within each other. Each level keeps its bytes, so that what
    may be long must not be deep as well. elements: how many there may be in all.
    """
    return _read_whole(data, limit=limit, ber=True, depth=depth, elements=elements)


def unsigned(content: bytes) -> int:
    """Give the value of an INTEGER's content; it must be minimal and not negative."""
    if not content or content[0] & 0x80:
        message = "a number that is empty or negative"
        raise EncodingRefused(message)
    if content[0] == 0 and len(content) > 1 and not content[1] & 0x80:
        message = "a number that is not minimal"
        raise EncodingRefused(message)
    return int.from_bytes(content, "big")


def element(tag: int, *contents: bytes) -> bytes:
    """Write one element around the contents."""
    content = b"".join(contents)
    size = len(content)
    if size < _LONG_FORM:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG_FORM | len(length))) + length + content


def sequence(*contents: bytes) -> bytes:
    """Write a SEQUENCE."""
    return element(SEQUENCE, *contents)


def integer(value: int) -> bytes:
    """Write an INTEGER that is not negative."""
    return element(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octet_string(content: bytes) -> bytes:
    """Write an OCTET STRING."""
    return element(OCTET_STRING, content)


def bit_string(content: bytes) -> bytes:
    """Write a BIT STRING of whole bytes."""
    return element(BIT_STRING, b"\0", content)


def null() -> bytes:
    """Write NULL."""
    return element(NULL)


@lru_cache(maxsize=1_024)
def oid(dotted: str) -> bytes:
    """Write an OBJECT IDENTIFIER."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return element(OID, *(_base128(arc) for arc in (40 * first + second, *rest)))


def _read_whole(
    data: bytes, *, limit: int, ber: bool, depth: int = MAX_DEPTH, elements: int = MAX_ELEMENTS
) -> Element:
    if len(data) > limit:
        message = f"ASN.1 of more than {limit} bytes"
        raise EncodingRefused(message)
    reader = _Reader(data, ber=ber, depth=depth, elements=elements)
    found, end = reader.element(0, len(data), 0)
    if end != len(data):
        message = "bytes after the end of the ASN.1 element"
        raise EncodingRefused(message)
    return found


class _Reader:
    def __init__(self, data: bytes, *, ber: bool, depth: int, elements: int) -> None:
        self._data, self._ber, self._depth = data, ber, depth
        self._elements = self._left = elements

    def element(self, at: int, end: int, depth: int) -> tuple[Element, int]:
        """Read the element that begins at `at`; give it and where it ends."""
        self._left -= 1
        if depth >= self._depth or self._left < 0:
            message = f"ASN.1 deeper than {self._depth} or of more than {self._elements} elements"
            raise EncodingRefused(message)
        tag, start, length = self._head(at, end)
        if length is None:
            children, inner_end, after = self._until_end_mark(start, end, depth)
        else:
            inner_end = after = start + length
            children = self._children(start, inner_end, depth) if tag & _CONSTRUCTED else ()
        data = self._data
        return Element(tag, data[start:inner_end], data[at:after], children), after

    def _children(self, at: int, end: int, depth: int) -> tuple[Element, ...]:
        children = []
        while at < end:
            child, at = self.element(at, end, depth + 1)
            children.append(child)
        return tuple(children)

    def _until_end_mark(
        self, at: int, end: int, depth: int
    ) -> tuple[tuple[Element, ...], int, int]:
        children = []
        while self._data[at : at + 2] != b"\0\0":
            child, at = self.element(at, end, depth + 1)
            children.append(child)
        if at + 2 > end:
            message = "ASN.1 of indefinite length without an end"
            raise EncodingRefused(message)
        return tuple(children), at, at + 2

    def _head(self, at: int, end: int) -> tuple[int, int, int | None]:
        """Give tag, where the content starts, and its length; None for an indefinite one."""
        data = self._data
        if at + 2 > end:
            message = "ASN.1 that is cut short"
            raise EncodingRefused(message)
        tag, first, start = data[at], data[at + 1], at + 2
        if tag & _HIGH_TAG == _HIGH_TAG or tag == 0:
            message = "an ASN.1 tag that no format here uses"
            raise EncodingRefused(message)
        if first == _INDEFINITE and self._ber and tag & _CONSTRUCTED:
            return tag, start, None
        length = first
        if first >= _LONG_FORM:
            count = first & 0x7F
            length = int.from_bytes(data[start : start + count], "big")
            minimal = length >= _LONG_FORM and length.bit_length() > 8 * (count - 1)
            if not 1 <= count <= _MAX_LENGTH_BYTES or not (minimal or self._ber):
                message = "an ASN.1 length that is not the shortest form, or too long"
                raise EncodingRefused(message)
            start += count
        if start + length > end:
            message = "an ASN.1 length beyond the end of the data"
            raise EncodingRefused(message)
        return tag, start, length


def _dotted(content: bytes) -> str:
    if not content or len(content) > _MAX_OID_BYTES or content[-1] & 0x80:
        message = "an object identifier that is empty, too long or cut short"
        raise EncodingRefused(message)
    arcs, value = [], 0
    for at, byte in enumerate(content):
        if byte == 0x80 and (at == 0 or not content[at - 1] & 0x80):  # noqa: PLR2004 - a leading 0
            message = "an object identifier that is not minimal"
            raise EncodingRefused(message)
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(value)
            value = 0
    top = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (top, arcs[0] - 40 * top, *arcs[1:]))


def _base128(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))
