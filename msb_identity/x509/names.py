"""Names of subjects and issuers (distinguished names): read as they come, compared by RFC 5280.

Real certificates put GBK into T61String, UTF-8 into PrintableString and text into a unique
identifier: each is shown as well as can be, and what is no text at all is shown in hexadecimal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from msb_identity.errors import EncodingRefused
from msb_identity.pki import der
from msb_identity.x509.oids import ATTRIBUTE_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ATTRIBUTES = 64
_PAIR = 2
# X.680 section 41: the string types and how real certificates fill them, tried in this order.
_CODECS: Mapping[int, tuple[str, ...]] = {
    0x0C: ("utf-8",),
    0x12: ("ascii", "utf-8"),
    0x13: ("ascii", "utf-8", "gb18030"),
    0x14: ("ascii", "gb18030", "latin-1"),
    0x16: ("ascii", "utf-8", "gb18030"),
    0x1A: ("ascii", "utf-8", "gb18030"),
    0x1B: ("ascii", "utf-8", "gb18030"),
    0x1C: ("utf-32-be",),
    0x1E: ("utf-16-be",),
}

Canonical: TypeAlias = tuple[tuple[tuple[str, str], ...], ...]
"""A name as it is compared: for each part its attributes in order, case and spaces aside."""


@dataclass(frozen=True, slots=True)
class Name:
    """A distinguished name: its exact bytes, and its attributes as (dotted OID, text)."""

    encoded: bytes = field(repr=False)
    attributes: tuple[tuple[str, str], ...]
    canonical: Canonical = field(repr=False)

    def get(self, oid: str) -> str | None:
        """Give the last attribute of that type, the most specific one."""
        return next((text for named, text in reversed(self.attributes) if named == oid), None)

    def matches(self, other: Name) -> bool:
        """Whether both name the same (RFC 5280 section 7.1: case and spaces aside)."""
        return self.canonical == other.canonical

    def __str__(self) -> str:
        """Give the name on one line: C=CN, O=…, CN=…."""
        parts = (f"{ATTRIBUTE_NAMES.get(oid, oid)}={_shown(text)}" for oid, text in self.attributes)
        return ", ".join(parts)


def read_name(element: der.Element) -> Name:
    """Read a Name; EncodingRefused where it is not one."""
    attributes: list[tuple[str, str]] = []
    canonical = []
    for relative in element.sequence():
        pairs = [_read_pair(pair) for pair in relative.sequence(der.SET)]
        if not pairs:
            message = "an empty part of a name"
            raise EncodingRefused(message)
        attributes += pairs
        canonical.append(tuple(sorted((oid, _folded(text)) for oid, text in pairs)))
    if len(attributes) > MAX_ATTRIBUTES:
        message = f"a name of more than {MAX_ATTRIBUTES} attributes"
        raise EncodingRefused(message)
    return Name(element.encoded, tuple(attributes), tuple(canonical))


def read_text(element: der.Element) -> str:
    """Give the text of any string type; what is no text as # and hexadecimal."""
    for codec in _CODECS.get(element.tag, ()):
        try:
            return element.content.decode(codec)
        except UnicodeDecodeError:
            continue
    return f"#{element.encoded.hex()}"


def _read_pair(pair: der.Element) -> tuple[str, str]:
    parts = pair.sequence()
    if len(parts) != _PAIR:
        message = "a part of a name is not a type and a value"
        raise EncodingRefused(message)
    return parts[0].oid(), read_text(parts[1])


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() and c not in ",=\\" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return f"\\{character}" if character in ",=\\" else f"\\u{ord(character):04x}"
