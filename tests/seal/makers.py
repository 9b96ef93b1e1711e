# ruff: noqa: ANN401 - changes may be any argument
"""Seals and seal signatures as the tests want them; everything may be wrong on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from msb_identity.pki.keys import KeyKind
from msb_seal.seals import encoding
from msb_seal.seals.algorithms import document_digest, own_algorithm
from msb_seal.seals.making import list_signers, make_seal
from msb_seal.seals.model import ElectronicSeal, SealPicture, SealVersion
from msb_seal.seals.sealer import KeySealer
from msb_seal.seals.structure import parse_seal
from tests.identity.authorities import DAY, NOW, Entity, authority, trusting

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.x509 import TrustStore

PROPERTY = "/Doc_0/Signs/Sign_0/Signature.xml"
DOCUMENT = b"<ofd:Signature>what was digested</ofd:Signature>"
KINDS = (KeyKind.SM2, KeyKind.RSA, KeyKind.P256)
EVERY = [(version, kind) for version in SealVersion for kind in KINDS]
MADE = NOW - 10 * DAY
# A picture of one red point, 1 × 1.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
PICTURE = SealPicture("PNG", PNG, 42, 42)
_SIGNS = {"digital_signature", "non_repudiation"}


@dataclass(frozen=True)
class World:
    """A root, a seal maker (制章人) and a signer (签章人) below it, all with one kind of key."""

    root: Entity
    maker: Entity
    signer: Entity

    @property
    def trust(self) -> TrustStore:
        return trusting(self.root)

    def seal(self, version: SealVersion = SealVersion.V4, **changes: Any) -> ElectronicSeal:
        """Make a seal as everyone should."""
        return make_seal(
            **{
                "seal_id": "15060200000001",
                "name": "测试单位",
                "type": 1,
                "picture": PICTURE,
                "signers": [self.signer.certificate],
                "valid_from": MADE,
                "valid_until": NOW + 200 * DAY,
                "maker_certificate": self.maker.certificate,
                "maker_key": self.maker.key,
                "version": version,
                "now": MADE,
                **changes,
            }
        )

    def forge_seal(self, version: SealVersion = SealVersion.V4, **changes: Any) -> ElectronicSeal:
        """Make a seal that `make_seal` refuses to make: its dates, its list, its maker."""
        wanted: dict[str, Any] = {
            "name": "测试单位",
            "signers": list_signers([self.signer.certificate]),
            "created": MADE,
            "valid_from": MADE,
            "valid_until": NOW + 200 * DAY,
            "maker": self.maker,
            "algorithm": own_algorithm(self.maker.key.kind),
            "extensions": (),
            "stamp": None,
            **changes,
        }
        properties = encoding.seal_properties(
            version,
            type=1,
            name=wanted["name"],
            signers=wanted["signers"],
            times=(wanted["created"], wanted["valid_from"], wanted["valid_until"]),
        )
        info = encoding.seal_info(
            version,
            vendor="MSB",
            seal_id="15060200000001",
            properties=properties,
            picture=PICTURE,
            extensions=wanted["extensions"],
        )
        maker: Entity = wanted["maker"]
        parts = encoding.signer_parts(maker.certificate.encoded, wanted["algorithm"])
        signature = maker.key.sign(encoding.seal_to_sign(version, info, parts))
        token = None if wanted["stamp"] is None else wanted["stamp"](signature)
        return parse_seal(encoding.seal(version, info, parts, signature=signature, token=token))

    def sealer(self, version: SealVersion = SealVersion.V4, **changes: Any) -> KeySealer:
        return KeySealer(self.seal(version, **changes), self.signer.certificate, self.signer.key)

    def forge_signature(
        self,
        seal: ElectronicSeal,
        *,
        signer: Entity | None = None,
        time: datetime = NOW - timedelta(hours=1),
        document: bytes = DOCUMENT,
        digest: bytes | None = None,
        property_info: str = PROPERTY,
        stamp: Any = None,
    ) -> bytes:
        """Sign what `prepare_signature` refuses to prepare."""
        by = signer or self.signer
        parts = encoding.signer_parts(by.certificate.encoded, own_algorithm(by.key.kind))
        to_sign = encoding.signature_to_sign(
            seal,
            parts,
            time=time,
            digest=digest or document_digest(document, by.certificate),
            property_info=property_info,
        )
        signature = by.key.sign(to_sign)
        token = None if stamp is None else stamp(signature)
        return encoding.seal_signature(
            seal.version, to_sign, parts, signature=signature, token=token
        )


def world(kind: KeyKind = KeyKind.SM2) -> World:
    """Give the one world of that kind: `cache` alone would make another for `world()`."""
    return _world(kind)


@cache
def _world(kind: KeyKind) -> World:
    root = authority(f"seal root {kind}", kind=kind)
    return World(
        root,
        root.issue(f"seal maker {kind}", kind=kind, usage=_SIGNS),
        root.issue(f"signer {kind}", kind=kind, usage=_SIGNS),
    )


def person(name: str, *, kind: KeyKind = KeyKind.SM2, **changes: Any) -> Entity:
    """Make one more signer or maker below the root of that world."""
    return world(kind).root.issue(name, kind=kind, usage=_SIGNS, **changes)
