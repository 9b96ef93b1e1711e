"""Verification reports (核验报告): JSON, HTML and PDF, with the pictures of the seals.

    checked = CheckedFile.of(report, data, name="contract.pdf", trust=trust)
    report_html([checked]), report_pdf([checked]), report_json([checked])

What a report concludes is decided before it comes here: nothing is judged, all is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.lazy import load_at_use

if TYPE_CHECKING:
    from msb_seal.reports.as_html import report_html
    from msb_seal.reports.as_json import report_json
    from msb_seal.reports.as_pdf import report_pdf
    from msb_seal.reports.checked import CheckedFile

_HOMES = {
    "CheckedFile": "msb_seal.reports.checked",
    "report_html": "msb_seal.reports.as_html",
    "report_json": "msb_seal.reports.as_json",
    "report_pdf": "msb_seal.reports.as_pdf",
}

__all__ = ["CheckedFile", "report_html", "report_json", "report_pdf"]

__getattr__ = load_at_use(__name__, _HOMES)
