"""Report: the one answer to untrusted input.

A verification walks through named steps. Each step has a stable id, an outcome, a stable code, a
detail for the technician and a sentence in Chinese and English for the person. The verdict follows
from the steps and from nothing else:

- a `failed` step makes the report `invalid`;
- otherwise an `unknown` step, or a required step that nobody took, makes it `indeterminate`;
- only when every required step is `ok`, `warning` or deliberately `skipped` is it `valid`.

So a verifier that forgets a step cannot say "valid". Rules: docs/security.md, "verdicts".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from html import escape
from typing import TYPE_CHECKING, Any

from msb_identity.foundation.text import showable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime


class Verdict(StrEnum):
    """What a report concludes."""

    VALID = "valid"
    INVALID = "invalid"
    INDETERMINATE = "indeterminate"


class Outcome(StrEnum):
    """What one step found."""

    OK = "ok"
    FAILED = "failed"
    WARNING = "warning"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


NOT_REACHED = "not-reached"
VERDICT_SENTENCES = {
    Verdict.VALID: ("核验通过", "accepted: everything was checked and holds"),
    Verdict.INVALID: ("核验不通过", "refused: something was proven wrong"),
    Verdict.INDETERMINATE: ("未通过核验", "not accepted: something could not be checked"),
}
MARKS = {
    Outcome.OK: "✓",
    Outcome.FAILED: "✗",
    Outcome.WARNING: "!",
    Outcome.UNKNOWN: "?",
    Outcome.SKIPPED: "-",
}

Sentences = dict[tuple[str, str], tuple[str, str]]
"""(step id, code) to the Chinese and the English sentence; the id "*" serves every step."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a verification; `detail` never holds personal data or secrets."""

    id: str
    outcome: Outcome
    code: str
    detail: str
    zh: str
    en: str

    def as_json(self) -> dict[str, str]:
        """Give the step as docs/formats.md, "report", names its members."""
        return {
            "id": self.id,
            "outcome": str(self.outcome),
            "code": self.code,
            "detail": self.detail,
            "zh": self.zh,
            "en": self.en,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on one input, the steps that led to it, and what the input disclosed.

    signatures: in a document's report, one report for each of its signatures, in their order.
    signed_at: in a signature's report, the time it was judged at: proven, or else claimed.
    """

    kind: str
    verdict: Verdict
    steps: tuple[Step, ...]
    disclosed: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    signatures: tuple[Report, ...] = ()
    signed_at: datetime | None = None

    @property
    def reservations(self) -> tuple[Step, ...]:
        """The warnings: what whoever accepts this must know."""
        return tuple(step for step in self.steps if step.outcome is Outcome.WARNING)

    @property
    def decisive_step(self) -> Step | None:
        """The first step that kept the report from being valid, a signature's included."""
        steps = [*self.steps, *(step for report in self.signatures for step in report.steps)]
        for outcome in (Outcome.FAILED, Outcome.UNKNOWN):
            for step in steps:
                if step.outcome is outcome:
                    return step
        return None

    def step(self, step_id: str) -> Step:
        """Give the first step of that id; KeyError where the report has none."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def as_json(self, *, file: str = "-") -> dict[str, Any]:
        """Give the report as one object of the array that `--json` prints."""
        result: dict[str, Any] = {
            "file": file,
            "kind": self.kind,
            "verdict": str(self.verdict),
            "steps": [step.as_json() for step in self.steps],
            "signatures": [
                signature._as_signature(index)  # noqa: SLF001 - of this very class
                for index, signature in enumerate(self.signatures)
            ],
        }
        if self.disclosed:
            result["disclosed"] = dict(self.disclosed)
        return result

    def _as_signature(self, index: int) -> dict[str, Any]:
        result: dict[str, Any] = {
            "index": index,
            "kind": self.kind,
            "verdict": str(self.verdict),
            "signed_at": None if self.signed_at is None else self.signed_at.isoformat(),
            "steps": [step.as_json() for step in self.steps],
        }
        if self.disclosed:
            result["disclosed"] = dict(self.disclosed)
        return result

    def as_text(self) -> str:
        """Render for a terminal: the verdict first, then what decided it, then every step."""
        zh, en = VERDICT_SENTENCES[self.verdict]
        lines = [f"{self.verdict.upper()}  {zh} / {en}"]
        if (decisive := self.decisive_step) is not None:
            lines.append(f"  → {decisive.zh} / {decisive.en}")
        lines += [f"  ! {step.zh} / {step.en}" for step in self.reservations]
        lines += [f"  {self.labels.get(n, n)}: {value}" for n, value in self.disclosed.items()]
        for step in self.steps:
            detail = f" [{step.detail}]" if step.detail else ""
            lines.append(
                f"  {MARKS[step.outcome]} {step.id:<15} {step.code:<18}"
                f" {step.zh} / {step.en}{detail}"
            )
        for index, signature in enumerate(self.signatures):
            lines.append(f"签名 signature {index} ({signature.kind}):")
            lines += [f"  {line}" for line in signature.as_text().split("\n")]
        # No terminal obeys what came from outside: one line stays one line, without controls.
        return "\n".join(showable(line) for line in lines)

    def as_html(self) -> str:
        """Render as an HTML fragment; everything that came from outside is escaped."""
        zh, en = VERDICT_SENTENCES[self.verdict]
        rows = "".join(
            f'<tr class="{step.outcome}"><td>{MARKS[step.outcome]}</td><td>{escape(step.id)}</td>'
            f"<td>{escape(step.code)}</td><td>{escape(step.zh)}<br>{escape(step.en)}"
            + (f"<br><small>{escape(step.detail)}</small>" if step.detail else "")
            + "</td></tr>"
            for step in self.steps
        )
        shown = "".join(
            f"<dt>{escape(self.labels.get(name, name))}</dt><dd>{escape(str(value))}</dd>"
            for name, value in self.disclosed.items()
        )
        decisive = [self.decisive_step] if self.decisive_step else []
        notes = "".join(
            f"<p><strong>{escape(step.zh)}</strong> {escape(step.en)}</p>"
            for step in (*decisive, *self.reservations)
        )
        return (
            f'<section class="report {self.verdict}"><h3>{zh} <small>{en}</small></h3>'
            f"{notes}<dl>{shown}</dl><table>{rows}</table>"
            + "".join(signature.as_html() for signature in self.signatures)
            + "</section>"
        )


class ReportBuilder:
    """Collects steps in order; `conclude` derives the verdict.

    required: the step ids without which nothing is valid, in the order of the design.
    sentences: the words for (step id, code); a missing one is a fault of ours and raises KeyError.
    """

    def __init__(self, kind: str, *, required: Sequence[str], sentences: Sentences) -> None:
        """Start an empty report of this kind."""
        self.kind = kind
        self._required = tuple(required)
        self._sentences = sentences
        self._taken: list[tuple[str, Outcome, str, str]] = []
        self._ids: set[str] = set()
        self._outcomes: set[Outcome] = set()
        self._disclosed: dict[str, Any] = {}
        self._labels: dict[str, str] = {}
        self._signatures: list[Report] = []
        self.signed_at: datetime | None = None

    def add(self, step_id: str, outcome: Outcome, code: str = "ok", detail: str = "") -> None:
        """Record one step; KeyError where nobody wrote what it says."""
        if (step_id, code) not in self._sentences and ("*", code) not in self._sentences:
            raise KeyError(step_id, code)
        self._taken.append((step_id, outcome, code, detail))
        self._ids.add(step_id)
        self._outcomes.add(outcome)

    def ok(self, step_id: str, code: str = "ok", detail: str = "") -> None:
        """Record a step that held."""
        self.add(step_id, Outcome.OK, code, detail)

    def failed(self, step_id: str, code: str, detail: str = "") -> None:
        """Record a step that proved something wrong."""
        self.add(step_id, Outcome.FAILED, code, detail)

    def warning(self, step_id: str, code: str, detail: str = "") -> None:
        """Record a step that held with a reservation the reader must see."""
        self.add(step_id, Outcome.WARNING, code, detail)

    def unknown(self, step_id: str, code: str, detail: str = "") -> None:
        """Record a step that could not be decided."""
        self.add(step_id, Outcome.UNKNOWN, code, detail)

    def skipped(self, step_id: str, code: str, detail: str = "") -> None:
        """Record a step that does not apply here; never used for one that could not be done."""
        self.add(step_id, Outcome.SKIPPED, code, detail)

    def disclose(self, name: str, value: object, *, label: str = "") -> None:
        """Keep a value that the input proved and the reader may see; `label` is for display."""
        self._disclosed[name] = value
        if label:
            self._labels[name] = label

    def add_signature(self, report: Report) -> None:
        """Add the report of one of the document's signatures; the worst decides."""
        self._signatures.append(report)

    def good_so_far(self) -> bool:
        """Whether no step has failed or stayed unknown yet."""
        return self._outcomes.isdisjoint((Outcome.FAILED, Outcome.UNKNOWN))

    @property
    def verdict(self) -> Verdict:
        """What `conclude` would say now."""
        verdicts = {report.verdict for report in self._signatures}
        if Outcome.FAILED in self._outcomes or Verdict.INVALID in verdicts:
            return Verdict.INVALID
        decided = self._ids.issuperset(self._required) and Outcome.UNKNOWN not in self._outcomes
        if not decided or Verdict.INDETERMINATE in verdicts:
            return Verdict.INDETERMINATE
        return Verdict.VALID

    def conclude(self) -> Report:
        """Close the report; required steps that were never taken count against it."""
        steps = [self._step(*taken) for taken in self._taken]
        zh, en = "前面的步骤未通过，未进行此步", "not reached: an earlier step did not hold"
        steps += [
            Step(step_id, Outcome.SKIPPED, NOT_REACHED, "", zh, en)
            for step_id in self._required
            if step_id not in self._ids
        ]
        order = {step_id: index for index, step_id in enumerate(self._required)}
        return Report(
            self.kind,
            self.verdict,
            tuple(sorted(steps, key=lambda step: order.get(step.id, -1))),
            self._disclosed,
            self._labels,
            tuple(self._signatures),
            self.signed_at,
        )

    def _step(self, step_id: str, outcome: Outcome, code: str, detail: str) -> Step:
        zh, en = self._sentences.get((step_id, code)) or self._sentences["*", code]
        return Step(step_id, outcome, code, detail, zh, en)


def exit_code(reports: Sequence[Report]) -> int:
    """Give a verifying command's exit status: 1 before 3 before 0; nothing checked is 3."""
    verdicts = {report.verdict for report in reports}
    if Verdict.INVALID in verdicts:
        return 1
    return 0 if verdicts == {Verdict.VALID} else 3
