"""Real-name levels (实名等级): a scale that every province configures, and what reaches a level.

A level is a number that only has an order: levels may be left out and put between. The scale also
says which methods of proofing there are, which level each earns, and for how long. levels.toml
beside this module is the default; a file with the same members takes its place. How strongly a
person signed in this time is another axis (`acr`), and stands on the session.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from msb_identity.envelopes.keyfiles import read_public_file
from msb_identity.errors import EncodingRefused
from msb_identity.foundation.clock import aware, from_seconds, seconds
from msb_identity.foundation.text import is_showable
from msb_identity.foundation.toml_models import read_model
from msb_identity.people.tables import MAX_METHOD_CHARS, MAX_SOURCE_CHARS

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

MAX_SCALE_BYTES = 100_000
MAX_LEVEL = 999
MAX_DAYS = 36_500
SELF = "self"
"""The method of those whom nobody has proofed; every scale has it, and it earns the lowest."""


def _showable(text: str) -> str:
    if not text.strip() or not is_showable(text):
        message = "empty, or with characters that cannot be shown"
        raise ValueError(message)
    return text


_Name = Annotated[str, AfterValidator(_showable), Field(max_length=100)]
_Code = Annotated[
    str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=MAX_METHOD_CHARS, min_length=1)
]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Level(_Model):
    """One level, with its names."""

    number: Annotated[int, Field(ge=1, le=MAX_LEVEL)]
    code: _Code
    zh: _Name
    en: _Name


class Method(_Model):
    """A way to proof a person: the level it earns, and for how many days (none: without end)."""

    level: int
    days: Annotated[int, Field(ge=1, le=MAX_DAYS)] | None = None
    zh: _Name
    en: _Name


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a level rests on: how it was found out, by which source, when, and until when it holds.

    source: the name of the register or office that answered; never personal data.
    """

    level: int
    method: str
    source: str
    time: datetime
    expires: datetime | None = field(default=None)

    def holds(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires


class Scale(_Model):
    """The whole scale, the lowest level first."""

    format: Annotated[int, Field(ge=1, le=1)]
    levels: Annotated[tuple[Level, ...], Field(min_length=1, max_length=50, strict=False)]
    methods: dict[_Code, Method]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        numbers = [level.number for level in self.levels]
        if numbers != sorted({*numbers}):
            message = "levels go up, each number once"
            raise ValueError(message)
        if len({level.code for level in self.levels}) != len(numbers):
            message = "two levels have one code"
            raise ValueError(message)
        for name, method in self.methods.items():
            if method.level not in numbers:
                message = f"the method {name} earns a level that there is not"
                raise ValueError(message)
        if SELF not in self.methods or self.methods[SELF].level != self.lowest:
            message = f"the method {SELF} must be there and earn the lowest level"
            raise ValueError(message)
        return self

    @property
    def lowest(self) -> int:
        """The level of those whom nobody has proofed."""
        return self.levels[0].number

    def level(self, number: int) -> Level:
        """Give the level of that number, or the highest below it: scales change, evidence stays."""
        found = [level for level in self.levels if level.number <= number]
        return found[-1] if found else self.levels[0]

    def evidence(
        self,
        method: str,
        *,
        source: str = "",
        level: int | None = None,
        expires: datetime | None = None,
        now: datetime | None = None,
    ) -> Evidence:
        """Give the evidence that a method makes at this time.

        level: a lower one than the method earns, where the office gives no more for it.
        expires: an earlier end than the scale sets.
        ValueError for a method that the scale has not, or a level that the method does not earn.
        """
        known = self.methods.get(method)
        earned = [one.number for one in self.levels if known and one.number <= known.level]
        if known is None or (level is not None and level not in earned):
            message = "no such level, or not one that this method earns on this scale"
            raise ValueError(message)
        if len(source) > MAX_SOURCE_CHARS or not is_showable(source):
            message = f"a source is a text of at most {MAX_SOURCE_CHARS} printable characters"
            raise ValueError(message)
        moment = from_seconds(seconds(aware(now)))
        ends = [end for end in (expires, _end(moment, known.days)) if end is not None]
        level = known.level if level is None else level
        return Evidence(level, method, source, moment, min(ends, default=None))


@cache
def default_scale() -> Scale:
    """Give the scale that comes with the package."""
    return read_model(resources.files(__package__).joinpath("levels.toml").read_bytes(), Scale)


def load_scale(path: Path) -> Scale:
    """Read a platform's own scale; EncodingRefused names what is wrong in the file."""
    content = read_public_file(path, limit=MAX_SCALE_BYTES)
    try:
        return read_model(content, Scale)
    except EncodingRefused as error:
        message = f"{path.name}: {error}"
        raise EncodingRefused(message) from error


def _end(moment: datetime, days: int | None) -> datetime | None:
    return None if days is None else moment + timedelta(days=days)
