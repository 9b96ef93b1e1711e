"""Presets: diameters and centres of official seals.

National: 国发〔1999〕25号 (31 October 1999), articles 3 to 16. The rest is common local practice
and no national law. Steel and wax
seals are not drawn: they have no colour. Whoever orders a seal answers for the right preset:
nothing here checks a rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_seal.errors import DrawingRefused
from msb_seal.pictures.designs import Emblem, RoundSeal, Star

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msb_seal.drawing import Font, Image


@dataclass(frozen=True, slots=True)
class Preset:
    """A kind of seal: whose it is, its size, and whether its centre is the national emblem."""

    zh: str
    en: str
    diameter_mm: float
    emblem: bool
    border_mm: float = 1.2
    inner_border_mm: float = 0
    national: bool = True


_NATIONAL = (
    ("state-council", "国务院", "State Council", 60, True),
    ("province", "省、自治区、直辖市政府，部委", "province or ministry", 50, True),
    ("direct-minister", "国务院直属机构（正部级）", "direct body of minister's rank", 50, True),
    ("direct-vice-minister", "国务院直属机构（副部级）", "direct body below it", 45, True),
    ("institution-minister", "国务院直属事业单位（正部级）", "state institution", 50, False),
    ("institution-vice-minister", "国务院直属事业单位（副部级）", "one below it", 45, False),
    (
        "authority-minister",
        "直属事业单位（正部级，有行政职能）",
        "state institution with powers",
        50,
        True,
    ),
    ("authority-vice-minister", "直属事业单位（副部级，有行政职能）", "one below it", 45, True),
    ("council-commission", "国务院议事协调机构", "coordinating body", 50, False),
    ("state-bureau", "部委管理的国家局", "state bureau under a ministry", 45, True),
    ("foreign-affairs", "部委外事司局", "foreign affairs office", 42, True),
    ("national-name", "名称冠以国名或“国家”的单位", "unit named after the state", 42, True),
    ("city-county", "自治州、市、县、市辖区政府", "city, county, district", 45, True),
    ("prefecture", "地区（盟）行署", "prefecture or league", 45, False),
    ("township", "乡镇政府", "township", 42, True),
    ("embassy", "驻外使领馆", "embassy or consulate", 42, True),
    ("organ-department", "机关内设机构、直属单位", "department of an organ", 42, False),
    ("enterprise", "企业事业单位、社会团体", "enterprise or institution", 42, False),
)
_LOCAL = (
    ("company", "公司公章（地方惯例）", "company, local practice", 40),
    ("private-company", "私营企业、部门章（地方惯例）", "small company or department", 38),
    ("special-purpose", "专用章（地方惯例）", "special purpose, local practice", 40),
)
PRESETS: Mapping[str, Preset] = (
    {name: Preset(zh, en, size, emblem=emblem) for name, zh, en, size, emblem in _NATIONAL}
    | {
        name: Preset(zh, en, size, emblem=False, border_mm=1.0, national=False)
        for name, zh, en, size in _LOCAL
    }
    | {
        "trade-union": Preset(
            "工会（双圈，地方惯例）", "trade union, two circles", 42, emblem=False,
            border_mm=1.0, inner_border_mm=0.1, national=False,
        )
    }
)  # fmt: skip


def round_seal(
    preset: str,
    text: str,
    *,
    emblem: Image | None = None,
    line: str = "",
    serial: str = "",
    font: Font | None = None,
) -> RoundSeal:
    """Design a round seal of a preset's size and centre.

    emblem: the national emblem's picture, needed where the rules put it in the centre.
    DrawingRefused for an unknown preset, a missing emblem, or one where a star belongs.
    """
    found = PRESETS.get(preset)
    if found is None:
        message = f"没有这种规格 / there is no preset {preset!r}: {', '.join(PRESETS)}"
        raise DrawingRefused(message)
    if found.emblem != (emblem is not None):
        wanted = "国徽图片 / the emblem's picture" if found.emblem else "五角星 / a star, no emblem"
        message = f"{found.zh}的印章中央应为{wanted}"
        raise DrawingRefused(message)
    return RoundSeal(
        text,
        diameter_mm=found.diameter_mm,
        border_mm=found.border_mm,
        inner_border_mm=found.inner_border_mm,
        centre=Star() if emblem is None else Emblem(emblem),
        line=line,
        serial=serial,
        font=font,
    )
