"""Certificate: an X.509 certificate as plain values beside the exact bytes it came in.

Read as BER within caps and never written again: what is signed is `tbs`, as it was received. Real
certificates have odd parts; an odd part that can be left out is named in `oddities` and left out, a
broken one is CertificateRefused. Nothing here says whether a certificate is good: see chain.py.
Source: RFC 5280 section 4.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from msb_identity.errors import CertificateRefused, EncodingRefused, KeyRefused
from msb_identity.pki import der
from msb_identity.pki.keys import KeyKind
from msb_identity.pki.spki import CURVE_OIDS, point_algorithm, verifying_key_from_spki
from msb_identity.x509 import oids
from msb_identity.x509.algorithms import AlgorithmIdentifier, read_algorithm
from msb_identity.x509.names import Name, read_name
from msb_identity.x509.values import (
    Extension,
    context,
    read_any_text,
    read_bits,
    read_boolean,
    read_dns_names,
    read_extensions,
    read_flags,
    read_integer,
    read_time,
    read_uris,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from msb_identity.pki.keys import VerifyingKey

MAX_CERTIFICATE_BYTES = 64_000
MAX_URIS = 16
_T = TypeVar("_T")
_TOP_PARTS, _PAIR, _V1, _V3, _SERIAL_BYTES = 3, 2, 1, 3, 20


class KeyUsage(IntEnum):
    """The bits of the extension keyUsage (RFC 5280 section 4.2.1.3)."""

    DIGITAL_SIGNATURE = 0
    NON_REPUDIATION = 1
    KEY_ENCIPHERMENT = 2
    DATA_ENCIPHERMENT = 3
    KEY_AGREEMENT = 4
    CERTIFICATE_SIGN = 5
    CRL_SIGN = 6
    ENCIPHER_ONLY = 7
    DECIPHER_ONLY = 8


@dataclass(frozen=True)
class Certificate:
    """One certificate. `encoded` is what was received; equality is equality of those bytes."""

    encoded: bytes = field(repr=False)
    tbs: bytes = field(repr=False, compare=False)
    version: int = field(repr=False, compare=False)
    serial: int = field(repr=False, compare=False)
    signature_algorithm: AlgorithmIdentifier = field(repr=False, compare=False)
    inner_algorithm: AlgorithmIdentifier = field(repr=False, compare=False)
    signature: bytes = field(repr=False, compare=False)
    issuer: Name = field(repr=False, compare=False)
    subject: Name = field(repr=False, compare=False)
    not_before: datetime = field(repr=False, compare=False)
    not_after: datetime = field(repr=False, compare=False)
    spki: bytes = field(repr=False, compare=False)
    extensions: Mapping[str, Extension] = field(repr=False, compare=False)
    facts: Facts = field(repr=False, compare=False)

    @classmethod
    def load(cls, data: bytes) -> Certificate:
        """Read one certificate in DER (or BER); CertificateRefused for anything else."""
        try:
            return _read(der.read_ber(data, limit=MAX_CERTIFICATE_BYTES))
        except EncodingRefused as error:
            message = f"no certificate that can be read: {error}"
            raise CertificateRefused(message) from error

    @cached_property
    def key(self) -> VerifyingKey:
        """The subject's key, weak RSA included; KeyRefused, by name, for a kind we do not have."""
        try:
            return verifying_key_from_spki(usual_spki(self.spki), allow_weak=True)
        except EncodingRefused as error:
            message = f"no public key that can be read: {error}"
            raise KeyRefused(message) from error

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the whole certificate, in hexadecimal."""
        return hashlib.sha256(self.encoded).hexdigest()

    @property
    def oddities(self) -> tuple[str, ...]:
        """What is odd about it, as short texts in English; never personal data."""
        return self.facts.oddities

    @property
    def is_self_issued(self) -> bool:
        """Whether subject and issuer have one name."""
        return self.subject.matches(self.issuer)

    @property
    def identity_numbers(self) -> Mapping[str, str]:
        """The identity extensions of GB/T 20518 by OID: personal data, never for logs."""
        return {
            oid: read_any_text(extension.value)
            for oid, extension in self.extensions.items()
            if oid.startswith("1.2.156.10260.4.")
        }

    def __hash__(self) -> int:
        """Hash as equality compares."""
        return hash(self.encoded)

    def __repr__(self) -> str:
        """Name it by its digest only: subjects are people."""
        return f"<certificate {self.fingerprint[:16]}>"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the extensions that we understand say; None where one is absent or unreadable."""

    has_basic_constraints: bool = False
    is_authority: bool = False
    path_length: int | None = None
    key_usage: frozenset[int] | None = None
    purposes: tuple[str, ...] | None = None
    purposes_critical: bool = False
    subject_key_id: bytes | None = None
    authority_key_id: bytes | None = None
    crl_urls: tuple[str, ...] = ()
    crl_names: tuple[bytes, ...] = ()
    has_crl_points: bool = False
    ocsp_urls: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    unknown_critical: tuple[str, ...] = ()
    name_constraints: bool = False
    name_constraints_critical: bool = False
    oddities: tuple[str, ...] = ()


