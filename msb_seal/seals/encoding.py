"""Writing the ASN.1 of seals and seal signatures as their standards print it, in DER.

Only what is made here is written: what was received is never encoded again. Sources: GM/T 0031-2014
(v1), GB/T 38540-2020 (v4), GM/T 0031-2025 (v5); the tags of v4 and v5 are those of real seals.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from msb_identity.pki import der
from msb_identity.x509.values import CONSTRUCTED, CONTEXT, GENERALIZED_TIME, UTC_TIME
from msb_seal.errors import SealRefused
from msb_seal.seals.model import SealVersion
from msb_seal.seals.values import IA5_STRING, PRINTABLE_STRING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from msb_seal.seals.model import ElectronicSeal, SealExtension, SealPicture, SignerList

_TAGGED = CONTEXT | CONSTRUCTED
_TRUE = der.element(der.BOOLEAN, b"\xff")
_UTC_TIME_YEARS = range(1950, 2050)  # RFC 5280 section 4.1.2.5.1


def seal_info(
    version: SealVersion,
    *,
    vendor: str,
    seal_id: str,
    properties: bytes,
    picture: SealPicture,
    extensions: Sequence[SealExtension],
) -> bytes:
    """Write SES_SealInfo; its extensions stand without a tag, except in v1 (printed "EXPLICIT")."""
    found = extension_datas(extensions) if extensions else b""
    if found and version is SealVersion.V1:
        found = der.element(_TAGGED, found)
    return der.sequence(
        der.sequence(ia5("ES"), der.integer(version), ia5(vendor)),
        ia5(seal_id),
        properties,
        der.sequence(
            ia5(picture.type),
            der.octet_string(picture.data),
            der.integer(picture.width_mm),
            der.integer(picture.height_mm),
        ),
        found,
    )


def seal_properties(
    version: SealVersion,
    *,
    type: int,  # noqa: A002 - the standard's name
    name: str,
    signers: SignerList,
    times: tuple[datetime, datetime, datetime],
) -> bytes:
    """Write SES_ESPropertyInfo; times: createDate, validStart, validEnd, in whole seconds."""
    if signers.digests:
        listed = [
            der.sequence(der.element(PRINTABLE_STRING, kind.encode("ascii")), der.octet_string(one))
            for kind, one in signers.digests
        ]
    else:
        listed = [der.octet_string(one) for one in signers.certificates]
    is_v1 = version is SealVersion.V1
    list_type = b"" if is_v1 else der.integer(2 if signers.digests else 1)
    return der.sequence(
        der.integer(type),
        der.element(der.UTF8_STRING, name.encode()),
        list_type,
        der.sequence(*listed),
        *((utc_time if is_v1 else generalized_time)(moment) for moment in times),
    )


def seal_to_sign(version: SealVersion, info: bytes, maker: tuple[bytes, bytes]) -> bytes:
    """Give what the maker signs: in v4 and v5 the info alone; maker: as `signer_parts` writes."""
    return der.sequence(info, *maker) if version is SealVersion.V1 else info


def seal(
    version: SealVersion,
    info: bytes,
    maker: tuple[bytes, bytes],
    *,
    signature: bytes,
    token: bytes | None = None,
) -> bytes:
    """Write SESeal; token: a time-stamp over the signature, for which only v5 has room."""
    signed = der.bit_string(signature)
    if version is SealVersion.V1:
        return der.sequence(info, der.sequence(*maker, signed))
    return der.sequence(info, *maker, signed, b"" if token is None else timestamp(token))


def signature_to_sign(
    seal: ElectronicSeal,
    signer: tuple[bytes, bytes],
    *,
    time: datetime,
    digest: bytes,
    property_info: str,
    extensions: bytes = b"",
) -> bytes:
    """Write TBS_Sign; signer: as `signer_parts` writes; extensions: as `signature_extensions`."""
    is_v1 = seal.version is SealVersion.V1
    return der.sequence(
        der.integer(seal.version),
        seal.encoded,
        der.bit_string(f"{time:%Y-%m-%dT%H:%M:%SZ}".encode()) if is_v1 else generalized_time(time),
        der.bit_string(digest),
        ia5(property_info),
        *(signer if is_v1 else (extensions,)),
    )


def seal_signature(
    version: SealVersion,
    to_sign: bytes,
    signer: tuple[bytes, bytes],
    *,
    signature: bytes,
    token: bytes | None = None,
) -> bytes:
    """Write SES_Signature; token: a time-stamp over the signature, for which v1 has no room."""
    if version is SealVersion.V1:
        return der.sequence(to_sign, der.bit_string(signature))
    stamp = b"" if token is None else timestamp(token)
    return der.sequence(to_sign, *signer, der.bit_string(signature), stamp)


def signer_parts(certificate: bytes, algorithm: str) -> tuple[bytes, bytes]:
    """Write a certificate and an algorithm as they stand beside a signature."""
    return der.octet_string(certificate), der.oid(algorithm)


def timestamp(token: bytes) -> bytes:
    """Write the field timeStamp around a token."""
    return der.element(_TAGGED, der.bit_string(token))


def extension_datas(extensions: Sequence[SealExtension]) -> bytes:
    """Write ExtensionDatas."""
    return der.sequence(
        *(
            der.sequence(
                der.oid(one.oid), _TRUE if one.critical else b"", der.octet_string(one.value)
            )
            for one in extensions
        )
    )


def signature_extensions(extensions: Sequence[SealExtension]) -> bytes:
    """Write the field extDatas of TBS_Sign; nothing where there are none."""
    return der.element(_TAGGED, extension_datas(extensions)) if extensions else b""


def ia5(text: str) -> bytes:
    """Write an IA5String; SealRefused for what is not ASCII."""
    try:
        return der.element(IA5_STRING, text.encode("ascii"))
    except UnicodeEncodeError as error:
        message = "a text that the format writes as IA5String is not ASCII"
        raise SealRefused(message) from error


def generalized_time(moment: datetime) -> bytes:
    """Write a time in whole seconds of UTC."""
    whole = moment.astimezone(UTC)
    # %Y does not fill up the year everywhere.
    return der.element(GENERALIZED_TIME, f"{whole.year:04}{whole:%m%d%H%M%SZ}".encode())


def utc_time(moment: datetime) -> bytes:
    """Write a time with two digits of the year; before 1950 and from 2050 on with four."""
    whole = moment.astimezone(UTC)
    if whole.year not in _UTC_TIME_YEARS:
        return generalized_time(whole)
    return der.element(UTC_TIME, f"{whole:%y%m%d%H%M%SZ}".encode())
