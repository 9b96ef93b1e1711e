"""Sealer: the one who lets a seal be used. Formats take a sealer and never a key.

KeySealer is a seal with a key at hand. A registry's sealer (lifecycle/) signs only while the seal
is active, for a user who may, after the use has been written into the audit log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from msb_seal.errors import SealingRefused

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.pki.keys import SigningKey
    from msb_identity.x509.certificate import Certificate
    from msb_seal.seals.model import ElectronicSeal


class Sealer(Protocol):
    """What can put one seal on documents."""

    @property
    def seal(self) -> ElectronicSeal:
        """The seal."""

    @property
    def certificate(self) -> Certificate:
        """The signer's certificate, listed in the seal."""

    def sign(self, to_sign: bytes, *, digest: bytes, document: str, now: datetime) -> bytes:
        """Sign the prepared bytes; SM2 and ECDSA signatures are DER.

        digest: the document's digest inside them; document: its name for the log.
        Raises SealingRefused where the seal may not be used, SigningFailed where signing failed.
        """


class TimestampSource(Protocol):
    """Whoever stamps bytes with a proven time: msb_seal.timestamp has some."""

    def stamp(self, data: bytes) -> bytes:
        """Give the DER of a time-stamp token over the bytes; TimestampRefused where none comes."""


@dataclass(frozen=True, slots=True)
class KeySealer:
    """A seal with its signer's key at hand, outside any registry."""

    seal: ElectronicSeal
    certificate: Certificate
    key: SigningKey

    def __post_init__(self) -> None:
        """Refuse a key that is not the certificate's."""
        if self.key.public != self.certificate.key:
            code, zh = "wrong-key", "私钥与证书不符"
            raise SealingRefused(code, zh, "the key is not the certificate's")

    def sign(self, to_sign: bytes, *, digest: bytes, document: str, now: datetime) -> bytes:
        """Sign with the key; nothing is recorded."""
        _ = digest, document, now
        return self.key.sign(to_sign)
