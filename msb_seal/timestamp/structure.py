"""Reading a time-stamp token: the CMS signature, and TSTInfo within it.

Source: RFC 3161 section 2.4.2, GB/T 20520 (the same structure, with SM2 and SM3).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msb_identity.errors import EncodingRefused
from msb_identity.pki import der
from msb_identity.x509.algorithms import AlgorithmIdentifier, read_algorithm
from msb_identity.x509.names import Name, read_name
from msb_identity.x509.values import (
    GENERALIZED_TIME,
    context,
    read_boolean,
    read_extensions,
    read_integer,
    read_time,
)
from msb_seal.cms import oids
from msb_seal.cms.structure import CmsSignature, parse_cms
from msb_seal.errors import CmsRefused, TimestampRefused

if TYPE_CHECKING:
    from datetime import datetime

MAX_INFO_BYTES = 64_000
_PAIR, _INFO_PARTS = 2, 5
_DIRECTORY_NAME = context(4)


@dataclass(frozen=True, slots=True)
class TimestampToken:
    """A time-stamp: that whoever signed it had seen this digest at this time.

    imprint: the digest of what was stamped. time is to the second, its fraction is left out.
    authority_name: who the token says stamped it; the certificate says it surely.
    critical: extensions that must be understood; we understand none.
    """

    encoded: bytes = field(repr=False)
    signature: CmsSignature = field(repr=False)
    policy: str
    imprint_algorithm: AlgorithmIdentifier
    imprint: bytes = field(repr=False)
    serial: int
    time: datetime
    nonce: int | None = field(default=None, repr=False)
    authority_name: Name | None = field(default=None, repr=False)
    critical: tuple[str, ...] = ()
    oddities: tuple[str, ...] = field(default=(), repr=False)


def parse_timestamp(token: bytes) -> TimestampToken:
    """Read one token, or the whole answer (TimeStampResp) that some keep in its place.

    TimestampRefused for anything else.
    """
    try:
        inner, oddities = _token_of(token)
        signature = parse_cms(inner)
        if signature.content_type != oids.TST_INFO or signature.content is None:
            message = f"signed data, but no time-stamp ({signature.content_type})"
            raise EncodingRefused(message)
        if len(signature.signers) != 1:
            message = "a time-stamp that is not signed by exactly one"
            raise EncodingRefused(message)
        return _read_info(signature, (*oddities, *signature.oddities))
    except (EncodingRefused, CmsRefused) as error:
        message = f"no time-stamp that can be read: {error}"
        raise TimestampRefused(message) from error


def _token_of(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Give the token itself where a whole TimeStampResp stands."""
    parts = der.read_ber(data).sequence()
    if len(parts) == _PAIR and parts[0].tag == parts[1].tag == der.SEQUENCE:
        return parts[1].encoded, ("a whole answer of a time-stamp authority instead of its token",)
    return data, ()


def _read_info(signature: CmsSignature, oddities: tuple[str, ...]) -> TimestampToken:
    """Read TSTInfo, in which everything behind the time is optional and in a fixed order."""
    left = list(der.read_ber(signature.content or b"", limit=MAX_INFO_BYTES).sequence())
    if len(left) < _INFO_PARTS or left[0].integer() != 1:
        message = "not a TSTInfo of version 1"
        raise EncodingRefused(message)
    imprint = left[2].sequence()
    if len(imprint) != _PAIR:
        message = "an imprint that is not a digest"
        raise EncodingRefused(message)
    if left[4].tag != GENERALIZED_TIME or not left[4].content.endswith(b"Z"):
        message = "a time that is not said to be in UTC"  # without its zone it proves nothing
        raise EncodingRefused(message)
    _, policy, _, serial, time = left[:_INFO_PARTS]
    del left[:_INFO_PARTS]
    if left and left[0].tag == der.SEQUENCE:
        left.pop(0)  # accuracy: the time itself is what we go by
    if left and left[0].tag == der.BOOLEAN:
        read_boolean(left.pop(0))  # ordering
    nonce = read_integer(left.pop(0)) if left and left[0].tag == der.INTEGER else None
    name = _read_general_name(left.pop(0)) if left and left[0].tag == context(0) else None
    critical: tuple[str, ...] = ()
    if left and left[0].tag == context(1):
        wrapped = der.read_ber(der.sequence(left.pop(0).content))
        critical = tuple(e.oid for e in read_extensions(wrapped).values() if e.critical)
    if left:
        message = "more parts than a TSTInfo has"
        raise EncodingRefused(message)
    return TimestampToken(
        encoded=signature.encoded,
        signature=signature,
        policy=policy.oid(),
        imprint_algorithm=read_algorithm(imprint[0]),
        imprint=imprint[1].octets(),
        serial=read_integer(serial),
        time=read_time(time),
        nonce=nonce,
        authority_name=name,
        critical=critical,
        oddities=oddities,
    )


def _read_general_name(element: der.Element) -> Name | None:
    """Give the directory name inside; other kinds of name are left out."""
    inner = element.children[0] if len(element.children) == 1 else None
    if inner is None or inner.tag != _DIRECTORY_NAME or len(inner.children) != 1:
        return None
    return read_name(inner.children[0])
