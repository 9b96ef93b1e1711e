"""CheckedFile: a report, and which file it is of, when it was checked and by whose trust."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msb_identity.foundation.clock import aware
from msb_seal.reports.seal_pictures import find_seal_pictures

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from msb_identity.foundation.report import Report
    from msb_identity.x509.trust import TrustStore


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """One file that was checked.

    name: as the reader knows it. sha256: of its bytes, in hexadecimal. at: when it was checked, by
    this clock. asserted: the time that the caller had it judged at instead, None for none.
    trusted: the subjects of the anchors. pictures: small PNGs of its seals, by the fingerprint that
    reports disclose as `seal_sha256`.
    """

    name: str
    size: int
    sha256: str
    report: Report = field(repr=False)
    at: datetime
    asserted: datetime | None = None
    trusted: tuple[str, ...] = field(default=(), repr=False)
    pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        report: Report,
        data: bytes,
        *,
        name: str,
        trust: TrustStore,
        asserted: datetime | None = None,
        now: datetime | None = None,
    ) -> CheckedFile:
        """Take a report and the bytes that it is of; the seals' pictures are found in them.

        Never raises on a bad file: what cannot be read or drawn has no picture.
        """
        return cls(
            name,
            len(data),
            hashlib.sha256(data).hexdigest(),
            report,
            aware(now),
            asserted,
            tuple(str(anchor.subject) for anchor in trust.anchors),
            find_seal_pictures(data),
        )
