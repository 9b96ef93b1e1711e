"""Reports as PDF of A4 pages, for files and for paper: text that can be searched, fonts embedded.

The same sheets as in HTML (content.py); every step is shown, since paper does not unfold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.foundation.report import Outcome, Verdict
from msb_seal.drawing import Group, Image, Picture, to_pdf
from msb_seal.reports.content import NOT_PROVEN, NOTE, SHORT_VERDICTS, TITLE, sheet_of, shown
from msb_seal.reports.sheets import (
    FONT,
    INK,
    LEFT_MM,
    LINE,
    RIGHT_MM,
    SOFT,
    WHITE,
    Sheets,
    drawable,
    height_of,
    lines_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msb_seal.drawing import Color
    from msb_seal.reports.checked import CheckedFile
    from msb_seal.reports.content import Block, Fact, Line, Sheet

_VERDICTS: dict[Verdict, tuple[Color, Color]] = {
    Verdict.VALID: ((10, 107, 60), (231, 245, 237)),
    Verdict.INVALID: ((179, 19, 27), (253, 236, 236)),
    Verdict.INDETERMINATE: ((138, 88, 0), (255, 245, 224)),
}
_GOOD, _BAD, _OPEN = (_VERDICTS[verdict][0] for verdict in _VERDICTS)
_OUTCOMES: dict[Outcome, tuple[str, Color]] = {
    Outcome.OK: ("✓", _GOOD),
    Outcome.FAILED: ("×", _BAD),
    Outcome.WARNING: ("!", _OPEN),
    Outcome.UNKNOWN: ("?", _OPEN),
    Outcome.SKIPPED: ("–", (169, 180, 191)),
}
_ALARM: Color = (196, 13, 23)
_ON_ALARM: Color = (255, 227, 227)
_PICTURE_MM, _GAP_MM, _NAME_MM = 28.0, 5.0, 36.0
_UNPROVEN = 0.3  # how strongly a picture shows that nobody vouches for
_FOOT_MM, _FOOT_NAME_MM = 284.0, 45.0


def report_pdf(files: Sequence[CheckedFile]) -> bytes:
    """Write the reports as one PDF, each file from a new page on."""
    sheets, owners = Sheets(), list[int]()
    for number, checked in enumerate(files):
        if number:
            sheets.turn()
        _sheet(sheets, sheet_of(checked))
        owners += [number] * (len(sheets.pages) - len(owners))
    for page, owner in enumerate(owners):
        _foot(sheets, page, files[owner])
    return to_pdf(sheets.scenes(title=" / ".join(TITLE)))


def _sheet(sheets: Sheets, sheet: Sheet) -> None:
    sheets.write(
        f"{TITLE[0]}  {TITLE[1]}", x_mm=LEFT_MM, width_mm=RIGHT_MM - LEFT_MM, size_mm=4, color=SOFT
    )
    sheets.skip(2)
    for line in sheet.alarms:
        _alarm(sheets, line)
    _verdict(sheets, sheet)
    sheets.skip(4)
    _facts(sheets, sheet.facts, left_mm=LEFT_MM)
    for block in sheet.blocks:
        _block(sheets, block)
    _heading(sheets, ("文件的各步", "steps on the file itself"))
    _steps(sheets, sheet.lines)
    sheets.need(14)
    sheets.skip(3)
    for words in NOTE:
        sheets.write(words, x_mm=LEFT_MM, width_mm=RIGHT_MM - LEFT_MM, size_mm=2.6, color=SOFT)


def _verdict(sheets: Sheets, sheet: Sheet) -> None:
    """Draw the band that says it all."""
    color, ground = _VERDICTS[sheet.verdict]
    left, width = LEFT_MM + 9, RIGHT_MM - LEFT_MM - 15
    told = [(zh, INK, 4.0) for zh, _ in sheet.reasons]
    told += [(en, SOFT, 3.0) for _, en in sheet.reasons]
    what = f"{sheet.name} · {' '.join(sheet.kind)}"
    height = 29 + sum(height_of(text, width_mm=width, size_mm=size) for text, _, size in told)
    height += height_of(what, width_mm=width, size_mm=3.4)
    sheets.need(height)
    sheets.box(height, ground, stroke=color)
    sheets.bar(height, color)
    bottom = sheets.y_mm + height
    sheets.skip(5)
    sheets.write(what, x_mm=left, width_mm=width, size_mm=3.4)
    sheets.skip(1)
    sheets.write(sheet.sentence[0], x_mm=left, width_mm=width, size_mm=9.5, color=color)
    sheets.write(sheet.sentence[1], x_mm=left, width_mm=width, size_mm=3.6, color=SOFT)
    sheets.skip(1.5)
    for text, shade, size in told:
        sheets.write(text, x_mm=left, width_mm=width, size_mm=size, color=shade)
    sheets.y_mm = bottom


def _alarm(sheets: Sheets, line: Line) -> None:
    """Draw a red box that nobody overlooks."""
    left, width = LEFT_MM + 24, RIGHT_MM - LEFT_MM - 30
    told = (
        (line.sentence[0], WHITE, 5.0),
        (line.sentence[1], _ON_ALARM, 3.6),
        (line.detail, WHITE, 3.2),
    )
    height = 11 + sum(height_of(text, width_mm=width, size_mm=size) for text, _, size in told)
    sheets.need(height)
    sheets.box(height, _ALARM)
    middle = sheets.y_mm + height / 2
    sheets.disc(LEFT_MM + 13, middle, 7, WHITE)
    sheets.page.text(
        "!", x_mm=LEFT_MM + 8, y_mm=middle - 5, width_mm=10, size_mm=10, align="center", font=FONT,
        color=_ALARM,
    )  # fmt: skip
    bottom = sheets.y_mm + height
    sheets.skip(5.5)
    for text, shade, size in told:
        sheets.write(text, x_mm=left, width_mm=width, size_mm=size, color=shade)
    sheets.y_mm = bottom + 5


def _heading(sheets: Sheets, words: tuple[str, str], verdict: Verdict | None = None) -> None:
    """Write the title of a part, with a badge where it has a verdict."""
    sheets.skip(6)
    sheets.need(20)
    color = INK if verdict is None else _VERDICTS[verdict][0]
    title = drawable(words[0])
    reach = sheets.page.text(
        title, x_mm=LEFT_MM, y_mm=sheets.y_mm, size_mm=4.6, width_mm=130, font=FONT, color=color
    )
    x = LEFT_MM + reach + 3
    sheets.page.text(
        drawable(words[1]),
        x_mm=x,
        y_mm=sheets.y_mm + 1.3,
        size_mm=3,
        width_mm=RIGHT_MM - 34 - x,
        font=FONT,
        color=SOFT,
    )
    if verdict is not None:
        label = " ".join(SHORT_VERDICTS[verdict])
        sheets.y_mm -= 0.9
        sheets.box(6.4, color, left_mm=RIGHT_MM - 32, radius_mm=3.2)
        sheets.page.text(
            label, x_mm=RIGHT_MM - 31, y_mm=sheets.y_mm + 1.5, width_mm=30, size_mm=3.4,
            align="center", font=FONT, color=WHITE,
        )  # fmt: skip
        sheets.y_mm += 0.9
    sheets.skip(7)
    sheets.page.line(LEFT_MM, sheets.y_mm, to_x_mm=RIGHT_MM, to_y_mm=sheets.y_mm, color=color)
    sheets.skip(2.5)


def _block(sheets: Sheets, block: Block) -> None:
    """Draw a signature: the seal's picture on the left, what is said of it on the right."""
    sheets.need(_PICTURE_MM + 24)
    _heading(sheets, block.title, block.verdict)
    if block.reason is not None:
        color = _VERDICTS[block.verdict][0]
        for words, size in zip(block.reason, (3.6, 2.9), strict=True):
            sheets.write(
                words, x_mm=LEFT_MM, width_mm=RIGHT_MM - LEFT_MM, size_mm=size, color=color
            )
        sheets.skip(2)
    left, top, page = LEFT_MM, sheets.y_mm, len(sheets.pages)
    if block.picture is not None:
        _picture(sheets, block.picture, is_good=block.verdict is Verdict.VALID)
        left += _PICTURE_MM + _GAP_MM
    _facts(sheets, block.facts, left_mm=left)
    if block.picture is not None and len(sheets.pages) == page:
        sheets.y_mm = max(sheets.y_mm, top + _PICTURE_MM + 10)
    sheets.skip(2)
    _steps(sheets, block.lines)


