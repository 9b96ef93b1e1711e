"""The values of an e-seal and of a seal signature, beside the exact bytes they came in.

What was signed is kept as received and never encoded again: `critical FALSE` written out, odd time
zones and raw 64-byte signatures are found in real seals. structure.py fills these in.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class SealVersion(IntEnum):
    """The structure's version, as its header names it (v1 is also called v2 or v3)."""

    V1 = 1  # GM/T 0031-2014
    V4 = 4  # GB/T 38540-2020
    V5 = 5  # GM/T 0031-2025

    @property
    def kind(self) -> str:
        """The kind of a signature by such a seal, as reports name it."""
        return f"ses-v{self.value}"


class SealType(IntEnum):
    """What a seal is for (国办 C0119); real seals are careless with it, so it only advises."""

    PERSONAL = 0  # 个人名章
    LEGAL_NAME = 1  # 法定名称章
    FINANCE = 2  # 财务专用章
    INVOICE = 3  # 发票专用章
    CONTRACT = 4  # 合同专用章
    LEGAL_REPRESENTATIVE = 5  # 法定代表人名章
    BUSINESS = 6  # 业务专用章
    OTHER = 99  # 其他


@dataclass(frozen=True, slots=True)
class SealPicture:
    """The picture in a seal: its type as written ("PNG", "svg", "ofd", …), bytes and size in mm."""

    type: str
    data: bytes = field(repr=False)
    width_mm: int
    height_mm: int


@dataclass(frozen=True, slots=True)
class SealExtension:
    """One extension of a seal or a signature; the value as it stands in the OCTET STRING."""

    oid: str
    critical: bool
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignerList:
    """Who may sign with the seal: whole certificates (certListType 1), or digests of them (2).

    digests: what the digest is called and its value. names: texts of the maker's own, which some v1
    seals hold instead ("certID ::= IA5String").
    """

    certificates: tuple[bytes, ...] = field(default=(), repr=False)
    digests: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class ElectronicSeal:
    """One e-seal (SESeal). `encoded` is what was received.

    info: the bytes of SES_SealInfo. signed: what the seal maker (制章人) signed: in v4 and v5 the
    info, in v1 SEQUENCE {info, certificate, algorithm}. Times are aware; oddities say what was read
    with leniency.
    """

    encoded: bytes = field(repr=False)
    info: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    version: SealVersion
    vendor: str
    seal_id: str
    type: int
    name: str
    signers: SignerList = field(repr=False)
    created: datetime
    valid_from: datetime
    valid_until: datetime
    picture: SealPicture
    extensions: tuple[SealExtension, ...] = field(repr=False)
    maker_certificate: bytes = field(repr=False)
    signature_algorithm: str = field(repr=False)
    signature: bytes = field(repr=False)
    timestamp: bytes | None = field(default=None, repr=False)
    oddities: tuple[str, ...] = field(default=(), repr=False)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the encoded seal, in hexadecimal: names exactly this seal."""
        return hashlib.sha256(self.encoded).hexdigest()


@dataclass(frozen=True, slots=True)
class SealSignature:
    """One seal signature (SES_Signature): a seal put on a document's digest.

    signed: the bytes of TBS_Sign. time: the claimed signing time, where timeInfo holds one;
    time_token: a time-stamp token in v1's timeInfo. property_info: what was digested, as
    "/Doc_0/Signs/Sign_0/Signature.xml".
    """

    encoded: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    version: SealVersion
    seal: ElectronicSeal
    time: datetime | None
    time_token: bytes | None = field(repr=False)
    document_digest: bytes = field(repr=False)
    property_info: str
    certificate: bytes = field(repr=False)
    signature_algorithm: str = field(repr=False)
    signature: bytes = field(repr=False)
    extensions: tuple[SealExtension, ...] = field(default=(), repr=False)
    timestamp: bytes | None = field(default=None, repr=False)
    oddities: tuple[str, ...] = field(default=(), repr=False)
