"""Red headings (红头) of official documents are no seals, and hide none; seals are no headings."""

from __future__ import annotations

import pytest

from msb_identity.foundation.report import Outcome
from msb_seal.drawing.fonts import Font
from msb_seal.drawing.images import Image
from msb_seal.drawing.paths import polygon, rectangle
from msb_seal.drawing.pdf import to_pdf
from msb_seal.drawing.scene import Picture, Scene, Shape, Text
from tests.seal.pdf_pictures import RED, check, line, seal_png


def rule(y: float, start: float = 27, end: float = 183) -> Shape:
    return Shape(rectangle(start, y, end - start, 0.7), fill=RED)


NOTICES = {
    "of one office": (line("鄂尔多斯市康巴什区人民政府文件", 26, 60, 10), rule(85)),
    "in tall letters": (line("康巴什区人民政府文件", 20, 60, 16), rule(85)),
    "of several offices": (
        line("鄂尔多斯市财政局", 30, 50, 12),
        line("鄂尔多斯市民政局", 30, 66, 12),
        line("文件", 140, 60, 18),
        rule(85),
    ),
    "of a committee": (
        line("中共康巴什区委员会文件", 25, 60, 14),
        rule(85, end=100),
        Shape(polygon([(105, 81), (107, 88), (101, 83.5), (109, 83.5), (103, 88)]), fill=RED),
        rule(85, start=110),
    ),
    "in two letters": (line("通知", 75, 60, 18, apart=2), rule(85)),
}


@pytest.mark.parametrize("name", NOTICES)
def test_a_red_headed_notice_shows_no_seal(name: str) -> None:
    """红头文件: a red heading over a red line, as official documents have it (GB/T 9704)."""
    text = Text("各街道办事处:", Font.load("song"), 5, 27, 110)
    notice = to_pdf(Scene(210, 297, (*NOTICES[name], text)))
    assert check(notice) == (Outcome.OK, "none")


@pytest.mark.parametrize("name", NOTICES)
def test_a_seal_on_a_red_headed_notice_is_told(name: str) -> None:
    mark = Picture(Image.read(seal_png()), 120, 200, 42, 42)
    notice = to_pdf(Scene(210, 297, (*NOTICES[name], mark)))
    assert check(notice) == (Outcome.WARNING, "found")


def test_seals_in_a_row_are_no_heading() -> None:
    marks = [Picture(Image.read(seal_png("name")), 40 + 24 * n, 40, 20, 20) for n in range(4)]
    for count in (2, 4):
        notice = to_pdf(Scene(210, 297, tuple(marks[:count])))
        assert check(notice) == (Outcome.WARNING, "found")
