"""Signatures.xml and Signature.xml: which signatures an OFD has, and what each protects.

Read with the leniency that real files need (docs/formats.md, "OFD signatures"): any prefix, an
absent Type or CheckMethod, paths of every form, times in four notations. What could be read in two
ways is refused: an element that must stand once and stands twice. Nothing here opens a file of the
container or says whether a signature is good. Source: GB/T 33190-2016, clause 18.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import TYPE_CHECKING

from msb_seal.errors import OfdRefused
from msb_seal.ofd.boxes import read_box
from msb_seal.ofd.refusals import refusal
from msb_seal.placement import MAX_STAMPS, Box

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

MAX_SIGNATURES = 100
MAX_SIGNATURE_XML_BYTES = 2 * 1024 * 1024
MAX_REFERENCES = 2_500
MAX_TEXT = 1_024
CHINA = timezone(timedelta(hours=8))
_TIME = re.compile(
    r"(\d{4})-?(\d{2})-?(\d{2})[T ]?(\d{2}):?(\d{2}):?(\d{2})(?:[.,]\d{1,9})?"
    r"(Z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)


class SignatureType(StrEnum):
    """What a signature is: a seal's (签章), which is the default, or a plain one (数字签名)."""

    SEAL = "Seal"
    SIGN = "Sign"


@dataclass(frozen=True, slots=True)
class SignatureRecord:
    """One line of Signatures.xml. relative: the attribute of OFD 2.0, kept as written."""

    id: str
    type: SignatureType
    location: str
    relative: str | None = None


@dataclass(frozen=True, slots=True)
class SignatureList:
    """Signatures.xml: the records in their order, and the highest id given so far."""

    records: tuple[SignatureRecord, ...]
    max_id: str | None = None


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where a seal shows (StampAnnot): the page by its ID, the picture's box, the part shown.

    clip: relative to the box's own corner; None shows the whole picture.
    """

    id: str
    page_id: str
    box: Box
    clip: Box | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """One protected file: its path as written, and its digest; None where that is no base64."""

    path: str
    value: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Provider:
    """The program that made the signature."""

    name: str
    version: str = ""
    company: str = ""


@dataclass(frozen=True, slots=True)
class SignatureDescription:
    """Signature.xml. Texts stand as written; check_method is None where the file names none."""

    provider: Provider
    method: str
    time_text: str
    check_method: str | None
    references: tuple[Reference, ...]
    stamps: tuple[Stamp, ...]
    seal_location: str | None
    value_location: str

    @property
    def time(self) -> datetime | None:
        """The claimed time of SignatureDateTime; None where it cannot be read."""
        return read_signature_time(self.time_text)


def read_signature_list(root: etree._Element) -> SignatureList:
    """Read the root of Signatures.xml; OfdRefused ("signature-list") where it is none."""
    if _name(root) != "Signatures":
        raise _broken("signature-list", f"the root is {_name(root)}")
    found = list(_children(root, "Signature"))
    if len(found) > MAX_SIGNATURES:
        raise refusal("too-many-signatures", f"> {MAX_SIGNATURES}")
    max_id = _only(root, "MaxSignId")
    return SignatureList(
        tuple(_record(element) for element in found), None if max_id is None else _text(max_id)
    )


def read_signature(root: etree._Element) -> SignatureDescription:
    """Read the root of Signature.xml; OfdRefused ("signature-xml") where it is none."""
    if _name(root) != "Signature":
        raise _broken("signature-xml", f"the root is {_name(root)}")
    info = _needed(root, "SignedInfo")
    references = _needed(info, "References")
    found = list(_children(references, "Reference"))
    stamps = list(_children(info, "StampAnnot"))
    if len(found) > MAX_REFERENCES or len(stamps) > MAX_STAMPS:
        raise refusal("too-many-references", f"{len(found)}, {len(stamps)}")
    seal = _only(info, "Seal")
    return SignatureDescription(
        provider=_provider(_only(info, "Provider")),
        method=_optional_text(info, "SignatureMethod"),
        time_text=_optional_text(info, "SignatureDateTime"),
        check_method=_attribute(references, "CheckMethod"),
        references=tuple(_reference(element) for element in found),
        stamps=tuple(_stamp(element) for element in stamps),
        seal_location=None if seal is None else _text(_needed(seal, "BaseLoc")),
        value_location=_text(_needed(root, "SignedValue")),
    )


def read_signature_time(text: str) -> datetime | None:
    """Read a SignatureDateTime; without a zone it is China's, which is where such files are made.

    Seen: 20201004072855.302Z, 20201010151120, 2020-04-22 16:22:44, 2020-04-22T16:22:44+08:00.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    *numbers, zone = match.groups()
    try:
        moment = datetime(*(int(number) for number in numbers), tzinfo=_zone(zone))  # type: ignore[arg-type,misc] # six numbers
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # a month 13; a year that UTC has not
        return None


