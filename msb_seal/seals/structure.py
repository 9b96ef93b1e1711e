"""Reading the ASN.1 of seals (SESeal) and seal signatures (SES_Signature), versions 1, 4 and 5.

Read as BER within caps; what was signed is kept as received. The version is found by the number of
parts, then by the header: the field `version` alone is not to be trusted. What is read with
leniency stands in `oddities`; what cannot be read is SealRefused. Nothing here says whether a seal
is good: see verify.py. Writing: encoding.py. Sources: GM/T 0031-2014 clause 6 (v1), GB/T 38540-2020
(v4), GM/T 0031-2025 (v5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.errors import EncodingRefused
from msb_identity.pki import der
from msb_seal.errors import SealRefused
from msb_seal.seals import values
from msb_seal.seals.model import (
    ElectronicSeal,
    SealPicture,
    SealSignature,
    SealVersion,
    SignerList,
)

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.pki.der import Element

MAX_SEAL_BYTES = 4_000_000
MAX_SIGNATURE_BYTES = MAX_SEAL_BYTES + 1_000_000  # a signature holds its seal, and a time-stamp
MAX_SIGNERS = 1_000
MAX_DEPTH = 12  # the list of digests within a seal within a signature stands 8 deep
_BY_CERTIFICATES, _BY_DIGESTS = 1, 2  # certListType
_V1_PARTS, _V4_PARTS, _V5_PARTS = 2, 4, 5
_INFO_PARTS, _HEADER_PARTS, _PICTURE_PARTS = (4, 5), 3, 4
_V1_PROPERTY_PARTS, _PROPERTY_PARTS = 6, 7
_V1_SIGN_INFO_PARTS, _V1_TBS_PARTS, _TBS_PARTS, _DIGEST_PARTS = 3, 7, (5, 6), 2


def parse_seal(data: bytes) -> ElectronicSeal:
    """Read one seal in DER (or BER) of at most MAX_SEAL_BYTES; SealRefused for anything else."""
    try:
        return _seal(der.read_ber(data, limit=MAX_SEAL_BYTES, depth=MAX_DEPTH))
    except EncodingRefused as error:
        message = f"no seal that can be read: {error}"
        raise SealRefused(message) from error


def parse_seal_signature(data: bytes) -> SealSignature:
    """Read one seal signature (at most MAX_SIGNATURE_BYTES); SealRefused for anything else."""
    try:
        outer = der.read_ber(data, limit=MAX_SIGNATURE_BYTES, depth=MAX_DEPTH)
        parts = outer.sequence()
        return _v1_signature(outer) if len(parts) == _V1_PARTS else _signature(outer)
    except EncodingRefused as error:
        message = f"no seal signature that can be read: {error}"
        raise SealRefused(message) from error


def kind_of(data: bytes) -> str | None:
    """Say by the first tags what this is meant to be: "seal", "ses-signature" or neither.

    A seal begins SEQUENCE { SEQUENCE { SEQUENCE { IA5String, a signature SEQUENCE { SEQUENCE {
    INTEGER and then a seal; a certificate, a CMS or a ZIP begins otherwise.
    """
    at = _inside(data, _inside(data, 0))
    if at is None:
        return None
    if data[at : at + 2] == b"\x02\x01":
        return "ses-signature" if _begins_seal(data, at + 3) else None
    return "seal" if _begins_seal(data, 0) else None


def _begins_seal(data: bytes, at: int) -> bool:
    inner = _inside(data, _inside(data, _inside(data, at)))
    return inner is not None and data[inner : inner + 1] == bytes((values.IA5_STRING,))


def _inside(data: bytes, at: int | None) -> int | None:
    """Give where the content of the SEQUENCE at `at` begins; None where there is none."""
    if at is None or data[at : at + 1] != bytes((der.SEQUENCE,)) or at + 2 > len(data):
        return None
    length = data[at + 1]
    return at + 2 + (length & 0x7F if length > 0x80 else 0)  # noqa: PLR2004 - X.690 section 8.1.3


def _seal(outer: Element) -> ElectronicSeal:
    """Read SESeal; how many parts it has tells v1 from the others."""
    parts = outer.sequence()
    if len(parts) not in (_V1_PARTS, _V4_PARTS, _V5_PARTS):
        message = f"a seal of {len(parts)} parts"
        raise EncodingRefused(message)
    oddities: list[str] = []
    info, is_v1 = parts[0], len(parts) == _V1_PARTS
    stated = _stated_version(info)
    version = SealVersion.V1 if is_v1 else _later_version(len(parts), stated, oddities)
    if is_v1:
        maker = parts[1].sequence()
        if len(maker) != _V1_SIGN_INFO_PARTS:
            message = "a SES_SignInfo that is not a certificate, an algorithm and a signature"
            raise EncodingRefused(message)
        signed = der.sequence(info.encoded, maker[0].encoded, maker[1].encoded)
    else:
        maker, signed = parts[1:4], info.encoded
    certificate, algorithm, signature = maker
    token = values.tagged_bits(parts[4], oddities) if len(parts) == _V5_PARTS else None
    return _with_info(
        outer,
        info,
        signed,
        version,
        maker_certificate=certificate.octets(),
        signature_algorithm=algorithm.oid(),
        signature=values.bits(signature, oddities),
        timestamp=token,
        oddities=oddities,
    )


def _with_info(
    outer: Element,
    info: Element,
    signed: bytes,
    version: SealVersion,
    *,
    maker_certificate: bytes,
    signature_algorithm: str,
    signature: bytes,
    timestamp: bytes | None,
    oddities: list[str],
) -> ElectronicSeal:
    """Read SES_SealInfo and put the seal together."""
    header, seal_id, properties, picture, *rest = _counted(info, _INFO_PARTS, "a seal's info")
    identifier, _, vendor = _counted(header, (_HEADER_PARTS,), "a seal's header")
    if values.text(identifier) != "ES":
        oddities.append("a header that does not begin with ES")
    kind, name, signers, times = _properties(properties, version, oddities)
    found = values.extensions(rest[0], oddities) if rest else ()
    return ElectronicSeal(
        encoded=outer.encoded,
        info=info.encoded,
        signed=signed,
        version=version,
        vendor=values.text(vendor),
        seal_id=values.text(seal_id),
        type=kind,
        name=name,
        signers=signers,
        created=times[0],
        valid_from=times[1],
        valid_until=times[2],
        picture=_picture(picture),
        extensions=found,
        maker_certificate=maker_certificate,
        signature_algorithm=signature_algorithm,
        signature=signature,
        timestamp=timestamp,
        oddities=tuple(oddities),
    )


def _stated_version(info: Element) -> int:
    header = _counted(info, _INFO_PARTS, "a seal's info")[0]
    return values.number(_counted(header, (_HEADER_PARTS,), "a seal's header")[1])


def _later_version(parts: int, stated: int, oddities: list[str]) -> SealVersion:
    """Tell v4 from v5: only v5 has a fifth part; with four the header says which."""
    is_v5 = parts == _V5_PARTS or stated == SealVersion.V5
    version = SealVersion.V5 if is_v5 else SealVersion.V4
    if stated != version:
        oddities.append(f"a header of version {stated} in a seal built as version {version.value}")
    return version


def _properties(
    element: Element, version: SealVersion, oddities: list[str]
) -> tuple[int, str, SignerList, tuple[datetime, datetime, datetime]]:
    """Read SES_ESPropertyInfo, which in v1 has no certListType."""
    if version is SealVersion.V1:
        parts = _counted(element, (_V1_PROPERTY_PARTS,), "a seal's properties")
        kind, name, listed, *times = parts
        list_type = _BY_CERTIFICATES
    else:
        parts = _counted(element, (_PROPERTY_PARTS,), "a seal's properties")
        kind, name, type_of_list, listed, *times = parts
        list_type = values.number(type_of_list)
    created, valid_from, valid_until = (values.moment(one) for one in times)
    signers = _signers(listed, list_type, oddities)
    return values.number(kind), values.text(name), signers, (created, valid_from, valid_until)


def _signers(element: Element, list_type: int, oddities: list[str]) -> SignerList:
    """Read SES_CertList; v1 seals may name their signers by texts of the maker's own."""
    items = element.sequence()
    if len(items) > MAX_SIGNERS:
        message = f"more than {MAX_SIGNERS} signers"
        raise EncodingRefused(message)
    if list_type == _BY_DIGESTS:
        return SignerList(digests=tuple(_digest(item) for item in items))
    if list_type != _BY_CERTIFICATES:
        message = f"a list of signers of type {list_type}"
        raise EncodingRefused(message)
    names = tuple(values.text(item) for item in items if item.tag == values.IA5_STRING)
    if names:
        oddities.append("a list of signers that holds texts instead of certificates")
    rest = (item for item in items if item.tag != values.IA5_STRING)
    return SignerList(certificates=tuple(item.octets() for item in rest), names=names)


def _digest(element: Element) -> tuple[str, bytes]:
    kind, value = _counted(element, (_DIGEST_PARTS,), "a digest of a certificate")
    return values.text(kind), value.octets()


def _picture(element: Element) -> SealPicture:
    kind, data, width, height = _counted(element, (_PICTURE_PARTS,), "a seal's picture")
    return SealPicture(
        values.text(kind), data.octets(), values.number(width), values.number(height)
    )


def _v1_signature(outer: Element) -> SealSignature:
    """Read SES_Signature of GM/T 0031-2014, whose TBS_Sign holds certificate and algorithm."""
    signed, signature = outer.sequence()
    parts = _counted(signed, (_V1_TBS_PARTS,), "what was signed")
    stated, seal, moment, digest, property_info, certificate, algorithm = parts
    values.number(stated)  # "11" in the standard's own text: says nothing
    oddities: list[str] = []
    time, token = _v1_time(moment, oddities)
    return SealSignature(
        encoded=outer.encoded,
        signed=signed.encoded,
        version=SealVersion.V1,
        seal=_inner_seal(seal, SealVersion.V1, oddities),
        time=time,
        time_token=token,
        document_digest=values.bits(digest, oddities),
        property_info=values.text(property_info),
        certificate=certificate.octets(),
        signature_algorithm=algorithm.oid(),
        signature=values.bits(signature, oddities),
        oddities=tuple(oddities),
    )


def _signature(outer: Element) -> SealSignature:
    """Read SES_Signature of GB/T 38540-2020 or GM/T 0031-2025."""
    parts = _counted(outer, (_V4_PARTS, _V5_PARTS), "a seal signature")
    signed, certificate, algorithm, signature, *stamp = parts
    stated, seal, moment, digest, property_info, *rest = _counted(
        signed, _TBS_PARTS, "what was signed"
    )
    oddities: list[str] = []
    inner = _inner_seal(seal, None, oddities)
    if values.number(stated) != inner.version:
        oddities.append(f"a signature of version {values.number(stated)} by another seal's version")
    found = values.extensions(rest[0], oddities) if rest else ()
    return SealSignature(
        encoded=outer.encoded,
        signed=signed.encoded,
        version=inner.version,
        seal=inner,
        time=values.moment(moment),
        time_token=None,
        document_digest=values.bits(digest, oddities),
        property_info=values.text(property_info),
        certificate=certificate.octets(),
        signature_algorithm=algorithm.oid(),
        signature=values.bits(signature, oddities),
        extensions=found,
        timestamp=values.tagged_bits(stamp[0], oddities) if stamp else None,
        oddities=tuple(oddities),
    )


def _inner_seal(
    element: Element, expected: SealVersion | None, oddities: list[str]
) -> ElectronicSeal:
    seal = _seal(element)
    if expected is not None and seal.version is not expected:
        oddities.append(f"a version 1 signature by a seal of version {seal.version.value}")
    if expected is None and seal.version is SealVersion.V1:
        oddities.append("a later signature by a seal of version 1")
    return seal


def _v1_time(element: Element, oddities: list[str]) -> tuple[datetime | None, bytes | None]:
    """Read v1's timeInfo: a written time, a time of ASN.1, or a time-stamp token."""
    if values.is_time(element):
        return values.moment(element), None
    content = values.bits(element, oddities)
    if content[:1] == bytes((der.SEQUENCE,)):
        return None, content
    return values.written_time(content, oddities), None


def _counted(element: Element, allowed: tuple[int, ...], what: str) -> tuple[Element, ...]:
    parts = element.sequence()
    if len(parts) not in allowed:
        message = f"{what} of {len(parts)} parts"
        raise EncodingRefused(message)
    return parts
