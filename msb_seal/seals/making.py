"""Making an e-seal (制作电子印章): the maker (制章人) signs what the seal is.

Versions 4 (by default), 5 and 1, with SM2, RSA or P-256. The maker's certificate is checked to be
the key's and within its period; who may ask for a seal is the registry's matter (lifecycle/).
Sources: GB/T 38540-2020 clause 6, GM/T 0031-2014 clause 6.1, GM/T 0031-2025.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msb_identity.errors import AlgorithmRefused, KeyRefused
from msb_identity.foundation.clock import aware
from msb_identity.pki.keys import KeyKind
from msb_identity.x509.purposes import Purpose, suits
from msb_seal.errors import SealRefused
from msb_seal.seals import encoding
from msb_seal.seals.algorithms import SEALING_KINDS, document_digest, own_algorithm
from msb_seal.seals.model import SealVersion, SignerList
from msb_seal.seals.structure import MAX_SEAL_BYTES, MAX_SIGNERS, parse_seal
from msb_seal.seals.values import MAX_TEXT_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from msb_identity.pki.keys import SigningKey
    from msb_identity.x509.certificate import Certificate
    from msb_seal.seals.model import ElectronicSeal, SealExtension, SealPicture
    from msb_seal.seals.sealer import TimestampSource

DEFAULT_VENDOR = "MSB"
MAX_SIDE_MM = 1_000
MAX_PICTURE_BYTES = MAX_SEAL_BYTES // 2
"""The certificates of all signers need room as well."""
_PICTURE_TYPE = re.compile(r"[A-Za-z0-9]{1,16}")
# How pictures of a type begin; of another type nothing is known.
_PICTURE_HEADS = {
    "png": (b"\x89PNG\r\n\x1a\n",),
    "jpg": (b"\xff\xd8\xff",),
    "jpeg": (b"\xff\xd8\xff",),
    "gif": (b"GIF87a", b"GIF89a"),
    "bmp": (b"BM",),
    "svg": (b"<", b"\xef\xbb\xbf<"),
    "ofd": (b"PK\x03\x04",),
}
_DIGEST_NAMES = {KeyKind.SM2: "SM3", KeyKind.RSA: "SHA256", KeyKind.P256: "SHA256"}


def make_seal(
    *,
    seal_id: str,
    name: str,
    type: int,  # noqa: A002 - the standard's name
    picture: SealPicture,
    signers: Sequence[Certificate],
    valid_from: datetime,
    valid_until: datetime,
    maker_certificate: Certificate,
    maker_key: SigningKey,
    vendor: str = DEFAULT_VENDOR,
    version: SealVersion = SealVersion.V4,
    by_digest: bool = False,
    extensions: Sequence[SealExtension] = (),
    timestamps: TimestampSource | None = None,
    now: datetime | None = None,
) -> ElectronicSeal:
    """Make and sign a seal; `now` becomes createDate. Times are kept in whole seconds.

    type: see SealType. vendor: the maker's software ("Vid"). by_digest: list digests of the
    certificates (certListType 2; not in v1). timestamps: stamps the seal's signature (v5 only).
    SealRefused for what makes no seal, or one that could never be used; TimestampRefused where no
    time-stamp could be had.
    """
    created = aware(now)
    _check_texts(name=name, seal_id=seal_id, vendor=vendor)
    _check_picture(picture)
    _check_signers(signers)
    _check_maker(maker_certificate, maker_key, created)
    _check_version(version, by_digest=by_digest, stamped=timestamps is not None)
    _check_period(aware(valid_from), aware(valid_until), created)
    listed = list_signers(signers, by_digest=by_digest)
    times = (created, valid_from, valid_until)
    info = encoding.seal_info(
        version,
        vendor=vendor,
        seal_id=seal_id,
        properties=encoding.seal_properties(
            version, type=type, name=name, signers=listed, times=times
        ),
        picture=picture,
        extensions=extensions,
    )
    return _sign(version, info, maker_certificate, maker_key, timestamps)


def list_signers(signers: Sequence[Certificate], *, by_digest: bool = False) -> SignerList:
    """List certificates whole, or by the digest that goes with each one's key."""
    if not by_digest:
        return SignerList(certificates=tuple(one.encoded for one in signers))
    return SignerList(
        digests=tuple(
            (_DIGEST_NAMES[one.key.kind], document_digest(one.encoded, one)) for one in signers
        )
    )