def _zone(text: str | None) -> timezone:
    if text is None:
        return CHINA
    if text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def _record(element: etree._Element) -> SignatureRecord:
    identifier, location = _attribute(element, "ID"), _attribute(element, "BaseLoc")
    if location is None:
        raise _broken("signature-list", "a signature without BaseLoc")
    named = _attribute(element, "Type")
    try:
        kind = SignatureType.SEAL if named is None else SignatureType(named.capitalize())
    except ValueError:
        raise _broken("signature-list", "a signature of an unknown Type") from None
    return SignatureRecord(identifier or "", kind, location, _attribute(element, "Relative"))


def _provider(element: etree._Element | None) -> Provider:
    if element is None:
        return Provider("")
    return Provider(
        _attribute(element, "ProviderName") or "",
        _attribute(element, "Version") or "",
        _attribute(element, "Company") or "",
    )


def _reference(element: etree._Element) -> Reference:
    path = _attribute(element, "FileRef")
    if path is None:
        raise _broken("signature-xml", "a Reference without FileRef")
    written = "".join(_optional_text(element, "CheckValue").split())
    try:
        value = b64decode(written, validate=True) or None
    except (Base64Error, ValueError):
        value = None
    return Reference(path, value)


def _stamp(element: etree._Element) -> Stamp:
    page, box = _attribute(element, "PageRef"), _attribute(element, "Boundary")
    if page is None or box is None:
        raise _broken("signature-xml", "a StampAnnot without PageRef or Boundary")
    clip = _attribute(element, "Clip")
    return Stamp(
        _attribute(element, "ID") or "",
        page,
        read_box(box),
        None if clip is None else read_box(clip),
    )


def _name(element: etree._Element) -> str:
    """Give an element's name without its namespace; a comment has none."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _children(element: etree._Element, name: str) -> Iterator[etree._Element]:
    return element.iterchildren(f"{{*}}{name}")  # found in C: there may be a million others


def _needed(element: etree._Element, name: str) -> etree._Element:
    found = _only(element, name)
    if found is None:
        raise _broken("signature-xml", f"no {name}")
    return found


def _only(element: etree._Element, name: str) -> etree._Element | None:
    """Give the one child of that name: with two, two readers could each take another."""
    found = list(_children(element, name))
    if len(found) > 1:
        raise _broken("signature-xml", f"more than one {name}")
    return found[0] if found else None


def _optional_text(element: etree._Element, name: str) -> str:
    found = _only(element, name)
    return "" if found is None else _text(found)


def _text(element: etree._Element) -> str:
    if len(element):  # a comment or an element inside: readers differ on what the text is then
        raise _broken("signature-xml", f"{_name(element)} holds more than text")
    return _capped((element.text or "").strip())


def _attribute(element: etree._Element, name: str) -> str | None:
    value = element.get(name)
    return None if value is None else _capped(value.strip())


def _capped(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise _broken("signature-xml", f"a text of more than {MAX_TEXT} characters")
    return text


def _broken(code: str, why: str) -> OfdRefused:
    return OfdRefused(
        code, f"签名描述文件有误：{why}", f"the signature's description is broken: {why}"
    )
