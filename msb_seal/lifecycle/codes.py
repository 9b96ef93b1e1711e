"""Codes and names of states, reasons, types and purposes: every platform has its own table.

codes.toml beside this module is the default; a file with the same members takes its place.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from msb_identity.envelopes.keyfiles import read_public_file
from msb_identity.errors import EncodingRefused
from msb_identity.foundation.text import is_showable
from msb_identity.foundation.toml_models import read_model
from msb_seal.errors import LifecycleRefused
from msb_seal.lifecycle.states import Act, LifeState

if TYPE_CHECKING:
    from pathlib import Path

MAX_CODES_BYTES = 200_000
RENEWED = "renewed"
"""The reason that the registry gives itself when a seal's successor is issued."""
ACTS_WITH_REASON = frozenset(
    {Act.REFUSE, Act.FREEZE, Act.LOSE, Act.THAW, Act.ASK_CANCEL, Act.ASK_VOID}
)


def _showable(text: str) -> str:
    if not text.strip() or not is_showable(text):
        message = "empty, or with characters that cannot be shown"
        raise ValueError(message)
    return text


_Name = Annotated[str, AfterValidator(_showable), Field(max_length=60)]
_Code = Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,20}$")]
_Key = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
_TypeKey = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,5})$")]
_ReasonAct = Literal["refuse", "freeze", "lose", "thaw", "ask-cancel", "ask-void"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Named(_Model):
    """A name in both languages."""

    zh: _Name
    en: _Name


class Coded(Named):
    """A name with the code that filings carry."""

    code: _Code


class Reason(Coded):
    """A reason, and the acts that may name it."""

    acts: list[_ReasonAct]


class SealKind(Named):
    """A type of seal; required: every unit should have one."""

    required: bool = False


class Codes(_Model):
    """The whole table."""

    format: Annotated[int, Field(ge=1, le=1)]
    states: dict[_Key, Coded]
    reasons: dict[_Key, Reason]
    types: dict[_TypeKey, SealKind]
    purposes: Annotated[dict[_Key, Named], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if {*self.states} != {str(state) for state in LifeState}:
            message = "the states must be exactly: " + ", ".join(LifeState)
            raise ValueError(message)
        if RENEWED not in self.reasons:
            message = f"the reason {RENEWED} is missing"
            raise ValueError(message)
        for act in ACTS_WITH_REASON:
            if not self.reasons_of(act):
                message = f"there is no reason for the act {act}"
                raise ValueError(message)
        return self

    def reasons_of(self, act: Act) -> tuple[str, ...]:
        """Give the reasons that an act may name; an empty tuple where it takes none."""
        return tuple(name for name, reason in self.reasons.items() if act in reason.acts)

    def state(self, state: LifeState) -> Coded:
        """Give code and names of a state."""
        return self.states[state]

    @property
    def required_types(self) -> tuple[int, ...]:
        """The types of seals that every unit should have."""
        return tuple(sorted(int(name) for name, kind in self.types.items() if kind.required))


@cache
def default_codes() -> Codes:
    """Give the table that comes with the package."""
    data = resources.files(__package__).joinpath("codes.toml").read_bytes()
    return _read(data, "codes.toml")


def load_codes(path: Path) -> Codes:
    """Read another table; LifecycleRefused names what is wrong with it."""
    return _read(read_public_file(path, limit=MAX_CODES_BYTES), path.name)


def _read(data: bytes, name: str) -> Codes:
    try:
        return read_model(data, Codes)
    except EncodingRefused as error:
        reason = f"{name}: {error}"
    raise LifecycleRefused("codes", f"代码表不能使用：{reason}", f"the table of codes: {reason}")