def _picture(sheets: Sheets, data: bytes, *, is_good: bool) -> None:
    """Show a seal; one that nobody vouches for is pale, and says so."""
    image = Image.read(data)
    scale = (_PICTURE_MM - 3) / max(image.width, image.height)
    width, height = image.width * scale, image.height * scale
    x, y = LEFT_MM + (_PICTURE_MM - width) / 2, sheets.y_mm + (_PICTURE_MM - height) / 2
    sheets.box(_PICTURE_MM, WHITE, right_mm=LEFT_MM + _PICTURE_MM, stroke=LINE)
    drawn = Group((Picture(image, x, y, width, height),), opacity=1 if is_good else _UNPROVEN)
    sheets.page.put(drawn)
    if not is_good:
        for n, words in enumerate(NOT_PROVEN):
            sheets.page.text(
                words, x_mm=LEFT_MM, y_mm=sheets.y_mm + _PICTURE_MM + 1.5 + n * 3.8,
                width_mm=_PICTURE_MM, size_mm=2.8, align="center", font=FONT, color=_BAD,
            )  # fmt: skip


def _facts(sheets: Sheets, facts: Sequence[Fact], *, left_mm: float) -> None:
    """Write names on the left and values on the right, a line between two."""
    left = left_mm + _NAME_MM
    width = RIGHT_MM - left
    for number, fact in enumerate(facts):
        color = SOFT if fact.outcome is None else _OUTCOMES[fact.outcome][1]
        told = [
            (fact.value, INK, 2.6 if fact.exact else 3.3),
            (fact.sentence[0], color, 3.3),
            (fact.sentence[1], SOFT, 2.7),
        ]
        height = sum(height_of(text, width_mm=width, size_mm=size) for text, _, size in told)
        sheets.need(height + 2.4)
        if number and fact.name[0]:
            _rule(sheets, left_mm)
        reach = sheets.page.text(
            drawable(fact.name[0]), x_mm=left_mm, y_mm=sheets.y_mm, width_mm=_NAME_MM - 3,
            size_mm=3.3, font=FONT, color=SOFT,
        )  # fmt: skip
        if fact.name[1]:
            sheets.page.text(
                drawable(fact.name[1]), x_mm=left_mm + reach + 1, y_mm=sheets.y_mm + 0.7,
                width_mm=max(8, _NAME_MM - reach - 3), size_mm=2.4, font=FONT, color=SOFT,
            )  # fmt: skip
        for text, shade, size in told:
            sheets.write(text, x_mm=left, width_mm=width, size_mm=size, color=shade)
        sheets.skip(0.6)