def _read(outer: der.Element) -> Certificate:
    parts = outer.sequence()
    if len(parts) != _TOP_PARTS:
        message = "not a content, an algorithm and a signature"
        raise EncodingRefused(message)
    tbs = _Fields(parts[0].sequence())
    version = _version(tbs)
    serial = read_integer(tbs.take())
    inner = read_algorithm(tbs.take())
    issuer = read_name(tbs.take())
    validity = tbs.take().sequence()
    if len(validity) != _PAIR:
        message = "a period that is not two times"
        raise EncodingRefused(message)
    subject, spki = read_name(tbs.take()), tbs.take()
    spki.sequence()
    for number in (1, 2):  # issuerUniqueID and subjectUniqueID, out of use
        tbs.optional(context(number, constructed=False))
    wrapped = tbs.optional(context(3))
    if tbs.left:
        message = "more parts than a certificate has"
        raise EncodingRefused(message)
    extensions = read_extensions(_only(wrapped)) if wrapped else {}
    return Certificate(
        encoded=outer.encoded,
        tbs=parts[0].encoded,
        version=version,
        serial=serial,
        signature_algorithm=read_algorithm(parts[1]),
        inner_algorithm=inner,
        signature=read_bits(parts[2]),
        issuer=issuer,
        subject=subject,
        not_before=read_time(validity[0]),
        not_after=read_time(validity[1]),
        spki=spki.encoded,
        extensions=extensions,
        facts=_FactsReader(extensions).read(version=version, serial=serial),
    )


def usual_spki(spki: bytes) -> bytes:
    """Give an SM2 key under the algorithm id-ecPublicKey.

    Some makers (Tongsuo's own samples) name the curve in both places.
    """
    parts = der.read_ber(spki).sequence()
    algorithm = parts[0].sequence() if len(parts) == _PAIR else ()
    if [part.tag for part in algorithm] == [der.OID, der.OID] and {
        part.oid() for part in algorithm
    } == {CURVE_OIDS[KeyKind.SM2]}:
        return der.sequence(point_algorithm(KeyKind.SM2), parts[1].encoded)
    return spki


class _Fields:
    """The parts of a SEQUENCE, taken in order."""

    def __init__(self, parts: tuple[der.Element, ...]) -> None:
        self.left = list(parts)

    def take(self) -> der.Element:
        if not self.left:
            message = "fewer parts than a certificate has"
            raise EncodingRefused(message)
        return self.left.pop(0)

    def optional(self, tag: int) -> der.Element | None:
        return self.left.pop(0) if self.left and self.left[0].tag == tag else None


def _version(fields: _Fields) -> int:
    wrapped = fields.optional(context(0))
    version = 1 + (read_integer(_only(wrapped)) if wrapped else 0)
    if not _V1 <= version <= _V3:
        message = f"a certificate of version {version}"
        raise EncodingRefused(message)
    return version


def _only(element: der.Element) -> der.Element:
    if len(element.children) != 1:
        message = "an explicit tag around more or less than one value"
        raise EncodingRefused(message)
    return element.children[0]


