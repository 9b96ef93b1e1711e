"""What `verify_document` and `verify_pdf` give: a document all of whose signatures are good."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msb_identity.errors import Refused
from msb_identity.foundation.report import Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.foundation.report import Report


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """One good signature, seal or time-stamp.

    kind: "cms", "ses-v4", "timestamp", …. signer: the subject of the signer's certificate, or of
    the time-stamp authority's. seal: the name of the seal, empty where it is none. signed_at: when,
    proven or claimed.
    """

    kind: str
    signer: str
    seal: str
    signed_at: datetime | None


@dataclass(frozen=True, slots=True)
class VerifiedDocument:
    """A document that was accepted; report: all steps, with what a reader must know beside."""

    kind: str
    signatures: tuple[VerifiedSignature, ...]
    report: Report = field(repr=False)

    @classmethod
    def of(cls, report: Report) -> VerifiedDocument:
        """Take a report that says `valid`; any other raises Refused, which carries it."""
        if report.verdict is not Verdict.VALID:
            raise Refused(report)
        return cls(report.kind, tuple(_signature(one) for one in report.signatures), report)


def _signature(report: Report) -> VerifiedSignature:
    told = report.disclosed
    signer = str(told.get("signer", told.get("authority", "")))
    return VerifiedSignature(report.kind, signer, str(told.get("seal_name", "")), report.signed_at)