def _sign(
    version: SealVersion,
    info: bytes,
    certificate: Certificate,
    key: SigningKey,
    timestamps: TimestampSource | None,
) -> ElectronicSeal:
    """Sign as the maker, and read the seal back as everyone else's: we make none that we refuse."""
    maker = encoding.signer_parts(certificate.encoded, own_algorithm(key.kind))
    signature = key.sign(encoding.seal_to_sign(version, info, maker))
    token = None if timestamps is None else timestamps.stamp(signature)
    return parse_seal(encoding.seal(version, info, maker, signature=signature, token=token))


def _check_texts(**texts: str) -> None:
    for what, text in texts.items():
        if not text.strip() or len(text.encode()) > MAX_TEXT_BYTES or not text.isprintable():
            message = f"{what}: 1 to {MAX_TEXT_BYTES} bytes of text, not blank, without controls"
            raise SealRefused(message)


def _check_picture(picture: SealPicture) -> None:
    if not picture.data or not all(
        1 <= side <= MAX_SIDE_MM for side in (picture.width_mm, picture.height_mm)
    ):
        message = f"a picture needs bytes, and sides of 1 to {MAX_SIDE_MM} mm"
        raise SealRefused(message)
    if len(picture.data) > MAX_PICTURE_BYTES:
        message = f"a picture of {len(picture.data)} bytes; a seal has room for {MAX_PICTURE_BYTES}"
        raise SealRefused(message)
    if _PICTURE_TYPE.fullmatch(picture.type) is None:
        message = "a picture's type is a word of letters and digits, as PNG"
        raise SealRefused(message)
    heads = _PICTURE_HEADS.get(picture.type.lower())
    if heads is not None and not picture.data.startswith(heads):
        message = f"the picture is no {picture.type}"
        raise SealRefused(message)


def _check_period(start: datetime, end: datetime, created: datetime) -> None:
    if not start < end or created > end:
        message = "a seal's period is empty, or over before it is made"
        raise SealRefused(message)


def _check_signers(signers: Sequence[Certificate]) -> None:
    if not 1 <= len(signers) <= MAX_SIGNERS or len(set(signers)) != len(signers):
        message = f"a seal needs 1 to {MAX_SIGNERS} different signers"
        raise SealRefused(message)
    for one in signers:
        _check_kind(one)
        if not suits(one, Purpose.SEAL):
            message = "a signer's certificate may not be used for signing"
            raise SealRefused(message)


def _check_maker(certificate: Certificate, key: SigningKey, now: datetime) -> None:
    _check_kind(certificate)
    if certificate.key != key.public:
        message = "the maker's certificate and key do not belong together"
        raise SealRefused(message)
    if not certificate.not_before <= now <= certificate.not_after:
        message = "the maker's certificate is not within its period"
        raise SealRefused(message)
    if not suits(certificate, Purpose.SEAL):
        message = "the maker's certificate may not be used for signing"
        raise SealRefused(message)


def _check_kind(certificate: Certificate) -> None:
    try:
        refused = certificate.key.weak or certificate.key.kind not in SEALING_KINDS
    except (KeyRefused, AlgorithmRefused) as error:
        raise SealRefused(str(error)) from error
    if refused:
        message = f"keys of seals are {', '.join(SEALING_KINDS)}, RSA of 2048 bits at least"
        raise SealRefused(message)


def _check_version(version: SealVersion, *, by_digest: bool, stamped: bool) -> None:
    if version is SealVersion.V1 and by_digest:
        message = "a seal of version 1 lists its signers by certificates only"
        raise SealRefused(message)
    if version is not SealVersion.V5 and stamped:
        message = "only a seal of version 5 has room for a time-stamp"
        raise SealRefused(message)
