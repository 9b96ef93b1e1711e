"""Values inside seals, read as real seals have them: lenient where makers differ, within caps.

Each reader takes the element it is given and a list to which it adds, in English, what was read
with leniency. EncodingRefused is the only error. Sources: GM/T 0031-2014, GB/T 38540-2020 and the
quirks of real seals that docs/decisions/seals.md lists.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from msb_identity.errors import EncodingRefused
from msb_identity.foundation.clock import CHINA_TIME
from msb_identity.pki import der
from msb_identity.x509.names import read_text
from msb_identity.x509.values import (
    CONSTRUCTED,
    CONTEXT,
    GENERALIZED_TIME,
    MAX_EXTENSIONS,
    UTC_TIME,
    read_boolean,
    read_integer,
    read_time,
)
from msb_seal.seals.model import SealExtension

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msb_identity.pki.der import Element

MAX_TEXT_BYTES = 4_096
IA5_STRING, PRINTABLE_STRING = 0x16, 0x13
_TEXT_TAGS = frozenset({der.UTF8_STRING, PRINTABLE_STRING, IA5_STRING, 0x14, 0x1A, der.BMP_STRING})
_TAG_FORM = CONTEXT | CONSTRUCTED
_CLASS = 0xC0
_WRITTEN_TIME = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})[T ]?([0-9]{2}):?([0-9]{2}):?([0-9]{2})"
    r"(?:\.[0-9]{1,9})?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_EXTENSION_PARTS = (2, 3)


def text(element: Element) -> str:
    """Read a string of any kind; real seals do not keep to the one the standard names."""
    if element.tag not in _TEXT_TAGS or len(element.content) > MAX_TEXT_BYTES:
        message = f"no text of at most {MAX_TEXT_BYTES} bytes where one belongs"
        raise EncodingRefused(message)
    return read_text(element)


def number(element: Element) -> int:
    """Read an INTEGER that fits 32 bits, as versions, types and millimetres do."""
    value = read_integer(element)
    if not 0 <= value < 1 << 31:
        message = "a number that is negative or beyond 31 bits"
        raise EncodingRefused(message)
    return value


def moment(element: Element) -> datetime:
    """Read UTCTime or GeneralizedTime: v1 names the one, and its seals have either."""
    return read_time(element)


def bits(element: Element, oddities: list[str]) -> bytes:
    """Read a BIT STRING of whole bytes; some makers of v1 write OCTET STRING."""
    if element.tag in (der.OCTET_STRING, der.OCTET_STRING | CONSTRUCTED):
        oddities.append("an OCTET STRING where a BIT STRING belongs")
        return element.octets()
    return element.bits()


def tagged_bits(element: Element, oddities: list[str]) -> bytes:
    """Read `[0] EXPLICIT BIT STRING`, which is also written implicitly or without the tag."""
    if element.tag == _TAG_FORM and len(element.children) == 1:
        return bits(element.children[0], oddities)
    if element.tag == CONTEXT and element.content[:1] == b"\0":
        oddities.append("an implicit tag where an explicit one belongs")
        return element.content[1:]
    oddities.append("a time-stamp without its tag")
    return bits(element, oddities)


def extensions(element: Element, oddities: list[str]) -> tuple[SealExtension, ...]:
    """Read ExtensionDatas: a SEQUENCE, one within any context tag, or one in an OCTET STRING."""
    if element.tag == der.OCTET_STRING:
        oddities.append("extensions within an OCTET STRING")
        element = der.read_ber(element.content, limit=len(element.content))
    elif element.tag & _CLASS == CONTEXT and len(element.children) == 1:
        element = element.children[0]
    items = element.sequence()
    if len(items) > MAX_EXTENSIONS:
        message = f"more than {MAX_EXTENSIONS} extensions"
        raise EncodingRefused(message)
    return tuple(_extension(item.sequence()) for item in items)


def is_time(element: Element) -> bool:
    """Whether this is a time of ASN.1."""
    return element.tag in (UTC_TIME, GENERALIZED_TIME)


def written_time(content: bytes, oddities: list[str]) -> datetime | None:
    """Read a time that a v1 signature holds as text; None, and an oddity, where it is none."""
    try:
        found = _WRITTEN_TIME.fullmatch(content[:MAX_TEXT_BYTES].decode("ascii").strip("\0 "))
        if found is None:
            raise ValueError
        zone = found[7]
        date, clock = "-".join(found.group(1, 2, 3)), ":".join(found.group(4, 5, 6))
        read = datetime.fromisoformat(f"{date}T{clock}{zone or ''}")
    except ValueError:
        oddities.append("a signing time that cannot be read")
        return None
    if zone is None:
        oddities.append("a signing time without a zone, read as China's (UTC+8)")
        read = read.replace(tzinfo=CHINA_TIME)
    return read


def _extension(parts: Sequence[Element]) -> SealExtension:
    """Read one ExtData; `critical FALSE` is often written out, which DER would leave out."""
    if len(parts) not in _EXTENSION_PARTS:
        message = "an extension that is not a name, a flag and a value"
        raise EncodingRefused(message)
    critical = len(parts) == _EXTENSION_PARTS[1] and read_boolean(parts[1])
    return SealExtension(parts[0].oid(), critical, parts[-1].octets())
