"""Licence types as data (证照类型): one TOML file each, checked when it is read.

Built-in files lie beside this module; a department's own are read from any path. Elements that all
licences share are those of GB/T 36903-2018 and live in `model.py`; a file names what its type adds.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from msb_wallet.errors import TypeRefused

if TYPE_CHECKING:
    from pathlib import Path

MAX_FIELDS = 64
MAX_TEXT = 500
BUILTIN = ("special-operation",)
_KEY = r"^KZ_[A-Z0-9]{1,20}$"


class ExtensionField(BaseModel):
    """One element that a licence type adds (业务信息, KZ_…)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    key: Annotated[str, Field(pattern=_KEY)]
    name: Annotated[str, Field(min_length=1, max_length=50)]
    name_en: Annotated[str, Field(min_length=1, max_length=80)]
    kind: Literal["text", "date", "choice"]
    required: bool
    in_code: bool
    choices: list[str] = []
    max_length: Annotated[int, Field(ge=1, le=MAX_TEXT)] = 100

    @model_validator(mode="after")
    def _choices_belong(self) -> Self:
        if (self.kind == "choice") != bool(self.choices):
            message = f"{self.key}: choices belong to kind 'choice', and it needs them"
            raise ValueError(message)
        return self


class LicenceType(BaseModel):
    """A type of licence: its code, its names, who may hold it and what it adds."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    code: Annotated[str, Field(pattern=r"^[0-9A-Z]{18}[0-9]{3}$")]
    name: Annotated[str, Field(min_length=1, max_length=60)]
    name_en: Annotated[str, Field(min_length=1, max_length=120)]
    holder_code_type: Literal["111"]
    max_validity_days: Annotated[int, Field(ge=1, le=36_600)]
    fields: Annotated[list[ExtensionField], Field(max_length=MAX_FIELDS)]

    @model_validator(mode="after")
    def _keys_differ(self) -> Self:
        named = [field.key for field in self.fields] + [field.name for field in self.fields]
        if len(set(named)) != len(named):
            message = "two fields of one key or name"
            raise ValueError(message)
        return self


def load_type(path: Path) -> LicenceType:
    """Read a type file; TypeRefused names what is wrong with it."""
    try:
        return _parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot read the type file {path.name}"
        raise TypeRefused(message) from error


def builtin_type(name: str) -> LicenceType:
    """Give a type that comes with the package, as "special-operation"."""
    if not re.fullmatch(r"[a-z-]+", name) or name not in BUILTIN:
        message = f"no built-in type of that name; there are: {', '.join(BUILTIN)}"
        raise TypeRefused(message)
    file = resources.files(__name__).joinpath(f"{name}.toml")
    return _parse(file.read_text(encoding="utf-8"))


@cache
def builtin_labels() -> dict[str, str]:
    """Give the names of the elements that the built-in types add, by their codes."""
    types = [builtin_type(name) for name in BUILTIN]
    return {field.key: field.name for type_ in types for field in type_.fields}


def _parse(text: str) -> LicenceType:
    try:
        return LicenceType.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        message = f"not a licence type: {error}"
        raise TypeRefused(message) from error
