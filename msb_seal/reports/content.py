"""What a report for people says, the same in HTML and in PDF: a sheet for each file.

Big at the top the verdict in plain words; what must not be overlooked; which file, when, by whose
trust; then each signature with its seal's picture, and every step. All texts that came from outside
are cut to a length and shown without controls or marks that turn the direction of writing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from msb_identity.foundation.report import MARKS, VERDICT_SENTENCES, Outcome, Verdict
from msb_identity.foundation.text import showable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from msb_identity.foundation.report import Report, Step
    from msb_seal.reports.checked import CheckedFile

TITLE = "核验报告", "Verification report"
NOTE = (
    "本报告记录上述时间的核验结果；文件改动一个字节，SHA-256 即不同。",
    "What was found at the time above; change one byte of the file and its SHA-256 differs.",
)
NOT_PROVEN = "印模未经证实", "picture not vouched for"
MAX_SHOWN_CHARS = 400
MAX_TRUSTED_SHOWN = 8
MAX_STEPS_SHOWN = 200
"""Of one signature."""
ALARM_STEP, ALARM_CODE = "unsigned-seal-picture", "found"
"""A seal's picture without a signature is said louder than anything else."""
CHINA = timezone(timedelta(hours=8))
"""All of China has one time (北京时间)."""
STEP_NAMES = {
    "format": ("格式", "format"),
    "algorithm": ("算法", "algorithm"),
    "signature-value": ("签名值", "signature value"),
    "document-digest": ("文件摘要", "document digest"),
    "coverage": ("覆盖范围", "coverage"),
    "later-changes": ("签后改动", "later changes"),
    "seal-signature": ("印章签名", "seal's own signature"),
    "seal-period": ("印章有效期", "seal's period"),
    "seal-status": ("印章状态", "seal's status"),
    "seal-maker-certificate": ("制章人证书", "seal maker's certificate"),
    "seal-match": ("印章一致", "same seal"),
    "signer-in-seal": ("签章人在册", "signer listed in seal"),
    "signer-certificate": ("签名证书", "signer's certificate"),
    "chain": ("证书链", "chain"),
    "revocation": ("吊销", "revocation"),
    "signing-time": ("签名时间", "signing time"),
    "timestamp": ("时间戳", "time-stamp"),
    "unsigned-seal-picture": ("无签名的印章图片", "seal pictures without signature"),
}
KIND_NAMES = {
    "pdf": ("PDF 文件", "PDF document"),
    "ofd": ("OFD 文件", "OFD document"),
    "seal": ("电子印章", "electronic seal"),
    "ses-signature": ("电子签章", "seal signature"),
    "ses-v1": ("电子签章（GM/T 0031-2014）", "e-seal signature, v1"),
    "ses-v4": ("电子签章（GB/T 38540-2020）", "e-seal signature, v4"),
    "ses-v5": ("电子签章（GM/T 0031-2025）", "e-seal signature, v5"),
    "cms": ("数字签名", "digital signature"),
    "timestamp": ("时间戳", "time-stamp"),
    "unknown": ("未知类型", "unknown kind"),
}
SHORT_VERDICTS = {
    Verdict.VALID: ("有效", "valid"),
    Verdict.INVALID: ("无效", "invalid"),
    Verdict.INDETERMINATE: ("无法判定", "undecided"),
}
_TIMES = frozenset({"created", "valid_from", "valid_until", "time"})
_FIRST = ("seal_name", "signer", "authority", "time")
_SUMMED_UP = ("coverage", "later-changes", "seal-status")


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a table: its name in both languages, a value, and a sentence in both.

    A line without a name goes on with the one before. exact: whether the value is a digest or the
    like, which is copied rather than read. outcome: of the step behind it, None where none is.
    """

    name: tuple[str, str]
    value: str = ""
    sentence: tuple[str, str] = ("", "")
    exact: bool = False
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One step as it is shown."""

    mark: str
    outcome: Outcome
    name: tuple[str, str]
    sentence: tuple[str, str]
    detail: str


