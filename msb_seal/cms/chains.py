"""Taking the steps of a certificate's report over into the report on what it signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.foundation.report import NOT_REACHED, Outcome, Verdict

if TYPE_CHECKING:
    from msb_identity.foundation.report import Report, ReportBuilder, Step

_OWN_STEPS = frozenset({"signer-certificate", "chain", "revocation"})
_BAD = (Outcome.FAILED, Outcome.UNKNOWN)


def tell_chain(builder: ReportBuilder, report: Report) -> None:
    """Add what `verify_chain` found on the signer's certificate, to be read beside the rest.

    What it found wrong in the signatures of the chain becomes a matter of the step `chain`.
    """
    for step in report.steps:
        if step.code != NOT_REACHED:
            _tell(builder, step)
    if report.verdict is not Verdict.VALID and builder.good_so_far():
        builder.unknown("chain", "unproven")


def _tell(builder: ReportBuilder, step: Step) -> None:
    if step.id in _OWN_STEPS:
        builder.add(step.id, step.outcome, step.code, step.detail)
    elif step.id == "format" and step.outcome is Outcome.WARNING:
        builder.warning("signer-certificate", "odd", step.detail)
    elif step.id == "algorithm" and step.outcome in _BAD:
        builder.add("algorithm", step.outcome, step.code, step.detail)
    elif step.id == "signature-value" and step.outcome in _BAD:
        builder.add("chain", step.outcome, step.code, step.detail)
