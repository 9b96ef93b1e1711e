"""Seal pictures (印模): official round seals, oval and rectangular ones, personal name seals.

A design says what the seal shows; `draw` makes the drawing, which gives SVG, PDF, PNG, or the
picture inside an e-seal. The national emblem (国徽) is never drawn, only placed from a picture that
is given. Sources: sizes and centres 国发〔1999〕25号, the invoice seal 国家税务总局公告2011年第7号.
"""

from msb_seal.pictures.designs import (
    SEAL_RED,
    Centre,
    Emblem,
    NameSeal,
    OvalSeal,
    RoundSeal,
    Script,
    Star,
)
from msb_seal.pictures.drawn import SealDrawing, draw
from msb_seal.pictures.presets import PRESETS, Preset, round_seal

__all__ = [
    "PRESETS",
    "SEAL_RED",
    "Centre",
    "Emblem",
    "NameSeal",
    "OvalSeal",
    "Preset",
    "RoundSeal",
    "Script",
    "SealDrawing",
    "Star",
    "draw",
    "round_seal",
]
