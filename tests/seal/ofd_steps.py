"""Looking for steps in a document's report and in those of its signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from msb_identity.foundation.report import Report, Step


def steps(report: Report, step_id: str) -> list[Step]:
    """All steps of that id, the signatures' included."""
    every = [*report.steps, *(step for one in report.signatures for step in one.steps)]
    return [step for step in every if step.id == step_id]


def codes(report: Report, step_id: str) -> set[tuple[str, str]]:
    """The outcomes and codes of all steps of that id."""
    return {(str(step.outcome), step.code) for step in steps(report, step_id)}
