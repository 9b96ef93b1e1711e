"""Where seals go: by millimetres, at a keyword, over an edge."""

from __future__ import annotations

import pytest

from msb_seal.errors import SealingRefused
from msb_seal.ofd.placement import place_stamps
from msb_seal.ofd.signature_xml import Stamp
from msb_seal.placement import (
    At,
    AtKeyword,
    Box,
    OnEveryPage,
    PageFrame,
    Place,
    Straddle,
    TextPlace,
)

PAGES = tuple(PageFrame(str(number * 10), 210, 297) for number in range(1, 6))
SIZE = (40.0, 30.0)


TEXTS = (TextPlace(1, 100, 100, 20, 10), TextPlace(3, 1, 290, 20, 5))


def stamps(*places: Place, pages: tuple[PageFrame, ...] = PAGES) -> tuple[Stamp, ...]:
    return place_stamps(
        places, pages=pages, size_mm=SIZE, find_text=lambda text: TEXTS if text == "盖章" else ()
    )


def test_a_seal_stands_at_its_millimetres() -> None:
    assert stamps(At(2, 120, 200)) == (Stamp("1", "20", Box(120, 200, 40, 30)),)


def test_a_seal_is_centred_on_its_keyword() -> None:
    (stamp,) = stamps(AtKeyword("盖章"))
    assert (stamp.page_id, stamp.box) == ("10", Box(90, 90, 40, 30))


def test_the_nth_keyword_counts_from_either_end_and_stays_on_the_page() -> None:
    assert stamps(AtKeyword("盖章", 2)) == stamps(AtKeyword("盖章", -1))
    assert stamps(AtKeyword("盖章", -1))[0] == Stamp("1", "30", Box(0, 267, 40, 30))


def test_a_straddling_seal_gives_each_page_its_slice() -> None:
    found = stamps(Straddle(offset_mm=40))
    assert [stamp.page_id for stamp in found] == ["10", "20", "30", "40", "50"]
    assert [stamp.id for stamp in found] == ["1", "2", "3", "4", "5"]
    # As in a real file of five pages: 202, 194, 186, … with clips of 8 mm.
    assert [stamp.box for stamp in found] == [Box(202 - 8 * i, 40, 40, 30) for i in range(5)]
    assert [stamp.clip for stamp in found] == [Box(8 * i, 0, 8, 30) for i in range(5)]


@pytest.mark.parametrize("edge", ["left", "right", "top", "bottom"])
def test_the_slices_make_the_whole_seal_and_touch_the_edge(edge: str) -> None:
    found = stamps(Straddle(edge, margin_mm=2))  # type: ignore[arg-type] # one of the four
    across = edge in {"left", "right"}
    shown = []
    for stamp in found:
        assert stamp.clip is not None
        x, y = stamp.box.x_mm + stamp.clip.x_mm, stamp.box.y_mm + stamp.clip.y_mm
        expected = {"right": (200, 133.5), "left": (2, 133.5), "top": (85, 2), "bottom": (85, 289)}
        assert (x, y) == pytest.approx(expected[edge])
        shown.append(stamp.clip.x_mm if across else stamp.clip.y_mm)
        assert (stamp.clip.width_mm, stamp.clip.height_mm) == ((8, 30) if across else (40, 6))
    step = 8 if across else 6
    assert sorted(shown) == [step * i for i in range(5)]
    assert (shown == sorted(shown)) is (edge in {"right", "bottom"})


def test_many_pages_share_out_several_seals() -> None:
    pages = tuple(PageFrame(str(number), 210, 297) for number in range(81))
    found = stamps(Straddle(), pages=pages)
    widths = [stamp.clip.width_mm for stamp in found if stamp.clip]
    assert len(found) == 81
    assert min(widths) >= 1
    assert sum(widths) == pytest.approx(3 * 40)


def test_a_seal_may_straddle_few_pages_at_a_time_and_leaves_no_page_alone() -> None:
    found = stamps(Straddle(pages_per_seal=2))
    widths = [stamp.clip.width_mm for stamp in found if stamp.clip]
    assert widths == [pytest.approx(width) for width in (20, 20, 40 / 3, 40 / 3, 40 / 3)]
    with pytest.raises(SealingRefused) as caught:
        stamps(Straddle(pages_per_seal=1))
    assert caught.value.code == "too-few-pages"


def test_the_last_page_is_counted_from_the_end() -> None:
    assert stamps(At(-1, 1, 2)) == stamps(At(5, 1, 2))
    assert stamps(At(-5, 1, 2)) == stamps(At(1, 1, 2))


def test_a_seal_may_stand_on_every_page() -> None:
    found = stamps(OnEveryPage(120, 200))
    assert [stamp.page_id for stamp in found] == ["10", "20", "30", "40", "50"]
    assert {stamp.box for stamp in found} == {Box(120, 200, 40, 30)}


def test_a_seal_may_stand_at_every_keyword_and_beside_it() -> None:
    assert stamps(AtKeyword("盖章", None)) == tuple(
        Stamp(str(number), stamp.page_id, stamp.box)
        for number, stamp in enumerate(
            (stamps(AtKeyword("盖章"))[0], stamps(AtKeyword("盖章", 2))[0]), 1
        )
    )
    assert stamps(AtKeyword("盖章", 1, dx_mm=30, dy_mm=-4))[0].box == Box(120, 86, 40, 30)


def test_several_places_make_one_list() -> None:
    found = stamps(At(1, 0, 0), Straddle())
    assert [stamp.id for stamp in found] == [str(number) for number in range(1, 7)]


@pytest.mark.parametrize(
    ("place", "code"),
    [
        (At(0, 0, 0), "no-such-page"),
        (At(6, 0, 0), "no-such-page"),
        (At(-6, 0, 0), "no-such-page"),
        (OnEveryPage(210, 0), "off-the-page"),
        (At(1, 210, 0), "off-the-page"),
        (At(1, 0, -30), "off-the-page"),
        (At(1, float("nan"), 0), "off-the-page"),
        (At(1, 0, float("inf")), "off-the-page"),
        (AtKeyword("无"), "keyword-not-found"),
        (AtKeyword(""), "keyword-not-found"),
        (AtKeyword("无", None), "keyword-not-found"),
        (AtKeyword("盖章", dx_mm=float("nan")), "off-the-page"),
        (AtKeyword("盖章", 3), "keyword-not-found"),
        (AtKeyword("盖章", 0), "keyword-not-found"),
        (AtKeyword("盖章", -3), "keyword-not-found"),
        (Straddle(offset_mm=300), "off-the-page"),
        (Straddle(margin_mm=-1), "off-the-page"),
        (Straddle(margin_mm=float("nan")), "off-the-page"),
    ],
)
def test_a_place_that_is_none_is_refused(place: Place, code: str) -> None:
    with pytest.raises(SealingRefused) as caught:
        stamps(place)
    assert caught.value.code == code


def test_one_page_has_no_edge_to_straddle_and_no_place_is_no_place() -> None:
    with pytest.raises(SealingRefused) as caught:
        stamps(Straddle(), pages=PAGES[:1])
    assert caught.value.code == "too-few-pages"
    with pytest.raises(SealingRefused) as caught:
        stamps()
    assert caught.value.code == "no-place"
