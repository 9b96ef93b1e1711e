"""Who makes approved seals, and how (制章)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msb_seal.seals.making import DEFAULT_VENDOR, make_seal
from msb_seal.seals.model import SealVersion

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.pki.keys import SigningKey
    from msb_identity.x509.certificate import Certificate
    from msb_seal.lifecycle.applications import Body
    from msb_seal.lifecycle.records import SealRecord
    from msb_seal.seals.model import ElectronicSeal
    from msb_seal.seals.sealer import TimestampSource


@dataclass(frozen=True, slots=True)
class SealMaker:
    """A seal maker (制章人); the key may sign elsewhere. The rest as `make_seal` takes it."""

    certificate: Certificate
    key: SigningKey = field(repr=False)
    vendor: str = DEFAULT_VENDOR
    version: SealVersion = SealVersion.V4
    by_digest: bool = False
    timestamps: TimestampSource | None = field(default=None, repr=False)

    def make(self, record: SealRecord, body: Body, *, now: datetime) -> ElectronicSeal:
        """Make just what was approved; SealRefused where no seal can be made of it."""
        return make_seal(
            seal_id=record.seal_code or "",
            name=record.name,
            type=record.type,
            picture=body.picture,
            signers=body.signers,
            valid_from=record.valid_from,
            valid_until=record.valid_until,
            maker_certificate=self.certificate,
            maker_key=self.key,
            vendor=self.vendor,
            version=self.version,
            by_digest=self.by_digest,
            timestamps=self.timestamps,
            now=now,
        )