@dataclass(frozen=True, slots=True)
class Block:
    """A signature or a seal: what it is, what it says, its picture (PNG) and its steps."""

    title: tuple[str, str]
    verdict: Verdict
    reason: tuple[str, str] | None
    facts: tuple[Fact, ...]
    lines: tuple[Line, ...]
    picture: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that is shown of one file."""

    name: str
    kind: tuple[str, str]
    verdict: Verdict
    sentence: tuple[str, str]
    reasons: tuple[tuple[str, str], ...]
    alarms: tuple[Line, ...]
    facts: tuple[Fact, ...]
    blocks: tuple[Block, ...]
    lines: tuple[Line, ...]


def sheet_of(checked: CheckedFile) -> Sheet:
    """Give what is shown of a file."""
    report = checked.report
    return Sheet(
        name=shown(checked.name),
        kind=KIND_NAMES.get(report.kind, (report.kind, report.kind)),
        verdict=report.verdict,
        sentence=VERDICT_SENTENCES[report.verdict],
        reasons=tuple(_reasons(report)),
        alarms=tuple(_line(step) for step in report.steps if _is_alarm(step)),
        facts=tuple(_facts_of_file(checked)),
        blocks=tuple(_blocks(checked)),
        lines=_lines(report.steps),
    )


def shown(text: object) -> str:
    """Give a text from outside as it may be shown: one line, no controls, not without end."""
    line = showable(" ".join(str(text).split("\n")))
    return line if len(line) <= MAX_SHOWN_CHARS else f"{line[:MAX_SHOWN_CHARS]}…"


def when(moment: datetime) -> str:
    """Write a time as people in China read it, the zone named."""
    try:
        local = moment.astimezone(CHINA)
    except OverflowError:  # in the last hours of the calendar
        return moment.isoformat(sep=" ", timespec="seconds")
    return f"{local:%Y-%m-%d %H:%M:%S} (UTC+8)"


def _is_alarm(step: Step) -> bool:
    return step.id == ALARM_STEP and step.code == ALARM_CODE


def _reasons(report: Report) -> Iterator[tuple[str, str]]:
    """Give what decided, and the warnings about the file itself that are no alarms."""
    if (decisive := report.decisive_step) is not None:
        yield decisive.zh, decisive.en
    for step in report.reservations:
        if not _is_alarm(step):
            yield step.zh, step.en


def _facts_of_file(checked: CheckedFile) -> Iterator[Fact]:
    yield Fact(("文件", "file"), shown(checked.name))
    yield Fact(("大小", "size"), f"{checked.size:,} bytes")
    yield Fact(("SHA-256", ""), checked.sha256, exact=True)
    yield Fact(("核验时间", "checked at"), when(checked.at))
    if checked.asserted is not None:
        asserted = "以调用者给定的时间核验", "judged at a time that the caller asserted"
        yield Fact(("按此时间", "judged as of"), when(checked.asserted), asserted)
    counted = _counted(checked.report.signatures)
    if counted[0]:
        yield Fact(("签名", "signatures"), sentence=counted)
    trusted = [shown(subject) for subject in checked.trusted[:MAX_TRUSTED_SHOWN]]
    if (more := len(checked.trusted) - len(trusted)) > 0:
        trusted.append(f"… +{more}")
    nobody = "没有信任锚", "nobody was trusted"
    yield Fact(("信任", "trusting"), trusted[0] if trusted else "", ("", "") if trusted else nobody)
    for subject in trusted[1:]:
        yield Fact(("", ""), subject)


def _counted(signatures: Sequence[Report]) -> tuple[str, str]:
    """Say how many signatures there are, and of which verdicts."""
    if not signatures:
        return "", ""
    counts = dict.fromkeys(SHORT_VERDICTS, 0)
    for one in signatures:
        counts[one.verdict] += 1
    told = [(SHORT_VERDICTS[verdict], count) for verdict, count in counts.items() if count]
    return (
        f"{len(signatures)} 个：" + "、".join(f"{count} 个{zh}" for (zh, _), count in told),
        f"{len(signatures)}: " + ", ".join(f"{count} {en}" for (_, en), count in told),
    )


def _blocks(checked: CheckedFile) -> Iterator[Block]:
    report = checked.report
    if report.kind == "seal" and report.disclosed:
        yield _block(report, KIND_NAMES["seal"], checked, steps=())
    for number, signature in enumerate(report.signatures, 1):
        zh, en = KIND_NAMES.get(signature.kind, (signature.kind, signature.kind))
        title = f"签名 {number} · {zh}", f"signature {number}: {en}"
        yield _block(signature, title, checked, steps=signature.steps)


def _block(
    report: Report, title: tuple[str, str], checked: CheckedFile, *, steps: Sequence[Step]
) -> Block:
    decisive = report.decisive_step
    return Block(
        title,
        report.verdict,
        None if decisive is None else (decisive.zh, decisive.en),
        tuple(_facts_of_signature(report)),
        _lines(steps),
        checked.pictures.get(str(report.disclosed.get("seal_sha256", ""))),
    )


def _facts_of_signature(report: Report) -> Iterator[Fact]:
    """Give whose it is, when, and what became of the document; then the rest that it says."""
    told = {name: _disclosed(report, name) for name in report.disclosed}
    for name in _FIRST:
        if name in told:
            yield told.pop(name)
    steps = {step.id: step for step in reversed(report.steps)}
    if (known := steps.get("signing-time")) is not None and report.kind != "timestamp":
        value = "" if report.signed_at is None else when(report.signed_at)
        yield Fact(STEP_NAMES["signing-time"], value, (known.zh, known.en), outcome=known.outcome)
    for step_id in _SUMMED_UP:
        step = steps.get(step_id)
        if step is not None and step.outcome is not Outcome.SKIPPED:
            yield Fact(
                STEP_NAMES[step_id],
                shown(step.detail),
                (step.zh, step.en),
                outcome=step.outcome,
            )
    yield from told.values()


def _disclosed(report: Report, name: str) -> Fact:
    value = report.disclosed[name]
    return Fact(
        _split(report.labels.get(name, name)),
        _moment(value) if name in _TIMES else shown(value),
        exact=name.endswith("sha256"),
    )


def _split(label: str) -> tuple[str, str]:
    """Take a label such as "签章人 signer" apart."""
    zh, _, en = label.partition(" ")
    return zh, en.removeprefix("/ ")


def _moment(value: object) -> str:
    try:
        return when(datetime.fromisoformat(str(value)))
    except ValueError:
        return shown(value)


def _lines(steps: Sequence[Step]) -> tuple[Line, ...]:
    """Give the steps; of a crafted file's thousands, those that decide before those that held."""
    chosen = list(steps)
    if len(chosen) > MAX_STEPS_SHOWN:
        good = (Outcome.OK, Outcome.SKIPPED)
        chosen = sorted(chosen, key=lambda step: step.outcome in good)[:MAX_STEPS_SHOWN]
    return tuple(_line(step) for step in chosen)


def _line(step: Step) -> Line:
    return Line(
        MARKS[step.outcome],
        step.outcome,
        STEP_NAMES.get(step.id, (step.id, "")),
        (step.zh, step.en),
        shown(step.detail),
    )