def _steps(sheets: Sheets, lines: Sequence[Line]) -> None:
    """Write every step: its mark, its name, what it found."""
    left = LEFT_MM + 42
    width = RIGHT_MM - left
    for line in lines:
        mark, color = _OUTCOMES[line.outcome]
        plain = line.outcome in {Outcome.OK, Outcome.SKIPPED}
        told = [
            (line.sentence[0], INK if plain else color, 3.2),
            (line.sentence[1], SOFT, 2.6),
            (line.detail, SOFT, 2.4),
        ]
        height = sum(height_of(text, width_mm=width, size_mm=size) for text, _, size in told)
        sheets.need(height + 2)
        y = sheets.y_mm
        sheets.disc(LEFT_MM + 2.2, y + 2.3, 2.1, color)
        sheets.page.text(
            mark, x_mm=LEFT_MM, y_mm=y + 0.8, width_mm=4.4, size_mm=3, align="center", font=FONT,
            color=WHITE,
        )  # fmt: skip
        for n, (words, size) in enumerate(zip(line.name, (3.2, 2.4), strict=True)):
            sheets.page.text(
                drawable(words), x_mm=LEFT_MM + 6.5, y_mm=y + n * 4.2, width_mm=34, size_mm=size,
                font=FONT, color=INK if n == 0 else SOFT,
            )  # fmt: skip
        for text, shade, size in told:
            sheets.write(text, x_mm=left, width_mm=width, size_mm=size, color=shade)
        sheets.y_mm = max(sheets.y_mm, y + 7.4) + 0.4
        _rule(sheets, LEFT_MM)


def _rule(sheets: Sheets, left_mm: float) -> None:
    sheets.page.line(
        left_mm, sheets.y_mm, to_x_mm=RIGHT_MM, to_y_mm=sheets.y_mm, color=LINE, line_mm=0.15
    )
    sheets.skip(1.1)


def _foot(sheets: Sheets, number: int, checked: CheckedFile) -> None:
    """Write on every page which file it is of, and which page of how many it is."""
    page, count = sheets.pages[number], len(sheets.pages)
    page.line(LEFT_MM, _FOOT_MM, to_x_mm=RIGHT_MM, to_y_mm=_FOOT_MM, color=LINE)
    (name, *_) = lines_of(shown(checked.name), width_mm=_FOOT_NAME_MM, size_mm=2.4) or [""]
    page.text(
        f"{name}   SHA-256 {checked.sha256}", x_mm=LEFT_MM, y_mm=_FOOT_MM + 2, width_mm=145,
        size_mm=2.4, font=FONT, color=SOFT,
    )  # fmt: skip
    page.text(
        f"{number + 1} / {count}", x_mm=RIGHT_MM - 25, y_mm=_FOOT_MM + 2, width_mm=25, size_mm=2.8,
        align="right", font=FONT, color=SOFT,
    )  # fmt: skip
