# ruff: noqa: ANN401 - changes may be any argument
"""Seal signatures judged, and which steps failed or stayed unknown."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from msb_identity.foundation.report import Outcome
from msb_seal.seals.model import SealVersion
from msb_seal.seals.verify import check_seal_signature
from tests.identity.authorities import NOW
from tests.seal.makers import DOCUMENT, world

if TYPE_CHECKING:
    from msb_identity.foundation.report import Report

HOUR = timedelta(hours=1)
LATER = [SealVersion.V4, SealVersion.V5]


def judge(data: bytes, at: datetime = NOW, **more: Any) -> Report:
    return check_seal_signature(
        data, at=at, **{"original": DOCUMENT, "trust": world().trust, **more}
    )


def failed(report: Report) -> set[str]:
    return {step.id for step in report.steps if step.outcome is Outcome.FAILED}


def unknown(report: Report) -> set[str]:
    return {step.id for step in report.steps if step.outcome is Outcome.UNKNOWN}