class _FactsReader:
    """Reads the extensions that we understand; a broken one becomes an oddity, or unknown."""

    def __init__(self, extensions: Mapping[str, Extension]) -> None:
        self._extensions = extensions
        self._oddities: list[str] = []
        self._unknown = [
            extension.oid
            for extension in extensions.values()
            if extension.critical
            and extension.oid not in _UNDERSTOOD
            and extension.oid != oids.NAME_CONSTRAINTS
        ]

    def read(self, *, version: int, serial: int) -> Facts:
        constraints = self._value(oids.BASIC_CONSTRAINTS, _basic_constraints)
        points = self._value(oids.CRL_DISTRIBUTION_POINTS, _crl_points)
        usage = self._value(oids.KEY_USAGE, lambda e: _tagged(e, der.BIT_STRING, read_flags))
        limits = self._extensions.get(oids.NAME_CONSTRAINTS)
        purposes = self._value(oids.EXTENDED_KEY_USAGE, _purposes)
        purposes_critical = (
            purposes is not None and self._extensions[oids.EXTENDED_KEY_USAGE].critical
        )
        facts = {
            "subject_key_id": self._value(oids.SUBJECT_KEY_IDENTIFIER, lambda e: e.octets()),
            "authority_key_id": self._value(oids.AUTHORITY_KEY_IDENTIFIER, _authority_key_id),
        }
        ocsp_urls = self._value(oids.AUTHORITY_INFORMATION, _ocsp_urls) or ()
        dns_names = self._value(oids.SUBJECT_ALT_NAME, lambda e: read_dns_names(e.sequence())) or ()
        is_authority, path_length = constraints or (False, None)
        self._judge(version, serial, is_authority=is_authority, usage=usage)
        return Facts(
            has_basic_constraints=constraints is not None,
            is_authority=is_authority,
            path_length=path_length,
            key_usage=usage,
            purposes=purposes,
            purposes_critical=purposes_critical,
            crl_urls=points[0] if points else (),
            crl_names=points[1] if points else (),
            has_crl_points=oids.CRL_DISTRIBUTION_POINTS in self._extensions,
            ocsp_urls=ocsp_urls,
            dns_names=dns_names,
            unknown_critical=tuple(self._unknown),
            name_constraints=limits is not None,
            name_constraints_critical=limits is not None and limits.critical,
            oddities=tuple(self._oddities),
            **facts,
        )

    def _value(self, oid: str, read: Callable[[der.Element], _T]) -> _T | None:
        extension = self._extensions.get(oid)
        if extension is None:
            return None
        try:
            return read(der.read_ber(extension.value, limit=MAX_CERTIFICATE_BYTES))
        except EncodingRefused:
            # Left out where that is allowed; where it is critical nobody may pass over it.
            (self._unknown if extension.critical else self._oddities).append(
                oid if extension.critical else f"the extension {oid} cannot be read"
            )
            return None

    def _judge(
        self, version: int, serial: int, *, is_authority: bool, usage: frozenset[int] | None
    ) -> None:
        if version != _V3:
            text = f"X.509 version {version}" + (" with extensions" if self._extensions else "")
            self._oddities.append(text)
        if serial <= 0 or serial.bit_length() >= 8 * _SERIAL_BYTES:
            self._oddities.append("a serial number that is not 1 to 20 bytes and positive")
        if usage is not None and KeyUsage.CERTIFICATE_SIGN in usage and not is_authority:
            self._oddities.append("key usage keyCertSign without being a CA")


def _tagged(element: der.Element, tag: int, read: Callable[[der.Element], _T]) -> _T:
    if element.tag != tag:
        message = f"tag {element.tag:#04x} where {tag:#04x} belongs"
        raise EncodingRefused(message)
    return read(element)


def _basic_constraints(element: der.Element) -> tuple[bool, int | None]:
    left = list(element.sequence())
    is_authority = bool(left) and left[0].tag == der.BOOLEAN and read_boolean(left.pop(0))
    path_length = left.pop(0).integer() if left else None
    if left:
        message = "more than a flag and a length"
        raise EncodingRefused(message)
    return is_authority, path_length


def _purposes(element: der.Element) -> tuple[str, ...]:
    found = tuple(part.oid() for part in element.sequence())
    if not found:
        message = "no purpose at all"
        raise EncodingRefused(message)
    return found


def _authority_key_id(element: der.Element) -> bytes | None:
    for part in element.sequence():
        if part.tag == context(0, constructed=False):
            return part.content
    return None


def _crl_points(element: der.Element) -> tuple[tuple[str, ...], tuple[bytes, ...]]:
    """Give the URLs of the points, and every name of theirs as bytes."""
    urls: list[str] = []
    names: list[bytes] = []
    for point in element.sequence():
        for part in point.sequence():
            full = part.children[0] if part.tag == context(0) and part.children else None
            if full is not None and full.tag == context(0):
                urls += read_uris(full.children)
                names += [name.encoded for name in full.children]
    return tuple(urls[:MAX_URIS]), tuple(names[: 4 * MAX_URIS])


def _ocsp_urls(element: der.Element) -> tuple[str, ...]:
    urls: list[str] = []
    for description in element.sequence():
        parts = description.sequence()
        if len(parts) == _PAIR and parts[0].oid() == oids.ACCESS_OCSP:
            urls += read_uris(parts[1:])
    return tuple(urls[:MAX_URIS])


_UNDERSTOOD = frozenset(
    {
        oids.BASIC_CONSTRAINTS,
        oids.KEY_USAGE,
        oids.EXTENDED_KEY_USAGE,
        oids.SUBJECT_ALT_NAME,
        oids.SUBJECT_KEY_IDENTIFIER,
        oids.AUTHORITY_KEY_IDENTIFIER,
        oids.CRL_DISTRIBUTION_POINTS,
        oids.AUTHORITY_INFORMATION,
    }
)
