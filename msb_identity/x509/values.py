"""Values inside certificates, CRLs and OCSP answers: times, numbers, extensions, general names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from msb_identity.errors import EncodingRefused
from msb_identity.pki import der
from msb_identity.x509.names import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
CONTEXT, CONSTRUCTED = 0x80, 0x20
MAX_EXTENSIONS = 100
MAX_SERIAL_BYTES = 64  # RFC 5280 allows 20; older certificates have more
_PIVOT = 50  # RFC 5280 section 4.1.2.5.1
_ZONE = r"(Z|[+-][0-9]{4})"
_UTC_FORM = re.compile(rb"([0-9]{2})([0-9]{8})([0-9]{2})?" + _ZONE.encode())
_GENERALIZED_FORM = re.compile(
    rb"([0-9]{4})([0-9]{6})([0-9]{2})?([0-9]{2})?(?:[.,][0-9]{1,9})?" + _ZONE.encode() + rb"?"
)
_GENERAL_URI, _GENERAL_DNS = 0x86, 0x82
_PARTS_OF_EXTENSION = 3


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension, its value as it was received."""

    oid: str
    critical: bool
    value: bytes = field(repr=False)


def context(number: int, *, constructed: bool = True) -> int:
    """Give the tag byte of context-specific tag `number`."""
    return CONTEXT | (CONSTRUCTED if constructed else 0) | number


def read_time(element: der.Element) -> datetime:
    """Read UTCTime or GeneralizedTime, in UTC; a missing zone is read as UTC."""
    try:
        if element.tag == UTC_TIME and (found := _UTC_FORM.fullmatch(element.content)):
            year = int(found[1])
            text = f"{1900 + year if year >= _PIVOT else 2000 + year:04}"
            text += found[2].decode() + (found[3] or b"00").decode()
            return _moment(text, found[4])
        if element.tag == GENERALIZED_TIME and (
            found := _GENERALIZED_FORM.fullmatch(element.content)
        ):
            parts = (found[1], found[2], found[3] or b"00", found[4] or b"00")
            return _moment(b"".join(parts).decode(), found[5] or b"Z")
    except (ValueError, OverflowError) as error:
        message = "a time that no calendar has"
        raise EncodingRefused(message) from error
    message = "a time that is not written as one"
    raise EncodingRefused(message)


def read_integer(element: der.Element) -> int:
    """Read any INTEGER, negative and padded ones of real certificates too."""
    if element.tag != der.INTEGER or not element.content:
        message = "no number where one belongs"
        raise EncodingRefused(message)
    if len(element.content) > MAX_SERIAL_BYTES:
        message = f"a number of more than {MAX_SERIAL_BYTES} bytes"
        raise EncodingRefused(message)
    return int.from_bytes(element.content, "big", signed=True)


def read_boolean(element: der.Element) -> bool:
    """Read a BOOLEAN; BER takes any byte but zero for true."""
    named = element.tag == der.BOOLEAN or element.tag & (CONTEXT | CONSTRUCTED) == CONTEXT
    if not named or len(element.content) != 1:
        message = "no truth value where one belongs"
        raise EncodingRefused(message)
    return element.content != b"\0"


def read_flags(element: der.Element) -> frozenset[int]:
    """Read a BIT STRING of named bits as the numbers of those that are set."""
    content = element.content
    if not content or content[0] > 7 or (content[0] and len(content) == 1):  # noqa: PLR2004 - bits
        message = "a BIT STRING that is not one"
        raise EncodingRefused(message)
    bits = 8 * (len(content) - 1) - content[0]
    return frozenset(at for at in range(min(bits, 64)) if content[1 + at // 8] >> (7 - at % 8) & 1)


def read_bits(element: der.Element) -> bytes:
    """Read a BIT STRING of whole bytes, as signatures are."""
    return element.bits()


def read_extensions(element: der.Element) -> Mapping[str, Extension]:
    """Read Extensions by OID; one that stands twice makes the whole ambiguous and is refused."""
    items = element.sequence()
    if len(items) > MAX_EXTENSIONS:
        message = f"more than {MAX_EXTENSIONS} extensions"
        raise EncodingRefused(message)
    found: dict[str, Extension] = {}
    for item in items:
        extension = _read_extension(item)
        if extension.oid in found:
            message = f"the extension {extension.oid} stands twice"
            raise EncodingRefused(message)
        found[extension.oid] = extension
    return found


def read_uris(names: tuple[der.Element, ...]) -> tuple[str, ...]:
    """Give the URIs among GeneralNames."""
    return tuple(_ascii(name) for name in names if name.tag == _GENERAL_URI)


def read_dns_names(names: tuple[der.Element, ...]) -> tuple[str, ...]:
    """Give the DNS names among GeneralNames."""
    return tuple(_ascii(name) for name in names if name.tag == _GENERAL_DNS)


def read_any_text(value: bytes) -> str:
    """Give the text of an extension that holds one string, possibly within tags of its own."""
    try:
        element = der.read_ber(value)
        while element.tag & CONSTRUCTED and len(element.children) == 1:
            element = element.children[0]
        if (
            element.tag & CONTEXT and not element.tag & CONSTRUCTED
        ):  # an implicit tag hides the type
            return element.content.decode()
        return read_text(element)
    except (EncodingRefused, UnicodeDecodeError):
        return value.decode(errors="backslashreplace")


def _read_extension(item: der.Element) -> Extension:
    parts = item.sequence()
    if len(parts) not in (_PARTS_OF_EXTENSION - 1, _PARTS_OF_EXTENSION):
        message = "an extension that is not a name, a flag and a value"
        raise EncodingRefused(message)
    critical = len(parts) == _PARTS_OF_EXTENSION and read_boolean(parts[1])
    return Extension(parts[0].oid(), critical, parts[-1].octets())


def _moment(text: str, zone: bytes) -> datetime:
    moment = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    if zone == b"Z":
        return moment
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
    return moment - offset if zone[:1] == b"+" else moment + offset


def _ascii(element: der.Element) -> str:
    return element.content.decode("ascii", "backslashreplace")
