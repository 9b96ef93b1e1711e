"""Reports for programs: the array that `--json` prints, with which file, when, by whose trust.

Format: docs/formats.md, "report".
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msb_identity.foundation.report import Report
    from msb_seal.reports.checked import CheckedFile


def report_json(files: Sequence[CheckedFile]) -> bytes:
    """Give one object for each file; the pictures of seals are PNG in base64."""
    objects = [_object(checked) for checked in files]
    return json.dumps(objects, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace")


def _object(checked: CheckedFile) -> dict[str, Any]:
    made = checked.report.as_json(file=checked.name)
    made["sha256"], made["size"] = checked.sha256, checked.size
    made["checked_at"] = checked.at.isoformat()
    if checked.asserted is not None:
        made["at"] = checked.asserted.isoformat()
    made["trusted"] = list(checked.trusted)
    _add_picture(made, checked.report, checked)
    for told, report in zip(made["signatures"], checked.report.signatures, strict=True):
        _add_picture(told, report, checked)
    return made


def _add_picture(told: dict[str, Any], report: Report, checked: CheckedFile) -> None:
    picture = checked.pictures.get(str(report.disclosed.get("seal_sha256", "")))
    if picture is not None:
        told["seal_picture_png"] = base64.b64encode(picture).decode()
