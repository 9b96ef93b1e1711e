"""RevocationList: a CRL, read so that 100,000 entries cost a fraction of a second.

Its head is read as everything else is; its entries are only stepped over, and one is read when it
is asked for. CRLs are DER: an indefinite length is refused. Source: RFC 5280 section 5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from msb_identity.errors import CertificateRefused, EncodingRefused
from msb_identity.pki import der
from msb_identity.x509 import oids
from msb_identity.x509.algorithms import AlgorithmIdentifier, read_algorithm
from msb_identity.x509.names import Name, read_name
from msb_identity.x509.values import (
    Extension,
    context,
    read_bits,
    read_boolean,
    read_extensions,
    read_integer,
    read_time,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MAX_CRL_BYTES = 32_000_000
MAX_CRL_ENTRIES = 1_000_000
_MAX_HEAD_BYTES = 64_000
_ENUMERATED = 0x0A
_LONG_FORM, _MAX_LENGTH_BYTES = 0x80, 4
ON_HOLD, REMOVED = "certificate-hold", "remove-from-crl"
# RFC 5280 section 5.3.1; 7 is unused.
REASONS = {
    "unspecified": 0,
    "key-compromise": 1,
    "ca-compromise": 2,
    "affiliation-changed": 3,
    "superseded": 4,
    "cessation-of-operation": 5,
    ON_HOLD: 6,
    REMOVED: 8,
    "privilege-withdrawn": 9,
    "aa-compromise": 10,
}
_REASON_NAMES = {number: name for name, number in REASONS.items()}
_ISSUER_OF_ENTRY = der.oid(oids.CERTIFICATE_ISSUER)


@dataclass(frozen=True, slots=True)
class Revoked:
    """That a certificate was revoked: since when, and why."""

    since: datetime
    reason: str

    @classmethod
    def read(cls, moment: datetime, reason: int) -> Revoked:
        """Name the reason by its number."""
        return cls(moment, _REASON_NAMES.get(reason, "unspecified"))


@dataclass(frozen=True, slots=True)
class Scope:
    """What a CRL covers (issuingDistributionPoint, RFC 5280 section 5.2.5)."""

    names: tuple[bytes, ...] = ()
    only_users: bool = False
    only_authorities: bool = False
    partial: bool = False
    indirect: bool = False


@dataclass(frozen=True)
class RevocationList:
    """One CRL as it was received."""

    encoded: bytes = field(repr=False)
    tbs: bytes = field(repr=False, compare=False)
    signature_algorithm: AlgorithmIdentifier = field(compare=False)
    inner_algorithm: AlgorithmIdentifier = field(compare=False)
    signature: bytes = field(repr=False, compare=False)
    issuer: Name = field(compare=False)
    this_update: datetime = field(compare=False)
    next_update: datetime | None = field(compare=False)
    extensions: Mapping[str, Extension] = field(repr=False, compare=False)
    number: int | None = field(compare=False)
    scope: Scope = field(compare=False)
    entries: bytes = field(repr=False, compare=False)

    @classmethod
    def load(cls, data: bytes) -> RevocationList:
        """Read one CRL in DER; CertificateRefused for anything else."""
        try:
            return _read(data)
        except EncodingRefused as error:
            message = f"no CRL that can be read: {error}"
            raise CertificateRefused(message) from error

    def find(self, serial: int) -> Revoked | None:
        """Say since when that serial number is revoked, or None; EncodingRefused if broken."""
        places = self._places(serial)
        if not places and serial < 0:  # a lost zero byte: the list's maker may have put it back
            places = self._places(serial + (1 << 8 * (serial.bit_length() // 8 + 1)))
        found = [_read_entry(self.entries[start:end]) for start, end in places]
        # A number that stands twice is as revoked as its gravest entry says.
        return min(found, key=lambda one: (one.reason == REMOVED, one.since), default=None)

    def _places(self, serial: int) -> tuple[tuple[int, int], ...]:
        index, again = self._index
        return (index[serial], *again.get(serial, ())) if serial in index else ()

    def __len__(self) -> int:
        """Count the serial numbers that stand in it."""
        return len(self._index[0])

    def __hash__(self) -> int:
        """Hash as equality compares."""
        return hash(self.encoded)

    @property
    def is_delta(self) -> bool:
        """Whether it only adds to another CRL."""
        return oids.DELTA_CRL in self.extensions

    @property
    def is_indirect(self) -> bool:
        """Whether it holds, or may hold, entries of other issuers."""
        return self.scope.indirect or _ISSUER_OF_ENTRY in self.entries

    @property
    def unknown_critical(self) -> tuple[str, ...]:
        """The critical extensions that we do not understand."""
        known = (oids.CRL_NUMBER, oids.ISSUING_DISTRIBUTION_POINT, oids.AUTHORITY_KEY_IDENTIFIER)
        return tuple(e.oid for e in self.extensions.values() if e.critical and e.oid not in known)

    @cached_property
    def _index(self) -> tuple[dict[int, tuple[int, int]], dict[int, list[tuple[int, int]]]]:
        """Where the first entry of each number is, and where further ones are: few, if any."""
        index: dict[int, tuple[int, int]] = {}
        again: dict[int, list[tuple[int, int]]] = {}
        count = 0
        data, at, end = self.entries, 0, len(self.entries)
        while at < end:
            tag, start, after = _head(data, at, end)
            inner, number, number_end = _head(data, start, after)
            if tag != der.SEQUENCE or inner != der.INTEGER:
                message = "an entry of a CRL that does not begin with a serial number"
                raise EncodingRefused(message)
            serial = int.from_bytes(data[number:number_end], "big", signed=True)
            if serial in index:
                again.setdefault(serial, []).append((at, after))
            else:
                index[serial] = (at, after)
            at, count = after, count + 1
            if count > MAX_CRL_ENTRIES:
                message = f"a CRL of more than {MAX_CRL_ENTRIES} entries"
                raise EncodingRefused(message)
        return index, again


def _read(data: bytes) -> RevocationList:
    if len(data) > MAX_CRL_BYTES:
        message = f"a CRL of more than {MAX_CRL_BYTES} bytes"
        raise EncodingRefused(message)
    tag, start, end = _head(data, 0, len(data))
    tbs_tag, tbs_start, tbs_end = _head(data, start, end)
    if (tag, tbs_tag) != (der.SEQUENCE, der.SEQUENCE) or end != len(data):
        message = "not one list with its signature"
        raise EncodingRefused(message)
    signed = der.read_ber(der.sequence(data[tbs_end:end]), limit=_MAX_HEAD_BYTES).sequence()
    if len(signed) != 2:  # noqa: PLR2004 - an algorithm and a signature
        message = "not an algorithm and a signature"
        raise EncodingRefused(message)
    head, entries = _split(data, tbs_start, tbs_end)
    return _from_parts(data, data[start:tbs_end], head, entries, signed)


def _split(data: bytes, at: int, end: int) -> tuple[list[der.Element], bytes]:
    """Give the parts of the TBSCertList without its entries, and the entries' bytes."""
    head: list[der.Element] = []
    entries = b""
    times = 0
    while at < end:
        tag, start, after = _head(data, at, end)
        # The list of entries is the one SEQUENCE after a time.
        if tag == der.SEQUENCE and times:
            if entries:
                message = "two lists of entries in one CRL"
                raise EncodingRefused(message)
            entries = data[start:after]
        else:
            times += tag not in (der.SEQUENCE, der.INTEGER)
            head.append(der.read_ber(data[at:after], limit=_MAX_HEAD_BYTES))
        at = after
    return head, entries


