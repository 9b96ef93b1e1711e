"""Reports as one HTML page: no script, nothing fetched, everything from outside escaped.

Reads on a telephone and on a desk, and prints. Chinese first, English below.
"""

from __future__ import annotations

import base64
from html import escape
from importlib import resources
from typing import TYPE_CHECKING

from msb_identity.foundation.report import Outcome, Verdict
from msb_seal.reports.content import NOT_PROVEN, NOTE, SHORT_VERDICTS, TITLE, sheet_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msb_seal.reports.checked import CheckedFile
    from msb_seal.reports.content import Block, Fact, Line, Sheet

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_Words = tuple[str, str]


def report_html(files: Sequence[CheckedFile]) -> bytes:
    """Write the reports as one page in UTF-8, self-contained; each file has a sheet on it."""
    sheets = [sheet_of(checked) for checked in files]
    style = resources.files(__package__).joinpath("report.css").read_text("utf-8")
    body = "".join(_sheet(sheet, number) for number, sheet in enumerate(sheets, 1))
    overview = _overview(sheets) if len(sheets) > 1 else ""
    return (
        '<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{' / '.join(TITLE)}</title><style>{style}</style></head><body>"
        f'<header class="top"><h1>{TITLE[0]} <small lang="en">{TITLE[1]}</small></h1></header>'
        f"<main>{overview}{body}</main>"
        f"<footer>{_both(NOTE)}</footer></body></html>\n"
    ).encode("utf-8", "replace")


def _overview(sheets: Sequence[Sheet]) -> str:
    rows = "".join(
        f'<li class="{sheet.verdict}"><a href="#f{number}"><bdi>{escape(sheet.name)}</bdi></a>'
        f"{_badge(sheet.verdict)}</li>"
        for number, sheet in enumerate(sheets, 1)
    )
    return f'<ol class="overview">{rows}</ol>'


def _sheet(sheet: Sheet, number: int) -> str:
    return (
        f'<article class="sheet" id="f{number}">{"".join(map(_alarm, sheet.alarms))}'
        f'<section class="verdict {sheet.verdict}">'
        f'<p class="what"><bdi>{escape(sheet.name)}</bdi> · {escape(sheet.kind[0])}'
        f' <span lang="en">{escape(sheet.kind[1])}</span></p>'
        f'<h2>{escape(sheet.sentence[0])}<small lang="en">{escape(sheet.sentence[1])}</small></h2>'
        f"{_reasons(sheet)}</section>"
        f'<section class="card">{_facts(sheet.facts)}</section>'
        f"{''.join(map(_block, sheet.blocks))}"
        f'<section class="card"><h3>文件的各步 <small lang="en">steps on the file itself</small>'
        f"</h3>{_steps(sheet.lines)}</section></article>"
    )


def _reasons(sheet: Sheet) -> str:
    items = "".join(f"<li>{_both(reason)}</li>" for reason in sheet.reasons)
    return f"<ul>{items}</ul>" if items else ""


def _alarm(line: Line) -> str:
    where = f"<p><bdi>{escape(line.detail)}</bdi></p>" if line.detail else ""
    return f'<section class="alarm" role="alert"><div>{_both(line.sentence)}{where}</div></section>'


def _block(block: Block) -> str:
    is_good = block.verdict is Verdict.VALID
    reason = "" if block.reason is None else f'<p class="why">{_both(block.reason)}</p>'
    opened = "" if is_good else " open"
    steps = (
        f'<details{opened}><summary>全部步骤 <span lang="en">every step</span></summary>'
        f"{_steps(block.lines)}</details>"
        if block.lines
        else ""
    )
    return (
        f'<section class="card block {block.verdict}"><header><h3>{escape(block.title[0])}'
        f' <small lang="en">{escape(block.title[1])}</small></h3>{_badge(block.verdict)}</header>'
        f'{reason}<div class="two">{_picture(block, is_good=is_good)}{_facts(block.facts)}</div>'
        f"{steps}</section>"
    )


def _picture(block: Block, *, is_good: bool) -> str:
    if block.picture is None:
        return '<div class="seal none" aria-hidden="true">签</div>'
    encoded = base64.b64encode(block.picture).decode()
    caption = "" if is_good else f"<figcaption>{_both(NOT_PROVEN)}</figcaption>"
    return (
        f'<figure class="seal"><img src="data:image/png;base64,{encoded}" alt="印模 / seal">'
        f"{caption}</figure>"
    )


def _badge(verdict: Verdict) -> str:
    zh, en = SHORT_VERDICTS[verdict]
    return f'<span class="badge {verdict}">{zh} <small lang="en">{en}</small></span>'


def _facts(facts: Sequence[Fact]) -> str:
    rows = "".join(
        f"<div{'' if fact.name[0] else ' class=more'}><dt>{escape(fact.name[0])}"
        + (f' <span lang="en">{escape(fact.name[1])}</span>' if fact.name[1] else "")
        + f"</dt><dd{_outcome(fact.outcome)}>{_value(fact)}</dd></div>"
        for fact in facts
    )
    return f"<dl>{rows}</dl>"


def _value(fact: Fact) -> str:
    name = "code" if fact.exact else "bdi"
    value = f"<{name}>{escape(fact.value)}</{name}>" if fact.value else ""
    if not any(fact.sentence):
        return value
    told = f'<span class="told">{_both(fact.sentence)}</span>'
    return f"{value}{told}"


def _steps(lines: Sequence[Line]) -> str:
    rows = "".join(
        f'<li{_outcome(line.outcome)}><span class="mark" aria-label="{line.outcome}">'
        f'{escape(line.mark)}</span><span class="step"><b>{escape(line.name[0])}</b>'
        f' <span lang="en">{escape(line.name[1])}</span></span><span class="told">'
        f"{_both(line.sentence)}"
        + (f"<code><bdi>{escape(line.detail)}</bdi></code>" if line.detail else "")
        + "</span></li>"
        for line in lines
    )
    return f'<ul class="steps">{rows}</ul>'


def _outcome(outcome: Outcome | None) -> str:
    return "" if outcome is None else f' class="{outcome}"'


def _both(words: _Words) -> str:
    zh, en = words
    return f'{escape(zh)} <span lang="en">{escape(en)}</span>'
