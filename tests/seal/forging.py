# ruff: noqa: ANN401 - changes may be any argument
"""CMS signatures and time-stamps with everything in them wrong on purpose.

Written here part by part with the tests' own encoder, not with the code under test.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from msb_identity.pki.keys import KeyKind
from msb_identity.pki.sm import sm3
from msb_identity.x509 import oids as x509_oids
from msb_seal.timestamp import TimestampAuthority
from tests.identity.authorities import NOW, Entity, authority, purposes
from tests.support import element, integer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

SIGNS = {"digital_signature", "non_repudiation"}
DATA, SIGNED_DATA = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.2"
GM_DATA, GM_SIGNED_DATA = "1.2.156.10197.6.1.4.2.1", "1.2.156.10197.6.1.4.2.2"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
ALGORITHM_PROTECTION = "1.2.840.113549.1.9.52"
SIGNATURE_TIMESTAMP = "1.2.840.113549.1.9.16.2.14"
SHA1, MD5, SHA256 = "1.3.14.3.2.26", "1.2.840.113549.2.5", "2.16.840.1.101.3.4.2.1"
SM3 = "1.2.156.10197.1.401"
POLICY = "1.2.3.4.1"
DIGEST_OF = {KeyKind.SM2: SM3, KeyKind.P256: SHA256, KeyKind.RSA: SHA256}


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER (X.690 section 8.19)."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = b""
    for arc in (40 * first + second, *rest):
        digits = bytes((arc & 0x7F,))
        while arc := arc >> 7:
            digits = bytes((arc & 0x7F | 0x80,)) + digits
        content += digits
    return element(6, content)


def octets(content: bytes) -> bytes:
    return element(4, content)


def attribute(name: str, *values: bytes) -> bytes:
    return element(0x30, oid(name), element(0x31, *values))


def identifier(name: str, *parameters: bytes) -> bytes:
    return element(0x30, oid(name), *parameters)


def digest(kind: KeyKind, data: bytes) -> bytes:
    return sm3(data) if kind is KeyKind.SM2 else hashlib.sha256(data).digest()


def ess_v2(certificate: bytes) -> bytes:
    """SigningCertificateV2 by SHA-256 alone (RFC 5035 section 3)."""
    named = element(0x30, octets(hashlib.sha256(certificate).digest()))
    return attribute(SIGNING_CERTIFICATE_V2, element(0x30, element(0x30, named)))


@dataclass(frozen=True)
class Forged:
    """A SignedData by one signer; every part may be replaced before it is `encoded`."""

    signer: Entity
    content_type: str = DATA
    content: bytes | None = None
    attributes: Sequence[bytes] | None = None
    certificates: Sequence[bytes] | None = None
    sid: bytes | None = None
    digest_algorithm: bytes | None = None
    signature_algorithm: bytes | None = None
    signature: bytes | None = None
    unsigned: bytes = b""
    outer: str = SIGNED_DATA
    more_signers: Sequence[bytes] = field(default=())

    @property
    def kind(self) -> KeyKind:
        return self.signer.key.kind

    def to_sign(self) -> bytes:
        if self.attributes is not None:
            return element(0x31, *self.attributes)
        return self.content or b""

    def signer_info(self) -> bytes:
        certificate = self.signer.certificate
        signature = self.signature
        if signature is None:
            signature = self.signer.key.sign(self.to_sign())
        named = element(0x30, certificate.issuer.encoded, integer(certificate.serial))
        parts = [
            integer(1),
            self.sid or named,
            self.digest_algorithm or identifier(DIGEST_OF[self.kind]),
            b"" if self.attributes is None else element(0xA0, *self.attributes),
            self.signature_algorithm or identifier(x509_oids.OWN_ALGORITHMS[self.kind]),
            octets(signature),
            self.unsigned,
        ]
        return element(0x30, *parts)

    def encoded(self) -> bytes:
        inner = b"" if self.content is None else element(0xA0, octets(self.content))
        own = [self.signer.certificate.encoded]
        certificates = own if self.certificates is None else self.certificates
        body = element(
            0x30,
            integer(1),
            element(0x31, self.digest_algorithm or identifier(DIGEST_OF[self.kind])),
            element(0x30, oid(self.content_type), inner),
            element(0xA0, *certificates) if certificates else b"",
            element(0x31, self.signer_info(), *self.more_signers),
        )
        return element(0x30, oid(self.outer), element(0xA0, body))


def with_attributes(signer: Entity, document: bytes, *more: bytes, **changes: Any) -> Forged:
    """A detached signature as everyone should make it, with more attributes."""
    kind = signer.key.kind
    return replace(
        Forged(
            signer,
            attributes=[
                attribute(CONTENT_TYPE, oid(DATA)),
                attribute(MESSAGE_DIGEST, octets(digest(kind, document))),
                *more,
            ],
        ),
        **changes,
    )


def tst_info(
    stamped: bytes,
    *,
    kind: KeyKind = KeyKind.P256,
    time: datetime = NOW,
    algorithm: str | None = None,
    imprint: bytes | None = None,
    text: bytes | None = None,
    version: int = 1,
    tail: bytes = b"",
) -> bytes:
    """A TSTInfo (RFC 3161 section 2.4.2)."""
    found = digest(kind, stamped) if imprint is None else imprint
    moment = text or f"{time:%Y%m%d%H%M%SZ}".encode()
    return element(
        0x30,
        integer(version),
        oid(POLICY),
        element(0x30, identifier(algorithm or DIGEST_OF[kind]), octets(found)),
        integer(77),
        element(0x18, moment),
        tail,
    )


def forged_token(
    signer: Entity, info: bytes, *more: bytes, ess: bytes | None = None, **changes: Any
) -> Forged:
    """A time-stamp token around a TSTInfo."""
    named = ess_v2(signer.certificate.encoded) if ess is None else ess
    return replace(
        Forged(
            signer,
            content_type=TST_INFO,
            content=info,
            attributes=[
                attribute(CONTENT_TYPE, oid(TST_INFO)),
                attribute(MESSAGE_DIGEST, octets(digest(signer.key.kind, info))),
                *([named] if named else []),
                *more,
            ],
        ),
        **changes,
    )


@dataclass(frozen=True)
class Stamping:
    """A root and an authority for time-stamps below it."""

    root: Entity
    stamper: Entity

    def source(self, at: datetime = NOW, **changes: Any) -> TimestampAuthority:
        return TimestampAuthority(
            self.stamper.certificate, self.stamper.key, clock=lambda: at, **changes
        )


def stamper(root: Entity, name: str = "stamper", **changes: Any) -> Entity:
    wanted = {
        "usage": {"digital_signature"},
        "extensions": [purposes(x509_oids.TIME_STAMPING, critical=True)],
        **changes,
    }
    return root.issue(name, **wanted)


@cache
def stamping(kind: KeyKind = KeyKind.P256) -> Stamping:
    root = authority(f"stamp root {kind}", kind=kind)
    return Stamping(root, stamper(root, f"stamper {kind}", kind=kind))
