"""The life of seals (印章生命周期): who may have one, who may use it, what became of it.

`SealRegistry` keeps seals from application to end; states.py is the table of their states.
`RegisteredSealer` puts a kept seal on documents, each use allowed, counted and recorded before the
signature leaves. `PublishedStates` tells verifiers elsewhere. Source: 电子印章管理办法
(国办发〔2025〕33号); decisions: docs/decisions/lifecycle.md.
"""

from msb_seal.lifecycle.applications import Application
from msb_seal.lifecycle.codes import Codes, default_codes, load_codes
from msb_seal.lifecycle.grants import Grant
from msb_seal.lifecycle.maker import SealMaker
from msb_seal.lifecycle.published import PublishedStates
from msb_seal.lifecycle.records import SealRecord
from msb_seal.lifecycle.registry import SealRegistry
from msb_seal.lifecycle.sealer import RegisteredSealer, ReservedSealer
from msb_seal.lifecycle.states import Act, LifeState
from msb_seal.lifecycle.tables import metadata
from msb_seal.lifecycle.units import Unit
from msb_seal.lifecycle.uses import Use

__all__ = [
    "Act",
    "Application",
    "Codes",
    "Grant",
    "LifeState",
    "PublishedStates",
    "RegisteredSealer",
    "ReservedSealer",
    "SealMaker",
    "SealRecord",
    "SealRegistry",
    "Unit",
    "Use",
    "default_codes",
    "load_codes",
    "metadata",
]