def _from_parts(
    data: bytes,
    tbs: bytes,
    head: list[der.Element],
    entries: bytes,
    signed: tuple[der.Element, ...],
) -> RevocationList:
    if head and head[0].tag == der.INTEGER and read_integer(head.pop(0)) != 1:
        message = "a CRL of a version that there is not"
        raise EncodingRefused(message)
    wrapped = head.pop() if head and head[-1].tag == context(0) else None
    if not 3 <= len(head) <= 4:  # noqa: PLR2004 - algorithm, issuer, one or two times
        message = "fewer or more parts than a CRL has"
        raise EncodingRefused(message)
    extensions = read_extensions(wrapped.children[0]) if wrapped and wrapped.children else {}
    number = extensions.get(oids.CRL_NUMBER)
    return RevocationList(
        encoded=data,
        tbs=tbs,
        signature_algorithm=read_algorithm(signed[0]),
        inner_algorithm=read_algorithm(head[0]),
        signature=read_bits(signed[1]),
        issuer=read_name(head[1]),
        this_update=read_time(head[2]),
        next_update=read_time(head[3]) if len(head) > 3 else None,  # noqa: PLR2004 - as above
        extensions=extensions,
        number=read_integer(der.read_ber(number.value)) if number else None,
        scope=_scope(extensions.get(oids.ISSUING_DISTRIBUTION_POINT)),
        entries=entries,
    )


def _scope(extension: Extension | None) -> Scope:
    if extension is None:
        return Scope()
    names: tuple[bytes, ...] = ()
    flags: dict[int, bool] = {}
    for part in der.read_ber(extension.value).sequence():
        number = part.tag & 0x1F
        if part.tag == context(0) and part.children and part.children[0].tag == context(0):
            names = tuple(name.encoded for name in part.children[0].children)
        elif part.tag == context(3, constructed=False):
            flags[3] = True
        elif number in (1, 2, 4, 5):
            flags[number] = read_boolean(part)
        else:
            message = "a scope of a CRL that cannot be read"
            raise EncodingRefused(message)
    return Scope(
        names=names,
        only_users=flags.get(1, False),
        only_authorities=flags.get(2, False),
        partial=flags.get(3, False) or flags.get(5, False),  # some reasons; attributes only
        indirect=flags.get(4, False),
    )


def _read_entry(data: bytes) -> Revoked:
    parts = der.read_ber(data, limit=_MAX_HEAD_BYTES).sequence()
    if not 2 <= len(parts) <= 3:  # noqa: PLR2004 - number, time, extensions
        message = "an entry of a CRL that cannot be read"
        raise EncodingRefused(message)
    since, reason = read_time(parts[1]), 0
    for extension in (read_extensions(parts[2]) if len(parts) > 2 else {}).values():  # noqa: PLR2004
        value = der.read_ber(extension.value)
        if extension.oid == oids.REASON_CODE and value.tag == _ENUMERATED and value.content:
            reason = value.content[-1]
        elif extension.oid == oids.INVALIDITY_DATE:
            # The CA says that the key was lost before it knew: the earlier time counts.
            since = min(since, read_time(value))
    return Revoked.read(since, reason)


def _head(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Give tag, start of the content and end of the DER element at `at`."""
    if at + 2 > end:
        message = "a CRL that is cut short"
        raise EncodingRefused(message)
    length, start = data[at + 1], at + 2
    if length >= _LONG_FORM:
        count = length & 0x7F
        if not 1 <= count <= _MAX_LENGTH_BYTES:
            message = "a length in a CRL that is indefinite or too long"
            raise EncodingRefused(message)
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    if start + length > end:
        message = "a CRL that is cut short"
        raise EncodingRefused(message)
    return data[at], start, start + length
